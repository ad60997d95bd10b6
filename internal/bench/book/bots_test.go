package book

import (
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"turnike/internal/audit"
	"turnike/internal/booking"
)

// TestBots lets a hundred made-up identities lie in wait with four programs
// each, asking without a pause for every hour and for every place given back,
// beside six thousand people who try a few hours each. They end up with at
// most five of a hundred places.
func TestBots(t *testing.T) {
	const units, bots, programs, people = 40, 100, 4, 6000
	n, err := network(100, units)
	if err != nil {
		t.Fatal(err)
	}
	n.Rules.RestMinutes = 20
	begun := time.Now()
	start := day.At(0, n.Location()).Add(-48 * time.Hour)
	r := &runner{Config: Config{Dir: t.TempDir()}}
	b, _, done, err := r.open(t.Context(), n, func() time.Time { return start.Add(time.Since(begun) * 600) })
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	if err := b.Plan(t.Context(), day, 1); err != nil {
		t.Fatal(err)
	}
	var over atomic.Bool
	var lurking, wg sync.WaitGroup
	for i := range bots * programs {
		lurking.Go(func() {
			rnd := rand.New(rand.NewPCG(4, uint64(i)))
			for !over.Load() {
				_, err := b.Book(t.Context(), ask(firstUnit+rnd.IntN(units), 1_000_000+i/programs))
				if err != nil && !errors.Is(err, booking.ErrFull) && !errors.Is(err, booking.ErrTwice) && !errors.Is(err, booking.ErrMany) && !errors.Is(err, booking.ErrQueueFull) {
					t.Errorf("bot: got %v", err)
					return
				}
			}
		})
	}
	var given atomic.Int64
	for i := range people {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(5, uint64(i)))
			time.Sleep(time.Duration(rnd.IntN(1000)) * time.Millisecond)
			for range 10 {
				u := firstUnit + rnd.IntN(units)
				v, err := patient(func() (booking.Visit, error) { return b.Book(t.Context(), ask(u, i)) })
				if errors.Is(err, booking.ErrFull) {
					time.Sleep(time.Duration(rnd.IntN(100)) * time.Millisecond)
					continue
				}
				if err != nil {
					t.Errorf("person: got %v", err)
					return
				}
				if rnd.IntN(5) == 0 { // finds they cannot come
					if _, err := patient(func() (booking.Visit, error) { return b.Cancel(t.Context(), v.ID, audit.Citizen("web")) }); err != nil {
						t.Errorf("cancel: got %v", err)
					}
					given.Add(1)
				}
				return
			}
		})
	}
	wg.Wait()
	time.Sleep(2 * time.Second) // every rest is over, and the bots are still there
	over.Store(true)
	lurking.Wait()
	list, err := b.OnDay(t.Context(), "konak", day)
	if err != nil {
		t.Fatal(err)
	}
	held, all := 0, 0
	for _, v := range list {
		if v.State != booking.Booked {
			continue
		}
		all++
		if v.Holder[1] != 0 || v.Holder[2] >= 15 { // from 983,040 on: ask writes the number there
			held++
		}
	}
	t.Logf("bots hold %d of %d visits; %d were given back", held, all, given.Load())
	if held == 0 || float64(held) > 0.05*100*units {
		t.Errorf("bots hold %d of %d places, want some, and at most five in a hundred", held, 100*units)
	}
}
