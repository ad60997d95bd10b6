package rehearse

import (
	"bufio"
	"cmp"
	"fmt"
	"math/bits"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"turnike/gate"
	"turnike/internal/card"
	"turnike/internal/city"
	"turnike/internal/tap"
	"turnike/statuslist"
)

// Result is what a replayed day came to. Times are the city's; durations of
// the machine are in seconds, sizes in bytes.
type Result struct {
	City     string     `json:"city"`
	Date     string     `json:"date"` // 2021-01-15
	DayType  string     `json:"day_type"`
	Scale    float64    `json:"scale"`
	Seed     uint64     `json:"seed"`
	Deadline *time.Time `json:"deadline,omitempty"` // of unpaired cards, where one stands

	Base   []BaseLine `json:"card_base"`        // at this scale
	Listed []Listed   `json:"list_at_start"`    // what the signed list said of the cards
	Eve    tap.Tally  `json:"eve"`              // before midnight
	Day    tap.Tally  `json:"day"`              // after it
	Hours  []HourRow  `json:"hours"`            // eve and day
	Causes []Cause    `json:"refused_by_class"` // of the day
	Places []PlaceRow `json:"places"`           // of the day, the most refused
	// EveryPlace are all places with a tap, most refused first.
	EveryPlace []PlaceRow `json:"-"`
	// Districts are the places added up, most refused first.
	Districts []PlaceRow `json:"districts"`

	// Counts are the figures the day's batches held, the evening's too, and
	// Attempts the taps a stop refused.
	Counts   []tap.Count   `json:"-"`
	Attempts []tap.Attempt `json:"-"`

	RefusedCards uint64 `json:"refused_cards"`  // distinct, on the day
	PairedAtGate uint64 `json:"paired_at_gate"` // riders who paired after a refusal
	Reopened     uint64 `json:"reopened"`       // and rode within minutes
	// Wrong is how many answers were not what the decisions say. It is to be 0.
	Wrong uint64 `json:"wrong"`

	Assumed Assumed `json:"assumed"`
	Machine Machine `json:"machine"`
}

// Assumed are the figures that were chosen, not found.
type Assumed struct {
	Boardings  float64 `json:"weekday_boardings"` // of a full-size city
	Paired     float64 `json:"paired_share"`
	Stopped    uint64  `json:"stopped_cards"` // of a full-size city
	PairAtGate float64 `json:"pair_at_gate_share"`
	RidesEach  float64 `json:"rides_each"`
	Minors     float64 `json:"minors_among_students"`
	Seniors    float64 `json:"seniors_among_free"`
}

// Listed is how many cards of a class, stopped or not, the list holds.
type Listed struct {
	Class   string `json:"class"`
	Stopped bool   `json:"stopped"`
	Cards   uint64 `json:"cards"`
}

// HourRow is one hour's taps.
type HourRow struct {
	At time.Time `json:"at"`
	tap.Tally
}

// Cause is what was refused: a class by the rules, "stopped" whatever the
// class, or "unissued".
type Cause struct {
	Key     string `json:"key"`
	Taps    uint64 `json:"taps"` // of that sort, refused or not
	Refused uint64 `json:"refused"`
	Cards   uint64 `json:"cards"` // distinct cards refused; 0 for unissued numbers
}

// PlaceRow is a place or district and its taps.
type PlaceRow struct {
	Place
	Taps    uint64 `json:"taps"`
	Refused uint64 `json:"refused"`
}

// Machine is what the day took.
type Machine struct {
	Cores         int     `json:"cores"`
	PrepareS      float64 `json:"prepare_s"` // population, list, first publish, gate
	TotalS        float64 `json:"total_s"`
	DecideS       float64 `json:"decide_s"` // on one core
	Decisions     uint64  `json:"decisions"`
	PerSecond     float64 `json:"decisions_per_s"`
	NsEach        float64 `json:"ns_per_decision"` // printed digits to answer
	Publishes     int     `json:"publishes"`
	PublishMedian float64 `json:"publish_median_s"`
	PublishMax    float64 `json:"publish_max_s"` // without the first
	UpdateMedian  float64 `json:"gate_update_median_s"`
	FirstPublishS float64 `json:"first_publish_s"`
	FullBytes     int64   `json:"full_list_bytes"`
	PeakBytes     uint64  `json:"peak_memory_bytes"`
}

