package person

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
)

// Tag is a blind index: a keyed hash (HMAC-SHA-256, first 16 bytes) by which a
// value can be found again without being readable. An unkeyed hash of a T.C.
// number is undone in minutes on one core, so there is none anywhere.
type Tag [16]byte

// IsZero tells whether nothing was tagged.
func (t Tag) IsZero() bool { return t == Tag{} }

// String shows enough to tell two apart in a log.
func (t Tag) String() string { return hex.EncodeToString(t[:3]) + "…" }

// LogValue keeps whole tags out of logs.
func (t Tag) LogValue() slog.Value { return slog.StringValue(t.String()) }

// TagKind separates the domains of the blind index: the same digits as a card
// and as an identity number give unrelated tags.
type TagKind string

// The domains.
const (
	TagID    TagKind = "id"    // document kind + number (+ birth date for passports)
	TagPhone TagKind = "phone" // 905XXXXXXXXX
	TagCard  TagKind = "card"  // scheme + number
	TagHES   TagKind = "hes"   // ten characters
	TagCode  TagKind = "code"  // one-time code bound to its request
	TagBody  TagKind = "body"  // request body of an idempotency key
)

// KeyRef names one person's key in the key store.
type KeyRef string

// Keyring is the one door to personal data. Each person has a key of their
// own, kept in a store apart from the rows; destroying it erases the person
// from every copy of the rows at once (backups, replicas, write-ahead logs).
type Keyring interface {
	// NewKey gives a key that is already durable and was never used. It is
	// taken from a stock made ahead, so nobody waits for a disk here.
	NewKey(ctx context.Context) (KeyRef, error)
	// Seal encrypts; where names table, row and column and is bound in, so a
	// sealed value moved to another row does not open.
	Seal(ctx context.Context, k KeyRef, where string, plain []byte) ([]byte, error)
	// Open undoes Seal. A destroyed key gives ErrErased.
	Open(ctx context.Context, k KeyRef, where string, sealed []byte) ([]byte, error)
	// Destroy erases.
	Destroy(ctx context.Context, k KeyRef) error
	// Tag computes a blind index within a city.
	Tag(city string, kind TagKind, value string) Tag
	// SealShort and OpenShort use the installation's own rotating key, for
	// things that live minutes or days and belong to nobody yet: a form
	// waiting for its code, a message on its way.
	SealShort(where string, plain []byte) ([]byte, error)
	OpenShort(where string, sealed []byte) ([]byte, error)
}

// ErrErased is what opening gives once a person's key is destroyed.
var ErrErased = fmt.Errorf("person's key is destroyed")

// Record is what a form tells of a person; which fields are set depends on the
// city's form. It is sealed as a whole.
type Record struct {
	ID      ID
	Country string // ISO 3166 alpha-2, passports only
	First   Name
	Last    Name
	Birth   Birth
	Phone   Phone
	Email   Email
}

// recordWire is the sealed form; its field names are part of the store's
// format.
type recordWire struct {
	Doc     DocKind `json:"k,omitempty"`
	Number  string  `json:"n,omitempty"`
	Country string  `json:"c,omitempty"`
	First   string  `json:"f,omitempty"`
	Last    string  `json:"l,omitempty"`
	Birth   string  `json:"b,omitempty"`
	Phone   string  `json:"p,omitempty"`
	Email   string  `json:"e,omitempty"`
}

// RevealBytes is the record in the form that is sealed.
func (r Record) RevealBytes() []byte {
	b, err := json.Marshal(recordWire{r.ID.kind, r.ID.number, r.Country, r.First.s, r.Last.s, r.Birth.Reveal(), r.Phone.msisdn, r.Email.s})
	if err != nil {
		panic(err) // strings and a number always encode
	}
	return b
}

// RestoreRecord undoes RevealBytes.
func RestoreRecord(b []byte) (Record, error) {
	var w recordWire
	if err := json.Unmarshal(b, &w); err != nil {
		return Record{}, fmt.Errorf("person record: %w", err)
	}
	return Record{RestoreID(w.Doc, w.Number), w.Country, RestoreName(w.First), RestoreName(w.Last),
		RestoreBirth(w.Birth), RestorePhone(w.Phone), RestoreEmail(w.Email)}, nil
}

// TagOf is a person's blind index. Passport numbers are not unique in the
// world, so country and birth date go in with them.
func (r Record) TagOf(k Keyring, city string) Tag {
	if r.ID.IsZero() {
		return Tag{}
	}
	v := r.ID.kind.String() + ":" + r.ID.number
	if r.ID.kind == Passport {
		v += ":" + r.Country + ":" + r.Birth.Reveal()
	}
	if r.ID.kind == YKN { // a foreigner number is 11 digits in the same register
		v = TCKN.String() + ":" + r.ID.number
	}
	return k.Tag(city, TagID, v)
}

// Claim is what the identity register is asked.
type Claim struct {
	ID    ID
	First Name
	Last  Name
	Birth Birth
}

// Register is the identity register's part (NVI KPSPublic for citizens, its
// twin for foreigners): yes or no, nothing else.
type Register interface {
	// Verify tells whether the four belong together. An error means the
	// register did not answer, never that the answer was no.
	Verify(ctx context.Context, c Claim) (bool, error)
}
