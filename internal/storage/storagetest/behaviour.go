package storagetest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"turnike/internal/audit"
	"turnike/internal/card"
	"turnike/internal/fault"
	"turnike/internal/pairing"
	"turnike/internal/person"
	"turnike/internal/storage/sqlstore"
)

var errWanted = errors.New("storagetest: a function fails on purpose")

func testOnce(t *testing.T, s *sqlstore.Store) {
	k := pairing.Once{City: city, Key: newID(), Body: tag('b', 1), Ref: newID(), At: t0}
	remember := func(k pairing.Once) (known *pairing.Once) {
		update(t, s, func(ctx context.Context, tx *sqlstore.Tx) (err error) {
			known, err = tx.RememberOnce(ctx, k)
			return err
		})
		return known
	}
	same(t, "a new key", remember(k), nil)
	other := k
	other.Body, other.Ref, other.At = tag('b', 2), newID(), t0.Add(time.Second)
	same(t, "a known key", remember(other), &k)
	other.City = "antalya"
	same(t, "the same key in another city", remember(other), nil)

	var twice *pairing.Once
	k.Key = newID()
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		if known, err := tx.RememberOnce(ctx, k); known != nil || err != nil {
			return fmt.Errorf("first: got %v, %v, want neither", known, err)
		}
		var err error
		twice, err = tx.RememberOnce(ctx, k)
		return err
	})
	same(t, "twice in one transaction", twice, &k)

	// A function that fails where its key is new must not fail where it is
	// known: a form sent again within the minute was told that it had asked for
	// too many codes.
	var again *pairing.Once
	err := s.Update(t.Context(), func(tx *sqlstore.Tx) (err error) {
		if again, err = tx.RememberOnce(t.Context(), k); err != nil || again != nil {
			return err
		}
		return errWanted
	})
	same(t, "a known key where a new one would fail", again, &k)
	if err != nil {
		t.Errorf("a known key where a new one would fail: got %v, want no error", err)
	}
}

func testGuards(t *testing.T, s *sqlstore.Store) {
	g := pairing.Guard{City: city, Kind: pairing.GuardPhone, Tag: tag('p', 1)}
	view(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		got, err := tx.Guard(ctx, city, g.Kind, g.Tag)
		same(t, "a guard that is not there", got, g)
		return err
	})
	g.Sent, g.Count, g.Good, g.Fails, g.Since = []time.Time{t0, t0.Add(time.Minute)}, 5, 3, 100, t0
	money := pairing.Guard{City: city, Kind: pairing.GuardCity, Count: 7, Since: t0}
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		return errors.Join(tx.PutGuard(ctx, g), tx.PutGuard(ctx, money))
	})
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		got, err := tx.Guard(ctx, city, g.Kind, g.Tag)
		same(t, "guard", got, g)
		if err != nil {
			return err
		}
		g.Count++
		if err := tx.PutGuard(ctx, g); err != nil {
			return err
		}
		got, err = tx.Guard(ctx, city, g.Kind, g.Tag)
		same(t, "guard in the transaction that wrote it", got, g)
		return err
	})
	view(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		got, err := tx.Guard(ctx, city, g.Kind, g.Tag)
		same(t, "guard afterwards", got, g)
		if err != nil {
			return err
		}
		got, err = tx.Guard(ctx, city, pairing.GuardCity, person.Tag{})
		same(t, "guard without a tag", got, money)
		return err
	})
}

