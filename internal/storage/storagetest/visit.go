package storagetest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"turnike/internal/audit"
	"turnike/internal/booking"
	"turnike/internal/fault"
	"turnike/internal/i18n"
	"turnike/internal/notify"
	"turnike/internal/person"
	"turnike/internal/storage/sqlstore"
)

// drawer is a keyring in memory, since the real one keeps its keys in a store of
// the kind that is tested here: what is sealed lies in it, and the sealed form
// is only the word for where.
type drawer struct {
	mu   sync.Mutex
	kept map[string][]byte
}

func (d *drawer) put(b []byte) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	k := newID()
	d.kept[k] = b
	return []byte(k)
}

func (d *drawer) get(sealed []byte) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	b, ok := d.kept[string(sealed)]
	if !ok {
		return nil, person.ErrErased
	}
	return b, nil
}

func (d *drawer) NewKey(context.Context) (person.KeyRef, error) { return person.KeyRef(newID()), nil }
func (d *drawer) Seal(_ context.Context, _ person.KeyRef, _ string, b []byte) ([]byte, error) {
	return d.put(b), nil
}
func (d *drawer) Open(_ context.Context, _ person.KeyRef, _ string, b []byte) ([]byte, error) {
	return d.get(b)
}
func (d *drawer) Destroy(context.Context, person.KeyRef) error      { return nil }
func (d *drawer) SealShort(_ string, b []byte) ([]byte, error)      { return d.put(b), nil }
func (d *drawer) OpenShort(_ string, sealed []byte) ([]byte, error) { return d.get(sealed) }
func (d *drawer) Tag(city string, k person.TagKind, v string) (t person.Tag) {
	sum := sha256.Sum256([]byte(city + "\x00" + string(k) + "\x00" + v))
	copy(t[:], sum[:])
	return t
}

// proving is a service whose places are proven by codes, and the texts it sent,
// newest last, each behind its masked phone.
type proving struct {
	booking.Proving
	t    *testing.T
	c    *clock
	b    *booking.Service
	sent []string
}

func newProving(t *testing.T, s *sqlstore.Store, n *booking.Network) *proving {
	t.Helper()
	p := &proving{t: t, c: newClock(officeNow)}
	keys := &drawer{kept: map[string][]byte{}}
	contacts := booking.Contacts{Keys: keys, Network: n, Base: "randevu.example",
		Message: func(id, city string, to person.Phone, text string, k notify.Class, due, expires time.Time) (notify.Queued, error) {
			p.sent = append(p.sent, to.String()+"|"+text)
			return notify.Queued{ID: id, City: city, Class: k, Sealed: []byte(text), DueAt: due, Expires: expires}, nil
		}}
	p.b = booking.New(booking.Config{Store: sqlstore.As[booking.Tx](s), Network: n, Now: p.c.now, Tell: contacts.Tell})
	if err := p.b.Plan(t.Context(), officeDay, 3); err != nil {
		t.Fatalf("plan: %v", err)
	}
	p.Proving = booking.Proving{Service: p.b, Contacts: contacts, Limits: notify.Limits{Keys: keys}}
	return p
}

// form is who comes under a number.
func form(n int) booking.Form {
	return booking.Form{Name: "Ayşe Fatma Yılmaz", Phone: fmt.Sprintf("0532 001 45 %02d", n)}
}

// choose holds a place for a browser.
func (p *proving) choose(day booking.Day, unit int, browser string) booking.Visit {
	p.t.Helper()
	r := ask(unit, 0)
	r.Day, r.Who = day, p.Session(browser, "tr")
	v, err := p.b.Choose(p.t.Context(), r)
	is(p.t, "choose", err, nil)
	return v
}

// code is the newest code sent.
func (p *proving) code() string {
	p.t.Helper()
	if len(p.sent) == 0 {
		p.t.Fatal("no message, want one with a code")
	}
	_, text, _ := strings.Cut(p.sent[len(p.sent)-1], "|")
	return text[:6]
}

// booked goes all the way.
func (p *proving) booked(day booking.Day, unit, n int) booking.Visit {
	p.t.Helper()
	v := p.choose(day, unit, fmt.Sprint("browser", n))
	is(p.t, "ask", p.Ask(p.t.Context(), v.ID, form(n), i18n.Turkish), nil)
	got, err := p.Enter(p.t.Context(), v.ID, p.code(), audit.Citizen("web"))
	is(p.t, "enter", err, nil)
	return got.Visit
}