// bitset marks active places.
type bitset []uint64

func newBitset(n uint32) bitset    { return make(bitset, (n+63)/64) }
func (b bitset) set(i uint32)      { b[i/64] |= 1 << (i % 64) }
func (b bitset) has(i uint32) bool { return int(i/64) < len(b) && b[i/64]>>(i%64)&1 == 1 }
func (b bitset) each(f func(i uint32)) {
	for w, v := range b {
		for ; v != 0; v &= v - 1 {
			f(uint32(w*64 + bits.TrailingZeros64(v)))
		}
	}
}

// judge says what a tap had to be answered.
func (r *run) judge(t *rideTap) gate.Decision {
	if t.place == noPlace {
		return gate.Refuse
	}
	return decided(r.known, r.truth(t.place), t.at.In(r.zone))
}

// decided says what a card gets at a local time, from the city's decisions as
// they are written: not from the tables made of them, nor by the gate's clock.
// A later line wins.
func decided(known []city.Decision, s statuslist.Status, at time.Time) gate.Decision {
	c := card.Class(s.Class)
	if s.Stopped(statuslist.DayOf(at)) || c == card.Dead {
		return gate.Refuse
	}
	for _, d := range slices.Backward(known) {
		if !at.Before(d.From) && (d.Until.IsZero() || at.Before(d.Until)) && slices.Contains(d.Classes, c.String()) && within(d, at) {
			return byWord[d.Outcome]
		}
	}
	return gate.Admit
}

// byWord is what the gate does by the words of a city's file.
var byWord = map[string]gate.Decision{"refuse": gate.Refuse, "full_fare": gate.AdmitFullFare, "ride": gate.Admit}

// within tells whether a decision's hours hold at a local time.
func within(d city.Decision, at time.Time) bool {
	now := at.Format("15:04")
	for _, h := range d.Hours {
		start, end, _ := strings.Cut(h, "-")
		if start < end && start <= now && now < end || start >= end && (start <= now || now < end) {
			return true
		}
	}
	return len(d.Hours) == 0
}

// finish adds the day up, from what the batches handed in say.
func (r *run) finish(took time.Duration) (*Result, error) {
	res := r.result
	p := r.City
	res.City, res.Date, res.Scale, res.Seed = p.ID, r.midnight.Format(time.DateOnly), r.Scale, r.Seed
	res.DayType = "weekday"
	if shape(r.midnight) == &weekend {
		res.DayType = "weekend"
	}
	if at, ok := p.Deadline(r.from); ok {
		res.Deadline = &at
	}
	res.Assumed = Assumed{r.Boardings, r.Paired, uint64(r.Stopped), r.PairAtGate, ridesEach, minors, seniors}
	res.Listed = r.listed()

	counts := r.taps.Counts(p.ID)
	res.Counts, res.Attempts = counts, r.taps.Attempts(p.ID)
	split, _ := slices.BinarySearchFunc(counts, r.midnight.Unix()/3600, func(c tap.Count, h int64) int { return cmp.Compare(c.Hour, h) })
	eve, day := tap.Sum(counts[:split]), tap.Sum(counts[split:])
	res.Eve, res.Day = eve.All, day.All
	for at := r.from; at.Before(r.midnight.AddDate(0, 0, 1)); at = at.Add(time.Hour) {
		figures := day
		if at.Before(r.midnight) {
			figures = eve
		}
		res.Hours = append(res.Hours, HourRow{at, figures.ByHour[at.Unix()/3600]})
	}
	res.Causes = r.causes(day)
	res.EveryPlace, res.Districts = r.where(day)
	res.Places = res.EveryPlace[:min(len(res.EveryPlace), 40)]
	r.machine(took)
	return res, nil
}

// listed counts the list as it was at the start.
func (r *run) listed() []Listed {
	n := map[Listed]uint64{{Class: card.Unpaired.String()}: uint64(r.people.cards - r.people.active)}
	for k, q := range r.people.pools {
		n[Listed{Class: card.Unpaired.String()}] += uint64(q.cards - q.paired)
		n[Listed{Class: class[k].String()}] += uint64(q.paired - q.stopped)
		n[Listed{Class: class[k].String(), Stopped: true}] += uint64(q.stopped)
	}
	var out []Listed
	for l, cards := range n {
		l.Cards = cards
		out = append(out, l)
	}
	slices.SortFunc(out, func(a, b Listed) int { return cmp.Or(cmp.Compare(b.Cards, a.Cards), cmp.Compare(a.Class, b.Class)) })
	return out
}

