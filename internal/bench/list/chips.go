package list

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"turnike/gate"
	"turnike/statuslist"
)

// chipMix is a population of cards of which only the chips' ids are known:
// the share of each status, the rest in the first.
type chipMix struct {
	name string
	p    []share
}

// chipMixes lie where cities do, and where a filter of whole bits fits worst
// (one card in nine, one in five).
var chipMixes = []chipMix{
	{"0.1 % stopped", []share{{0.001, statuslist.Status{Class: 1}}}},
	{"1 %", []share{{0.01, statuslist.Status{Class: 1}}}},
	{"11.24 % paired (the deadline)", []share{{0.1124, statuslist.Status{Class: 1}}}},
	{"20 %", []share{{0.20, statuslist.Status{Class: 1}}}},
	{"24 % paired", []share{{0.24, statuslist.Status{Class: 1}}}},
	{"45 %", []share{{0.45, statuslist.Status{Class: 1}}}},
	{"deadline with classes and stops", deadline()},
}

const chipScheme = 2

// chips measures the form for cities that cannot give ranges: all mixes over
// so many ids as such a city has issued. Every id is asked.
func (r *runner) chips() error {
	const most = 4_000_000
	n := int(min(r.Cards, most))
	r.chipCards = n
	for i, m := range chipMixes {
		if err := r.chipMix(m, n, i); err != nil {
			return fmt.Errorf("chips, %s: %w", m.name, err)
		}
	}
	return nil
}

func (r *runner) chipMix(m chipMix, n, at int) error {
	ids, pop, bound := r.drawChips(m, n)
	now := time.Unix(int64(today)*86400, 0).UTC().Add(7 * time.Hour)
	dir := filepath.Join(r.Dir, fmt.Sprint("chips", at))
	ranges, err := statuslist.NewRanges([]statuslist.Scheme{{ID: chipScheme, Name: "chips", Digits: 17, Chips: true}})
	if err != nil {
		return err
	}
	pub, anchor, err := r.publisher(dir, ranges, now)
	if err != nil {
		return err
	}
	pub.SetChips(func(yield func(uint64, statuslist.Status) bool) {
		for i, id := range ids {
			if !yield(id, pop[i]) {
				return
			}
		}
	})
	began := time.Now()
	if _, _, err := pub.Publish(now); err != nil {
		return err
	}
	built := time.Since(began)
	r.add("ribbon_build_s", built.Seconds())
	size, err := functionBytes(filepath.Join(dir, "bench"), "function-0-")
	if err != nil {
		return err
	}
	r.add("ribbon_to_bound", float64(size)/bound)
	fmt.Fprintf(r.Log, "chips, %-35s %9.0f B bound, %9d B (%.4f), built in %v\n", m.name, bound, size, float64(size)/bound, built.Round(time.Millisecond))

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
	if err := r.chipDelta(pub, g, fetch, filepath.Join(dir, "bench"), ids, pop, m, now.Add(time.Minute)); err != nil {
		return err
	}
	r.add("ribbon_wrong_cards", float64(wrongChips(g, ids, pop, now)))
	if at == 2 {
		r.decideChips(g, ids, now)
	}
	return os.RemoveAll(dir)
}

// drawChips gives ids as a city's key makes them, what each card is, and the
// entropy of that in bytes: of a list that knows how many cards are in which
// status, n!/(n1! n2! ...), and nothing else, as ids tell no cohorts.
func (r *runner) drawChips(m chipMix, n int) (ids []uint64, pop []statuslist.Status, bound float64) {
	rng := rand.New(rand.NewPCG(r.Seed, 3))
	ids, pop = make([]uint64, n), make([]statuslist.Status, n)
	counts := map[statuslist.Status]int{}
	for i := range ids {
		ids[i] = rng.Uint64() | 1<<63
		x := rng.Float64()
		for _, s := range m.p {
			if x -= s.p; x < 0 {
				pop[i] = s.s
				break
			}
		}
		counts[pop[i]]++
	}
	bound = logFactorial(n)
	for _, k := range counts {
		bound -= logFactorial(k)
	}
	return ids, pop, bound / math.Ln2 / 8
}

// functionBytes is the size of the functions' files that begin so.
func functionBytes(dir, prefix string) (int64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) {
			info, err := e.Info()
			if err != nil {
				return 0, err
			}
			return info.Size(), nil
		}
	}
	return 0, fmt.Errorf("no %s* was published", prefix)
}

// chipDelta changes a day's cards: what is laid over the function, next to
// the least that says which cards changed and what each became.
func (r *runner) chipDelta(pub *statuslist.Publisher, g *gate.Gate, fetch gate.Fetch, dir string, ids []uint64, pop []statuslist.Status, m chipMix, now time.Time) error {
	rng := rand.New(rand.NewPCG(r.Seed, 4))
	became, changed := map[statuslist.Status]int{}, map[uint64]statuslist.Status{}
	for len(changed) < min(r.Changes, len(ids)/50) {
		i := rng.IntN(len(ids))
		s := m.p[rng.IntN(len(m.p))].s
		if pop[i] == s {
			s = statuslist.Status{}
		}
		if _, twice := changed[ids[i]]; twice || pop[i] == s {
			continue
		}
		pop[i], changed[ids[i]] = s, s
		became[s]++
	}
	pub.SetChips(func(yield func(uint64, statuslist.Status) bool) {
		for id, s := range changed {
			if !yield(id, s) {
				return
			}
		}
	})
	before, _ := pub.Head()
	began := time.Now()
	if _, _, err := pub.Publish(now); err != nil {
		return err
	}
	r.add("ribbon_publish_s", time.Since(began).Seconds())
	size, err := functionBytes(dir, fmt.Sprintf("function-%d-", before.Sequence))
	if err != nil {
		return err
	}
	n, d := len(ids), len(changed)
	bound := logFactorial(n) - logFactorial(n-d)
	for _, k := range became {
		bound -= logFactorial(k)
	}
	r.add("ribbon_delta_to_bound", float64(size)/(bound/math.Ln2/8))
	_, err = g.Update(context.Background(), fetch)
	return err
}

func wrongChips(g *gate.Gate, ids []uint64, pop []statuslist.Status, now time.Time) (n int) {
	table := rules()
	want := map[statuslist.Status]gate.Decision{}
	for i, id := range ids {
		w, known := want[pop[i]]
		if !known {
			w = gate.Refuse
			if table.Outcome(pop[i], now, 0) == statuslist.Ride {
				w = gate.Admit
			}
			want[pop[i]] = w
		}
		if g.Decide(statuslist.Number{Scheme: chipScheme, Value: id}, now, 0) != w {
			n++
		}
	}
	return n
}

// decideChips times decisions about random cards, each waiting for the last.
func (r *runner) decideChips(g *gate.Gate, ids []uint64, now time.Time) {
	const asks = 1_000_000
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for round := range r.Rounds {
		x := uint64(round) + r.Seed
		began := threadTime()
		for range asks {
			x = x*6364136223846793005 + 1442695040888963407
			i := int(x >> 11 % uint64(len(ids)))
			x += uint64(g.Decide(statuslist.Number{Scheme: chipScheme, Value: ids[i]}, now, 0))
		}
		r.add("ribbon_decide_ns", nanoseconds(threadTime()-began)/asks)
	}
	r.add("ribbon_allocs", testing.AllocsPerRun(1000, func() {
		g.Decide(statuslist.Number{Scheme: chipScheme, Value: ids[1]}, now, 0)
	}))
}