// another is a code that is not the given one.
func another(code string) string {
	if code == "000000" {
		return "000001"
	}
	return "000000"
}

func testClaims(t *testing.T, s *sqlstore.Store) {
	p := newProving(t, s, office(t, 3, 8, ""))
	ctx, citizen := t.Context(), audit.Citizen("web")
	v := p.choose(officeDay, nine, "one")
	same(t, "another hour moves what a browser holds", p.choose(officeDay, nine+1, "one").ID, v.ID)
	same(t, "and back", p.choose(officeDay, nine, "one").Place.Unit, nine)
	if other := p.choose(officeDay, nine, "two"); other.ID == v.ID {
		t.Error("another browser: got the same place, want one of its own")
	}

	err := p.Ask(ctx, v.ID, booking.Form{Phone: "0212 000 00 00"}, i18n.Turkish)
	same(t, "an empty form", fmt.Sprint(fieldsOf(err)), "[name phone]")
	same(t, "sent for it", len(p.sent), 0)
	is(t, "ask", p.Ask(ctx, v.ID, form(1), i18n.Turkish), nil)
	first := p.code()
	is(t, "ask twice", p.Ask(ctx, v.ID, form(1), i18n.Turkish), nil)
	if !strings.HasPrefix(p.sent[0], "05** *** ** 01|"+first+" ") || !strings.HasSuffix(p.sent[0], "\n@randevu.example #"+first) {
		t.Errorf("message: got %q, want the code first and last", p.sent[0])
	}

	look, err := p.Look(ctx, v.ID)
	is(t, "look", err, nil)
	same(t, "what its holder sees", []any{look.Phone, look.Left, look.Form, look.State}, []any{"05** *** ** 01", 5, form(1), booking.ClaimWaiting})
	if strings.Contains(fmt.Sprintf("%+v", look.Phone), "3200") {
		t.Errorf("look: got %v, want the number masked", look.Phone)
	}

	_, err = p.Enter(ctx, v.ID, another(first), citizen)
	is(t, "a wrong code", err, notify.ErrCodeWrong)
	_, err = p.Enter(ctx, v.ID, "12", citizen)
	is(t, "half a code", err, notify.ErrCodeShape)
	is(t, "another within the minute", p.Again(ctx, v.ID), notify.ErrCodeSoon)
	p.c.advance(61 * time.Second)
	is(t, "another", p.Again(ctx, v.ID), nil)
	second := p.code()
	if first != second {
		_, err = p.Enter(ctx, v.ID, first, citizen)
		is(t, "the older code", err, notify.ErrCodeWrong)
		look, _ = p.Look(ctx, v.ID)
		same(t, "a new code gives no new tries", look.Left, 3)
	}
	p.c.advance(4*time.Minute + 30*time.Second)
	got, err := p.Enter(ctx, v.ID, second, citizen)
	is(t, "the right code", err, nil)
	same(t, "booked", got.Visit.State, booking.Booked)
	again, err := p.Enter(ctx, v.ID, second, citizen)
	is(t, "pressed twice", err, nil)
	same(t, "one booking", again.Visit.Code, got.Visit.Code)
	_, err = p.Enter(ctx, v.ID, another(second), citizen)
	is(t, "another code when it is over", err, booking.ErrEnded)
	last := p.sent[len(p.sent)-1]
	if want := "randevu.example/visit/test/v/" + p.Contacts.Links().Token(v.ID); !strings.HasSuffix(last, want) {
		t.Errorf("told: got %q, want its address %s at the end", last, want)
	}
	id, ok := p.Contacts.Links().ID(p.Contacts.Links().Token(v.ID))
	same(t, "the address leads back", []any{id, ok}, []any{v.ID, true})
	sound(t, p.b)

	// The same matter twice: shown to who has proven the phone, and to nobody else.
	twice := p.choose(officeDay, nine+2, "three")
	p.c.advance(61 * time.Second)
	is(t, "ask", p.Ask(ctx, twice.ID, form(1), i18n.Turkish), nil)
	got, err = p.Enter(ctx, twice.ID, p.code(), citizen)
	is(t, "the same matter again", err, booking.ErrTwice)
	if len(got.Open) != 1 || got.Open[0].ID != v.ID {
		t.Errorf("in the way: got %v, want the visit there is", got.Open)
	}

	// Five wrong codes end it, whatever comes after.
	dead := p.choose(officeDay, nine+3, "four")
	is(t, "ask", p.Ask(ctx, dead.ID, form(2), i18n.Turkish), nil)
	code := p.code()
	for i := range notify.MaxTries {
		_, err = p.Enter(ctx, dead.ID, another(code), citizen)
		want := notify.ErrCodeWrong
		if i == notify.MaxTries-1 {
			want = notify.ErrCodeDead
		}
		is(t, fmt.Sprintf("wrong code %d", i+1), err, want)
	}
	_, err = p.Enter(ctx, dead.ID, code, citizen)
	is(t, "the right one too late", err, notify.ErrCodeDead)
	p.c.advance(61 * time.Second)
	is(t, "the form again", p.Ask(ctx, dead.ID, form(2), i18n.Turkish), notify.ErrCodeDead)

	// A place lapses while nobody types.
	slow := p.choose(officeDay, nine+4, "five")
	p.c.advance(11 * time.Minute)
	is(t, "ask too late", p.Ask(ctx, slow.ID, form(3), i18n.Turkish), booking.ErrLapsed)
	// A code on its way keeps it, but not for ever.
	kept := p.choose(officeDay, nine+5, "six")
	p.c.advance(9 * time.Minute)
	is(t, "ask in time", p.Ask(ctx, kept.ID, form(4), i18n.Turkish), nil)
	p.c.advance(4 * time.Minute)
	got, err = p.Enter(ctx, kept.ID, p.code(), citizen)
	is(t, "enter after the first ten minutes", err, nil)
	same(t, "booked", got.Visit.State, booking.Booked)
	sound(t, p.b)

	p.c.advance(25 * time.Hour)
	is(t, "sweep", p.Sweep(ctx), nil)
	_, err = p.Look(ctx, v.ID)
	is(t, "after the sweep", err, booking.ErrNoVisit)
}

