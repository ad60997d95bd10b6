package booking_test

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"turnike/internal/audit"
	"turnike/internal/booking"
	"turnike/internal/person"
	"turnike/internal/storage"
	"turnike/internal/storage/sqlstore"
)

// TestBotsInTheWaves: a hundred identities with perfect timing stand at every
// wave that İZSU lets out in a week, before any of eight thousand people. They
// hold whatever they can under made-up browsers, book up to their limits, and
// look for freed places for an hour and a half, while people look once or twice. They end up with
// at most five of a hundred places.
func TestBotsInTheWaves(t *testing.T) {
	const bots, people, hoarded = 100, 800, 100 // people and hoarded a day
	n, err := booking.Shipped("izsu")
	if err != nil {
		t.Fatal(err)
	}
	store, err := storage.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "rows.db"), true)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	monday := booking.Date(2021, 3, 1)
	var now atomic.Int64
	set := func(at time.Time) { now.Store(at.UnixMicro()) }
	set(monday.At(8*60, n.Location()))
	clock := func() time.Time { return time.UnixMicro(now.Load()).UTC() }
	s := booking.New(booking.Config{Store: sqlstore.As[booking.Tx](store), Network: n, Now: clock})
	if err := s.Plan(t.Context(), monday+14, 5); err != nil {
		t.Fatal(err)
	}
	who := func(kind byte, i int) booking.Who {
		var tag person.Tag
		tag[0] = kind
		binary.BigEndian.PutUint32(tag[1:], uint32(i))
		return booking.Who{Holder: tag, Sealed: []byte{1}, Lang: "tr"}
	}
	// pick is a free hour of a day as the board knows it, at a centre by chance.
	pick := func(rnd *rand.Rand, day booking.Day) (booking.Request, bool) {
		first := rnd.IntN(len(n.Centres))
		for i := range n.Centres {
			c := n.Centres[(first+i)%len(n.Centres)]
			service := n.Services[rnd.IntN(len(n.Services))].ID
			slots, _, err := s.Board().Slots(c.ID, day, service, 1, booking.Web, clock())
			if err != nil || len(slots) == 0 {
				continue
			}
			return booking.Request{Centre: c.ID, Service: service, Day: day, Unit: slots[rnd.IntN(len(slots))].Place.Unit, Channel: booking.Web, Actor: audit.Citizen("web")}, true
		}
		return booking.Request{}, false
	}
	ctx := context.Background()
	many := func(count int, each func(i int)) {
		var wg sync.WaitGroup
		next := atomic.Int64{}
		for range 256 {
			wg.Go(func() {
				for i := int(next.Add(1)); i <= count; i = int(next.Add(1)) {
					each(i)
				}
			})
		}
		wg.Wait()
	}
	session, given := atomic.Int64{}, atomic.Int64{}
	for d := range booking.Day(5) {
		day := monday + d + 14
		open := (monday + d).At(9*60, n.Location())
		set(open)
		rush := func(i int) { // a bot's programs try until its limit says no
			rnd := rand.New(rand.NewPCG(1, uint64(i)<<8|uint64(d)))
			for range 4 {
				if r, ok := pick(rnd, day); ok {
					r.Who = who('b', i)
					_, _ = s.Book(ctx, r) // full, twice and too many are the rules at work
				}
			}
		}
		many(bots, rush)
		many(hoarded, func(i int) {
			rnd := rand.New(rand.NewPCG(2, uint64(i)<<8|uint64(d)))
			if r, ok := pick(rnd, day); ok {
				r.Who = who('s', int(session.Add(1)))
				_, _ = s.Hold(ctx, r)
			}
		})
		set(open.Add(12 * time.Minute)) // what nobody put a name to has lapsed
		many(people, func(i int) {
			rnd := rand.New(rand.NewPCG(3, uint64(i)<<8|uint64(d)))
			for range 5 {
				r, ok := pick(rnd, day)
				if !ok {
					return
				}
				r.Who = who('p', int(d)*people+i)
				v, err := s.Book(ctx, r)
				if err != nil {
					continue
				}
				if rnd.IntN(8) == 0 { // cannot come after all
					if _, err := s.Cancel(ctx, v.ID, audit.Citizen("web")); err == nil {
						given.Add(1)
					}
				}
				return
			}
		})
		for m := range 5 {
			set(open.Add(time.Duration(13+18*m) * time.Minute))
			many(bots/2, rush)
		}
		many(people, func(i int) { // whoever found nothing looks again later
			rnd := rand.New(rand.NewPCG(5, uint64(i)<<8|uint64(d)))
			if r, ok := pick(rnd, day); ok && rnd.IntN(2) == 0 {
				r.Who = who('q', int(d)*people+i)
				_, _ = s.Book(ctx, r)
			}
		})
	}
	byBots, all := 0, 0
	for d := range booking.Day(5) {
		for _, c := range n.Centres {
			vs, err := s.OnDay(ctx, c.ID, monday+14+d)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range vs {
				if v.State != booking.Booked {
					continue
				}
				all++
				if v.Holder[0] == 'b' {
					byBots++
				}
			}
		}
	}
	t.Logf("bots have %d of %d places, %.1f of a hundred; %d were given back", byBots, all, 100*float64(byBots)/float64(all), given.Load())
	if all < 3500 || given.Load() < 200 {
		t.Errorf("%d booked and %d given back, want a week's waves fought over", all, given.Load())
	}
	if byBots == 0 || byBots > bots*n.Rules.MaxOpen || 20*byBots > all {
		t.Errorf("bots have %d of %d places, want some, and at most five of a hundred", byBots, all)
	}
	if wrong, err := s.Audit(ctx, monday+14, 5); err != nil || len(wrong) > 0 {
		t.Errorf("counters: got %v and %v, want them to add up", wrong, err)
	}
}