func testAudit(t *testing.T, s *sqlstore.Store) {
	deed, look := entry(1), entry(1)
	look.Action, look.Purpose, look.Actor = "person.read", "called about a lost card", audit.Actor{Kind: "staff", Ref: "desk-4", Channel: "desk"}
	later := look
	later.ID = newID()
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		return errors.Join(tx.Audit(ctx, deed), tx.Audit(ctx, look), tx.Audit(ctx, later))
	})
	view(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		got, err := tx.AuditReads(ctx, city, look.Subject, 10)
		same(t, "who looked, newest first", got, []audit.Entry{later, look})
		if err != nil {
			return err
		}
		got, err = tx.AuditPage(ctx, city, deed.ID, 1)
		same(t, "the next entry", got, []audit.Entry{look})
		if err != nil {
			return err
		}
		got, err = tx.AuditPage(ctx, city, "", 10)
		same(t, "all entries", got, []audit.Entry{deed, look, later})
		return err
	})
	nobody := entry(2)
	nobody.Actor = audit.Actor{}
	is(t, "a deed of nobody", s.Update(t.Context(), func(tx *sqlstore.Tx) error {
		return errors.Join(tx.InsertPairing(t.Context(), newPairing(2)), tx.Audit(t.Context(), nobody))
	}), audit.ErrNoActor)
	view(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		_, err := tx.LiveByCard(ctx, city, tag('c', 2))
		is(t, "what nobody did", err, pairing.ErrNoRow)
		return nil
	})
}

func testAtomic(t *testing.T, s *sqlstore.Store) {
	p, r := newPairing(1), request(1)
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error { return tx.InsertRequest(ctx, r) })
	err := s.Update(t.Context(), func(tx *sqlstore.Tx) error {
		ctx := t.Context()
		r := r
		r.State = pairing.Done
		_, err := tx.UpdateRequest(ctx, r)
		return errors.Join(err, tx.InsertPairing(ctx, p), tx.Audit(ctx, entry(1)), tx.Enqueue(ctx, message(1)), errWanted)
	})
	is(t, "the function's own error", err, errWanted)
	view(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		_, err := tx.LiveByCard(ctx, city, p.CardTag)
		is(t, "pairing", err, pairing.ErrNoRow)
		got, err := tx.Request(ctx, city, r.ID)
		same(t, "request", got, r)
		if err != nil {
			return err
		}
		depth, err := tx.OutboxDepth(ctx)
		same(t, "messages", len(depth), 0)
		return err
	})
}

// together runs n updates at once and gives their errors. The first holds the
// writer until the others wait, so that they share a transaction.
func together(t *testing.T, s *sqlstore.Store, n int, fn func(i int, tx *sqlstore.Tx) error) []error {
	t.Helper()
	errs := make([]error, n)
	hold := make(chan struct{})
	var wg sync.WaitGroup
	writers := 1
	if s.Dialect() == sqlstore.Postgres {
		writers = 8 // more than there are
	}
	var held sync.WaitGroup
	for range writers {
		held.Go(func() {
			_ = s.Update(t.Context(), func(*sqlstore.Tx) error { <-hold; return errWanted })
		})
	}
	for i := range n {
		wg.Go(func() { errs[i] = s.Update(t.Context(), func(tx *sqlstore.Tx) error { return fn(i, tx) }) })
	}
	// All of them wait once the queue has stopped growing.
	for last, still := 0, 0; still < 10; time.Sleep(2 * time.Millisecond) {
		now, _ := s.Waiting()
		if still++; now != last {
			last, still = now, 0
		}
	}
	close(hold)
	wg.Wait()
	held.Wait()
	return errs
}