// causes sorts the day's refusals. A card that paired at the gate counts as
// what it was when the day began.
func (r *run) causes(day tap.Figures) []Cause {
	stopped := Cause{Key: "stopped", Cards: uint64(len(r.stops))}
	byClass := map[card.Class]uint64{}
	for _, a := range r.taps.Attempts(r.City.ID) {
		if !a.Clock.Before(r.midnight) {
			byClass[a.Class]++
			stopped.Refused++
		}
	}
	stopped.Taps = stopped.Refused
	cards := map[card.Class]uint64{}
	r.refused.each(func(place uint32) {
		r.result.RefusedCards++
		if _, stop := r.stops[place]; !stop {
			cards[card.Class(r.people.status(place).Class)]++
		}
	})
	out := []Cause{stopped, {Key: "unissued", Taps: day.Unissued.Taps(), Refused: day.Unissued.Refused}}
	for c, t := range day.ByClass {
		out = append(out, Cause{c.String(), t.Taps() - byClass[c], t.Refused - byClass[c], cards[c]})
	}
	slices.SortFunc(out, func(a, b Cause) int { return cmp.Or(cmp.Compare(b.Refused, a.Refused), cmp.Compare(a.Key, b.Key)) })
	return out
}

// where adds the day up by place and by district.
func (r *run) where(day tap.Figures) (places, byDistrict []PlaceRow) {
	sums := map[string]PlaceRow{}
	for stop, t := range day.ByStop {
		p := r.Map.Places[stop-1]
		places = append(places, PlaceRow{p, t.Taps(), t.Refused})
		d := sums[p.District]
		d.Place = Place{Name: p.District, District: p.District}
		d.Taps, d.Refused = d.Taps+t.Taps(), d.Refused+t.Refused
		sums[p.District] = d
	}
	for _, d := range sums {
		byDistrict = append(byDistrict, d)
	}
	order := func(a, b PlaceRow) int {
		return cmp.Or(cmp.Compare(b.Refused, a.Refused), cmp.Compare(b.Taps, a.Taps), cmp.Compare(a.Name, b.Name), cmp.Compare(a.District, b.District))
	}
	slices.SortFunc(places, order)
	slices.SortFunc(byDistrict, order)
	return places, byDistrict
}

func (r *run) machine(took time.Duration) {
	c := &r.clocks
	m := &r.result.Machine
	m.Cores, m.PrepareS, m.TotalS = runtime.GOMAXPROCS(0), c.prepared.Seconds(), took.Seconds()
	m.DecideS, m.Decisions = c.decide.Seconds(), c.decided
	if c.decided > 0 {
		m.PerSecond = float64(c.decided) / c.decide.Seconds()
		m.NsEach = float64(c.decide.Nanoseconds()) / float64(c.decided)
	}
	m.Publishes, m.FirstPublishS = len(c.publish), c.publish[0].Seconds()
	m.PublishMedian, m.PublishMax = medianMax(c.publish[1:])
	m.UpdateMedian, _ = medianMax(c.update[1:])
	files, _ := filepath.Glob(filepath.Join(r.Dir, "list", r.City.ID, "full-*"))
	for _, f := range files {
		if info, err := os.Stat(f); err == nil {
			m.FullBytes = max(m.FullBytes, info.Size())
		}
	}
	m.PeakBytes = peakMemory()
}

func medianMax(d []time.Duration) (median, most float64) {
	if len(d) == 0 {
		return 0, 0
	}
	d = slices.Sorted(slices.Values(d))
	return d[len(d)/2].Seconds(), d[len(d)-1].Seconds()
}

// peakMemory is the most the process ever held, mapped files included, as
// Linux counts it; elsewhere what Go asked of the system.
func peakMemory() uint64 {
	if f, err := os.Open("/proc/self/status"); err == nil {
		defer f.Close()
		for s := bufio.NewScanner(f); s.Scan(); {
			var kb uint64
			if n, _ := fmt.Sscanf(s.Text(), "VmHWM: %d kB", &kb); n == 1 {
				return kb << 10
			}
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Sys
}
