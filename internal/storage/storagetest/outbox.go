package storagetest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"turnike/internal/notify"
	"turnike/internal/outbox"
	"turnike/internal/pairing"
	"turnike/internal/storage/sqlstore"
)

// claim takes messages of a class with a lease of a minute.
func claim(t *testing.T, s *sqlstore.Store, class notify.Class, now time.Time, limit int) (qs []notify.Queued) {
	t.Helper()
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) (err error) {
		qs, err = tx.Claim(ctx, class, now, now.Add(time.Minute), limit)
		return err
	})
	return qs
}

func finish(t *testing.T, s *sqlstore.Store, q notify.Queued, end outbox.End, now time.Time) (ok bool) {
	t.Helper()
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) (err error) {
		ok, err = tx.Finish(ctx, q, end, "ref-1", "", now)
		return err
	})
	return ok
}

func testOutbox(t *testing.T, s *sqlstore.Store) {
	code, info := message(1), message(0)
	info.Class = notify.Info
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		return errors.Join(tx.Enqueue(ctx, code), tx.Enqueue(ctx, info))
	})
	same(t, "before it is due", len(claim(t, s, notify.CodeClass, t0, 10)), 0)
	now := t0.Add(time.Second)
	got := claim(t, s, notify.CodeClass, now, 10)
	if len(got) != 1 {
		t.Fatalf("claimed codes: got %d, want 1", len(got))
	}
	want := code
	want.Attempts, want.DueAt = 1, now.Add(time.Minute)
	same(t, "claimed", got[0], want)
	same(t, "finish", finish(t, s, got[0], outbox.Sent, now), true)
	same(t, "finish again", finish(t, s, got[0], outbox.Failed, now), false)
	view(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		m, err := tx.Message(ctx, city, code.ID)
		same(t, "what it said, afterwards", len(m.Sealed), 0)
		same(t, "end", m.End, outbox.Sent)
		same(t, "waiting", m.Waiting, false)
		same(t, "reference", m.Reference, "ref-1")
		same(t, "done", m.DoneAt, now)
		if err != nil {
			return err
		}
		_, e := tx.Message(ctx, city, newID())
		is(t, "unknown message", e, pairing.ErrNoRow)
		depth, err := tx.OutboxDepth(ctx)
		same(t, "left", depth, []sqlstore.Depth{{Class: notify.Info, Waiting: 1, Oldest: t0}})
		return err
	})
}

func testLeases(t *testing.T, s *sqlstore.Store) {
	m := message(0)
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error { return tx.Enqueue(ctx, m) })
	slow := claim(t, s, notify.CodeClass, t0, 10)
	same(t, "while it is leased", len(claim(t, s, notify.CodeClass, t0.Add(59*time.Second), 10)), 0)
	later := t0.Add(time.Minute)
	fast := claim(t, s, notify.CodeClass, later, 10)
	if len(slow) != 1 || len(fast) != 1 {
		t.Fatalf("claims: got %d and %d, want 1 and 1", len(slow), len(fast))
	}
	same(t, "second claim's number", fast[0].Attempts, 2)
	same(t, "the slow worker's end", finish(t, s, slow[0], outbox.Failed, later), false)
	var ok bool
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) (err error) {
		ok, err = tx.Retry(ctx, fast[0], "gateway away", later.Add(10*time.Second))
		return err
	})
	same(t, "given back", ok, true)
	same(t, "before its new time", len(claim(t, s, notify.CodeClass, later.Add(9*time.Second), 10)), 0)
	third := claim(t, s, notify.CodeClass, later.Add(10*time.Second), 10)
	if len(third) != 1 || third[0].Attempts != 3 || string(third[0].Sealed) != string(m.Sealed) {
		t.Errorf("third claim: got %+v, want attempt 3 with what it says", third)
	}
}

func testWorkers(t *testing.T, s *sqlstore.Store) {
	const n, workers = 600, 6
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		for i := range n {
			m := message(i)
			m.DueAt = t0
			if err := tx.Enqueue(ctx, m); err != nil {
				return err
			}
		}
		return nil
	})
	var mu sync.Mutex
	seen := map[string]int{}
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for {
				var got []notify.Queued
				err := s.Update(t.Context(), func(tx *sqlstore.Tx) (err error) {
					got, err = tx.Claim(t.Context(), notify.CodeClass, t0, t0.Add(time.Hour), 17)
					return err
				})
				if err != nil {
					t.Errorf("claim: got %v, want no error", err)
					return
				}
				mu.Lock()
				for _, q := range got {
					seen[q.ID]++
				}
				left := n - len(seen)
				mu.Unlock()
				// None free is not yet none left: another worker may hold them.
				if left == 0 {
					return
				}
			}
		})
	}
	wg.Wait()
	for id, k := range seen {
		if k != 1 {
			t.Errorf("message %s: claimed %d times, want once", id, k)
		}
	}
	same(t, "messages claimed", len(seen), n)
}

func testSweep(t *testing.T, s *sqlstore.Store) {
	old, proven, young := request(1), request(2), request(3)
	proven.State, proven.DueAt = pairing.Proven, t0
	young.CreatedAt = t0.Add(time.Hour)
	m := message(0)
	k := pairing.Once{City: city, Key: newID(), At: t0}
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		_, err := tx.RememberOnce(ctx, k)
		return errors.Join(err, tx.InsertRequest(ctx, old), tx.InsertRequest(ctx, proven), tx.InsertRequest(ctx, young), tx.Enqueue(ctx, m))
	})
	for _, q := range claim(t, s, notify.CodeClass, t0, 1) {
		finish(t, s, q, outbox.Expired, t0)
	}
	cut := t0.Add(time.Minute)
	for want := 1; want >= 0; want-- {
		var requests, messages, keys int
		update(t, s, func(ctx context.Context, tx *sqlstore.Tx) (err error) {
			var errs [3]error
			requests, errs[0] = tx.SweepRequests(ctx, cut, 10)
			messages, errs[1] = tx.SweepOutbox(ctx, cut, 10)
			keys, errs[2] = tx.SweepOnce(ctx, cut, 10)
			return errors.Join(errs[:]...)
		})
		same(t, "requests, messages and keys swept", [3]int{requests, messages, keys}, [3]int{want, want, want})
	}
	view(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		_, err := tx.Request(ctx, city, proven.ID)
		is(t, "a proven request", err, nil)
		_, err = tx.Request(ctx, city, young.ID)
		is(t, "a young request", err, nil)
		_, err = tx.Request(ctx, city, old.ID)
		is(t, "an old request", err, pairing.ErrNoRow)
		return nil
	})
}
