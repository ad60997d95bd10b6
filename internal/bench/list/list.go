// Package list measures the signed list against what information theory and
// the memory of this machine allow: its size on the wire next to the entropy
// of what it says, its answers next to a bare array, every card asked.
package list

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"io"
	"iter"
	"math"
	"math/bits"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"turnike/gate"
	"turnike/internal/bench"
	"turnike/statuslist"
)

// Config says how much is measured.
type Config struct {
	Cards   uint32 // 34,260,087 if zero: every İstanbulkart issued
	Changes int    // in the measured delta; 20,000 if zero, a day's
	Rounds  int    // of the timed figures; 5 if zero
	Seed    uint64
	Dir     string    // for the published files; a temporary folder if empty
	Log     io.Writer // progress, and sizes beside other forms; nil for none
	Page    io.Writer // a page drawing the sizes; nil for none
}

const istanbulkarts = 34_260_087

// Run measures all mixes and gives the bars.
func Run(cfg Config) (bench.Report, error) {
	if cfg.Cards == 0 {
		cfg.Cards = istanbulkarts
	}
	if cfg.Changes == 0 {
		cfg.Changes = 20_000
	}
	if cfg.Rounds == 0 {
		cfg.Rounds = 5
	}
	if cfg.Log == nil {
		cfg.Log = io.Discard
	}
	if cfg.Dir == "" {
		dir, err := os.MkdirTemp("", "turnike-bench-list-")
		if err != nil {
			return bench.Report{}, fmt.Errorf("bench list: %w", err)
		}
		defer os.RemoveAll(dir)
		cfg.Dir = dir
	}
	r := &runner{Config: cfg, figures: map[string][]float64{}}
	for i, m := range mixes {
		if err := r.mix(m, i == len(mixes)-1); err != nil {
			return bench.Report{}, fmt.Errorf("bench list: %s: %w", m.name, err)
		}
	}
	if err := r.chips(); err != nil {
		return bench.Report{}, fmt.Errorf("bench list: %w", err)
	}
	if cfg.Page != nil {
		if err := draw(cfg.Page, r.sizes); err != nil {
			return bench.Report{}, fmt.Errorf("bench list: %w", err)
		}
	}
	return r.report()
}

// mix is a population: what state a card is in.
type mix struct {
	name string
	p    []share // what is left is the default, class 0
	// cohorts gives every issued range its own rate of the first share, from
	// nearly none to nearly all: how real cards are.
	cohorts bool
}

type share struct {
	p float64
	s statuslist.Status
}

const today statuslist.Day = 18642 // 15 January 2021

var mixes = []mix{
	{name: "0.1 % stopped", p: []share{{0.001, statuslist.Status{Class: 1}}}},
	{name: "1 %", p: []share{{0.01, statuslist.Status{Class: 1}}}},
	{name: "5 %", p: []share{{0.05, statuslist.Status{Class: 1}}}},
	{name: "11.24 % paired (the deadline)", p: []share{{0.1124, statuslist.Status{Class: 1}}}},
	{name: "45 %", p: []share{{0.45, statuslist.Status{Class: 1}}}},
	{name: "76 %", p: []share{{0.76, statuslist.Status{Class: 1}}}},
	{name: "deadline with classes and stops, in cohorts", cohorts: true, p: deadline()},
}

// deadline is the list as it would have been: paired adults, 65 and over,
// under 20, some of each stopped until one of the next fourteen days.
func deadline() []share {
	out := []share{{0.085, statuslist.Status{Class: 1}}, {0.012, statuslist.Status{Class: 2}}, {0.015, statuslist.Status{Class: 3}}}
	for c := statuslist.Class(1); c <= 3; c++ {
		for d := range statuslist.Day(14) {
			out = append(out, share{0.0001 / 42, statuslist.Status{Class: c, StopUntil: today + d}})
		}
	}
	return append(out, share{0.0005, statuslist.Status{Class: 5, StopUntil: statuslist.Forever}})
}

