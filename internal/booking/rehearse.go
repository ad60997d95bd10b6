package booking

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// Arrival is somebody who comes to a centre in a rehearsed day.
type Arrival struct {
	At      time.Time
	Slot    time.Time // zero without an appointment
	Service string
	Matters int
	Takes   time.Duration // at the counter
	Never   bool          // has an appointment and does not come
	Visit   string        // the appointment's id, where it is one in a store
}

// Rehearse plays a centre's day with given people, by the rules that call
// people in earnest, and gives their numbers as they would have gone. Counters
// are those of the plan. Where pace is given, each who comes without an
// appointment is shown a wait, and what happens is learned. floor is the most
// people that were at counters at once.
func (n *Network) Rehearse(c *Centre, day Day, people []Arrival, pace *Pace, r *rand.Rand) (tickets []Ticket, floor int) {
	desks := map[string]map[int]int{}
	for _, p := range n.Plan(c, day, nil) {
		if desks[p.Pool] == nil {
			desks[p.Pool] = map[int]int{}
		}
		desks[p.Pool][p.Unit] = p.Desks
	}
	people = slices.Clone(people)
	slices.SortStableFunc(people, func(a, b Arrival) int { return a.At.Compare(b.At) })
	takes := map[int]time.Duration{}
	ends := map[int]time.Time{} // by number, of those at a counter
	unit := func(t time.Time) int { _, u := n.UnitAt(t); return u }
	now := day.Midnight(n.zone)
	call := func() {
		for pool := range desks {
			if pool == floorPool {
				continue
			}
			for {
				busy := 0
				for _, t := range tickets {
					if t.Pool == pool && t.State == Serving {
						busy++
					}
				}
				if busy >= desks[pool][unit(now)] || len(ends) >= c.Floor {
					break
				}
				l := lineOf(tickets, pool)
				i := n.pick(l, now)
				if i < 0 {
					break
				}
				t := &tickets[l.waiting[i].number-1]
				t.State, t.Called, t.Started = Serving, now, now
				ends[t.Number] = now.Add(takes[t.Number])
				floor = max(floor, len(ends))
			}
		}
	}
	end := (day + 1).Midnight(n.zone)
	for now.Before(end) {
		// The next thing to happen: somebody comes, somebody is done, or a
		// unit begins and with it perhaps a shift.
		next := n.Start(day, unit(now)+1)
		number := 0
		for k, at := range ends {
			if at.Before(next) || at.Equal(next) && (number == 0 || k < number) {
				next, number = at, k
			}
		}
		if len(people) > 0 && !people[0].At.After(next) {
			p := people[0]
			people = people[1:]
			if p.Never {
				continue
			}
			now = later(now, p.At)
			pool, ok := c.PoolFor(p.Service)
			if !ok {
				continue
			}
			t := Ticket{DayKey: DayKey{n.ID, c.ID, day}, Number: len(tickets) + 1, Visit: p.Visit, Pool: pool, Service: p.Service,
				Matters: p.Matters, State: InQueue, Slot: p.Slot, Arrived: now}
			if pace != nil && p.Slot.IsZero() {
				w := n.Forecast(pace, Scene{pool, tickets, due(people, pool, c, n, day), func(u int) int { return desks[pool][u] }, now}, 0, 200, r)
				t.Shown = roundUp(w.Most)
			}
			takes[t.Number] = p.Takes
			tickets = append(tickets, t)
		} else {
			now = next
			if number > 0 {
				t := &tickets[number-1]
				t.State, t.Ended = Served, now
				delete(ends, number)
				if pace != nil {
					pace.Learn(*t)
				}
			}
		}
		call()
	}
	for i := range tickets {
		if tickets[i].State == InQueue {
			tickets[i].State, tickets[i].Ended = Left, now
		}
	}
	return tickets, floor
}

