package rehearse

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"turnike/gate"
	"turnike/internal/card"
	"turnike/internal/city"
	"turnike/statuslist"
)

// FleetOptions say how many validators live through how many days. The zero
// value of a number means its default.
type FleetOptions struct {
	City    *city.Profile
	From    time.Time     // the first moment, by any clock
	Days    int           // 8
	Devices int           // 50
	Cards   int           // in the city's list; 2,000
	Every   time.Duration // the city publishes, connected devices ask, everybody taps; 30 minutes
	Taps    int           // of each device, each time; 2
	Seed    uint64
	Dir     string // as in Options
	// Progress hears how much of the work is done, 0 to 1; may be nil.
	Progress func(done float64)
}

// FleetResult is what the devices did.
type FleetResult struct {
	Devices    int    `json:"devices"`
	Days       int    `json:"days"`
	Taps       uint64 `json:"taps"`
	Refused    uint64 `json:"refused"`
	Past       uint64 `json:"past_not_after"` // answered by a list past its time
	Updates    uint64 `json:"updates"`
	Files      uint64 `json:"files_fetched"`
	Bytes      uint64 `json:"bytes_fetched"`
	Fulls      uint64 `json:"full_lists_fetched"`
	Partitions uint64 `json:"partitions"`
	PowerCuts  uint64 `json:"power_cuts"`
	OldestHour int    `json:"oldest_list_hours"`
	// Wrong is how many answers were not what the decisions say of the card as
	// the device's own list has it; StaleStops how many refused a card for a
	// stop whose last day was over; Behind how often a device that had just
	// asked, or just woken, did not hold the list it had to. All are to be 0.
	Wrong      uint64 `json:"wrong"`
	StaleStops uint64 `json:"stale_stops"`
	Behind     uint64 `json:"behind"`
}

func (r *FleetResult) add(o FleetResult) {
	r.Taps, r.Refused, r.Past = r.Taps+o.Taps, r.Refused+o.Refused, r.Past+o.Past
	r.Updates, r.Files, r.Bytes, r.Fulls = r.Updates+o.Updates, r.Files+o.Files, r.Bytes+o.Bytes, r.Fulls+o.Fulls
	r.Partitions, r.PowerCuts, r.OldestHour = r.Partitions+o.Partitions, r.PowerCuts+o.PowerCuts, max(r.OldestHour, o.OldestHour)
	r.Wrong, r.StaleStops, r.Behind = r.Wrong+o.Wrong, r.StaleStops+o.StaleStops, r.Behind+o.Behind
}

// How a fleet fares: most partitions are a tunnel or a depot's night, some are
// a vehicle forgotten for longer than a list may be believed.
const (
	cutChance = 0.02 // of a connected device, each time
	longCut   = 0.25 // of the cuts
	shortMax  = 36 * time.Hour
	longMin   = 6 * 24 * time.Hour
	longMax   = 9 * 24 * time.Hour
	powerCut  = 0.005 // of a device, each time: it starts again from its folder
)

// published is what one sequence of the list says.
type published struct {
	statuses []statuslist.Status
	known    []city.Decision
	notAfter time.Time
	issued   time.Time
}

// fleet is a city's list and its devices under way.
type fleet struct {
	FleetOptions
	zone    *time.Location
	ranges  *statuslist.Ranges
	pub     *statuslist.Publisher
	fetch   gate.Fetch
	rng     *rand.Rand
	now     []statuslist.Status // of every card
	history map[uint64]published
	newest  uint64
	devices []*fleetDevice
}

// fleetDevice is one validator with its own folder, luck and line.
type fleetDevice struct {
	cfg      gate.Config
	gate     *gate.Gate
	rng      *rand.Rand
	cutUntil time.Time
	held     uint64 // the sequence it holds
	result   FleetResult
}

