package storagetest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"turnike/internal/access"
	"turnike/internal/hook"
	"turnike/internal/person"
	"turnike/internal/storage/sqlstore"
)

// RunHook runs the suite of keys, feeds and webhooks.
func RunHook(t *testing.T, open Open) {
	for _, s := range []struct {
		name string
		test func(*testing.T, *sqlstore.Store)
	}{
		{"keys", testAPIKeys},
		{"feeds", testFeeds},
		{"endpoints", testEndpoints},
		{"order of a subject", testDeliveryOrder},
		{"deliveries, many workers", testDeliveryWorkers},
		{"replay and sweep", testReplay},
	} {
		t.Run(s.name, func(t *testing.T) { s.test(t, open(t)) })
	}
}

func testAPIKeys(t *testing.T, s *sqlstore.Store) {
	hash := []byte("0123456789abcdef0123456789abcdef")
	k := hook.Key{City: city, ID: newID(), Name: "Mobil uygulama", Scopes: []access.Action{access.Queue, access.Figures},
		Centres: []string{"konak", "bornova"}, Rate: 300, MadeBy: "someone", MadeAt: t0}
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error { return tx.InsertAPIKey(ctx, k, hash) })
	view(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		got, err := tx.APIKey(ctx, city, hash)
		same(t, "key", got, k)
		_, e := tx.APIKey(ctx, "elsewhere", hash)
		is(t, "another tenant's", e, hook.ErrNoRow)
		list, e := tx.APIKeys(ctx, city)
		same(t, "list", list, []hook.Key{k})
		return orErr(err, e)
	})
	var first, again, foreign bool
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) (err error) {
		if err = tx.TouchAPIKey(ctx, city, hash, t0.Add(time.Hour)); err != nil {
			return err
		}
		if foreign, err = tx.RevokeAPIKey(ctx, "elsewhere", k.ID, t0); err != nil {
			return err
		}
		if first, err = tx.RevokeAPIKey(ctx, city, k.ID, t0.Add(2*time.Hour)); err != nil {
			return err
		}
		again, err = tx.RevokeAPIKey(ctx, city, k.ID, t0.Add(3*time.Hour))
		return err
	})
	same(t, "revoked by another tenant", foreign, false)
	same(t, "revoked", first, true)
	same(t, "revoked again", again, false)
	view(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		got, err := tx.APIKey(ctx, city, hash)
		same(t, "used", got.UsedAt, t0.Add(time.Hour))
		same(t, "when it ended", got.Revoked, t0.Add(2*time.Hour))
		return err
	})
}

func testFeeds(t *testing.T, s *sqlstore.Store) {
	hash := []byte("fedcba9876543210fedcba9876543210")
	f := hook.Feed{City: city, ID: newID(), Account: "ayse", Centre: "konak", Lang: "tr", MadeAt: t0}
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error { return tx.InsertFeed(ctx, f, hash) })
	var foreign, own bool
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) (err error) {
		got, err := tx.Feed(ctx, city, hash)
		same(t, "feed", got, f)
		if err != nil {
			return err
		}
		list, err := tx.Feeds(ctx, city, "ayse")
		same(t, "hers", list, []hook.Feed{f})
		if err != nil {
			return err
		}
		if list, err = tx.Feeds(ctx, city, "veli"); err != nil {
			return err
		}
		same(t, "his", list, nil)
		if err := tx.TouchFeed(ctx, city, hash, t0.Add(time.Minute)); err != nil {
			return err
		}
		if foreign, err = tx.RevokeFeed(ctx, city, f.ID, "veli", t0); err != nil {
			return err
		}
		own, err = tx.RevokeFeed(ctx, city, f.ID, "ayse", t0.Add(time.Hour))
		return err
	})
	same(t, "ended by another account", foreign, false)
	same(t, "ended by its own", own, true)
	view(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		got, err := tx.Feed(ctx, city, hash)
		same(t, "used", got.UsedAt, t0.Add(time.Minute))
		same(t, "ended", got.Revoked, t0.Add(time.Hour))
		return err
	})
}

func endpoint(n int) hook.Endpoint {
	return hook.Endpoint{City: city, ID: newID(), Name: fmt.Sprint("endpoint ", n), URL: "https://example.com/hook",
		State: hook.Live, Key: person.KeyRef(fmt.Sprint("key-", n)), Sealed: []byte{1, 0, byte(n)}, MadeBy: "someone", MadeAt: t0}
}

