package storagetest

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"turnike/internal/audit"
	"turnike/internal/booking"
	"turnike/internal/storage/sqlstore"
)

// patient asks again while more wait than may.
func patient(call func() (booking.Visit, error)) (booking.Visit, error) {
	for {
		v, err := call()
		if !errors.Is(err, booking.ErrQueueFull) {
			return v, err
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// raceForPlaces lets racers at places that spread gives them, with tries each, and
// tells how many got one.
func raceForPlaces(t *testing.T, b *booking.Service, racers, tries int, unit func(*rand.Rand) int) (sold int64) {
	t.Helper()
	var got atomic.Int64
	var wg sync.WaitGroup
	for i := range racers {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(7, uint64(i)))
			for range tries {
				u := unit(r)
				switch _, err := patient(func() (booking.Visit, error) { return b.Book(t.Context(), ask(u, i)) }); {
				case err == nil:
					got.Add(1)
					return
				case !errors.Is(err, booking.ErrFull):
					t.Errorf("racer %d: got %v, want a place or %v", i, err, booking.ErrFull)
					return
				}
			}
		})
	}
	wg.Wait()
	return got.Load()
}

// used reads a day's counters.
func used(t *testing.T, s *sqlstore.Store, day booking.Day) (sum int) {
	t.Helper()
	view(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		cells, err := tx.Cells(ctx, booking.DayKey{City: "test", Centre: "konak", Day: day})
		for _, c := range cells {
			if c.Pool != "" {
				sum += c.Used
			}
			if c.Used > c.Cap {
				t.Errorf("pool %q unit %d: got %d sold of %d", c.Pool, c.Unit, c.Used, c.Cap)
			}
		}
		return err
	})
	return sum
}

func testVisitRace(t *testing.T, s *sqlstore.Store) {
	b := booker(t, sqlstore.As[booking.Tx](s), office(t, 25, 40, ""), newClock(officeNow))
	got := raceForPlaces(t, b, 10_000, 100, func(r *rand.Rand) int { return nine + r.IntN(40) })
	same(t, "sold, as the racers know it", got, 1000)
	same(t, "sold, as the counters know it", used(t, s, officeDay), 1000)
	sound(t, b)
}

func testVisitHot(t *testing.T, s *sqlstore.Store) {
	b := booker(t, sqlstore.As[booking.Tx](s), office(t, 1000, 1, ""), newClock(officeNow))
	same(t, "sold, as the racers know it", raceForPlaces(t, b, 10_000, 1, func(*rand.Rand) int { return nine }), 1000)
	same(t, "sold, as the counters know it", used(t, s, officeDay), 1000)
	sound(t, b)
}

func testVisitLapseRace(t *testing.T, s *sqlstore.Store) {
	// Two of five who hold a place never confirm it. Time runs with the tries, so
	// that a slow machine has no less of it: a hold lapses within the wave, after
	// twelve thousand of them, and its place must be sold to somebody else.
	start := time.Now()
	n := office(t, 25, 40, "")
	c := newClock(officeNow)
	b := booking.New(booking.Config{Store: sqlstore.As[booking.Tx](s), Network: n, Now: c.now})
	is(t, "plan", b.Plan(t.Context(), officeDay, 1), nil)
	var sold, late, open atomic.Int64
	open.Store(10_000)
	var wg sync.WaitGroup
	for i := range 10_000 {
		wg.Go(func() {
			defer open.Add(-1)
			r := rand.New(rand.NewPCG(9, uint64(i)))
			for sold.Load() < 1000 && c.now().Before(officeNow.Add(12*time.Hour)) {
				u := nine + r.IntN(40)
				c.advance(50 * time.Millisecond)
				v, err := patient(func() (booking.Visit, error) { return b.Hold(t.Context(), ask(u, i)) })
				if errors.Is(err, booking.ErrFull) {
					time.Sleep(time.Duration(r.IntN(100)) * time.Millisecond)
					continue
				}
				if err != nil {
					t.Errorf("hold: got %v, want a place or %v", err, booking.ErrFull)
					return
				}
				if i%5 < 2 {
					return // walks away
				}
				switch _, err = patient(func() (booking.Visit, error) {
					return b.Confirm(t.Context(), v.ID, who(i), audit.Citizen("web"))
				}); {
				case err == nil:
					sold.Add(1)
					return
				case errors.Is(err, booking.ErrLapsed):
					late.Add(1)
				default:
					t.Errorf("confirm: got %v, want it booked or %v", err, booking.ErrLapsed)
					return
				}
			}
		})
	}
	wg.Wait()
	same(t, "sold", sold.Load(), 1000)
	list, err := b.OnDay(t.Context(), "konak", officeDay)
	is(t, "list", err, nil)
	n2 := 0
	for _, v := range list {
		if v.State == booking.Booked {
			n2++
		}
	}
	same(t, "booked", n2, 1000)
	sound(t, b)
	t.Logf("%v, %d late confirms refused", time.Since(start).Round(time.Millisecond), late.Load())
}