// Fleet lets devices follow a city's list for days, cut off at times for
// longer than the list may be believed, and judges every answer.
func Fleet(ctx context.Context, o FleetOptions) (*FleetResult, error) {
	setDefault(&o.Days, 8)
	setDefault(&o.Devices, 50)
	setDefault(&o.Cards, 2000)
	setDefault(&o.Every, 30*time.Minute)
	setDefault(&o.Taps, 2)
	if o.Progress == nil {
		o.Progress = func(float64) {}
	}
	if o.City == nil || o.Days < 0 || o.Devices < 0 || o.Cards < 10 || o.Taps < 0 || o.Every < time.Minute {
		return nil, fmt.Errorf("rehearse a fleet: a city, at least 10 cards and a minute between are needed")
	}
	if o.Dir == "" {
		var err error
		if o.Dir, err = scratch(float64(o.Devices) * float64(o.Cards) / float64(printed[0].Cards)); err != nil {
			return nil, fmt.Errorf("rehearse a fleet: %w", err)
		}
		defer os.RemoveAll(o.Dir)
	}
	f := &fleet{FleetOptions: o, history: map[uint64]published{}}
	if err := f.prepare(); err != nil {
		return nil, fmt.Errorf("rehearse a fleet: %w", err)
	}
	steps := int(time.Duration(o.Days) * 24 * time.Hour / o.Every)
	for i := range steps {
		if err := f.step(ctx, o.From.Add(time.Duration(i)*o.Every)); err != nil {
			return nil, fmt.Errorf("rehearse a fleet: %w", err)
		}
		o.Progress(float64(i+1) / float64(steps))
	}
	res := &FleetResult{Devices: o.Devices, Days: o.Days}
	for _, d := range f.devices {
		res.add(d.result)
	}
	return res, nil
}

func (f *fleet) prepare() error {
	f.zone = f.City.Location()
	f.From = f.From.In(f.zone).Truncate(time.Second)
	f.rng = rand.New(rand.NewPCG(f.Seed, mix(f.Seed)))
	var err error
	if f.ranges, err = scaledRanges(f.City, uint32(f.Cards)); err != nil {
		return err
	}
	f.now = make([]statuslist.Status, f.ranges.Len())
	if f.pub, err = publisher(f.Dir, f.City.ID, f.ranges, f.City.RuleTables(f.From), f.From, f.Seed); err != nil {
		return err
	}
	f.fetch = folder(f.Dir, f.City.ID)
	for i := range f.Devices {
		d := &fleetDevice{
			cfg: gate.Config{Dir: filepath.Join(f.Dir, "device-"+strconv.Itoa(i)), City: f.City.ID},
			rng: rand.New(rand.NewPCG(f.Seed, mix(uint64(i)))),
		}
		if d.gate, err = gate.Open(d.cfg); err != nil {
			return err
		}
		f.devices = append(f.devices, d)
	}
	return nil
}

