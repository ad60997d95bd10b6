package pairing

import (
	"context"
	"time"

	"turnike/internal/audit"
	"turnike/internal/card"
	"turnike/internal/notify"
	"turnike/internal/person"
)

// Store is what pairing asks of a database. Update runs fn in a transaction
// that is on disk when Update returns nil; fn may run more than once, so it
// touches nothing outside itself but variables it sets afresh each time. View
// reads one consistent state.
type Store interface {
	Update(ctx context.Context, fn func(Tx) error) error
	View(ctx context.Context, fn func(Tx) error) error
}

// Tx is one transaction. Reads that find nothing return ErrNoRow.
type Tx interface {
	audit.Log
	notify.Outbox
	notify.Guards
	Requests
	Pairings
	Cards
	Isolations

	// RememberOnce stores an idempotency key. Where the key is known already
	// the stored row is returned and nothing is written.
	RememberOnce(ctx context.Context, k Once) (known *Once, err error)
}

// Requests are the rows of what people asked for and has not come to its end.
type Requests interface {
	InsertRequest(ctx context.Context, r Request) error
	Request(ctx context.Context, city, id string) (Request, error)
	// UpdateRequest writes r where the stored version is still r.Version and
	// raises it; false means somebody else moved first.
	UpdateRequest(ctx context.Context, r Request) (bool, error)
	// DueRequests are those in state Proven whose DueAt has come, oldest first.
	DueRequests(ctx context.Context, now time.Time, limit int) ([]Request, error)
	// SweepRequests deletes requests created before a moment and not Proven.
	SweepRequests(ctx context.Context, before time.Time, limit int) (int, error)
}

// Pairings are who holds which card.
type Pairings interface {
	// InsertPairing fails with ErrCardTaken, ErrPersonTaken or ErrCodeTaken
	// where a live pairing stands in the way (unique partial indexes).
	InsertPairing(ctx context.Context, p Pairing) error
	LiveByCard(ctx context.Context, city string, tag person.Tag) (Pairing, error)
	LiveByCode(ctx context.Context, city string, tag person.Tag) (Pairing, error)
	LiveByPerson(ctx context.Context, city string, tag person.Tag) ([]Pairing, error)
	// UpdatePairing writes what may change: end, code, next check, person.
	UpdatePairing(ctx context.Context, p Pairing) error
	// PairingsToCheck are live ones whose NextCheck has come, oldest first.
	PairingsToCheck(ctx context.Context, now time.Time, limit int) ([]Pairing, error)

	InsertPerson(ctx context.Context, p Person) error
	Person(ctx context.Context, city, id string) (Person, error)
	PersonByTag(ctx context.Context, city string, tag person.Tag) (Person, error)
	UpdatePerson(ctx context.Context, p Person) error
}

// Cards are the rows of cards that are not simply issued and nobody's.
type Cards interface {
	// PutCard inserts or replaces a card's row.
	PutCard(ctx context.Context, c Card) error
	Card(ctx context.Context, city string, tag person.Tag) (Card, error)
	PutReason(ctx context.Context, city string, tag person.Tag, r card.Reason) error
	DropReason(ctx context.Context, city string, tag person.Tag, kind card.ReasonKind) error
	Reasons(ctx context.Context, city string, tag person.Tag) ([]card.Reason, error)
	// CardsChanged are the cards of a city changed at or after a moment, by
	// (ChangedAt, Tag), starting behind the given one; the list publisher
	// reads them.
	CardsChanged(ctx context.Context, city string, since time.Time, after person.Tag, limit int) ([]Card, error)
}

// Kind is what somebody asks for.
type Kind string

// The kinds. All begin with a form and a code by SMS.
const (
	Pair   Kind = "pair"   // tie a card to a person, or renew the code of the same tie
	Status Kind = "status" // is my card paired, and when does it stop
	Unpair Kind = "unpair" // end the tie
	Move   Kind = "move"   // carry the tie to a replacement card
	Renew  Kind = "renew"  // a new HES code for the same tie
)

// State is how far a request has come.
type State string

// The states, in the order they are passed.
const (
	Waiting State = "waiting" // code sent, or seemingly sent
	Proven  State = "proven"  // phone proven; the outside checks run
	Amend   State = "amend"   // the authority says a field is wrong: mend it, no new code needed
	Done    State = "done"    // nothing more for the citizen to do; the result goes by SMS
	Dead    State = "dead"    // tries used up
)

// Request is one asking. Sealed holds the form under the installation's short
// key until the request is done; then it is emptied.
type Request struct {
	City    string
	ID      string // UUIDv7
	Version int64
	Kind    Kind
	State   State
	Lang    string
	Channel string // web, api, kiosk, desk
	// Blind is a request that cannot succeed (the card or phone is not the
	// asker's). It looks and answers like any other; no code is ever right.
	Blind bool

	PhoneTag  person.Tag
	PersonTag person.Tag // zero where the form has no identity number
	CardTag   person.Tag
	Sealed    []byte

	CodeTag     person.Tag // of the newest code, bound to this request
	CodeExpires time.Time
	Tries       int // wrong codes so far, over all codes of this request
	Sends       int
	LastSend    time.Time

	CreatedAt time.Time
	ProvenAt  time.Time // zero until proven
	DueAt     time.Time // next try of the outside checks
	Attempts  int       // of the outside checks
	Result    string    // fault codes for Amend ("field:code,field:code"); how it ended for Done
	PairingID string
}

// Pairing ties a card to a person (eşleştirme).
type Pairing struct {
	City      string
	ID        string // UUIDv7
	CardTag   person.Tag
	Last4     string
	PersonID  string
	PersonTag person.Tag // zero where the form has no identity number
	PhoneTag  person.Tag // the phone that may ask about and end this pairing
	// PersonSlot is 1 where the city lets a person hold one card, 0 where it
	// sets no limit; CodeSlot the same for cards per HES code. The store makes
	// (city, person, slot) and (city, code, slot) unique among live rows.
	PersonSlot int
	CodeSlot   int
	HESTag     person.Tag
	SealedHES  []byte // under the person's key; empty where the city asks no code
	Proof      Proof
	Channel    string
	Lang       string
	At         time.Time
	NextCheck  time.Time // when the authority is asked again; zero = never
	EndedAt    time.Time // zero while it stands
	EndReason  string    // unpaired, moved, renewed, displaced, erased
}

// Proof says how well the asker proved to hold the card; the stronger claim
// displaces the weaker, never the other way about.
type Proof int

// The ladder of proofs.
const (
	ProofNone Proof = iota // typed on the web: possession of a phone, nothing else
	ProofTap               // the card was read by a kiosk
	ProofDesk              // a clerk held card and document
)

// Person is a holder: a sealed record under a key of their own.
type Person struct {
	City      string
	ID        string // UUIDv7
	Tag       person.Tag
	Key       person.KeyRef
	Sealed    []byte // person.Record
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Card is a card's row: what the list says of it.
type Card struct {
	City      string
	Tag       person.Tag
	Scheme    uint8
	Index     int64 // place in the list: an index, or the tag (its 64 bits) where the scheme has no ranges
	Last4     string
	Class     card.Class
	StopUntil int32
	ChangedAt time.Time
}

// Once is an idempotency key with what it answered (draft-ietf-httpapi-
// idempotency-key-header): same key and body, same answer; same key and other
// body, refused.
type Once struct {
	City string
	Key  string     // UUIDv7 from our own forms, or a keyed hash of the caller's key
	Body person.Tag // of the request body
	Ref  string     // what it made: a request or pairing id
	At   time.Time
}
