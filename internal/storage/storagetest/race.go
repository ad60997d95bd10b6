package storagetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"turnike/internal/pairing"
	"turnike/internal/person"
	"turnike/internal/storage/sqlstore"
)

func testDuplicates(t *testing.T, s *sqlstore.Store) {
	const n = 1000
	key := newID()
	refs := make([]string, n)
	var made atomic.Int64
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			mine := newID()
			var first bool
			err := s.Update(t.Context(), func(tx *sqlstore.Tx) error {
				ctx := t.Context()
				first = false
				known, err := tx.RememberOnce(ctx, pairing.Once{City: city, Key: key, Body: tag('b', 1), Ref: mine, At: t0})
				if err != nil {
					return err
				}
				if known != nil {
					refs[i] = known.Ref
					return nil
				}
				refs[i], first = mine, true
				p := newPairing(1)
				p.ID = mine
				return errors.Join(tx.InsertPairing(ctx, p), tx.Enqueue(ctx, message(i)), tx.Audit(ctx, entry(i)))
			})
			if err != nil {
				t.Errorf("duplicate %d: got %v, want no error", i, err)
			}
			if first {
				made.Add(1)
			}
		})
	}
	wg.Wait()
	same(t, "pairings made", made.Load(), 1)
	view(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		p, err := tx.LiveByCard(ctx, city, tag('c', 1))
		for i, r := range refs {
			if r != p.ID {
				t.Errorf("duplicate %d: got answer %s, want %s", i, r, p.ID)
			}
		}
		if err != nil {
			return err
		}
		depth, err := tx.OutboxDepth(ctx)
		if len(depth) != 1 || depth[0].Waiting != 1 {
			t.Errorf("messages: got %v, want one", depth)
		}
		return err
	})
}

// race runs n racers and checks that exactly won of them got through, the
// others hearing what they lost to.
func race(t *testing.T, s *sqlstore.Store, n, won int, lost error, make func(i int) pairing.Pairing) {
	t.Helper()
	got := 0
	for i, err := range together(t, s, n, func(i int, tx *sqlstore.Tx) error {
		return errors.Join(tx.InsertPairing(t.Context(), make(i)), tx.Audit(t.Context(), entry(i)))
	}) {
		switch {
		case err == nil:
			got++
		case !errors.Is(err, lost):
			t.Errorf("racer %d: got %v, want %v", i, err, lost)
		}
	}
	same(t, "racers that got through", got, won)
}

func testCardRace(t *testing.T, s *sqlstore.Store) {
	race(t, s, 200, 5, pairing.ErrCardTaken, func(i int) pairing.Pairing {
		p := newPairing(i)
		p.CardTag = tag('c', i%5)
		return p
	})
}

func testPersonRace(t *testing.T, s *sqlstore.Store) {
	people := [...]string{newID(), newID(), newID(), newID()}
	race(t, s, 200, 4, pairing.ErrPersonTaken, func(i int) pairing.Pairing {
		p := newPairing(i)
		p.PersonID, p.PersonSlot = people[i%4], 1
		return p
	})
	race(t, s, 100, 3, pairing.ErrCodeTaken, func(i int) pairing.Pairing {
		p := newPairing(1000 + i)
		p.HESTag, p.CodeSlot = tag('h', i%3), 1
		return p
	})
}

// testCountRace counts on rows that many change at once: none may be lost.
func testCountRace(t *testing.T, s *sqlstore.Store) {
	const n = 300
	r := request(1)
	g := pairing.Guard{City: city, Kind: pairing.GuardCity, Since: t0}
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		return errors.Join(tx.InsertRequest(ctx, r), tx.PutGuard(ctx, g))
	})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			for {
				moved := false
				err := s.Update(t.Context(), func(tx *sqlstore.Tx) error {
					ctx := t.Context()
					r, err := tx.Request(ctx, city, r.ID)
					if err != nil {
						return err
					}
					r.Tries++
					if moved, err = tx.UpdateRequest(ctx, r); err != nil || !moved {
						return err
					}
					g, err := tx.Guard(ctx, city, pairing.GuardCity, person.Tag{})
					if err != nil {
						return err
					}
					g.Count++
					if _, err := tx.NextIndex(ctx, city); err != nil {
						return err
					}
					return tx.PutGuard(ctx, g)
				})
				if err != nil {
					t.Errorf("racer %d: got %v, want no error", i, err)
					return
				}
				if moved {
					return
				}
			}
		})
	}
	wg.Wait()
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		got, err := tx.Request(ctx, city, r.ID)
		same(t, "tries", got.Tries, r.Tries+n)
		same(t, "version", got.Version, r.Version+n)
		if err != nil {
			return err
		}
		g, err := tx.Guard(ctx, city, pairing.GuardCity, person.Tag{})
		same(t, "guard", g.Count, int64(n))
		if err != nil {
			return err
		}
		next, err := tx.NextIndex(ctx, city)
		same(t, "index", next, int64(n))
		return err
	})
}

func testLarge(t *testing.T, s *sqlstore.Store) {
	const n = 1500
	for i, err := range together(t, s, n, func(i int, tx *sqlstore.Tx) error {
		ctx := t.Context()
		known, err := tx.RememberOnce(ctx, pairing.Once{City: city, Key: newID(), Ref: "r", At: t0})
		if known != nil {
			return fmt.Errorf("a new key is known: %v", known)
		}
		return errors.Join(err, tx.InsertPerson(ctx, newPerson(i)), tx.InsertPairing(ctx, newPairing(i)),
			tx.PutCard(ctx, pairing.Card{City: city, Tag: tag('c', i), ChangedAt: t0}), tx.Enqueue(ctx, message(i)), tx.Audit(ctx, entry(i)))
	}) {
		if err != nil {
			t.Fatalf("function %d: got %v, want no error", i, err)
		}
	}
	view(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		for i := range n {
			p, err := tx.LiveByCard(ctx, city, tag('c', i))
			if err != nil {
				return fmt.Errorf("pairing %d: %w", i, err)
			}
			same(t, "tag of a person", p.PersonTag, tag('i', i))
		}
		depth, err := tx.OutboxDepth(ctx)
		same(t, "messages", depth, []sqlstore.Depth{{Class: 0, Waiting: n, Oldest: t0}})
		return err
	})
	if c := s.Metrics.Commits.Load(); c > n/2 {
		t.Errorf("%d functions took %d commits: want them to share", n, c)
	}
}