const segments = 285

type runner struct {
	Config
	figures map[string][]float64
	ranges  *statuslist.Ranges
	stride  uint64 // between the first numbers of two ranges
	sizes   []size
	note    string

	chipCards int
}

// cutoff is the first card of a range.
func (r *runner) cutoff(segment int) uint32 {
	return uint32(uint64(r.Cards) * uint64(segment) / segments)
}

func (r *runner) makeRanges() error {
	var issued []statuslist.Range
	r.stride = uint64(r.Cards)/segments + 100
	for i := range segments {
		first := 3_000_000_000_000 + uint64(i)*r.stride
		if n := r.cutoff(i+1) - r.cutoff(i); n > 0 {
			issued = append(issued, statuslist.Range{Scheme: 1, First: first, Last: first + uint64(n) - 1})
		}
	}
	var err error
	r.ranges, err = statuslist.NewRanges([]statuslist.Scheme{{ID: 1, Name: "bench", Digits: 16, Check: statuslist.CheckLuhn}}, issued...)
	return err
}

// population draws a mix.
func (r *runner) population(m mix) []statuslist.Status {
	rng := rand.New(rand.NewPCG(r.Seed, 1))
	out := make([]statuslist.Status, r.Cards)
	for segment := range segments {
		boost := 1.0
		if m.cohorts {
			// Between a fiftieth and about three times the mean.
			boost = 0.02 + 2.9*math.Pow(rng.Float64(), 2)
		}
		for i := r.cutoff(segment); i < r.cutoff(segment+1); i++ {
			x := rng.Float64()
			for _, s := range m.p {
				if x -= s.p * boost; x < 0 {
					out[i] = s.s
					break
				}
			}
		}
	}
	return out
}

// entropy is the least any coder can do that knows, for each range, how many
// cards are in which state: bytes.
func (r *runner) entropy(pop []statuslist.Status, m mix) float64 {
	total := 0.0
	add := func(part []statuslist.Status) {
		counts := map[statuslist.Status]int{}
		for _, s := range part {
			counts[s]++
		}
		total += logFactorial(len(part))
		for _, n := range counts {
			total -= logFactorial(n)
		}
	}
	if !m.cohorts {
		add(pop)
	} else {
		for i := range segments {
			add(pop[r.cutoff(i):r.cutoff(i+1)])
		}
	}
	return total / math.Ln2 / 8
}

func logFactorial(n int) float64 {
	v, _ := math.Lgamma(float64(n) + 1)
	return v
}

func key(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("turnike bench " + name))
	return ed25519.NewKeyFromSeed(seed[:])
}

// mix publishes a population, changes a day's worth, follows it with a gate
// and asks about every card. The last mix is the one that is timed.
func (r *runner) mix(m mix, timed bool) error {
	if r.ranges == nil {
		if err := r.makeRanges(); err != nil {
			return err
		}
	}
	now := time.Unix(int64(today)*86400, 0).UTC().Add(7 * time.Hour)
	pop := r.population(m)
	dir := filepath.Join(r.Dir, fmt.Sprint("mix", len(r.figures["full_to_bound"])))
	pub, anchor, err := r.publisher(dir, r.ranges, now)
	if err != nil {
		return err
	}
	if err := pub.SetAll(numbered(pop)); err != nil {
		return err
	}
	began := time.Now()
	h, _, err := pub.Publish(now)
	if err != nil {
		return err
	}
	r.add("publish_s", time.Since(began).Seconds())
	bound := r.entropy(pop, m)
	r.add("full_to_bound", (float64(h.Full.Size)-1024)/bound)
	others, err := beside(pop, m)
	if err != nil {
		return err
	}
	s := size{Mix: m.name, Bound: bound, Forms: append([]form{{Name: "Turnike", Bytes: float64(h.Full.Size)}}, others...)}
	r.sizes = append(r.sizes, s)
	fmt.Fprintln(r.Log, s)

	g, err := gate.Open(gate.Config{Dir: filepath.Join(dir, "gate"), City: "bench", Anchor: anchor})
	if err != nil {
		return err
	}
	fetch := func(_ context.Context, name string, _ int64) ([]byte, error) {
		return os.ReadFile(filepath.Join(dir, "bench", name))
	}
	if _, err := g.Update(context.Background(), fetch); err != nil {
		return err
	}
	if err := r.delta(pub, g, fetch, pop, m, now.Add(time.Minute)); err != nil {
		return err
	}
	r.add("wrong_cards", float64(r.wrong(g, pop, now)))
	if timed {
		if err := r.load(dir, anchor, pop, now); err != nil {
			return err
		}
		r.decide(g, pop, now)
	}
	return os.RemoveAll(dir)
}

