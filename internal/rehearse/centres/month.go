// Package centres plays a made-up month of a network of service centres:
// people book by the real service on a database of their own, come early, late
// or never, and are called by the rules that call people in earnest. What it
// shows is what the seed text promises: who comes in their hour is served
// without a queue, and the floor never holds more people than cashiers.
package centres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"turnike/internal/audit"
	"turnike/internal/booking"
	"turnike/internal/fault"
	"turnike/internal/person"
	"turnike/internal/storage"
	"turnike/internal/storage/sqlstore"
)

// Options say which month. The zero value is İZSU's first: 13,000 people from
// 20 April 2020 on.
type Options struct {
	Network *booking.Network // İZSU if nil
	People  int              // 13,000 if zero, with and without an appointment
	From    booking.Day      // 20 April 2020 if zero
	Days    int              // 30 if zero
	Walking float64          // share who come without an appointment; 0.1 if zero
	Seed    uint64
	Dir     string // for the database
	Now     func() time.Time
	Step    func(done, all int) // progress; nil for none
}

// Result is what came of it.
type Result struct {
	Network  string `json:"network"`
	From     string `json:"from"`
	To       string `json:"to"`
	Days     int    `json:"working_days"`
	Centres  int    `json:"centres"`
	Counters int    `json:"counters"`
	People   int    `json:"people"`

	Booked   int `json:"booked"`
	Turned   int `json:"found_no_place"`
	Wrong    int `json:"wrong_counters"` // cells that are not the sum of their visits
	Early    int `json:"came_early"`     // by their hour
	Late     int `json:"came_late"`
	Never    int `json:"never_came"`
	Walkins  int `json:"without_appointment"`
	Unserved int `json:"unserved"` // came and were still there at closing

	FloorDays   int `json:"floor_days"`   // days of centres played
	FloorBroken int `json:"floor_broken"` // of those, with more people than allowed
	OnTime      int `json:"on_time"`      // the same as came_early
	InTime      int `json:"in_time"`      // of those, called within five minutes
	Shown       int `json:"waits_shown"`
	Kept        int `json:"waits_kept"`
	// WalkMedian and WalkMost are waits of those without an appointment, in
	// minutes: of half, and of four fifths.
	WalkMedian float64       `json:"walkin_wait_median_min"`
	WalkMost   float64       `json:"walkin_wait_p80_min"`
	Busy       float64       `json:"counters_busy"` // share of counter hours
	Trial      booking.Trial `json:"forecast"`
	Seconds    float64       `json:"seconds"`

	Deeds    []booking.Deed `json:"-"`
	Arrived  map[int]int    `json:"-"` // minutes after the hour (negative: before), in fives
	Called   map[int]int    `json:"-"` // minutes from the hour to the call, of those on time
	Full     [24]float64    `json:"-"` // fullest floor of any centre by hour, as a share of its limit
	net      *booking.Network
	from, to booking.Day
}

// InTimeShare is the share of those on time who were called within five
// minutes of their hour.
func (r *Result) InTimeShare() float64 { return booking.Share(r.InTime, r.OnTime) }

// OK tells whether the month kept what is promised.
func (r *Result) OK() bool {
	return r.FloorBroken == 0 && r.InTimeShare() >= 0.95 && r.Wrong == 0 && r.Trial.Day < r.Trial.Same
}

// wish is what somebody wants before they know what is free.
type wish struct {
	centre  *booking.Centre
	day     booking.Day
	minute  int
	service string
	channel booking.Channel
	lead    int
	n       int
}

