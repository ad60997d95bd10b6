package booking

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"turnike/internal/audit"
	"turnike/internal/fault"
	"turnike/internal/i18n"
	"turnike/internal/notify"
	"turnike/internal/person"
)

// ClaimKind is what a claim is for.
type ClaimKind uint8

// The kinds; the numbers stand in the database.
const (
	ClaimPlace ClaimKind = 1 // a held place: the claim has the visit's id
	ClaimWait  ClaimKind = 2 // a place on a waiting list
)

// ClaimState is how far a claim has come.
type ClaimState uint8

// The states of a claim.
const (
	ClaimWaiting ClaimState = 1 // for its code
	ClaimProven  ClaimState = 2
	ClaimDead    ClaimState = 3 // as many wrong codes as there may be
)

// Claim is who says that a held place, or one on a waiting list, is theirs,
// until a code sent to their phone proves it.
type Claim struct {
	City  string
	ID    string
	Kind  ClaimKind
	State ClaimState
	// Of a place on a waiting list; a held place knows its own.
	Centre   string
	Service  string
	Matters  int
	From, To Day

	Phone       person.Tag
	Sealed      []byte // Form, under the installation's short key
	Lang        string
	Code        person.Tag // of the newest code, bound to this claim
	CodeExpires time.Time
	Tries       int // wrong codes, over all codes of the claim
	Sends       int
	LastSend    time.Time
	CreatedAt   time.Time
}

// Claims are the claims as a transaction has them.
type Claims interface {
	// PutVisitClaim writes a claim, over an older one with its id.
	PutVisitClaim(ctx context.Context, c Claim) error
	// VisitClaim is locked in a writing transaction.
	VisitClaim(ctx context.Context, city, id string) (Claim, error)
	// SweepVisitClaims forgets those made before a moment.
	SweepVisitClaims(ctx context.Context, before time.Time, limit int) (int, error)
}

// claimLife is how long a claim is kept: a place is held for minutes, a
// waiting list's code is typed within them.
const claimLife = 24 * time.Hour

// Form is who comes, as typed.
type Form struct {
	Name  string `json:"n"` // of the visitor
	Phone string `json:"p"` // of who books
	ID    string `json:"i,omitempty"`
	Other bool   `json:"o,omitempty"` // booked for a relative or a neighbour
}

// Parse reads a form by a network's rules. Its error is a list of faults on the
// fields "name", "phone" and "id".
func (f Form) Parse(n *Network) (person.Record, error) {
	var r person.Record
	var faults fault.List
	name, err := person.ParseName(f.Name)
	if err := faults.Add("name", err); err != nil {
		return r, err
	}
	// What stands last is the family name; who has one name has given that.
	r.First = name
	if words := strings.Fields(f.Name); err == nil && len(words) > 1 {
		first, ferr := person.ParseName(strings.Join(words[:len(words)-1], " "))
		last, lerr := person.ParseName(words[len(words)-1])
		if ferr == nil && lerr == nil {
			r.First, r.Last = first, last
		}
	}
	r.Phone, err = person.ParsePhone(f.Phone)
	if err := faults.Add("phone", err); err != nil {
		return r, err
	}
	if n.Rules.AskID {
		r.ID, err = person.ParseTCKN(f.ID)
		if err := faults.Add("id", err); err != nil {
			return r, err
		}
	}
	return r, faults.Err()
}

// Proving asks whoever books for a code that is sent to their phone.
type Proving struct {
	Service  *Service
	Contacts Contacts
	Limits   notify.Limits
	// Wake tells the outbox that a message of a class has committed; nil where
	// it looks by itself.
	Wake func(notify.Class)
}

// ClaimView is a claim as its own holder may see it.
type ClaimView struct {
	ID       string
	Kind     ClaimKind
	State    ClaimState
	Phone    string // masked
	ResendAt time.Time
	Left     int // tries
	Form     Form
	Wait     Request // what a claim of the waiting list is for, to To
	To       Day
}

// Proven is what a right code has led to.
type Proven struct {
	Kind  ClaimKind
	Visit Visit
	Wait  Wait
	// Open are the visits that stand in the way, with ErrTwice, ErrMany and ErrCalm: who
	// has proven the phone may see them.
	Open []Visit
}

// Session is who holds a place before anybody is named: the browser's own
// random word, as a tag that cannot be turned back.
func (p Proving) Session(word, lang string) Who {
	return Who{Holder: p.Limits.Keys.Tag(p.city(), person.TagBody, "visit session:"+word), Lang: lang}
}