func (r *runner) publisher(dir string, ranges *statuslist.Ranges, now time.Time) (*statuslist.Publisher, statuslist.Anchor, error) {
	root := statuslist.Root{City: "bench", Version: 1, Threshold: 2}
	var anchor statuslist.Anchor
	for _, name := range []string{"a", "b", "c"} {
		root.Keys = append(root.Keys, key(name).Public().(ed25519.PublicKey))
	}
	anchor = statuslist.Anchor{Keys: root.Keys, Threshold: 2}
	root.ListKeys = []statuslist.ListKey{{Key: key("list").Public().(ed25519.PublicKey), From: now.AddDate(-1, 0, 0), To: now.AddDate(1, 0, 0)}}
	file, err := root.Sign(key("a"), key("b"))
	if err != nil {
		return nil, anchor, err
	}
	pub, err := statuslist.OpenPublisher(statuslist.PublisherConfig{
		Dir: dir, City: "bench", Ranges: ranges, Key: key("list"), Roots: [][]byte{file}, Rules: []*statuslist.Rules{rules()},
	})
	return pub, anchor, err
}

// rules are a city's in the pandemic: the unpaired refused, the old and the
// young by the hour.
func rules() *statuslist.Rules {
	out := &statuslist.Rules{
		EffectiveFrom: time.Unix(int64(today-30)*86400, 0),
		Zone:          []statuslist.Transition{{Offset: 2 * time.Hour}, {At: time.Unix(1_473_199_200, 0), Offset: 3 * time.Hour}},
		Stopped:       statuslist.Refuse, StaleStopped: statuslist.Refuse,
		Rows: []statuslist.Rule{
			{Classes: statuslist.ClassSet(2), Start: 10 * 60, End: 14 * 60, Weekdays: 0b11111, Outcome: statuslist.Ride},
			{Classes: statuslist.ClassSet(2), Outcome: statuslist.Refuse},
			{Classes: statuslist.ClassSet(3), Start: 14 * 60, End: 18 * 60, Weekdays: 0b11111, Outcome: statuslist.Ride},
			{Classes: statuslist.ClassSet(3), Outcome: statuslist.Refuse},
		},
	}
	for c := range out.Default {
		out.Default[c], out.Stale[c] = statuslist.Ride, statuslist.Ride
	}
	out.Default[0], out.Default[5] = statuslist.Refuse, statuslist.Refuse
	return out
}

// numbered gives a population as index and status.
func numbered(pop []statuslist.Status) iter.Seq2[uint32, statuslist.Status] {
	return func(yield func(uint32, statuslist.Status) bool) {
		for i, s := range pop {
			if !yield(uint32(i), s) {
				return
			}
		}
	}
}

