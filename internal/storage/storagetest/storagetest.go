// Package storagetest is the suite that every engine passes: each query, what
// a transaction means, the unique rules under races, the outbox and its
// leases. An engine calls Run with a way to open an empty database.
package storagetest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"turnike/internal/audit"
	"turnike/internal/card"
	"turnike/internal/notify"
	"turnike/internal/pairing"
	"turnike/internal/person"
	"turnike/internal/storage/sqlstore"
)

// Open gives an empty, migrated store that is closed when the test ends.
type Open func(t *testing.T) *sqlstore.Store

// Run runs the suite.
func Run(t *testing.T, open Open) {
	for _, s := range []struct {
		name string
		test func(*testing.T, *sqlstore.Store)
	}{
		{"requests", testRequests},
		{"pairings", testPairings},
		{"persons", testPersons},
		{"cards", testCards},
		{"paging", testPaging},
		{"once", testOnce},
		{"guards", testGuards},
		{"audit", testAudit},
		{"cities", testCities},
		{"update is all or nothing", testAtomic},
		{"a failing function sinks nobody", testIsolation},
		{"a panic sinks nobody", testPanic},
		{"a function that never returns", testGoexit},
		{"read your own writes", testOwnWrites},
		{"a view is one state and does not write", testView},
		{"end of a context", testContext},
		{"a full queue", testQueueFull},
		{"close", testClose},
		{"a thousand duplicates", testDuplicates},
		{"one card, many racers", testCardRace},
		{"one person, many racers", testPersonRace},
		{"counting under races", testCountRace},
		{"a large group", testLarge},
		{"outbox", testOutbox},
		{"outbox leases", testLeases},
		{"outbox, many workers", testWorkers},
		{"sweeping", testSweep},
		{"isolations", testIsolations},
		{"accounts", testAccounts},
		{"accounts, many racers", testAccountRace},
		{"sessions", testAccessSessions},
		{"invitations", testInvites},
		{"screens", testAccessDevices},
		{"audit backwards", testAuditBackwards},
		{"reports", testReports},
		{"reports, many servers", testReportRace},
	} {
		t.Run(s.name, func(t *testing.T) { s.test(t, open(t)) })
	}
}

// t0 is a moment with microseconds, the finest the stores keep.
var t0 = time.Date(2021, 1, 10, 23, 59, 58, 123456000, time.UTC)

const city = "izmir"

func newID() string { return uuid.Must(uuid.NewV7()).String() }

// tag makes a tag from a number, none of them zero.
func tag(kind byte, n int) (t person.Tag) {
	t[0] = kind
	binary.BigEndian.PutUint64(t[8:], uint64(n)+1)
	return t
}

func update(t *testing.T, s *sqlstore.Store, fn func(context.Context, *sqlstore.Tx) error) {
	t.Helper()
	ctx := t.Context()
	if err := s.Update(ctx, func(tx *sqlstore.Tx) error { return fn(ctx, tx) }); err != nil {
		t.Fatalf("update: got %v, want no error", err)
	}
}

func view(t *testing.T, s *sqlstore.Store, fn func(context.Context, *sqlstore.Tx) error) {
	t.Helper()
	ctx := t.Context()
	if err := s.View(ctx, func(tx *sqlstore.Tx) error { return fn(ctx, tx) }); err != nil {
		t.Fatalf("view: got %v, want no error", err)
	}
}

// same fails unless got is want; no bytes and no rows may be nil or empty.
func same[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("%s: got + instead of -:\n%s", what, d)
	}
}

// is fails unless err is want.
func is(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got %v, want %v", what, err, want)
	}
}

func request(n int) pairing.Request {
	return pairing.Request{
		City: city, ID: newID(), Version: 1, Kind: pairing.Pair, State: pairing.Waiting, Lang: "tr", Channel: "web",
		Blind: n%2 == 1, PhoneTag: tag('p', n), PersonTag: tag('i', n), CardTag: tag('c', n), Sealed: []byte{0, 1, 255, byte(n)},
		CodeTag: tag('o', n), CodeExpires: t0.Add(5 * time.Minute), Tries: 1, Sends: 2, LastSend: t0.Add(time.Second), CreatedAt: t0,
	}
}