func testEndpoints(t *testing.T, s *sqlstore.Store) {
	a, b, c := endpoint(1), endpoint(2), endpoint(3)
	a.Kinds = []string{"visit.booked", "day.full"}
	a.State, a.Failing, a.Good = hook.Paused, t0.Add(time.Hour), t0
	c.State = hook.Removed
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		for _, e := range []hook.Endpoint{a, b, c} {
			if err := tx.PutHookEndpoint(ctx, e); err != nil {
				return err
			}
		}
		return nil
	})
	view(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		all, err := tx.HookEndpoints(ctx, city)
		same(t, "live ones first, removed ones not at all", all, []hook.Endpoint{b, a})
		_, e := tx.HookEndpoint(ctx, "elsewhere", a.ID)
		is(t, "another tenant's", e, hook.ErrNoRow)
		_, e = tx.HookEndpoint(ctx, city, "nonsense")
		is(t, "no id at all", e, hook.ErrNoRow)
		return err
	})
	b.State, b.Sealed = hook.Failing, []byte("other secrets")
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error { return tx.PutHookEndpoint(ctx, b) })
	view(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		got, err := tx.HookEndpoint(ctx, city, b.ID)
		same(t, "changed", got, b)
		return err
	})
}

// happen writes an event of a subject and a delivery of it.
func happen(ctx context.Context, tx *sqlstore.Tx, endpoint, subject string, at time.Time) (hook.Event, error) {
	n, err := tx.LastHookEvent(ctx, city, subject)
	if err != nil {
		return hook.Event{}, err
	}
	e := hook.Event{City: city, ID: newID(), Kind: "visit.booked", Subject: subject, N: n + 1, Body: `{"n":1}`, At: at}
	if err := tx.InsertHookEvent(ctx, e); err != nil {
		return e, err
	}
	return e, tx.PutDelivery(ctx, hook.Delivery{City: city, Endpoint: endpoint, Event: e.ID, Subject: subject, N: e.N, Due: at, Made: at})
}

func claimHooks(t *testing.T, s *sqlstore.Store, now time.Time, limit int) (ds []hook.Delivery) {
	t.Helper()
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) (err error) {
		ds, err = tx.ClaimDeliveries(ctx, now, now.Add(time.Minute), limit)
		return err
	})
	return ds
}

func testDeliveryOrder(t *testing.T, s *sqlstore.Store) {
	e := endpoint(1)
	var made []hook.Event
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		made = nil
		for i := range 3 {
			v, err := happen(ctx, tx, e.ID, "visit a", t0.Add(time.Duration(i)*time.Second))
			if err != nil {
				return err
			}
			made = append(made, v)
		}
		_, err := happen(ctx, tx, e.ID, "visit b", t0.Add(time.Minute))
		return err
	})
	same(t, "count of the third", made[2].N, 3)
	now := t0.Add(time.Hour)
	got := claimHooks(t, s, now, 10)
	if len(got) != 2 {
		t.Fatalf("claimed: got %d, want the first of each of two visits: %+v", len(got), got)
	}
	first := got[0]
	if first.Event != made[0].ID {
		first = got[1]
	}
	same(t, "first of its visit", first.Event, made[0].ID)
	same(t, "while it is on its way", len(claimHooks(t, s, now, 10)), 0)
	// It fails: what came after waits on.
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		first.Due, first.Error, first.Status = now.Add(time.Hour), "answered 500", 500
		_, err := tx.RetryDelivery(ctx, first)
		return err
	})
	later := now.Add(30 * time.Minute)
	for _, d := range claimHooks(t, s, later, 10) {
		if d.Subject == "visit a" {
			t.Errorf("claimed %d of the visit while its first is to be tried again", d.N)
		}
	}
	retry := claimHooks(t, s, now.Add(2*time.Hour), 10)
	var mine hook.Delivery
	for _, d := range retry {
		if d.Subject == "visit a" {
			mine = d
		}
	}
	same(t, "tried again", mine.Event, made[0].ID)
	same(t, "attempt", mine.Attempts, 2)
	var late, ok bool
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) (err error) {
		first.State, first.Done = hook.Delivered, now
		if late, err = tx.EndDelivery(ctx, first); err != nil {
			return err
		}
		mine.State, mine.Done, mine.Status, mine.Took, mine.Error = hook.Delivered, now.Add(2*time.Hour), 204, 30*time.Millisecond, ""
		ok, err = tx.EndDelivery(ctx, mine)
		return err
	})
	same(t, "word of a worker that was overtaken", late, false)
	same(t, "ended", ok, true)
	second := claimHooks(t, s, now.Add(2*time.Hour), 10)
	if len(second) != 1 || second[0].Event != made[1].ID {
		t.Fatalf("then: got %+v, want the second of the visit", second)
	}
	view(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		log, err := tx.HookDeliveries(ctx, city, e.ID, made[2].ID, 10)
		if len(log) != 2 {
			t.Fatalf("log before the third: got %d rows, want 2", len(log))
		}
		same(t, "log's order", log[0].Event > log[1].Event, true)
		mine.Kind, mine.At = "visit.booked", made[0].At
		mine.Due = log[1].Due
		same(t, "log's row", log[1], mine)
		return err
	})
}