func fieldsOf(err error) (fields []string) {
	for _, f := range fault.Of(err) {
		fields = append(fields, f.Field)
	}
	return fields
}

// testSooner: who has a visit waits for an earlier hour, and changes over only
// by a word of their own.
func testSooner(t *testing.T, s *sqlstore.Store) {
	p := newProving(t, s, office(t, 1, 3, ""))
	ctx, citizen := t.Context(), audit.Citizen("web")
	early := p.booked(officeDay, nine, 1)
	mine := p.booked(officeDay, nine+2, 2)
	wait := func(n int, day booking.Day) {
		p.c.advance(61 * time.Second)
		id := p.NewClaimID()
		r := ask(0, 0)
		r.Day = day
		is(t, "ask to wait", p.AskWait(ctx, id, r, officeDay+1, form(n), i18n.Turkish), nil)
		got, err := p.Enter(ctx, id, p.code(), citizen)
		is(t, "join", err, nil)
		same(t, "waits", got.Wait.State, booking.WaitOpen)
	}
	wait(2, officeDay)
	_, err := p.b.Cancel(ctx, early.ID, citizen)
	is(t, "cancel", err, nil)
	offer := p.newest(mine.Phone, booking.Held)
	same(t, "offered", offer.Place.Unit, nine)
	same(t, "the visit stands", p.visit(mine.ID).Place.Unit, nine+2)
	sound(t, p.b)
	p.c.advance(time.Minute)
	got, err := p.b.Accept(ctx, offer.ID, citizen)
	is(t, "accept", err, nil)
	same(t, "it is the same visit, sooner", []any{got.ID, got.Place.Unit, got.State, got.Sequence}, []any{mine.ID, nine, booking.Booked, mine.Sequence + 1})
	got, err = p.b.Accept(ctx, offer.ID, citizen)
	is(t, "accept twice", err, nil)
	same(t, "once", got.Sequence, mine.Sequence+1)
	sound(t, p.b)

	// A later place is offered to the next; declined, it goes on.
	third := p.booked(officeDay+1, nine, 3)
	wait(2, officeDay)
	wait(4, officeDay)
	_, err = p.b.Cancel(ctx, third.ID, citizen)
	is(t, "cancel", err, nil)
	same(t, "nobody is offered what is later than theirs", p.visit(mine.ID).Place.Unit, nine)
	last := p.sent[len(p.sent)-1]
	if !strings.HasPrefix(last, "05** *** ** 03|") {
		t.Errorf("told last: got %q, want who cancelled", last)
	}
	offered := p.sent[len(p.sent)-2]
	if !strings.HasPrefix(offered, "05** *** ** 04|") {
		t.Errorf("offered: got %q, want the next on the list", offered)
	}
	id, _ := p.Contacts.Links().ID(offered[strings.LastIndex(offered, "/")+1:])
	got, err = p.b.Accept(ctx, id, citizen)
	is(t, "accept without a visit", err, nil)
	same(t, "booked", got.State, booking.Booked)
	_, err = p.b.Accept(ctx, mine.ID, citizen)
	is(t, "accept what was never offered", err, booking.ErrNoVisit)
	sound(t, p.b)
}

