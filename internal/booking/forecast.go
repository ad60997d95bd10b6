package booking

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// Pace is how long each service takes at a counter, learned from what took
// place: a mean and a spread of the logarithm, in which newer visits weigh
// more. It is not safe for use by many goroutines at once.
type Pace struct {
	net *Network
	by  map[string]*pace
	// share is the quantile shown as the upper end of a wait. It is moved a
	// little by each wait that was longer than shown, or shorter, so that what
	// is shown is kept as often as promised even where the model is wrong.
	share float64
}

// pace is of one service: weight, mean and mean square of ln(minutes).
type pace struct{ n, mean, square float64 }

// How a service is taken to go before anything is known: in four fifths of
// the time planned for it, with a coefficient of variation of 0.6 (as in the
// measurements of section 5 of the appointments reference).
const (
	priorShare  = 0.8
	priorSpread = 0.6
	priorWeight = 8.0
	decay       = 0.995
	// keepShare is how many of a hundred waits are to be no longer than shown.
	keepShare = 0.82
)

// NewPace knows only what the file says.
func NewPace(n *Network) *Pace {
	p := &Pace{net: n, by: map[string]*pace{}, share: 0.8}
	for _, m := range n.Services {
		v := math.Log(1 + priorSpread*priorSpread)
		mu := math.Log(float64(m.Minutes)*priorShare) - v/2
		p.by[m.ID] = &pace{priorWeight, mu, v + mu*mu}
	}
	return p
}

// Learn takes in a number that was served, and what its holder had been told.
func (p *Pace) Learn(t Ticket) {
	if !t.Started.IsZero() && t.State == Served && t.Ended.After(t.Started) {
		if s := p.by[t.Service]; s != nil {
			// A visit of several matters tells of each of them.
			x := math.Log(max(0.25, t.Ended.Sub(t.Started).Minutes()/float64(max(1, t.Matters))))
			n := s.n*decay + 1
			s.mean += (x - s.mean) / n
			s.square += (x*x - s.square) / n
			s.n = n
		}
	}
	if t.Shown > 0 && !t.Called.IsZero() {
		if t.Called.Sub(t.Arrived) > t.Shown {
			p.share += 0.02 * keepShare
		} else {
			p.share -= 0.02 * (1 - keepShare)
		}
		p.share = min(max(p.share, 0.6), 0.97)
	}
}

// draw is one possible length of a visit.
func (p *Pace) draw(service string, matters int, r *rand.Rand) time.Duration {
	s := p.by[service]
	if s == nil {
		return 15 * time.Minute
	}
	sd := math.Sqrt(max(0.01, s.square-s.mean*s.mean))
	m := math.Exp(s.mean+sd*r.NormFloat64()) * float64(max(1, matters))
	return time.Duration(m * float64(time.Minute))
}

// rest is one possible remainder of a visit that has gone on for a while.
func (p *Pace) rest(service string, matters int, so time.Duration, r *rand.Rand) time.Duration {
	for range 20 {
		if d := p.draw(service, matters, r); d > so {
			return d - so
		}
	}
	return so / 4 // longer than all we know: the longer, the longer
}

// Range is an honest wait: half of people wait no longer than Median, four of
// five no longer than Most.
type Range struct {
	Median, Most time.Duration
}

// Scene is what a wait depends on: a centre's day at a moment.
type Scene struct {
	Pool    string
	Tickets []Ticket
	Due     []Visit // appointments not here yet
	// Desks is how many counters of the pool work in a unit of the day.
	Desks func(unit int) int
	Now   time.Time
}

// How people with appointments come: so many of a hundred, so much before
// their hour.
const (
	showShare = 0.85
	comeEarly = 5 * time.Minute
	comeSwing = 4 * time.Minute
)

// Forecast plays the rest of a pool's day forward, runs times, and gives how
// long somebody would wait who took a number now without an appointment, or
// who holds the given one.
func (n *Network) Forecast(p *Pace, s Scene, number, runs int, r *rand.Rand) Range {
	waits := make([]time.Duration, runs)
	f := newFuture(n, p, s, number)
	for i := range waits {
		waits[i] = f.run(r)
	}
	slices.Sort(waits)
	return Range{waits[runs/2], waits[min(runs-1, int(p.share*float64(runs)))]}
}