func testDeliveryWorkers(t *testing.T, s *sqlstore.Store) {
	const visits, each, workers = 40, 4, 5
	e := endpoint(1)
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		for i := range visits * each {
			if _, err := happen(ctx, tx, e.ID, fmt.Sprint("visit ", i%visits), t0); err != nil {
				return err
			}
		}
		return nil
	})
	var mu sync.Mutex
	last := map[string]int{}
	seen := 0
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for {
				var got []hook.Delivery
				err := s.Update(t.Context(), func(tx *sqlstore.Tx) (err error) {
					got, err = tx.ClaimDeliveries(t.Context(), t0, t0.Add(time.Hour), 7)
					return err
				})
				if err != nil {
					t.Errorf("claim: got %v, want no error", err)
					return
				}
				mu.Lock()
				for _, d := range got {
					if last[d.Subject] != d.N-1 {
						t.Errorf("%s: %d after %d, want them in order and once", d.Subject, d.N, last[d.Subject])
					}
					last[d.Subject] = d.N
				}
				seen += len(got)
				done := seen >= visits*each
				mu.Unlock()
				err = s.Update(t.Context(), func(tx *sqlstore.Tx) error {
					for _, d := range got {
						d.State, d.Done = hook.Delivered, t0
						if _, err := tx.EndDelivery(t.Context(), d); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					t.Errorf("end: got %v, want no error", err)
					return
				}
				if done {
					return
				}
			}
		})
	}
	wg.Wait()
	same(t, "delivered", seen, visits*each)
}

func testReplay(t *testing.T, s *sqlstore.Store) {
	e := endpoint(1)
	var made []hook.Event
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		made = nil
		for i := range 5 {
			v, err := happen(ctx, tx, e.ID, fmt.Sprint("visit ", i), t0.Add(time.Duration(i)*time.Hour))
			if err != nil {
				return err
			}
			made = append(made, v)
		}
		return nil
	})
	var dropped int
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) (err error) {
		dropped, err = tx.EndHookDeliveries(ctx, city, e.ID, hook.Dropped, "paused", t0.Add(6*time.Hour))
		return err
	})
	same(t, "ended by a pause", dropped, 5)
	same(t, "due then", len(claimHooks(t, s, t0.Add(24*time.Hour), 10)), 0)
	view(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		since, err := tx.HookEventsSince(ctx, city, t0.Add(time.Hour), "", 10)
		same(t, "since an hour, that hour's with them", since, made[1:])
		if err != nil {
			return err
		}
		next, err := tx.HookEventsSince(ctx, city, made[2].At, made[2].ID, 1)
		same(t, "the next page", next, made[3:4])
		return err
	})
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		v := made[4]
		return tx.PutDelivery(ctx, hook.Delivery{City: city, Endpoint: e.ID, Event: v.ID, Subject: v.Subject, N: v.N,
			Due: t0.Add(20 * time.Hour), Made: t0.Add(20 * time.Hour)})
	})
	again := claimHooks(t, s, t0.Add(24*time.Hour), 10)
	if len(again) != 1 || again[0].Event != made[4].ID || again[0].Attempts != 1 || again[0].Error != "" || !again[0].Done.IsZero() {
		t.Errorf("replayed: got %+v, want the fifth as if it were new", again)
	}
	var n int
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) (err error) {
		n, err = tx.SweepHooks(ctx, t0.Add(150*time.Minute), 100)
		return err
	})
	same(t, "swept", n, 3)
	view(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		left, err := tx.HookEventsSince(ctx, city, t0, "", 10)
		same(t, "kept", left, made[3:])
		_, e := tx.HookEvent(ctx, city, made[0].ID)
		is(t, "a swept one", e, hook.ErrNoRow)
		return err
	})
}

func orErr(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