// Month plays it.
func Month(ctx context.Context, o Options) (*Result, error) {
	if o.Network == nil {
		n, err := booking.Shipped("izsu")
		if err != nil {
			return nil, err
		}
		o.Network = n
	}
	if o.People == 0 {
		o.People = 13_000
	}
	if o.From == 0 {
		o.From = booking.Date(2020, 4, 20)
	}
	if o.Days == 0 {
		o.Days = 30
	}
	if o.Walking == 0 {
		o.Walking = 0.1
	}
	if o.Step == nil {
		o.Step = func(int, int) {}
	}
	began := o.Now()
	rnd := rand.New(rand.NewPCG(o.Seed, 0xB0))
	n := o.Network
	r := &Result{Network: n.ID, From: o.From.String(), To: (o.From + booking.Day(o.Days) - 1).String(), Centres: len(n.Centres),
		People: o.People, Arrived: map[int]int{}, Called: map[int]int{}, net: n, from: o.From, to: o.From + booking.Day(o.Days) - 1}
	for i := range n.Centres {
		r.Counters += n.Centres[i].Desks
	}
	wishes, walkers := wants(n, o, rnd)
	m := &month{o: o, n: n, r: r, rnd: rnd, walkers: walkers}
	if err := m.open(ctx); err != nil {
		return nil, err
	}
	defer m.store.Close()
	if err := m.book(ctx, wishes); err != nil {
		return nil, err
	}
	if err := m.play(ctx); err != nil {
		return nil, err
	}
	wrong, err := m.service.Audit(ctx, o.From, o.Days)
	if err != nil {
		return nil, err
	}
	r.Wrong = len(wrong)
	r.Trial = n.Try(r.Deeds, r.to+1, max(1, o.Days/14))
	r.Seconds = o.Now().Sub(began).Seconds()
	return r, nil
}

// wants makes up who wants what. Mondays and days after one off are fuller,
// mornings too; centres go by their counters, some better known than others.
func wants(n *booking.Network, o Options, rnd *rand.Rand) (wishes []wish, walkers []wish) {
	week := [7]float64{0, 1.25, 1.05, 0.95, 0.95, 0.85, 0}
	hour := [24]float64{8: 0.6, 9: 1.2, 10: 1.4, 11: 1.1, 12: 0.5, 13: 0.7, 14: 1.0, 15: 0.9, 16: 0.6}
	mix := []float64{24, 18, 14, 12, 8, 14, 10}
	known := make([]float64, len(n.Centres))
	for i := range known {
		known[i] = float64(n.Centres[i].Desks) * math.Exp(0.35*rnd.NormFloat64())
	}
	var days []booking.Day
	var load []float64
	for d := o.From; d < o.From+booking.Day(o.Days); d++ {
		if !slices.ContainsFunc(n.Centres, func(c booking.Centre) bool { return len(n.Plan(&c, d, nil)) > 0 }) {
			continue
		}
		days = append(days, d)
		f := week[d.Weekday()] * math.Exp(0.06*rnd.NormFloat64())
		if len(days) > 1 && days[len(days)-2] < d-1 && d.Weekday() != time.Monday {
			f *= 1.3 // the first after a day off
		}
		load = append(load, f)
	}
	for i := range o.People {
		c := &n.Centres[pick(known, rnd)]
		h := pick(hour[:], rnd)
		w := wish{centre: c, day: days[pick(load, rnd)], minute: h*60 + rnd.IntN(60), n: i,
			service: n.Services[pick(mix[:min(len(mix), len(n.Services))], rnd)%len(n.Services)].ID, channel: booking.Web}
		if rnd.Float64() < o.Walking {
			walkers = append(walkers, w)
			continue
		}
		if rnd.Float64() < 0.4 {
			w.channel = booking.Call
		}
		w.lead = min(10, int(rnd.ExpFloat64()*3.2))
		wishes = append(wishes, w)
	}
	slices.SortStableFunc(wishes, func(a, b wish) int {
		return cmp.Compare(a.day-booking.Day(a.lead), b.day-booking.Day(b.lead))
	})
	return wishes, walkers
}

// pick draws an index by its weight.
func pick(weights []float64, rnd *rand.Rand) int {
	var sum float64
	for _, w := range weights {
		sum += w
	}
	x := rnd.Float64() * sum
	for i, w := range weights {
		if x -= w; x < 0 {
			return i
		}
	}
	return len(weights) - 1
}

// month is one being played.
type month struct {
	o       Options
	n       *booking.Network
	r       *Result
	rnd     *rand.Rand
	walkers []wish
	store   *sqlstore.Store
	service *booking.Service
	now     atomic.Int64
}

func (m *month) clock() time.Time { return time.UnixMicro(m.now.Load()).UTC() }