// delta changes a day's worth of cards and compares the file with the least
// it takes to say which cards, and what each became.
func (r *runner) delta(pub *statuslist.Publisher, g *gate.Gate, fetch gate.Fetch, pop []statuslist.Status, m mix, now time.Time) error {
	rng := rand.New(rand.NewPCG(r.Seed, 2))
	became := map[statuslist.Status]int{}
	changed := map[int]bool{}
	changes := min(r.Changes, len(pop)/4)
	for len(changed) < changes {
		i := rng.IntN(len(pop))
		s := m.p[rng.IntN(len(m.p))].s
		if pop[i] == s {
			s = statuslist.Status{}
		}
		if changed[i] || pop[i] == s {
			continue
		}
		pop[i], changed[i] = s, true
		pub.Set(uint32(i), s)
		became[s]++
	}
	began := time.Now()
	h, _, err := pub.Publish(now)
	if err != nil {
		return err
	}
	r.add("publish_s", time.Since(began).Seconds())
	size := 0
	for _, d := range h.Deltas {
		if d.To == h.Sequence {
			size = max(size, int(d.Size))
		}
	}
	if size == 0 {
		return fmt.Errorf("no delta was published")
	}
	total := len(changed)
	bound := logFactorial(len(pop)) - logFactorial(total) - logFactorial(len(pop)-total)
	bound += logFactorial(total)
	for _, n := range became {
		bound -= logFactorial(n)
	}
	bound = bound / math.Ln2 / 8
	r.add("delta_to_bound", (float64(size)-256)/bound)
	fmt.Fprintf(r.Log, "  delta of %d: %d B, bound %.0f (%.4f), published in %v\n", total, size, bound, float64(size)/bound, time.Since(began).Round(time.Millisecond))
	_, err = g.Update(context.Background(), fetch)
	return err
}

func (r *runner) number(i uint32) statuslist.Number {
	n, _ := r.ranges.Number(i)
	return n
}

// wrong asks the gate about every card and some that were never issued.
func (r *runner) wrong(g *gate.Gate, pop []statuslist.Status, now time.Time) (n int) {
	table := rules()
	want := map[statuslist.Status]gate.Decision{}
	for segment := range segments {
		first := r.cutoff(segment)
		if first == r.cutoff(segment+1) {
			continue
		}
		number := r.number(first)
		for i := first; i < r.cutoff(segment+1); i++ {
			w, known := want[pop[i]]
			if !known {
				w = gate.Refuse
				if table.Outcome(pop[i], now, 0) == statuslist.Ride {
					w = gate.Admit
				}
				want[pop[i]] = w
			}
			if g.Decide(number, now, 0) != w {
				n++
			}
			number.Value++
		}
		if g.Decide(number, now, 0) != gate.Refuse {
			n++
		}
	}
	return n
}

// load times a device's start: from files to a proved list.
func (r *runner) load(dir string, anchor statuslist.Anchor, pop []statuslist.Status, now time.Time) error {
	for range r.Rounds {
		runtime.GC()
		began := time.Now()
		g, err := gate.Open(gate.Config{Dir: filepath.Join(dir, "gate"), City: "bench", Anchor: anchor})
		if err != nil {
			return err
		}
		r.add("gate_load_s", time.Since(began).Seconds())
		if got := g.Status(now).Level; got != "fresh" {
			return fmt.Errorf("a gate started again holds a list that is %s", got)
		}
	}
	return nil
}