// future plays a pool's day from a scene on.
type future struct {
	n       *Network
	p       *Pace
	s       Scene
	me      int
	base    line
	of      map[int]Ticket
	serving []Ticket
	midnite time.Time
	free    []time.Time
	coming  []waiter
	starts  []time.Time // of due
	due     []Visit     // numbered -1, -2, ... when they come
}

// lookAhead is how far ahead appointments are looked at: few waits are longer.
const lookAhead = 3 * time.Hour

// me without a number stands behind everybody.
const newcomer = math.MaxInt32

func newFuture(n *Network, p *Pace, s Scene, number int) *future {
	f := &future{n: n, p: p, s: s, me: number, base: *lineOf(s.Tickets, s.Pool), of: map[int]Ticket{}}
	f.midnite = DayOf(s.Now, n.zone).Midnight(n.zone)
	for _, t := range s.Tickets {
		f.of[t.Number] = t
		if t.Pool == s.Pool && (t.State == Called || t.State == Serving) {
			f.serving = append(f.serving, t)
		}
	}
	if f.of[number].State != InQueue {
		f.me = newcomer
		f.base.waiting = append(f.base.waiting, waiter{number: newcomer, arrived: s.Now})
	}
	for _, v := range s.Due {
		start, _ := n.StartOf(v.Place)
		if v.Place.Pool == s.Pool && start.After(s.Now.Add(-time.Duration(n.Rules.LateMinutes)*time.Minute)) && start.Before(s.Now.Add(lookAhead)) {
			f.due = append(f.due, v)
			f.starts = append(f.starts, start)
		}
	}
	return f
}

func (f *future) run(r *rand.Rand) time.Duration {
	now := f.s.Now
	l := line{waiting: slices.Clone(f.base.waiting), since: f.base.since, walked: f.base.walked}
	f.coming = f.coming[:0]
	for i, start := range f.starts {
		if r.Float64() > showShare {
			continue
		}
		at := start.Add(-comeEarly + time.Duration(r.NormFloat64()*float64(comeSwing)))
		if at.Before(now) {
			at = now.Add(time.Duration(r.Int64N(int64(comeEarly))))
		}
		f.coming = append(f.coming, waiter{-1 - i, start, at})
	}
	slices.SortFunc(f.coming, func(a, b waiter) int { return a.arrived.Compare(b.arrived) })
	coming := f.coming
	f.free = f.free[:0]
	for _, t := range f.serving {
		from := t.Started
		if from.IsZero() {
			from = t.Called
		}
		f.free = append(f.free, now.Add(f.p.rest(t.Service, t.Matters, now.Sub(from), r)))
	}
	for len(f.free) < f.s.Desks(f.unit(now)) {
		f.free = append(f.free, now)
	}
	if len(f.free) == 0 {
		f.free = append(f.free, now)
	}
	for range 1000 {
		desk := 0
		for i, at := range f.free {
			if at.Before(f.free[desk]) {
				desk = i
			}
		}
		at := f.free[desk]
		if desks := f.s.Desks(f.unit(at)); desk >= desks {
			// Closed, for lunch or for the day; look again at the next unit.
			f.free[desk] = f.midnite.Add(time.Duration((f.unit(at)+1)*f.n.Unit) * time.Minute)
			if f.unit(at) >= 24*60/f.n.Unit-1 {
				break
			}
			continue
		}
		for len(coming) > 0 && !coming[0].arrived.After(at) {
			l.waiting = append(l.waiting, coming[0])
			coming = coming[1:]
		}
		i := f.n.pick(&l, at)
		if i < 0 {
			break // I am in the line until I am called
		}
		w := l.waiting[i]
		if w.number == f.me {
			return at.Sub(now)
		}
		l.waiting[i] = l.waiting[len(l.waiting)-1]
		l.waiting = l.waiting[:len(l.waiting)-1]
		l.called(w.slot, at)
		t := f.of[w.number]
		if w.number < 0 {
			v := f.due[-1-w.number]
			t.Service, t.Matters = v.Service, v.Matters
		}
		f.free[desk] = at.Add(f.p.draw(t.Service, t.Matters, r))
	}
	return f.midnite.Add(24 * time.Hour).Sub(now)
}

func (f *future) unit(t time.Time) int {
	return int(t.Sub(f.midnite) / (time.Duration(f.n.Unit) * time.Minute))
}