// NewClaimID names a claim to a place on a waiting list.
func (p Proving) NewClaimID() string { return newID(p.now()) }

func (p Proving) city() string   { return p.Service.net.ID }
func (p Proving) now() time.Time { return p.Service.cfg.Now() }
func (p Proving) store() Store   { return p.Service.cfg.Store }

// Ask takes who a held place is for and sends a code to their phone. The place
// is kept as long as the code is good, where it would lapse before. What is
// wrong with the form comes back as a list of faults.
func (p Proving) Ask(ctx context.Context, id string, f Form, l i18n.Lang) error {
	v, err := p.Service.Visit(ctx, id)
	if err != nil {
		return err
	}
	if err := p.Service.held(v, p.now()); err != nil {
		return err
	}
	if err := p.begin(ctx, Claim{ID: id, Kind: ClaimPlace, Centre: v.Place.Centre, Service: v.Service, Matters: v.Matters,
		From: v.Place.Day, To: v.Place.Day, Lang: string(l)}, f); err != nil {
		return err
	}
	return p.Service.keep(ctx, id, notify.CodeLife)
}

// AskWait takes who wants to be on a waiting list and sends a code to their
// phone. Sent twice under one id, it is one claim.
func (p Proving) AskWait(ctx context.Context, id string, r Request, to Day, f Form, l i18n.Lang) error {
	if _, err := p.Service.place(&r); err != nil {
		return err
	}
	return p.begin(ctx, Claim{ID: id, Kind: ClaimWait, Centre: r.Centre, Service: r.Service, Matters: r.Matters, From: r.Day, To: to,
		Lang: string(l)}, f)
}

// begin writes a claim and its message. A claim that is there keeps its count
// of wrong codes; the same form again sends nothing.
func (p Proving) begin(ctx context.Context, c Claim, f Form) error {
	rec, err := f.Parse(p.Service.net)
	if err != nil {
		return err
	}
	c.City, c.State, c.CreatedAt = p.city(), ClaimWaiting, p.now()
	c.Phone = p.Limits.Keys.Tag(c.City, person.TagPhone, rec.Phone.Reveal())
	b, err := json.Marshal(f)
	if err != nil {
		return err
	}
	if c.Sealed, err = p.Limits.Keys.SealShort("claim/"+c.ID, b); err != nil {
		return fmt.Errorf("seal form: %w", err)
	}
	return p.send(ctx, c, rec)
}

// send sends a claim another code and writes it.
func (p Proving) send(ctx context.Context, c Claim, rec person.Record) error {
	now := p.now()
	code, err := notify.NewCode()
	if err != nil {
		return err
	}
	l, _ := i18n.Known(c.Lang)
	m, err := p.Contacts.Message(newID(now), c.City, rec.Phone, p.Contacts.codeText(code, l), notify.CodeClass, now, now.Add(notify.CodeLife))
	if err != nil {
		return fmt.Errorf("message with a code: %w", err)
	}
	to := notify.To{City: c.City, Phone: rec.Phone, Person: rec.TagOf(p.Limits.Keys, c.City)}
	again := false
	err = p.store().Update(ctx, func(tx Tx) error {
		again = false
		n := c
		old, err := tx.VisitClaim(ctx, c.City, c.ID)
		switch {
		case err == nil && old.State == ClaimProven:
			return ErrEnded
		case err == nil && old.State == ClaimDead:
			return notify.ErrCodeDead
		case err == nil:
			n.CreatedAt, n.Tries, n.Sends, n.LastSend = old.CreatedAt, old.Tries, old.Sends, old.LastSend
			if n.Code = old.Code; old.Phone == n.Phone && old.CodeExpires.After(now) && now.Sub(old.LastSend) < time.Minute {
				again = true // a double click: the code is on its way
				n.CodeExpires = old.CodeExpires
				return tx.PutVisitClaim(ctx, n)
			}
		case !errors.Is(err, ErrNoRow):
			return err
		}
		if err := p.Limits.AllowCode(ctx, tx, to, now); err != nil {
			return err
		}
		n.Code, n.CodeExpires, n.LastSend = p.codeTag(n.ID, code), now.Add(notify.CodeLife), now
		n.Sends++
		if err := tx.PutVisitClaim(ctx, n); err != nil {
			return err
		}
		return tx.Enqueue(ctx, m)
	})
	if err == nil && !again && p.Wake != nil {
		p.Wake(notify.CodeClass)
	}
	return err
}

