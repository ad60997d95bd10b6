package booking

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// runs is how often the rest of a day is played for one forecast.
const runs = 200

// paces are what has been learned of each centre, shared by who asks.
type paces struct {
	mu  sync.Mutex
	by  map[string]*Pace
	rnd *rand.Rand
}

// of gives a centre's pace; mu is held.
func (p *paces) of(n *Network, centre string) *Pace {
	if p.by[centre] == nil {
		p.by[centre] = NewPace(n)
	}
	return p.by[centre]
}

// Expect is how long somebody would wait at a centre who took a number for a
// service now, or who holds the given number.
func (s *Service) Expect(ctx context.Context, centre, service string, number int) (Range, error) {
	c, ok := s.net.byID[centre]
	if !ok {
		return Range{}, ErrNoCentre
	}
	pool, ok := c.PoolFor(service)
	if !ok {
		return Range{}, ErrNoCentre
	}
	now := s.cfg.Now()
	k := s.today(centre, now)
	sc := Scene{Pool: pool, Now: now}
	desks := map[int]int{}
	err := s.cfg.Store.View(ctx, func(tx Tx) error {
		var err error
		if sc.Tickets, err = tx.Tickets(ctx, k); err != nil {
			return err
		}
		if sc.Due, err = tx.DayVisits(ctx, k); err != nil {
			return err
		}
		// Counters, not places: there may be a few more of those.
		ch, err := readChanges(ctx, tx, k.City, k.Day, k.Day)
		for _, p := range s.net.Plan(c, k.Day, ch.ex, ch.revs...) {
			if p.Pool == pool {
				desks[p.Unit] = p.Desks
			}
		}
		return err
	})
	if err != nil {
		return Range{}, fmt.Errorf("forecast wait: %w", err)
	}
	sc.Due = slices.DeleteFunc(sc.Due, func(v Visit) bool { return v.State != Booked })
	sc.Desks = func(unit int) int { return desks[unit] }
	s.paces.mu.Lock()
	defer s.paces.mu.Unlock()
	return s.net.Forecast(s.paces.of(s.net, centre), sc, number, runs, s.paces.rnd), nil
}

// learn takes in a number that has come to its end.
func (s *Service) learn(t Ticket) {
	s.paces.mu.Lock()
	defer s.paces.mu.Unlock()
	s.paces.of(s.net, t.Centre).Learn(t)
}

// Learn takes in what the numbers of some days say of how long services take;
// after a start it is called once for the past weeks.
func (s *Service) Learn(ctx context.Context, from Day, days int) error {
	for d := from; d < from+Day(days); d++ {
		for i := range s.net.Centres {
			var ts []Ticket
			err := s.cfg.Store.View(ctx, func(tx Tx) (err error) {
				ts, err = tx.Tickets(ctx, DayKey{s.net.ID, s.net.Centres[i].ID, d})
				return err
			})
			if err != nil {
				return fmt.Errorf("learn from %s: %w", d, err)
			}
			for _, t := range ts {
				s.learn(t)
			}
		}
	}
	return nil
}

// Figures are what a span of days came to.
type Figures struct {
	Visits    map[State]int // appointments by how they ended
	ByService map[string]int
	ByChannel map[Channel]int
	Queue     Score
}

// Figures adds up a span of days, of one centre or, for an empty id, of all.
func (s *Service) Figures(ctx context.Context, centre string, from Day, days int) (Figures, error) {
	f := Figures{map[State]int{}, map[string]int{}, map[Channel]int{}, Score{}}
	err := s.cfg.Store.View(ctx, func(tx Tx) error {
		rows, err := tx.DayRows(ctx, s.net.ID, from, from+Day(days)-1)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if centre != "" && r.Centre != centre {
				continue
			}
			visits, err := tx.DayVisits(ctx, r.DayKey)
			if err != nil {
				return err
			}
			for _, v := range visits {
				if v.State == Held {
					continue // nobody's yet
				}
				f.Visits[v.State]++
				f.ByService[v.Service]++
				f.ByChannel[v.Channel]++
			}
			ts, err := tx.Tickets(ctx, r.DayKey)
			if err != nil {
				return err
			}
			ts = slices.DeleteFunc(ts, func(t Ticket) bool { return t.State < Served })
			f.Queue.Add(ScoreOf(ts))
		}
		return nil
	})
	if err != nil {
		return Figures{}, fmt.Errorf("figures: %w", err)
	}
	return f, nil
}

// NoShows is the share of a hundred appointments that were missed, of those
// whose day is over.
func (f Figures) NoShows() float64 {
	over := f.Visits[Done] + f.Visits[NoShow]
	if over == 0 {
		return 0
	}
	return 100 * float64(f.Visits[NoShow]) / float64(over)
}

// roundUp is a wait as it is shown: in whole minutes, and never none.
func roundUp(d time.Duration) time.Duration {
	return max(time.Minute, (d + time.Minute - 1).Truncate(time.Minute))
}