// due are the appointments among people to come, as a clerk's list has them:
// nobody knows who of them will not come.
func due(people []Arrival, pool string, c *Centre, n *Network, day Day) []Visit {
	var vs []Visit
	for _, p := range people {
		if at, _ := c.PoolFor(p.Service); p.Slot.IsZero() || at != pool {
			continue
		}
		_, u := n.UnitAt(p.Slot)
		vs = append(vs, Visit{Place: Place{c.ID, pool, day, u, 1}, Service: p.Service, Matters: p.Matters})
	}
	return vs
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Score is how a rehearsed or real day went.
type Score struct {
	Appointments int // who came with one, in time
	InTime       int // of those, called within five minutes of their hour
	Walkins      int
	Shown, Kept  int // waits shown, and of those not exceeded
	Unserved     int
	Wait         []time.Duration // of who came without an appointment, sorted
}

// inTime is how late after the hour a call still is in time.
const inTime = 5 * time.Minute

// ScoreOf adds up a day's numbers.
func ScoreOf(tickets []Ticket) (s Score) {
	for _, t := range tickets {
		if t.Called.IsZero() {
			s.Unserved++
			continue
		}
		if !t.Slot.IsZero() {
			if !t.Arrived.After(t.Slot) {
				s.Appointments++
				if !t.Called.After(t.Slot.Add(inTime)) {
					s.InTime++
				}
			}
			continue
		}
		s.Walkins++
		wait := t.Called.Sub(t.Arrived)
		s.Wait = append(s.Wait, wait)
		if t.Shown > 0 {
			s.Shown++
			if wait <= t.Shown {
				s.Kept++
			}
		}
	}
	slices.SortFunc(s.Wait, cmp.Compare)
	return s
}

// Add adds another day's score.
func (s *Score) Add(o Score) {
	s.Appointments += o.Appointments
	s.InTime += o.InTime
	s.Walkins += o.Walkins
	s.Shown += o.Shown
	s.Kept += o.Kept
	s.Unserved += o.Unserved
	s.Wait = append(s.Wait, o.Wait...)
	slices.Sort(s.Wait)
}

// Crowd says what people a made-up day has.
type Crowd struct {
	Bookable float64 // share of the counters that appointments are given at
	Fill     float64 // share of those places that are taken
	Walkins  float64 // people without an appointment, an hour
}

// Crowd makes up a day's people for a centre.
func (n *Network) Crowd(c *Centre, day Day, k Crowd, r *rand.Rand) (people []Arrival) {
	used := map[int]int{}
	var visits []Visit
	for _, p := range n.Plan(c, day, nil) {
		if p.Pool == floorPool {
			continue
		}
		start := n.Start(day, p.Unit)
		for t := r.ExpFloat64() / k.Walkins * 60; t < float64(n.Unit); t += r.ExpFloat64() / k.Walkins * 60 {
			s := n.Services[r.IntN(len(n.Services))].ID
			people = append(people, Arrival{At: start.Add(minutes(t)), Service: s, Matters: 1, Takes: n.takes(s, 1, r)})
		}
		for most := int(k.Bookable*float64(p.Desks) + 0.5); used[p.Unit] < most; {
			used[p.Unit]++
			s := n.Services[r.IntN(len(n.Services))].ID
			units, err := n.Units(s, 1)
			if err != nil || r.Float64() > k.Fill {
				continue
			}
			for u := 1; u < units; u++ {
				used[p.Unit+u]++
			}
			visits = append(visits, Visit{Place: Place{c.ID, p.Pool, day, p.Unit, units}, Service: s, Matters: 1})
		}
	}
	return append(people, n.Comers(visits, r)...)
}

// How people come to an appointment in a made-up day: of twenty one comes 5 to
// 30 minutes late, the others five minutes early give or take four.
const (
	tardy    = 20
	lateFrom = 5.0
	lateTo   = 30.0
)

// Comers makes up how the holders of visits come: most a little early, some
// late, some never.
func (n *Network) Comers(visits []Visit, r *rand.Rand) []Arrival {
	people := make([]Arrival, len(visits))
	for i, v := range visits {
		start, _ := n.StartOf(v.Place)
		at := start.Add(-comeEarly + time.Duration(r.NormFloat64()*float64(comeSwing)))
		if r.IntN(tardy) == 0 {
			at = start.Add(minutes(lateFrom + (lateTo-lateFrom)*r.Float64()))
		}
		people[i] = Arrival{Visit: v.ID, At: at, Slot: start, Service: v.Service, Matters: v.Matters, Takes: n.takes(v.Service, v.Matters, r),
			Never: r.Float64() > showShare}
	}
	return people
}

// takes is how long a made-up visit lasts: log-normal about four fifths of the
// time planned.
func (n *Network) takes(service string, matters int, r *rand.Rand) time.Duration {
	v := math.Log(1 + priorSpread*priorSpread)
	mu := math.Log(float64(n.served[service].Minutes)*priorShare) - v/2
	return minutes(math.Exp(mu+math.Sqrt(v)*r.NormFloat64()) * float64(matters))
}

func minutes(m float64) time.Duration { return time.Duration(m * float64(time.Minute)) }