func (p Proving) codeTag(id, code string) person.Tag {
	return p.Limits.Keys.Tag(p.city(), person.TagCode, "visit:"+id+":"+code)
}

// claim reads a claim and the form in it.
func (p Proving) claim(ctx context.Context, id string) (Claim, Form, error) {
	var c Claim
	err := p.store().View(ctx, func(tx Tx) (err error) {
		c, err = tx.VisitClaim(ctx, p.city(), id)
		return err
	})
	if errors.Is(err, ErrNoRow) {
		return c, Form{}, ErrNoVisit
	}
	if err != nil {
		return c, Form{}, fmt.Errorf("read claim: %w", err)
	}
	f, err := p.open(c)
	return c, f, err
}

func (p Proving) open(c Claim) (f Form, err error) {
	b, err := p.Limits.Keys.OpenShort("claim/"+c.ID, c.Sealed)
	if errors.Is(err, person.ErrErased) {
		return f, ErrLapsed
	}
	if err != nil {
		return f, fmt.Errorf("open form: %w", err)
	}
	return f, json.Unmarshal(b, &f)
}

// Look is a claim as its holder sees it; ErrNoVisit where there is none yet.
func (p Proving) Look(ctx context.Context, id string) (ClaimView, error) {
	c, f, err := p.claim(ctx, id)
	if err != nil {
		return ClaimView{}, err
	}
	v := ClaimView{ID: id, Kind: c.Kind, State: c.State, ResendAt: c.LastSend.Add(time.Minute), Left: notify.MaxTries - c.Tries, Form: f,
		Wait: Request{Centre: c.Centre, Service: c.Service, Matters: c.Matters, Day: c.From}, To: c.To}
	if ph, err := person.ParsePhone(f.Phone); err == nil {
		v.Phone = ph.String()
	}
	return v, nil
}

// Again sends another code, within the number's limits.
func (p Proving) Again(ctx context.Context, id string) error {
	c, f, err := p.claim(ctx, id)
	if err != nil {
		return err
	}
	rec, err := f.Parse(p.Service.net)
	if err != nil {
		return err
	}
	if wait := c.LastSend.Add(time.Minute).Sub(p.now()); wait > 0 {
		return notify.ErrCodeSoon.After(wait)
	}
	if err := p.send(ctx, c, rec); err != nil {
		return err
	}
	if c.Kind == ClaimPlace {
		return p.Service.keep(ctx, id, notify.CodeLife)
	}
	return nil
}

// Enter takes a code as typed. A right one books the held place, or writes its
// holder into the waiting list; entered twice it does so once.
func (p Proving) Enter(ctx context.Context, id, typed string, a audit.Actor) (Proven, error) {
	code, err := notify.ParseCode(typed)
	if err != nil {
		var faults fault.List
		_ = faults.Add("code", err)
		return Proven{}, faults
	}
	c, f, err := p.claim(ctx, id)
	if err != nil {
		return Proven{}, err
	}
	rec, err := f.Parse(p.Service.net)
	if err != nil {
		return Proven{}, err
	}
	var verdict error
	err = p.store().Update(ctx, func(tx Tx) error {
		verdict = nil
		now := p.now()
		if c, err = tx.VisitClaim(ctx, p.city(), id); err != nil {
			return err
		}
		right := c.Code == p.codeTag(id, code)
		switch {
		case c.State == ClaimDead:
			verdict = notify.ErrCodeDead
		case c.State == ClaimProven && right: // a double click, a back button
		case c.State == ClaimProven:
			verdict = ErrEnded
		case !now.Before(c.CodeExpires):
			verdict = notify.ErrCodeExpired.On("code")
		case right:
			c.State = ClaimProven
			if err := tx.PutVisitClaim(ctx, c); err != nil {
				return err
			}
			return p.Limits.Right(ctx, tx, notify.To{City: c.City, Phone: rec.Phone}, now)
		default:
			c.Tries++
			verdict = notify.ErrCodeWrong.On("code").With("left", notify.MaxTries-c.Tries)
			if c.Tries >= notify.MaxTries {
				c.State, verdict = ClaimDead, notify.ErrCodeDead
			}
			if err := tx.PutVisitClaim(ctx, c); err != nil {
				return err
			}
			return p.Limits.Wrong(ctx, tx, c.City, c.Phone, now)
		}
		return nil
	})
	if err == nil {
		err = verdict
	}
	if err != nil {
		return Proven{}, err
	}
	// From here on its holder may leave: what was begun is finished.
	return p.settle(context.WithoutCancel(ctx), c, rec, a)
}