func (p *proving) visit(id string) booking.Visit {
	p.t.Helper()
	v, err := p.b.Visit(p.t.Context(), id)
	is(p.t, "visit", err, nil)
	return v
}

// newest is a phone's newest visit, which is to be in a state.
func (p *proving) newest(phone person.Tag, want booking.State) booking.Visit {
	p.t.Helper()
	vs, err := p.b.ByPhone(p.t.Context(), phone)
	is(p.t, "by phone", err, nil)
	if len(vs) == 0 || vs[0].State != want {
		p.t.Fatalf("newest of the phone: got %v, want one in state %v", vs, want)
	}
	return vs[0]
}

// testFind: the link goes to the visit's own phone, and whoever asks learns
// nothing.
func testFind(t *testing.T, s *sqlstore.Store) {
	p := newProving(t, s, office(t, 3, 8, ""))
	ctx := t.Context()
	v := p.booked(officeDay, nine, 1)
	sent := len(p.sent)
	told := func() (n int) {
		view(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
			d, err := tx.OutboxDepth(ctx)
			for _, k := range d {
				n += int(k.Waiting)
			}
			return err
		})
		return n
	}
	before := told()
	p.c.advance(2 * time.Minute)
	for _, c := range []struct {
		code  booking.Code
		phone string
	}{{v.Code + 1, "4501"}, {v.Code, "4502"}, {v.Code, ""}, {v.Code, "01"}} {
		is(t, "not theirs", p.Find(ctx, c.code, c.phone), nil)
	}
	same(t, "sent for those", told(), before)
	is(t, "theirs", p.Find(ctx, v.Code, "4501"), nil)
	same(t, "sent", told(), before+1)
	if last := p.sent[len(p.sent)-1]; len(p.sent) == sent || !strings.Contains(last, p.Contacts.Links().Token(v.ID)) {
		t.Errorf("sent: got %q, want the visit's address", last)
	}
	is(t, "again", p.Find(ctx, v.Code, "4501"), nil)
	same(t, "sent within the minute", told(), before+1)
	p.c.advance(2 * time.Minute)
	is(t, "after five tries", p.Find(ctx, v.Code, "4501"), nil)
	same(t, "sent after five tries a day", told(), before+1)
}

// testCalm: in a wave's first hour its places on the web are for who has none.
func testCalm(t *testing.T, s *sqlstore.Store) {
	c := newClock(officeNow) // 18:00 there, as the wave of the next day opens
	b := booker(t, sqlstore.As[booking.Tx](s), office(t, 3, 8, "calm_minutes = 60\n[[wave]]\ndays_before = 1\nat = \"18:00\"\nshare = 100\n"), c)
	first, err := b.Book(t.Context(), ask(nine, 1))
	is(t, "the first", err, nil)
	second := ask(nine+1, 1)
	second.Centre = "buca"
	_, err = b.Book(t.Context(), second)
	is(t, "a second in the first hour", err, booking.ErrCalm)
	if f := fault.Of(err); len(f) != 1 || f[0].Args["at"] != "19:00" || f[0].RetryAfter != time.Hour {
		t.Errorf("told: got %v, want that it is possible at 19:00", f)
	}
	held := second
	held.Who = who(99)
	v, err := b.Hold(t.Context(), held)
	is(t, "hold it under a browser", err, nil)
	_, err = b.Confirm(t.Context(), v.ID, who(1), audit.Citizen("web"))
	is(t, "put the name to it", err, booking.ErrCalm)
	called := second
	called.Channel = booking.Call
	byPhone, err := b.Book(t.Context(), called)
	is(t, "by telephone", err, nil)
	_, err = b.Cancel(t.Context(), byPhone.ID, audit.Citizen("call"))
	is(t, "cancel", err, nil)
	_, err = b.Move(t.Context(), first.ID, "konak", officeDay, nine+3, booking.Web, audit.Citizen("web"))
	is(t, "move the only one", err, nil)
	c.advance(time.Hour)
	_, err = b.Book(t.Context(), second)
	is(t, "a second after the first hour", err, nil)
	sound(t, b)
}