func testIsolation(t *testing.T, s *sqlstore.Store) {
	const n = 60
	requests := make([]pairing.Request, n)
	for i := range requests {
		requests[i] = request(i)
		if i%3 == 2 {
			update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error { return tx.InsertRequest(ctx, requests[i]) })
		}
	}
	// A third insert and stand, a third insert and fail, a third fail after a
	// statement that went straight to the database; one breaks a constraint.
	errs := together(t, s, n, func(i int, tx *sqlstore.Tx) error {
		ctx := t.Context()
		switch {
		case i == 7:
			if err := tx.PutReason(ctx, city, tag('c', i), card.Reason{Kind: card.Lost, Since: t0}); err == nil {
				return errors.New("a reason from nowhere was stored")
			}
			return tx.InsertPairing(ctx, newPairing(i)) // hides the error, and must not stand
		case i%3 == 0:
			return errors.Join(tx.InsertPairing(ctx, newPairing(i)), tx.Audit(ctx, entry(i)))
		case i%3 == 1:
			return errors.Join(tx.InsertPairing(ctx, newPairing(i)), errWanted)
		default:
			r := requests[i]
			r.State = pairing.Dead
			_, err := tx.UpdateRequest(ctx, r)
			return errors.Join(err, errWanted)
		}
	})
	for i, err := range errs {
		switch {
		case i == 7:
			if err == nil {
				t.Errorf("function %d, which hid a failed statement: got no error, want one", i)
			}
		case i%3 == 0:
			is(t, fmt.Sprint("function ", i), err, nil)
		default:
			is(t, fmt.Sprint("function ", i), err, errWanted)
		}
	}
	view(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		for i := range n {
			_, err := tx.LiveByCard(ctx, city, tag('c', i))
			var want error
			if i%3 != 0 {
				want = pairing.ErrNoRow
			}
			is(t, fmt.Sprint("pairing ", i), err, want)
			if i%3 == 2 {
				r, err := tx.Request(ctx, city, requests[i].ID)
				if err != nil {
					return err
				}
				same(t, fmt.Sprint("request ", i), r.State, pairing.Waiting)
			}
		}
		return nil
	})
}

func testPanic(t *testing.T, s *sqlstore.Store) {
	errs := together(t, s, 10, func(i int, tx *sqlstore.Tx) error {
		if err := tx.InsertPairing(t.Context(), newPairing(i)); err != nil {
			return err
		}
		if i == 4 {
			panic("on purpose")
		}
		return nil
	})
	for i, err := range errs {
		if (err != nil) != (i == 4) {
			t.Errorf("function %d: got %v, want an error only from the fifth", i, err)
		}
	}
	view(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		_, err := tx.LiveByCard(ctx, city, tag('c', 4))
		is(t, "what panicked", err, pairing.ErrNoRow)
		_, err = tx.LiveByCard(ctx, city, tag('c', 5))
		return err
	})
}

// testGoexit ends the goroutine a function runs on, as t.Fatal within one does:
// the store goes on, and nobody waits for ever.
func testGoexit(t *testing.T, s *sqlstore.Store) {
	for i := range 6 { // more than there are writers
		err := s.Update(t.Context(), func(tx *sqlstore.Tx) error {
			if err := tx.InsertPairing(t.Context(), newPairing(1)); err != nil {
				return err
			}
			runtime.Goexit()
			return nil
		})
		if err == nil {
			t.Errorf("function %d that never returned: got no error, want one", i)
		}
	}
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error { return tx.InsertPairing(ctx, newPairing(1)) })
	is(t, "close", s.Close(), nil)
}