// settle does what a claim was for.
func (p Proving) settle(ctx context.Context, c Claim, rec person.Record, a audit.Actor) (Proven, error) {
	l, _ := i18n.Known(c.Lang)
	out := Proven{Kind: c.Kind}
	if c.Kind == ClaimPlace {
		// Booked already: the record of the first time stands.
		if v, err := p.Service.Visit(ctx, c.ID); err != nil || v.State == Booked {
			out.Visit = v
			return out, err
		}
	}
	who, err := p.Contacts.Who(ctx, rec, l)
	if err != nil {
		return out, err
	}
	if c.Kind == ClaimWait {
		out.Wait, err = p.Service.JoinWait(ctx, Request{Centre: c.Centre, Service: c.Service, Matters: c.Matters, Day: c.From, Actor: a,
			Channel: Web, Who: who}, c.To)
		return out, err
	}
	out.Visit, err = p.Service.Confirm(ctx, c.ID, who, a)
	switch {
	case errors.Is(err, ErrTwice), errors.Is(err, ErrMany), errors.Is(err, ErrCalm):
		open, oerr := p.Service.OpenOf(ctx, who.Holder)
		if oerr != nil {
			return out, oerr
		}
		out.Open = open
		if _, cerr := p.Service.Cancel(ctx, c.ID, a); cerr != nil { // the place is somebody else's chance
			return out, cerr
		}
	case err == nil && p.Wake != nil:
		p.Wake(notify.Info)
	}
	return out, err
}

// Sweep forgets claims that came to nothing, and those that are over.
func (p Proving) Sweep(ctx context.Context) error {
	return p.store().Update(ctx, func(tx Tx) error {
		_, err := tx.SweepVisitClaims(ctx, p.now().Add(-claimLife), 1000)
		return err
	})
}

// findTries is how many wrong phone ends a day an appointment's digits bear.
const findTries = 5

// Find sends the link of a visit to its own phone, where the digits and the
// end of the phone belong together. It answers alike whether they do: what
// there is to know goes to the phone it concerns.
func (p Proving) Find(ctx context.Context, c Code, phoneEnd string) error {
	now := p.now()
	tag := p.Limits.Keys.Tag(p.city(), person.TagBody, fmt.Sprintf("visit find:%08d", uint32(c)))
	var m notify.Queued
	var to notify.To
	v, err := p.Service.ByCode(ctx, c)
	known := err == nil && v.State == Booked
	if err != nil && !errors.Is(err, ErrNoVisit) {
		return err
	}
	if known {
		rec, err := p.Contacts.Open(ctx, v)
		switch {
		case errors.Is(err, person.ErrErased), err == nil && rec.Phone.IsZero():
			known = false
		case err != nil:
			return err
		default:
			known = strings.HasSuffix(rec.Phone.Reveal(), phoneEnd) && len(phoneEnd) >= 4
			l, _ := i18n.Known(v.Lang)
			to = notify.To{City: p.city(), Phone: rec.Phone}
			if m, err = p.Contacts.Message(newID(now), p.city(), rec.Phone, p.Contacts.say(NoticeLink, v, l), notify.Info, now, now.Add(time.Hour)); err != nil {
				return fmt.Errorf("message with a link: %w", err)
			}
		}
	}
	sent := false
	err = p.store().Update(ctx, func(tx Tx) error {
		sent = false
		g, err := tx.Guard(ctx, p.city(), notify.GuardVisit, tag)
		if err != nil {
			return err
		}
		g.City, g.Kind, g.Tag = p.city(), notify.GuardVisit, tag
		if g = g.Fresh(now); g.Count < findTries && known {
			switch err := p.Limits.AllowText(ctx, tx, to, now); {
			case err == nil:
				sent = true
				if err := tx.Enqueue(ctx, m); err != nil {
					return err
				}
			case fault.Of(err) == nil:
				return err
			}
		}
		g.Count++
		return tx.PutGuard(ctx, g)
	})
	if sent && p.Wake != nil {
		p.Wake(notify.Info)
	}
	return err
}
