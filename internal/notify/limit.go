package notify

import (
	"context"
	"crypto/rand"
	"fmt"
	"math/big"
	"strings"
	"time"

	"turnike/internal/fault"
	"turnike/internal/person"
)

// The limits on codes (after NIST SP 800-63B and what SMS pumping looks like).
// They are per number and per person, never per network address: a mobile
// operator puts thousands behind one.
const (
	// CodeLife is how long a code is good: long enough for a slow message,
	// short enough that a phone left on a table tells little.
	CodeLife = 5 * time.Minute
	// MaxTries is how many wrong codes end a request; a new code does not
	// give new tries.
	MaxTries = 5
	// MaxFails is how many wrong codes in a row, over all requests, send a
	// number to a desk.
	MaxFails = 100

	perMinute  = 1
	perQuarter = 3
	perDay     = 5
	// perPerson is codes a day for one identity number, over all phones:
	// a family at one table needs a few, a squatter many.
	perPerson = 10
	// A block of a thousand neighbouring numbers is stopped for the day when
	// of at least blockMin codes sent under half were ever typed in.
	blockMin = 50
)

// Faults of codes that a citizen may see.
var (
	ErrCodeMissing = fault.New(fault.Invalid, "code.missing")
	ErrCodeShape   = fault.New(fault.Invalid, "code.shape")
	ErrCodeWrong   = fault.New(fault.Invalid, "code.wrong") // Args: left
	ErrCodeExpired = fault.New(fault.Gone, "code.expired")
	ErrCodeDead    = fault.New(fault.Gone, "code.dead")         // five wrong codes: begin again later
	ErrCodeSoon    = fault.New(fault.TooMany, "code.too_soon")  // another code within the minute
	ErrCodeMany    = fault.New(fault.TooMany, "code.too_many")  // the number's limit for now
	ErrPhoneDesk   = fault.New(fault.Refused, "code.desk_only") // a hundred wrong codes in a row
	ErrSMSAway     = fault.New(fault.Unavailable, "sms.away")
)

// NewCode is six digits from the system's generator.
func NewCode() (string, error) {
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		return "", fmt.Errorf("one-time code: %w", err)
	}
	return fmt.Sprintf("%06d", n), nil
}

// ParseCode reads a code however its digits are written.
func ParseCode(typed string) (string, error) {
	code := person.Digits(typed)
	switch {
	case code == "":
		return "", ErrCodeMissing
	case len(code) != 6 || strings.Trim(code, "0123456789") != "":
		return "", ErrCodeShape
	}
	return code, nil
}

// GuardKind separates the counters.
type GuardKind string

// What is counted, and by what.
const (
	GuardPhone  GuardKind = "phone"  // sends and wrong codes of a number
	GuardPerson GuardKind = "person" // sends for an identity number
	GuardBlock  GuardKind = "block"  // sends and successes of a thousand neighbouring numbers
	GuardCity   GuardKind = "city"   // money: parts sent today
	GuardVisit  GuardKind = "visit"  // wrong phone ends for an appointment's digits
)

// Guard is a counter row.
type Guard struct {
	City  string
	Kind  GuardKind
	Tag   person.Tag
	Sent  []time.Time // the newest few sends, oldest first
	Count int64       // sends since Since
	Good  int64       // codes proven since Since
	Fails int64       // wrong codes in a row
	Since time.Time
}

// Fresh starts a counter's day anew when it is over.
func (g Guard) Fresh(now time.Time) Guard {
	if g.Since.IsZero() || now.Sub(g.Since) >= 24*time.Hour {
		g.Since, g.Count, g.Good = now, 0, 0
	}
	return g
}

// Guards are the counters as a transaction has them.
type Guards interface {
	// Guard reads a counter row, zero where there is none; PutGuard writes it.
	Guard(ctx context.Context, city string, kind GuardKind, tag person.Tag) (Guard, error)
	PutGuard(ctx context.Context, g Guard) error
}

// Limits hold the counters to what a number and a person may be sent.
type Limits struct {
	Keys person.Keyring
	// DailyTexts caps the codes a city sends a day; 0 = no cap.
	DailyTexts int64
}

// To is whom a text is for.
type To struct {
	City   string
	Phone  person.Phone
	Person person.Tag // zero where no identity number is asked
}

func (l Limits) phone(to To) person.Tag {
	return l.Keys.Tag(to.City, person.TagPhone, to.Phone.Reveal())
}

func (l Limits) block(to To) person.Tag {
	return l.Keys.Tag(to.City, person.TagPhone, "block:"+to.Phone.Block())
}