// testOwnWrites reads in the transaction that wrote, by every way there is.
func testOwnWrites(t *testing.T, s *sqlstore.Store) {
	r, p, h := request(1), newPairing(1), newPerson(1)
	p.PersonID, p.PersonSlot = h.ID, 1
	c := pairing.Card{City: city, Tag: p.CardTag, Index: 9, ChangedAt: t0}
	m := message(1)
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		for _, err := range []error{tx.InsertRequest(ctx, r), tx.InsertPairing(ctx, p), tx.InsertPerson(ctx, h), tx.PutCard(ctx, c), tx.Enqueue(ctx, m), tx.Audit(ctx, entry(1))} {
			if err != nil {
				return err
			}
		}
		r2, err := tx.Request(ctx, city, r.ID)
		same(t, "request", r2, r)
		if err != nil {
			return err
		}
		r2.State, r2.ProvenAt, r2.DueAt = pairing.Proven, t0, t0
		ok, err := tx.UpdateRequest(ctx, r2)
		same(t, "update of it", ok, true)
		if err != nil {
			return err
		}
		due, err := tx.DueRequests(ctx, t0, 5)
		same(t, "due", len(due), 1)
		if err != nil {
			return err
		}
		p2, err := tx.LiveByCard(ctx, city, p.CardTag)
		same(t, "pairing by card", p2, p)
		if err != nil {
			return err
		}
		held, err := tx.LiveByPerson(ctx, city, p.PersonTag)
		same(t, "pairings by person", held, []pairing.Pairing{p})
		if err != nil {
			return err
		}
		h2, err := tx.PersonByTag(ctx, city, h.Tag)
		same(t, "person", h2, h)
		if err != nil {
			return err
		}
		c2, err := tx.Card(ctx, city, c.Tag)
		same(t, "card", c2, c)
		if err != nil {
			return err
		}
		c.Class, c.ChangedAt = 1, t0.Add(time.Second)
		if err := tx.PutCard(ctx, c); err != nil {
			return err
		}
		changed, err := tx.CardsChanged(ctx, city, t0, person.Tag{}, 5)
		same(t, "changed cards", changed, []pairing.Card{c})
		if err != nil {
			return err
		}
		depth, err := tx.OutboxDepth(ctx)
		same(t, "messages", len(depth), 1)
		return err
	})
}

func testView(t *testing.T, s *sqlstore.Store) {
	c := pairing.Card{City: city, Tag: tag('c', 1), ChangedAt: t0}
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error { return tx.PutCard(ctx, c) })
	view(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		before, err := tx.Card(ctx, city, c.Tag)
		if err != nil {
			return err
		}
		c.Index = 77
		update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error { return tx.PutCard(ctx, c) })
		after, err := tx.Card(ctx, city, c.Tag)
		same(t, "the same card in the same view", after, before)
		return err
	})
	for name, write := range map[string]func(context.Context, *sqlstore.Tx) error{
		"insert": func(ctx context.Context, tx *sqlstore.Tx) error { return tx.InsertPairing(ctx, newPairing(9)) },
		"update": func(ctx context.Context, tx *sqlstore.Tx) error { return tx.UpdatePairing(ctx, newPairing(9)) },
		"count":  func(ctx context.Context, tx *sqlstore.Tx) error { _, err := tx.NextIndex(ctx, city); return err },
	} {
		if err := s.View(t.Context(), func(tx *sqlstore.Tx) error { return write(t.Context(), tx) }); err == nil {
			t.Errorf("%s in a view: got no error, want one", name)
		}
	}
	is(t, "the function's error", s.View(t.Context(), func(*sqlstore.Tx) error { return errWanted }), errWanted)
}

func testContext(t *testing.T, s *sqlstore.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	is(t, "ended before", s.Update(ctx, func(*sqlstore.Tx) error { return nil }), context.Canceled)

	ran := atomic.Bool{}
	hold, started := make(chan struct{}), make(chan struct{}, 8)
	var held sync.WaitGroup
	for range 8 {
		held.Go(func() {
			_ = s.Update(t.Context(), func(*sqlstore.Tx) error { started <- struct{}{}; <-hold; return errWanted })
		})
	}
	<-started
	time.Sleep(20 * time.Millisecond) // the others hold the other writers, or wait
	ctx, cancel = context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err := s.Update(ctx, func(*sqlstore.Tx) error { ran.Store(true); return nil })
	close(hold)
	held.Wait()
	is(t, "ended while waiting", err, context.DeadlineExceeded)
	update(t, s, func(context.Context, *sqlstore.Tx) error { return nil })
	same(t, "the dropped function ran", ran.Load(), false)
}