func newPairing(n int) pairing.Pairing {
	return pairing.Pairing{
		City: city, ID: newID(), CardTag: tag('c', n), Last4: fmt.Sprintf("%04d", n%10000), PersonID: newID(),
		PersonTag: tag('i', n), PhoneTag: tag('p', n), HESTag: tag('h', n), SealedHES: []byte("sealed\x00code"),
		Proof: pairing.ProofTap, Channel: "kiosk", Lang: "ar", At: t0.Add(time.Duration(n) * time.Microsecond),
	}
}

func newPerson(n int) pairing.Person {
	return pairing.Person{City: city, ID: newID(), Tag: tag('i', n), Key: person.KeyRef(fmt.Sprint("key-", n)),
		Sealed: []byte{9, 0, byte(n)}, CreatedAt: t0, UpdatedAt: t0}
}

func entry(n int) audit.Entry {
	return audit.Entry{ID: newID(), City: city, At: t0, Actor: audit.Citizen("web"), Action: "pairing.complete",
		Subject: tag('i', n), Object: fmt.Sprint("object ", n), Result: "ok"}
}

func message(n int) notify.Queued {
	return notify.Queued{ID: newID(), City: city, Class: notify.CodeClass, Sealed: []byte{1, 2, byte(n)},
		DueAt: t0.Add(time.Duration(n) * time.Second), Expires: t0.Add(time.Hour)}
}

func testRequests(t *testing.T, s *sqlstore.Store) {
	r := request(1)
	bare := pairing.Request{City: city, ID: newID(), Version: 1, Kind: pairing.Status, State: pairing.Waiting, Lang: "en",
		Channel: "api", CreatedAt: t0}
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		return errors.Join(tx.InsertRequest(ctx, r), tx.InsertRequest(ctx, bare))
	})
	view(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		got, err := tx.Request(ctx, city, r.ID)
		same(t, "request", got, r)
		if err != nil {
			return err
		}
		got, err = tx.Request(ctx, city, bare.ID)
		got.Sealed = nil
		same(t, "bare request", got, bare)
		for _, id := range []string{newID(), "", "no uuid", "' OR 1=1 --"} {
			_, e := tx.Request(ctx, city, id)
			is(t, "unknown request "+id, e, pairing.ErrNoRow)
		}
		_, e := tx.Request(ctx, "istanbul", r.ID)
		is(t, "another city's request", e, pairing.ErrNoRow)
		return err
	})

	r.State, r.ProvenAt, r.DueAt, r.Attempts, r.Sealed, r.PairingID = pairing.Proven, t0.Add(time.Minute), t0.Add(time.Hour), 3, []byte{7}, newID()
	r.Result = "hes:hes.unknown"
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		ok, err := tx.UpdateRequest(ctx, r)
		same(t, "update of the stored version", ok, true)
		return err
	})
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		ok, err := tx.UpdateRequest(ctx, r) // the version has moved on
		same(t, "update of an old version", ok, false)
		return err
	})
	r.Version++
	view(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		got, err := tx.Request(ctx, city, r.ID)
		same(t, "updated request", got, r)
		if err != nil {
			return err
		}
		for _, c := range []struct {
			now  time.Time
			want int
		}{{t0.Add(time.Hour - time.Microsecond), 0}, {t0.Add(time.Hour), 1}} {
			due, err := tx.DueRequests(ctx, c.now, 10)
			if err != nil {
				return err
			}
			same(t, "due at "+c.now.String(), len(due), c.want)
		}
		return nil
	})
}