func testVisitPersonRace(t *testing.T, s *sqlstore.Store) {
	b := booker(t, sqlstore.As[booking.Tx](s), office(t, 50, 8, ""), newClock(officeNow))
	var got atomic.Int64
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			r := ask(nine+i%8, 1)
			r.Centre = []string{"konak", "buca"}[i%2]
			r.Service = []string{"account", "meter"}[i/2%2]
			_, err := b.Book(t.Context(), r)
			if err == nil {
				got.Add(1)
			} else if !errors.Is(err, booking.ErrTwice) && !errors.Is(err, booking.ErrMany) {
				t.Errorf("got %v, want %v or %v", err, booking.ErrTwice, booking.ErrMany)
			}
		})
	}
	wg.Wait()
	same(t, "visits of one person", got.Load(), 2)
	sound(t, b)
}

func testVisitTwoServers(t *testing.T, s *sqlstore.Store) {
	// Two services over one database: neither sees what the other remembers.
	n := office(t, 10, 20, "")
	c := newClock(officeNow)
	st := sqlstore.As[booking.Tx](s)
	bs := []*booking.Service{booking.New(booking.Config{Store: st, Network: n, Now: c.now}), booking.New(booking.Config{Store: st, Network: n, Now: c.now})}
	var wg sync.WaitGroup
	for _, b := range bs {
		wg.Go(func() { is(t, "plan", b.Plan(t.Context(), officeDay, 3), nil) })
	}
	wg.Wait()
	var got, moved atomic.Int64
	for i := range 1000 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(3, uint64(i)))
			b := bs[i%2]
			a := ask(nine+r.IntN(20), i%600) // some people ask on both
			a.Centre = []string{"konak", "buca"}[r.IntN(2)]
			v, err := b.Book(t.Context(), a)
			if err != nil {
				if !errors.Is(err, booking.ErrFull) && !errors.Is(err, booking.ErrTwice) && !errors.Is(err, booking.ErrMany) {
					t.Errorf("book: got %v", err)
				}
				return
			}
			got.Add(1)
			_, err = bs[r.IntN(2)].Move(t.Context(), v.ID, []string{"buca", "konak"}[r.IntN(2)], officeDay+booking.Day(r.IntN(3)), nine+r.IntN(20), booking.Web, audit.Citizen("web"))
			switch {
			case err == nil:
				moved.Add(1)
			case !errors.Is(err, booking.ErrFull) && !errors.Is(err, booking.ErrTwice) && !errors.Is(err, booking.ErrMany):
				t.Errorf("move: got %v", err)
			}
		})
	}
	wg.Wait()
	sound(t, bs[0])
	sum := 0
	for _, centre := range []string{"konak", "buca"} {
		for d := range booking.Day(3) {
			list, err := bs[0].OnDay(t.Context(), centre, officeDay+d)
			is(t, "list", err, nil)
			sum += len(list)
		}
	}
	same(t, "visits that stand", int64(sum), got.Load())
	if got.Load() < 300 || moved.Load() < 100 {
		t.Errorf("got %d booked and %d moved, want hundreds of each", got.Load(), moved.Load())
	}
}