func read(ctx context.Context, tx Guards, city string, k GuardKind, tag person.Tag, now time.Time) (Guard, error) {
	g, err := tx.Guard(ctx, city, k, tag)
	g.City, g.Kind, g.Tag = city, k, tag
	return g.Fresh(now), err
}

// AllowCode tells whether another code may go to a number, and notes it. The
// counters commit with the message.
func (l Limits) AllowCode(ctx context.Context, tx Guards, to To, now time.Time) error {
	g, err := l.number(ctx, tx, to, now)
	if err != nil {
		return err
	}
	block, err := read(ctx, tx, to.City, GuardBlock, l.block(to), now)
	if err != nil {
		return err
	}
	if block.Count >= blockMin && block.Good*2 < block.Count {
		return ErrCodeMany.After(block.Since.Add(24 * time.Hour).Sub(now))
	}
	if !to.Person.IsZero() {
		p, err := read(ctx, tx, to.City, GuardPerson, to.Person, now)
		if err != nil {
			return err
		}
		if p.Count >= perPerson {
			return ErrCodeMany.After(p.Since.Add(24 * time.Hour).Sub(now))
		}
		p.Count++
		if err := tx.PutGuard(ctx, p); err != nil {
			return err
		}
	}
	if err := l.spend(ctx, tx, to.City, now); err != nil {
		return err
	}
	block.Count++
	if err := tx.PutGuard(ctx, block); err != nil {
		return err
	}
	return tx.PutGuard(ctx, g)
}

// AllowText is AllowCode for a text that was asked for and holds no code.
func (l Limits) AllowText(ctx context.Context, tx Guards, to To, now time.Time) error {
	g, err := l.number(ctx, tx, to, now)
	if err != nil {
		return err
	}
	if err := l.spend(ctx, tx, to.City, now); err != nil {
		return err
	}
	return tx.PutGuard(ctx, g)
}

// number is a number's counter with one more send, or why it may have none.
func (l Limits) number(ctx context.Context, tx Guards, to To, now time.Time) (Guard, error) {
	g, err := read(ctx, tx, to.City, GuardPhone, l.phone(to), now)
	if err != nil {
		return g, err
	}
	if g.Fails >= MaxFails {
		return g, ErrPhoneDesk
	}
	for _, lim := range []struct {
		n    int
		span time.Duration
	}{{perMinute, time.Minute}, {perQuarter, 15 * time.Minute}, {perDay, 24 * time.Hour}} {
		if len(g.Sent) < lim.n {
			continue
		}
		if free := g.Sent[len(g.Sent)-lim.n].Add(lim.span); free.After(now) {
			if lim.n == perMinute {
				return g, ErrCodeSoon.After(free.Sub(now))
			}
			return g, ErrCodeMany.After(free.Sub(now))
		}
	}
	g.Sent = append(g.Sent, now)
	if len(g.Sent) > perDay {
		g.Sent = g.Sent[len(g.Sent)-perDay:]
	}
	g.Count++
	return g, nil
}

// spend counts a text against the city's cap.
func (l Limits) spend(ctx context.Context, tx Guards, city string, now time.Time) error {
	if l.DailyTexts == 0 {
		return nil
	}
	c, err := read(ctx, tx, city, GuardCity, l.Keys.Tag(city, person.TagPhone, "city"), now)
	if err != nil {
		return err
	}
	if c.Count >= l.DailyTexts {
		return ErrSMSAway.After(c.Since.Add(24 * time.Hour).Sub(now))
	}
	c.Count++
	return tx.PutGuard(ctx, c)
}

// Wrong counts a wrong code against the number it was sent to.
func (l Limits) Wrong(ctx context.Context, tx Guards, city string, phone person.Tag, now time.Time) error {
	g, err := read(ctx, tx, city, GuardPhone, phone, now)
	if err != nil {
		return err
	}
	g.Fails++
	return tx.PutGuard(ctx, g)
}

// Right forgives a number its wrong codes, and counts for its block.
func (l Limits) Right(ctx context.Context, tx Guards, to To, now time.Time) error {
	g, err := read(ctx, tx, to.City, GuardPhone, l.phone(to), now)
	if err != nil {
		return err
	}
	if g.Fails > 0 {
		g.Fails = 0
		if err := tx.PutGuard(ctx, g); err != nil {
			return err
		}
	}
	b, err := read(ctx, tx, to.City, GuardBlock, l.block(to), now)
	if err != nil {
		return err
	}
	b.Good++
	return tx.PutGuard(ctx, b)
}