func testPairings(t *testing.T, s *sqlstore.Store) {
	a, b := newPairing(1), newPairing(2)
	h := newPerson(1)
	a.PersonID = h.ID
	b.PersonID, b.PersonTag, b.NextCheck = h.ID, h.Tag, t0.Add(time.Hour)
	bare := pairing.Pairing{City: city, ID: newID(), CardTag: tag('c', 3), Last4: "0003", Channel: "web", Lang: "tr", At: t0}
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		return errors.Join(tx.InsertPerson(ctx, h), tx.InsertPairing(ctx, a), tx.InsertPairing(ctx, b), tx.InsertPairing(ctx, bare))
	})
	view(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		got, err := tx.LiveByCard(ctx, city, a.CardTag)
		if err != nil {
			return err
		}
		same(t, "pairing", got, a)
		got, err = tx.LiveByCard(ctx, city, bare.CardTag)
		got.SealedHES = nil
		same(t, "bare pairing", got, bare)
		if err != nil {
			return err
		}
		got, err = tx.PairingByID(ctx, city, b.ID)
		same(t, "pairing by id", got, b)
		if err != nil {
			return err
		}
		held, err := tx.LiveByPerson(ctx, city, a.PersonTag)
		same(t, "cards of a person", len(held), 2)
		if err != nil {
			return err
		}
		held, err = tx.LiveByPerson(ctx, city, person.Tag{})
		same(t, "cards of nobody", len(held), 0)
		if err != nil {
			return err
		}
		check, err := tx.PairingsToCheck(ctx, t0.Add(time.Hour), 10)
		same(t, "to check", check, []pairing.Pairing{b})
		return err
	})

	end := a
	end.EndedAt, end.EndReason = t0.Add(time.Minute), "moved"
	again := newPairing(1)
	again.PersonID = h.ID
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		if err := tx.UpdatePairing(ctx, end); err != nil {
			return err
		}
		return tx.InsertPairing(ctx, again) // the card is free again
	})
	view(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		got, err := tx.LiveByCard(ctx, city, a.CardTag)
		same(t, "the new pairing", got, again)
		if err != nil {
			return err
		}
		got, err = tx.PairingByID(ctx, city, a.ID)
		same(t, "the ended pairing", got, end)
		return err
	})

	only := newID()
	for _, c := range []struct {
		name string
		make func(*pairing.Pairing)
		want error
	}{
		{"card", func(p *pairing.Pairing) { p.CardTag = b.CardTag }, pairing.ErrCardTaken},
		{"id", func(p *pairing.Pairing) { p.ID = b.ID }, sqlstore.ErrDuplicate},
		{"person without a limit", func(p *pairing.Pairing) { p.PersonID, p.PersonTag = b.PersonID, b.PersonTag }, nil},
		{"first of a person with a limit", func(p *pairing.Pairing) { p.PersonID, p.PersonSlot = only, 1 }, nil},
		{"second of a person with a limit", func(p *pairing.Pairing) { p.PersonID, p.PersonSlot = only, 1 }, pairing.ErrPersonTaken},
		{"second slot", func(p *pairing.Pairing) { p.PersonID, p.PersonSlot = only, 2 }, nil},
		{"nobody with a limit", func(p *pairing.Pairing) { p.PersonTag, p.PersonSlot = person.Tag{}, 1 }, nil},
		{"again nobody with a limit", func(p *pairing.Pairing) { p.PersonTag, p.PersonSlot = person.Tag{}, 1 }, nil},
		{"first of a code", func(p *pairing.Pairing) { p.HESTag, p.CodeSlot = tag('h', 900), 1 }, nil},
		{"second of a code", func(p *pairing.Pairing) { p.HESTag, p.CodeSlot = tag('h', 900), 1 }, pairing.ErrCodeTaken},
		{"same card in another city", func(p *pairing.Pairing) { p.City, p.CardTag = "antalya", b.CardTag }, nil},
	} {
		p := newPairing(100 + len(c.name)*7)
		c.make(&p)
		err := s.Update(t.Context(), func(tx *sqlstore.Tx) error { return tx.InsertPairing(t.Context(), p) })
		is(t, c.name, err, c.want)
	}

	// What stood in the way is known inside the function, which may go on.
	var seen error
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		p := newPairing(5)
		p.CardTag = b.CardTag
		if seen = tx.InsertPairing(ctx, p); !errors.Is(seen, pairing.ErrCardTaken) {
			return seen
		}
		old, err := tx.LiveByCard(ctx, city, b.CardTag)
		if err != nil {
			return err
		}
		old.EndedAt, old.EndReason = t0, "displaced"
		return errors.Join(tx.UpdatePairing(ctx, old), tx.InsertPairing(ctx, p))
	})
	is(t, "seen inside", seen, pairing.ErrCardTaken)

	err := s.Update(t.Context(), func(tx *sqlstore.Tx) error { return tx.UpdatePairing(t.Context(), newPairing(1)) })
	is(t, "update of an unknown pairing", err, pairing.ErrNoRow)
}