// decide times decisions about random cards, each waiting for the last, and
// a bare byte array asked in the same way in the same round. One thread does
// both, by its own clock.
func (r *runner) decide(g *gate.Gate, pop []statuslist.Status, now time.Time) {
	array := make([]byte, len(pop))
	for i, s := range pop {
		array[i] = byte(s.Class)
	}
	low := r.number(0).Value
	span := r.stride * segments
	const asks = 2_000_000
	var sink uint64
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for round := range r.Rounds {
		x := uint64(round) + r.Seed
		wall, began := wallTime(), threadTime()
		for range asks {
			x = x*6364136223846793005 + 1442695040888963407
			high, _ := bits.Mul64(x, uint64(len(array)))
			x += uint64(array[high])
		}
		bare := nanoseconds(threadTime()-began) / asks
		began = threadTime()
		for range asks {
			x = x*6364136223846793005 + 1442695040888963407
			high, _ := bits.Mul64(x, span)
			x += uint64(g.Decide(statuslist.Number{Scheme: 1, Value: low + high}, now, 0))
		}
		ours := nanoseconds(threadTime()-began) / asks
		sink += x
		r.add("decide_ns", ours)
		r.add("decide_to_array", ours/bare)
		r.note = fmt.Sprintf("time of the thread; the bare array took %.1f ns; by the wall both took %.1f", bare, nanoseconds(wallTime()-wall)/asks)
	}
	printed := []byte("0000000000000000")
	digits, _ := statuslist.Scheme{Digits: 16, Check: statuslist.CheckLuhn}.Format(low + 12345)
	copy(printed, digits)
	r.add("decide_allocs", testing.AllocsPerRun(1000, func() {
		n, _ := g.Parse(printed)
		sink += uint64(g.Decide(n, now, 0))
	}))
	began := threadTime()
	for range asks {
		n, _ := g.Parse(printed)
		sink += uint64(g.Decide(n, now, 0))
	}
	r.note += fmt.Sprintf("; reading 16 printed digits of one card and deciding: %.1f ns", nanoseconds(threadTime()-began)/asks)
	runtime.KeepAlive(sink)
}

func nanoseconds(d time.Duration) float64 { return float64(d.Nanoseconds()) }

var started = time.Now()

func wallTime() time.Duration { return time.Since(started) }

func (r *runner) add(name string, v float64) { r.figures[name] = append(r.figures[name], v) }

// report holds the figures to the bars of the design.
func (r *runner) report() (bench.Report, error) {
	out := bench.Report{Bench: "list"}
	var lines strings.Builder
	for _, s := range r.sizes {
		fmt.Fprintf(&lines, "\n%v", s)
	}
	worst := func(name string) []float64 { return []float64{slices.Max(r.figures[name])} }
	for _, b := range []struct {
		name, bar string
		rounds    []float64
		note      string
	}{
		{"full_to_bound", "<=1.01", worst("full_to_bound"), "size less 1 kB; the worst mix" + lines.String()},
		{"delta_to_bound", "<=1.02", worst("delta_to_bound"), "size less 256 B; the worst mix"},
		{"wrong_cards", "=0", []float64{sum(r.figures["wrong_cards"])}, fmt.Sprintf("%d cards in each of %d mixes", r.Cards, len(mixes))},
		{"decide_ns", "<=120", r.figures["decide_ns"], r.note},
		{"decide_to_array", "<=3", r.figures["decide_to_array"], ""},
		{"decide_allocs", "=0", r.figures["decide_allocs"], ""},
		{"publish_s", "<=1", worst("publish_s"), "the slowest publication, full lists included"},
		{"gate_load_s", "<=0.3", r.figures["gate_load_s"], ""},
		{"ribbon_to_bound", "<=1.12", worst("ribbon_to_bound"), fmt.Sprintf("%d chips without ranges; the worst of %d mixes; built in %.1f s at most", r.chipCards, len(chipMixes), slices.Max(r.figures["ribbon_build_s"]))},
		{"ribbon_delta_to_bound", "<=1.12", worst("ribbon_delta_to_bound"), "what a day's changes lay over it"},
		{"ribbon_wrong_cards", "=0", []float64{sum(r.figures["ribbon_wrong_cards"])}, "every chip issued, after the changes"},
		{"ribbon_publish_s", "<=1", worst("ribbon_publish_s"), "a day's changes at once"},
		{"ribbon_decide_ns", "<=360", r.figures["ribbon_decide_ns"], "the deadline, with a day's changes laid over: two functions are asked, three times an array's time is allowed"},
		{"ribbon_allocs", "=0", r.figures["ribbon_allocs"], ""},
	} {
		bar, err := bench.NewBar(b.name, b.bar, b.rounds)
		if err != nil {
			return out, err
		}
		bar.Note = b.note
		out.Bars = append(out.Bars, bar)
	}
	return out, nil
}

func sum(v []float64) (s float64) {
	for _, x := range v {
		s += x
	}
	return s
}