// step lets the city change, publishes, and lets every device live until the
// next one.
func (f *fleet) step(ctx context.Context, now time.Time) error {
	f.change(now)
	known := f.City.Known(now)
	if err := f.pub.SetRules(f.City.RuleTables(now)); err != nil {
		return err
	}
	head, _, err := f.pub.Publish(now)
	if err != nil {
		return err
	}
	f.newest = head.Sequence
	f.history[head.Sequence] = published{slices.Clone(f.now), known, head.NotAfter, head.Issued}
	errs := make([]error, runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	for w := range errs {
		wg.Go(func() {
			for i := w; i < len(f.devices) && errs[w] == nil; i += len(errs) {
				errs[w] = f.live(ctx, f.devices[i], now)
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// change pairs some cards, stops some until a day, lifts some stops early and
// ends a card now and then.
func (f *fleet) change(now time.Time) {
	today := statuslist.DayOf(now.In(f.zone))
	set := func(i uint32, s statuslist.Status) {
		f.now[i] = s
		f.pub.Set(i, s)
	}
	paired := []card.Class{card.Paired, card.Paired, card.Paired65, card.Paired20, card.Exempt}
	for range 1 + f.Cards/400 {
		if i := f.rng.Uint32N(f.ranges.Len()); f.now[i].Class == statuslist.Class(card.Unpaired) {
			set(i, statuslist.Status{Class: statuslist.Class(paired[f.rng.IntN(len(paired))])})
		}
	}
	for range 1 + f.Cards/500 {
		if i := f.rng.Uint32N(f.ranges.Len()); f.now[i].Class != statuslist.Class(card.Dead) {
			set(i, statuslist.Status{Class: f.now[i].Class, StopUntil: today + statuslist.Day(f.rng.IntN(stopDays))})
		}
	}
	for range f.Cards / 20 {
		if i := f.rng.Uint32N(f.ranges.Len()); f.now[i].Stopped(today) && f.rng.IntN(4) == 0 {
			set(i, statuslist.Status{Class: f.now[i].Class})
		}
	}
	if f.rng.IntN(8) == 0 {
		set(f.rng.Uint32N(f.ranges.Len()), statuslist.Status{Class: statuslist.Class(card.Dead)})
	}
}

// live lets a device lose its line or its power, ask for news if it can, and
// answer taps.
func (f *fleet) live(ctx context.Context, d *fleetDevice, now time.Time) error {
	if d.held != 0 && now.After(d.cutUntil) && d.rng.Float64() < cutChance {
		from, to := time.Duration(0), shortMax
		if d.rng.Float64() < longCut {
			from, to = longMin, longMax
		}
		d.cutUntil = now.Add(from + time.Duration(d.rng.Int64N(int64(to-from))))
		d.result.Partitions++
	}
	if d.held != 0 && d.rng.Float64() < powerCut {
		d.result.PowerCuts++
		g, err := gate.Open(d.cfg)
		if err != nil {
			return err
		}
		d.gate = g
		if d.gate.Status(now).Sequence != d.held {
			d.result.Behind++
		}
	}
	if now.After(d.cutUntil) {
		if err := f.update(ctx, d, now); err != nil {
			return err
		}
	}
	for range f.Taps {
		f.tap(d, now.Add(time.Duration(d.rng.Int64N(int64(f.Every)))))
	}
	return nil
}

func (f *fleet) update(ctx context.Context, d *fleetDevice, now time.Time) error {
	counted := func(ctx context.Context, name string, limit int64) ([]byte, error) {
		b, err := f.fetch(ctx, name, limit)
		d.result.Files++
		d.result.Bytes += uint64(len(b))
		if strings.HasPrefix(name, "full-") {
			d.result.Fulls++
		}
		return b, err
	}
	if _, err := d.gate.Update(ctx, counted); err != nil {
		return fmt.Errorf("device in %s: %w", filepath.Base(d.cfg.Dir), err)
	}
	d.result.Updates++
	d.held = d.gate.Status(now).Sequence
	if d.held != f.newest {
		d.result.Behind++
	}
	return nil
}

// tap asks the device about a card and judges the answer by what the device's
// own list has to say.
func (f *fleet) tap(d *fleetDevice, at time.Time) {
	list := f.history[d.held]
	d.result.Taps++
	d.result.OldestHour = max(d.result.OldestHour, int(math.Ceil(at.Sub(list.issued).Hours())))
	index := d.rng.Uint32N(f.ranges.Len())
	n, _ := f.ranges.Number(index)
	local := at.In(f.zone)
	if d.rng.IntN(100) == 0 { // a number nobody bears
		if n.Value += 1 << 33; d.gate.Decide(n, at, 0) != gate.Refuse {
			d.result.Wrong++
		}
		return
	}
	status := list.statuses[index]
	got := d.gate.Ask(n, at, 0)
	if got.Decision == gate.Refuse {
		d.result.Refused++
	}
	want := decided(list.known, status, local)
	if at.After(list.notAfter) {
		d.result.Past++
		want = f.past(status, local)
	}
	if got.Decision != want || !got.Issued || got.Index != index {
		d.result.Wrong++
	}
	if got.Stopped && status.StopUntil < statuslist.DayOf(local) {
		d.result.StaleStops++
	}
}

// past is what the city's file says of a card once the list is too old.
func (f *fleet) past(s statuslist.Status, at time.Time) gate.Decision {
	g := f.City.Gate
	switch {
	case card.Class(s.Class) == card.Dead:
		return gate.Refuse
	case s.Stopped(statuslist.DayOf(at)):
		return byWord[g.StaleStopped]
	case card.Class(s.Class) == card.Unpaired:
		return byWord[g.StaleUnpaired]
	}
	return byWord[g.StalePaired]
}
