package book

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"turnike/internal/booking"
	"turnike/internal/city"
	"turnike/internal/person"
)

// Month is İZSU's first month as it might have gone (seed 003: thirteen
// thousand people from 20 April 2020 on).
type Month struct {
	Booked int
	Moved  int // had to take another day or centre than they wished first
	Score  booking.Score
	// FloorBroken counts days on which more people were at counters than the
	// floor takes.
	FloorBroken int
	Days        int // centres times days on which somebody came
}

// Replay books people into a month through the service, on a real database,
// by the population of their districts, and rehearses every centre's days.
// walkins is how many come without an appointment for each ten with one.
func Replay(ctx context.Context, c Config, people int, walkins float64) (m Month, err error) {
	n, err := booking.Shipped("izsu")
	if err != nil {
		return m, err
	}
	// Everybody books before the month begins, so its places are let out.
	n.Waves = nil
	n.Rules.HorizonDays = 60
	first := booking.Date(2020, 4, 20)
	now := first.At(0, n.Location()).Add(-12 * time.Hour)
	r := &runner{Config: c}
	b, _, done, err := r.open(ctx, n, func() time.Time { return now })
	if err != nil {
		return m, fmt.Errorf("replay: %w", err)
	}
	defer done()
	const days = 31
	if err := b.Plan(ctx, first, days); err != nil {
		return m, fmt.Errorf("replay: %w", err)
	}
	homes, weights, total := n.Centres, []int{}, 0
	for _, c := range homes {
		for _, d := range city.Districts(n.Plate) {
			if d.Name == c.District {
				total += d.Population
			}
		}
		weights = append(weights, total)
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	slots := make(chan struct{}, 256)
	var failed error
	for i := range people {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			rnd := rand.New(rand.NewPCG(c.Seed, uint64(i)))
			moved, err := bookSomewhere(ctx, b, homes, weights, first, days, i, now, rnd)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed = err
				return
			}
			m.Booked++
			if moved {
				m.Moved++
			}
		})
	}
	wg.Wait()
	if failed != nil {
		return m, fmt.Errorf("replay: %w", failed)
	}
	wrong, err := b.Audit(ctx, first, days)
	if err != nil || len(wrong) > 0 {
		return m, fmt.Errorf("replay: %d counters are wrong: %w", len(wrong), err)
	}
	rnd := rand.New(rand.NewPCG(c.Seed, 99))
	for i := range n.Centres {
		centre := &n.Centres[i]
		pace := booking.NewPace(n)
		for d := first; d < first+days; d++ {
			visits, err := b.OnDay(ctx, centre.ID, d)
			if err != nil {
				return m, fmt.Errorf("replay: %w", err)
			}
			if len(visits) == 0 {
				continue
			}
			comers := n.Comers(visits, rnd)
			for _, v := range visits {
				if rnd.Float64() < walkins/10 {
					at, _ := n.StartOf(v.Place)
					w := n.Comers([]booking.Visit{v}, rnd)[0]
					w.At, w.Slot, w.Never = at.Add(time.Duration(rnd.IntN(3600))*time.Second), time.Time{}, false
					comers = append(comers, w)
				}
			}
			tickets, floor := n.Rehearse(centre, d, comers, pace, rnd)
			m.Days++
			if floor > centre.Floor {
				m.FloorBroken++
			}
			m.Score.Add(booking.ScoreOf(tickets))
		}
	}
	return m, nil
}

// bookSomewhere books one person: at home on a day they like, else on another,
// else elsewhere.
func bookSomewhere(ctx context.Context, b *booking.Service, homes []booking.Centre, weights []int, first booking.Day, days, i int, now time.Time, r *rand.Rand) (moved bool, err error) {
	n := b.Network()
	home, at := 0, r.IntN(weights[len(weights)-1])
	for weights[home] <= at {
		home++
	}
	service := n.Services[r.IntN(len(n.Services))].ID
	for try := range 400 {
		if try > 40 && try%10 == 0 {
			home = r.IntN(len(homes))
		}
		d := first + booking.Day(r.IntN(days))
		open, _, err := b.Board().Slots(homes[home].ID, d, service, 1, booking.Web, now)
		if err != nil {
			return false, err
		}
		if len(open) == 0 {
			moved = moved || d.Weekday() != time.Saturday && d.Weekday() != time.Sunday
			continue
		}
		p := open[r.IntN(len(open))].Place
		q := ask(p.Unit, i)
		q.Centre, q.Service, q.Day = p.Centre, service, p.Day
		q.Who.Phone = person.Tag{}
		if _, err = b.Book(ctx, q); err == nil {
			return moved, nil
		}
		if !errors.Is(err, booking.ErrFull) && !errors.Is(err, booking.ErrTwice) {
			return false, err
		}
	}
	return false, fmt.Errorf("person %d found no place", i)
}