func testPersons(t *testing.T, s *sqlstore.Store) {
	p, twin := newPerson(1), newPerson(1)
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error { return tx.InsertPerson(ctx, p) })
	is(t, "a second record of one person", s.Update(t.Context(), func(tx *sqlstore.Tx) error {
		return tx.InsertPerson(t.Context(), twin)
	}), sqlstore.ErrDuplicate)
	view(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		got, err := tx.Person(ctx, city, p.ID)
		same(t, "person", got, p)
		if err != nil {
			return err
		}
		got, err = tx.PersonByTag(ctx, city, p.Tag)
		same(t, "person by tag", got, p)
		_, e := tx.PersonByTag(ctx, city, person.Tag{})
		is(t, "nobody", e, pairing.ErrNoRow)
		_, e = tx.Person(ctx, "bursa", p.ID)
		is(t, "another city's", e, pairing.ErrNoRow)
		return err
	})
	p.Tag, p.Sealed, p.Key, p.UpdatedAt = person.Tag{}, []byte{}, "", t0.Add(time.Hour)
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		return errors.Join(tx.UpdatePerson(ctx, p), tx.InsertPerson(ctx, twin))
	})
	view(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		got, err := tx.Person(ctx, city, p.ID)
		same(t, "erased person", got, p)
		if err != nil {
			return err
		}
		got, err = tx.PersonByTag(ctx, city, twin.Tag)
		same(t, "the same person, come again", got, twin)
		return err
	})
}

func testCards(t *testing.T, s *sqlstore.Store) {
	c := pairing.Card{City: city, Tag: tag('c', 1), Scheme: 2, Index: 34_260_086, Last4: "0087", Class: card.Paired65,
		StopUntil: card.NoEnd, ChangedAt: t0}
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error { return tx.PutCard(ctx, c) })
	c.Class, c.StopUntil, c.ChangedAt = card.Dead, 0, t0.Add(time.Second)
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error { return tx.PutCard(ctx, c) })
	iso := card.Reason{Kind: card.Isolation, Since: t0, UntilDay: 18641, Provenance: "feed:77"}
	lost := card.Reason{Kind: card.Lost, Since: t0, Provenance: "staff:a+b"}
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		return errors.Join(tx.PutReason(ctx, city, c.Tag, iso), tx.PutReason(ctx, city, c.Tag, lost))
	})
	iso.UntilDay = 18650
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		return errors.Join(tx.PutReason(ctx, city, c.Tag, iso), tx.DropReason(ctx, city, c.Tag, card.Lost), tx.DropReason(ctx, city, c.Tag, card.Lapsed))
	})
	view(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		got, err := tx.Card(ctx, city, c.Tag)
		same(t, "card", got, c)
		if err != nil {
			return err
		}
		_, e := tx.Card(ctx, city, tag('c', 2))
		is(t, "a card that is nobody's", e, pairing.ErrNoRow)
		rs, err := tx.Reasons(ctx, city, c.Tag)
		same(t, "reasons", rs, []card.Reason{iso})
		return err
	})
	nameless := iso
	nameless.Provenance = ""
	if err := s.Update(t.Context(), func(tx *sqlstore.Tx) error { return tx.PutReason(t.Context(), city, c.Tag, nameless) }); err == nil {
		t.Errorf("a reason from nowhere: got it stored, want it refused")
	}
	for want := range int64(3) {
		var got int64
		update(t, s, func(ctx context.Context, tx *sqlstore.Tx) (err error) {
			got, err = tx.NextIndex(ctx, city)
			return err
		})
		same(t, "next index", got, want)
	}
}

func testPaging(t *testing.T, s *sqlstore.Store) {
	const n = 57
	for i := range n {
		c := pairing.Card{City: city, Tag: tag('c', i), Index: int64(i), ChangedAt: t0.Add(time.Duration(i/10) * time.Second)}
		update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error { return tx.PutCard(ctx, c) })
	}
	since := t0.Add(2 * time.Second) // 20 are older
	seen := map[int64]bool{}
	after := person.Tag{}
	for pages := 0; ; pages++ {
		if pages > n {
			t.Fatalf("paging: no end after %d pages", pages)
		}
		var page []pairing.Card
		view(t, s, func(ctx context.Context, tx *sqlstore.Tx) (err error) {
			page, err = tx.CardsChanged(ctx, city, since, after, 7)
			return err
		})
		for _, c := range page {
			if seen[c.Index] {
				t.Errorf("card %d: seen twice", c.Index)
			}
			seen[c.Index] = true
			since, after = c.ChangedAt, c.Tag
		}
		if len(page) < 7 {
			break
		}
	}
	same(t, "cards seen", len(seen), n-20)
	for i := range int64(20) {
		if seen[i] {
			t.Errorf("card %d: seen, want only those changed since", i)
		}
	}
}