func (m *month) open(ctx context.Context) (err error) {
	if m.store, err = storage.Open(ctx, "sqlite:"+filepath.Join(m.o.Dir, "month.db"), true); err != nil {
		return err
	}
	m.now.Store((m.o.From - 14).At(9*60, m.n.Location()).UnixMicro())
	seed := rand.New(rand.NewPCG(m.o.Seed, 0xC0))
	var mu sync.Mutex
	m.service = booking.New(booking.Config{Store: sqlstore.As[booking.Tx](m.store), Network: m.n, Now: m.clock,
		Rand: func(n uint64) uint64 { mu.Lock(); defer mu.Unlock(); return seed.Uint64N(n) }})
	if err := m.service.Plan(ctx, m.o.From, m.o.Days); err != nil {
		return errors.Join(err, m.store.Close())
	}
	return nil
}

// callers are how many people book at the same moment.
const callers = 48

// book has everybody book, day by day, by the real service: many at once, as
// they would.
func (m *month) book(ctx context.Context, wishes []wish) error {
	done := 0
	for len(wishes) > 0 {
		day := wishes[0].day - booking.Day(wishes[0].lead)
		k := slices.IndexFunc(wishes, func(w wish) bool { return w.day-booking.Day(w.lead) != day })
		if k < 0 {
			k = len(wishes)
		}
		m.now.Store(max(m.now.Load(), day.At(8*60, m.n.Location()).UnixMicro()))
		var wg sync.WaitGroup
		var turned atomic.Int64
		errs := make([]error, callers)
		for c := range callers {
			wg.Go(func() {
				for i := c; i < k; i += callers {
					ok, err := m.place(ctx, wishes[i])
					if err != nil {
						errs[c] = err
						return
					}
					if !ok {
						turned.Add(1)
					}
				}
			})
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			return fmt.Errorf("book: %w", err)
		}
		m.r.Turned += int(turned.Load())
		m.r.Booked += k - int(turned.Load())
		done += k
		m.o.Step(done, m.o.People)
		wishes = wishes[k:]
	}
	return nil
}

// place books the free hour nearest to a wish, on its day or the next ones.
func (m *month) place(ctx context.Context, w wish) (bool, error) {
	var tag person.Tag
	tag[0], tag[1], tag[2], tag[3] = 'v', byte(w.n), byte(w.n>>8), byte(w.n>>16)
	for d := w.day; d < min(w.day+6, m.r.to+1); d++ {
		slots, _, err := m.service.Board().Slots(w.centre.ID, d, w.service, 1, w.channel, m.clock())
		if err != nil {
			return false, err
		}
		want := d.At(w.minute, m.n.Location())
		slices.SortFunc(slots, func(a, b booking.Slot) int {
			return cmp.Compare(a.Start.Sub(want).Abs(), b.Start.Sub(want).Abs())
		})
		for _, s := range slots[:min(5, len(slots))] {
			_, err := m.service.Book(ctx, booking.Request{Centre: w.centre.ID, Service: w.service, Matters: 1, Day: d,
				Unit: s.Place.Unit, Channel: w.channel, Actor: audit.Citizen(string(w.channel)),
				Who: booking.Who{Holder: tag, Phone: tag, Sealed: []byte{1}, Lang: "tr"}})
			if err == nil {
				return true, nil
			}
			if !errors.Is(err, booking.ErrFull) && !errors.Is(err, booking.ErrPast) && !errors.Is(err, booking.ErrClosed) {
				if fault.Of(err) != nil {
					return false, nil // has one already
				}
				return false, err
			}
		}
	}
	return false, nil
}

// missing is the chance in the made-up month that somebody does not come: who
// booked long before forgets, who telephoned less often so.
func missing(lead int, c booking.Channel) float64 {
	p := 0.07 + 0.016*float64(min(lead, 10))
	if c == booking.Call {
		p *= 0.8
	}
	return p
}