func testQueueFull(t *testing.T, s *sqlstore.Store) {
	hold := make(chan struct{})
	_, room := s.Waiting()
	var wg sync.WaitGroup
	var busy, done atomic.Int64
	for range room + room/2 + 1100 {
		wg.Go(func() {
			err := s.Update(t.Context(), func(*sqlstore.Tx) error { <-hold; return nil })
			switch {
			case err == nil:
				done.Add(1)
			case errors.Is(err, sqlstore.ErrBusy):
				busy.Add(1)
			default:
				t.Errorf("update: got %v, want it done or ErrBusy", err)
			}
		})
	}
	for wait := time.Now(); busy.Load() == 0 && time.Since(wait) < 10*time.Second; time.Sleep(time.Millisecond) {
	}
	close(hold)
	wg.Wait()
	if busy.Load() == 0 || done.Load() < int64(room) {
		t.Errorf("queue of %d: got %d turned away and %d done, want some and at least the queue", room, busy.Load(), done.Load())
	}
	if f := fault.Of(sqlstore.ErrBusy); f[0].Kind != fault.Unavailable || f[0].RetryAfter == 0 {
		t.Errorf("ErrBusy: got %+v, want Unavailable with a time to come back", f[0])
	}
	is(t, "ready", s.Ready(t.Context()), nil)
}

func testClose(t *testing.T, s *sqlstore.Store) {
	var wg sync.WaitGroup
	var done, closed atomic.Int64
	for i := range 200 {
		wg.Go(func() {
			switch err := s.Update(t.Context(), func(tx *sqlstore.Tx) error { return tx.InsertPairing(t.Context(), newPairing(i)) }); {
			case err == nil:
				done.Add(1)
			case errors.Is(err, sqlstore.ErrClosed):
				closed.Add(1)
			default:
				t.Errorf("update around close: got %v, want it done or ErrClosed", err)
			}
		})
	}
	is(t, "close", s.Close(), nil)
	wg.Wait()
	same(t, "answered", done.Load()+closed.Load(), 200)
	is(t, "update after close", s.Update(t.Context(), func(*sqlstore.Tx) error { return nil }), sqlstore.ErrClosed)
	is(t, "view after close", s.View(t.Context(), func(*sqlstore.Tx) error { return nil }), sqlstore.ErrClosed)
	is(t, "ready after close", s.Ready(t.Context()), sqlstore.ErrClosed)
	is(t, "close again", s.Close(), nil)
}

func testCities(t *testing.T, s *sqlstore.Store) {
	r := sqlstore.Revision{City: city, Number: 1, From: t0, TOML: "name = \"İzmir\"\n", Author: "operator-1", At: t0}
	publish := func(r sqlstore.Revision) (ok bool) {
		update(t, s, func(ctx context.Context, tx *sqlstore.Tx) (err error) {
			ok, err = tx.InsertRevision(ctx, r)
			return err
		})
		return ok
	}
	same(t, "first revision", publish(r), true)
	same(t, "the same number again", publish(r), false)
	second := r
	second.Number, second.From = 2, t0.Add(24*time.Hour)
	same(t, "second revision", publish(second), true)
	d := sqlstore.Device{City: city, ID: newID(), Kind: "gate", Name: "Konak 3", PublicKey: []byte{1, 2, 3}, CreatedAt: t0}
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		return errors.Join(tx.PutSetting(ctx, city, "list.sequence", []byte("41"), t0), tx.InsertDevice(ctx, d))
	})
	d.SeenAt, d.RevokedAt = t0.Add(time.Minute), t0.Add(time.Hour)
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		return errors.Join(tx.PutSetting(ctx, city, "list.sequence", []byte("42"), t0), tx.UpdateDevice(ctx, d))
	})
	view(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		rs, err := tx.Revisions(ctx, city)
		same(t, "revisions", rs, []sqlstore.Revision{r, second})
		if err != nil {
			return err
		}
		v, err := tx.Setting(ctx, city, "list.sequence")
		same(t, "setting", string(v), "42")
		if err != nil {
			return err
		}
		_, e := tx.Setting(ctx, city, "no such")
		is(t, "unknown setting", e, pairing.ErrNoRow)
		got, err := tx.Device(ctx, city, d.ID)
		same(t, "device", got, d)
		return err
	})
}