// play has the days take place.
func (m *month) play(ctx context.Context) error {
	paces := map[string]*booking.Pace{}
	byDay := map[booking.DayKey][]wish{}
	for _, w := range m.walkers {
		k := booking.DayKey{Centre: w.centre.ID, Day: w.day}
		byDay[k] = append(byDay[k], w)
	}
	var score booking.Score
	var busy, hours time.Duration
	for d := m.r.from; d <= m.r.to; d++ {
		worked := false
		for i := range m.n.Centres {
			c := &m.n.Centres[i]
			plan := m.n.Plan(c, d, nil)
			if len(plan) == 0 {
				continue
			}
			worked = true
			for _, p := range plan {
				if p.Pool != "" {
					hours += time.Duration(p.Desks*m.n.Unit) * time.Minute
				}
			}
			visits, err := m.service.OnDay(ctx, c.ID, d)
			if err != nil {
				return err
			}
			people := m.people(c, d, plan, visits, byDay[booking.DayKey{Centre: c.ID, Day: d}])
			if paces[c.ID] == nil {
				paces[c.ID] = booking.NewPace(m.n)
			}
			tickets, floor := m.n.Rehearse(c, d, people, paces[c.ID], m.rnd)
			m.r.FloorDays++
			if floor > c.Floor {
				m.r.FloorBroken++
			}
			m.note(c, d, visits, people, tickets)
			for _, t := range tickets {
				if !t.Started.IsZero() {
					busy += t.Ended.Sub(t.Started)
				}
			}
			score.Add(booking.ScoreOf(tickets))
		}
		if worked {
			m.r.Days++
		}
	}
	r := m.r
	r.OnTime, r.InTime, r.Unserved, r.Shown, r.Kept = score.Appointments, score.InTime, score.Unserved, score.Shown, score.Kept
	if k := len(score.Wait); k > 0 {
		r.WalkMedian, r.WalkMost = score.Wait[k/2].Minutes(), score.Wait[k*4/5].Minutes()
	}
	r.Busy = float64(busy) / float64(hours)
	return nil
}

// people are those who come to a centre on a day, or do not.
func (m *month) people(c *booking.Centre, d booking.Day, plan []booking.PlanCell, visits []booking.Visit, walkers []wish) []booking.Arrival {
	people := m.n.Comers(visits, m.rnd)
	for i := range people {
		v := visits[i]
		lead := int(d - booking.DayOf(v.CreatedAt, m.n.Location()))
		people[i].Never = m.rnd.Float64() < missing(lead, v.Channel)
		m.r.walked(people[i])
	}
	for _, w := range walkers {
		// Nobody comes while the doors are shut.
		at := min(max(w.minute, plan[0].Unit*m.n.Unit), (plan[len(plan)-1].Unit-1)*m.n.Unit)
		people = append(people, m.n.Walker(d.At(at, m.n.Location()).Add(time.Duration(m.rnd.IntN(60))*time.Second), w.service, m.rnd))
		m.r.Walkins++
	}
	return people
}

func (r *Result) walked(a booking.Arrival) {
	switch after := a.At.Sub(a.Slot); {
	case a.Never:
		r.Never++
		return
	case after > 0:
		r.Late++
	default:
		r.Early++
	}
	r.Arrived[fives(a.At.Sub(a.Slot))]++
}

// fives is a span in whole minutes, rounded down to five.
func fives(d time.Duration) int { return int(math.Floor(d.Minutes()/5)) * 5 }

// note takes in a day's numbers.
func (m *month) note(c *booking.Centre, d booking.Day, visits []booking.Visit, people []booking.Arrival, tickets []booking.Ticket) {
	past := make([]booking.PastVisit, len(visits))
	for i, v := range visits {
		past[i] = booking.PastVisit{ID: v.ID, Day: d, Unit: v.Place.Unit, Service: v.Service, Matters: v.Matters,
			Channel: v.Channel, State: booking.Done, Created: v.CreatedAt}
		if people[i].Never {
			past[i].State = booking.NoShow
		}
	}
	m.r.Deeds = append(m.r.Deeds, m.n.Deeds(c.ID, past, tickets)...)
	type edge struct {
		at time.Time
		by int
	}
	var edges []edge
	for _, t := range tickets {
		if t.Called.IsZero() {
			continue
		}
		edges = append(edges, edge{t.Called, 1}, edge{t.Ended, -1})
		if !t.Slot.IsZero() && !t.Arrived.After(t.Slot) {
			m.r.Called[fives(t.Called.Sub(t.Slot))]++
		}
	}
	slices.SortFunc(edges, func(a, b edge) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.by, b.by)) })
	on := 0
	for _, e := range edges {
		on += e.by
		h := e.at.In(m.n.Location()).Hour()
		m.r.Full[h] = max(m.r.Full[h], float64(on)/float64(c.Floor))
	}
}
