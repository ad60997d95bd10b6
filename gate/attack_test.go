package gate_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"turnike/gate"
	"turnike/statuslist"
)

// folder is a city's published files at one moment.
type folder map[string][]byte

func (c *city) folder() folder {
	c.t.Helper()
	f := folder{}
	dir := filepath.Join(c.dir, c.cfg.City)
	entries, err := os.ReadDir(dir)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, e := range entries {
		if f[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
			c.t.Fatal(err)
		}
	}
	c.newest = f[statuslist.HeadName]
	return f
}

func (f folder) fetch(_ context.Context, name string, _ int64) ([]byte, error) {
	file, ok := f[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return file, nil
}

// with gives the folder with one file replaced.
func (f folder) with(name string, file []byte) folder {
	g := maps.Clone(f)
	g[name] = file
	return g
}

// answers is what the gate says about every card and one never issued.
func (c *city) answers(g *gate.Gate) string {
	var b strings.Builder
	for i := range c.n + 1 {
		fmt.Fprint(&b, uint8(g.Decide(statuslist.Number{Scheme: 1, Value: 1000 + uint64(i)}, c.now, 0)))
	}
	for i := range c.chips {
		fmt.Fprint(&b, uint8(g.Decide(chip(i), c.now, 0)))
	}
	return b.String()
}

func cloneDir(t testing.TB, dir string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

// twoVersions gives a city, its folder before and after a change, and the
// folder of a gate that holds the version before.
func twoVersions(t *testing.T, chips uint64) (c *city, before, after folder, dir string) {
	c = withChips(t, "izmir", 60, chips)
	for i := range uint32(20) {
		c.set(i, statuslist.Status{Class: adult})
	}
	for i := range chips / 3 {
		c.setChip(i, statuslist.Status{Class: adult})
	}
	c.publish()
	before = c.folder()
	dir = t.TempDir()
	c.update(c.gate(dir))
	c.set(30, statuslist.Status{Class: senior})
	c.set(3, statuslist.Status{Class: adult, StopUntil: 18700})
	if chips > 0 {
		c.setChip(3, statuslist.Status{Class: adult, StopUntil: 18700})
		c.setChip(chips-1, statuslist.Status{Class: senior})
	}
	c.publish()
	return c, before, c.folder(), dir
}

// try lets a gate that holds the version before, and one that holds nothing,
// meet a folder. Each must end with a list somebody signed, whole.
func (c *city) try(what string, f folder, g, empty *gate.Gate, old, new string) (took bool) {
	c.t.Helper()
	changed, err := g.Update(context.Background(), f.fetch)
	switch got := c.answers(g); {
	case changed && err != nil, !changed && err == nil && bytes.Equal(f[statuslist.HeadName], c.newest):
		c.t.Fatalf("%s: changed %v, error %v", what, changed, err)
	case changed && got != new:
		c.t.Fatalf("%s: took a list that nobody published", what)
	case !changed && got != old:
		c.t.Fatalf("%s: refused the list, and yet changed its answers", what)
	}
	if empty == nil {
		return changed
	}
	emptyChanged, err := empty.Update(context.Background(), f.fetch)
	stale := strings.Repeat("0", len(old))
	if got := c.answers(empty); emptyChanged && got != new && got != old || !emptyChanged && got != stale {
		c.t.Fatalf("%s: a gate without a list: changed %v, %v", what, emptyChanged, err)
	}
	return changed
}

// both runs a test on a list of ranges, and on one with chips besides.
func both(t *testing.T, test func(t *testing.T, chips uint64)) {
	t.Run("ranges", func(t *testing.T) { test(t, 0) })
	t.Run("chips", func(t *testing.T) { test(t, 30) })
}

func TestEveryByteFlipped(t *testing.T) { both(t, everyByteFlipped) }

func everyByteFlipped(t *testing.T, chips uint64) {
	c, _, after, dir := twoVersions(t, chips)
	old := c.answers(c.gate(dir))
	fresh := c.gate(t.TempDir())
	c.update(fresh)
	new := c.answers(fresh)
	if old == new {
		t.Fatal("the two versions answer alike: the test could not fail")
	}
	g, taken, refused := c.gate(cloneDir(t, dir)), 0, 0
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if chips > 0 && !strings.HasPrefix(name, "function") && name != statuslist.HeadName {
			continue // flipped in the list without chips
		}
		for i := range after[name] {
			bad := bytes.Clone(after[name])
			bad[i] ^= 1 << (i % 8)
			if c.try(fmt.Sprintf("%s byte %d", name, i), after.with(name, bad), g, c.gate(t.TempDir()), old, new) {
				// The flip was in a file this gate needs no more.
				taken++
				g = c.gate(cloneDir(t, dir))
				continue
			}
			refused++
		}
	}
	if !c.try("unharmed", after, g, nil, old, new) {
		t.Error("after all that the unharmed list was refused")
	}
	if refused < len(after[statuslist.HeadName]) {
		t.Errorf("refused: got %d, want at least every byte of the head, %d", refused, len(after[statuslist.HeadName]))
	}
}

func TestMutations(t *testing.T) { both(t, mutations) }

func mutations(t *testing.T, chips uint64) {
	c, before, after, dir := twoVersions(t, chips)
	old := c.answers(c.gate(dir))
	fresh := c.gate(t.TempDir())
	c.update(fresh)
	new := c.answers(fresh)
	rng := rand.New(rand.NewPCG(10, 20))
	names := slices.Sorted(maps.Keys(after))
	// What a gate with the version before still has to fetch is mutated most;
	// the rest is met by gates that hold nothing.
	var next []string
	for _, n := range names {
		if _, had := before[n]; !had || n == statuslist.HeadName {
			next = append(next, n)
		}
	}
	g := c.gate(cloneDir(t, dir))
	mutations := 10_000
	if chips > 0 {
		mutations = 2500 // of a list whose other files had theirs
	}
	for i := range mutations {
		var empty *gate.Gate
		name := next[rng.IntN(len(next))]
		if i%25 == 0 {
			name, empty = names[rng.IntN(len(names))], c.gate(t.TempDir())
		}
		bad := bytes.Clone(after[name])
		for range 1 + rng.IntN(4) {
			at := rng.IntN(len(bad) + 1)
			switch rng.IntN(6) {
			case 0:
				bad = bad[:at]
			case 1:
				bad = slices.Insert(bad, at, byte(rng.Uint32()))
			case 2:
				bad = slices.Delete(bad, at, min(at+1+rng.IntN(8), len(bad)))
			case 3:
				bad = append(bad, bad[:at]...)
			case 4: // a stretch of another file
				other := after[names[rng.IntN(len(names))]]
				copy(bad[at:], other[rng.IntN(len(other)):])
			case 5: // the file as it was
				if was, ok := before[name]; ok {
					bad = bytes.Clone(was)
				}
			}
		}
		if bytes.Equal(bad, after[name]) {
			continue
		}
		if c.try(fmt.Sprintf("mutation %d of %s", i, name), after.with(name, bad), g, empty, old, new) {
			g = c.gate(cloneDir(t, dir))
		}
	}
	if !c.try("unharmed", after, g, nil, old, new) {
		t.Error("after all that the unharmed list was refused")
	}
}

func TestAllOrdersOfVersions(t *testing.T) { both(t, allOrdersOfVersions) }

func allOrdersOfVersions(t *testing.T, chips uint64) {
	c := withChips(t, "izmir", 40, chips)
	const versions = 5
	var folders []folder
	var want []string
	follower := c.gate(t.TempDir())
	for v := range uint32(versions) {
		c.set(v, statuslist.Status{Class: adult})
		c.set(v+20, statuslist.Status{Class: senior, StopUntil: 18700})
		if chips > 0 {
			c.setChip(uint64(v), statuslist.Status{Class: adult})
		}
		c.publish()
		folders = append(folders, c.folder())
		c.update(follower)
		want = append(want, c.answers(follower))
	}
	permute(versions, func(order []int) {
		g := c.gate(t.TempDir())
		newest := -1
		for _, v := range order {
			changed, err := g.Update(context.Background(), folders[v].fetch)
			switch {
			case v > newest && err != nil:
				t.Fatalf("%v: version %d after %d: %v", order, v, newest, err)
			case v < newest && !errors.Is(err, gate.ErrRollback):
				t.Fatalf("%v: version %d after %d: changed %v, got %v, want %v", order, v, newest, changed, err, gate.ErrRollback)
			}
			newest = max(newest, v)
			if got := c.answers(g); got != want[newest] {
				t.Fatalf("%v: after version %d the answers are not those of %d", order, v, newest)
			}
		}
	})
}

func permute(n int, f func([]int)) {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	var walk func(int)
	walk = func(k int) {
		if k == n {
			f(order)
			return
		}
		for i := k; i < n; i++ {
			order[k], order[i] = order[i], order[k]
			walk(k + 1)
			order[k], order[i] = order[i], order[k]
		}
	}
	walk(0)
}

func TestReplayOfAnEarlierRefresh(t *testing.T) {
	c := newCity(t, "izmir", 10)
	c.publish()
	early := c.folder()
	c.now = c.now.Add(time.Hour)
	c.publish() // nothing changed: the same sequence, signed again
	g := c.gate(t.TempDir())
	c.update(g)
	issued := g.Status(c.now).Issued
	if _, err := g.Update(context.Background(), early.fetch); !errors.Is(err, gate.ErrRollback) {
		t.Errorf("the head signed an hour before: got %v, want %v", err, gate.ErrRollback)
	}
	if got := g.Status(c.now).Issued; got != issued || !got.Equal(c.now) {
		t.Errorf("issued: got %v, want %v", got, c.now)
	}
}

func TestWrongCity(t *testing.T) {
	c, other := newCity(t, "izmir", 10), newCity(t, "ankara", 10)
	c.publish()
	other.publish()
	g := c.gate(t.TempDir())
	if _, err := g.Update(context.Background(), other.fetch); !errors.Is(err, statuslist.ErrSignature) {
		t.Errorf("first list from another city: got %v, want %v", err, statuslist.ErrSignature)
	}
	c.update(g)
	other.now = other.now.Add(time.Hour)
	other.publish()
	if _, err := g.Update(context.Background(), other.fetch); !errors.Is(err, statuslist.ErrSignature) {
		t.Errorf("next list from another city: got %v, want %v", err, statuslist.ErrSignature)
	}
}

func TestStrangersKeys(t *testing.T) {
	c := newCity(t, "izmir", 10)
	c.publish()
	stranger := statuslist.Anchor{Keys: anchor().Keys[:0:0], Threshold: 2}
	for _, name := range []string{"x", "y", "z"} {
		stranger.Keys = append(stranger.Keys, publicKey(testKey(name)))
	}
	for name, a := range map[string]statuslist.Anchor{
		"other keys":         stranger,
		"other fingerprint":  {Fingerprint: strings.Repeat("0", 64)},
		"more than there is": {Keys: anchor().Keys, Threshold: 3},
	} {
		g, err := gate.Open(gate.Config{Dir: t.TempDir(), City: "izmir", Anchor: a})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := g.Update(context.Background(), c.fetch); !errors.Is(err, statuslist.ErrSignature) {
			t.Errorf("%s: got %v, want %v", name, err, statuslist.ErrSignature)
		}
	}
}

// TestStolenKey: a thief with list key A pushes the sequence to the end of
// numbers. The city's next root names key B alone; gates must go on with B's
// ordinary sequence and never again listen to A.
func TestStolenKey(t *testing.T) {
	c := newCity(t, "izmir", 30)
	c.set(1, statuslist.Status{Class: adult})
	honest := c.publish()
	g := c.gate(t.TempDir())
	c.update(g)
	forged := honest
	forged.Sequence, forged.Issued = math.MaxUint64, honest.Issued.Add(time.Second)
	forged.Deltas = []statuslist.DeltaRef{{From: 0, To: math.MaxUint64}}
	theft := c.folder().with(statuslist.HeadName, forged.Sign(listKeyA))
	if changed, err := g.Update(context.Background(), theft.fetch); !changed {
		t.Fatalf("a head under a key that is trusted still: %v", err)
	}
	c.set(2, statuslist.Status{Class: adult})
	c.publish()
	if _, err := g.Update(context.Background(), c.fetch); !errors.Is(err, gate.ErrRollback) {
		t.Fatalf("before the root changes: got %v, want %v", err, gate.ErrRollback)
	}
	c.cfg.Roots = append(c.cfg.Roots, rootFile(t, "izmir", 2, listKeyB))
	c.cfg.Key = listKeyB
	c.open()
	c.publish()
	c.update(g)
	c.verify(g, c.now)
	for what, f := range map[string]folder{"the forged head": theft, "A signing again": c.folder().with(statuslist.HeadName, forged.Sign(listKeyA))} {
		if _, err := g.Update(context.Background(), f.fetch); err == nil {
			t.Errorf("%s was taken after the revocation", what)
		}
	}
	c.verify(g, c.now)
}

// TestRollOver: while both keys are named the old one's last head is still
// older than the new one's first.
func TestRollOver(t *testing.T) {
	c := newCity(t, "izmir", 30)
	c.publish()
	old := c.folder()
	g := c.gate(t.TempDir())
	c.update(g)
	c.cfg.Roots = append(c.cfg.Roots, rootFile(t, "izmir", 2, listKeyA, listKeyB))
	c.cfg.Key = listKeyB
	c.open()
	c.set(5, statuslist.Status{Class: senior})
	c.publish()
	c.update(g)
	c.verify(g, c.now)
	if _, err := g.Update(context.Background(), old.fetch); !errors.Is(err, gate.ErrRollback) {
		t.Errorf("the old key's last head: got %v, want %v", err, gate.ErrRollback)
	}
}

func TestRootNeedsItsThreshold(t *testing.T) {
	c := newCity(t, "izmir", 10)
	c.publish()
	g := c.gate(t.TempDir())
	c.update(g)
	next := statuslist.Root{City: "izmir", Version: 2, Threshold: 1}
	next.Keys = append(next.Keys, publicKey(testKey("thief")))
	next.ListKeys = []statuslist.ListKey{{Key: publicKey(testKey("thief")), From: start.AddDate(-1, 0, 0), To: start.AddDate(1, 0, 0)}}
	file, err := next.Sign(testKey("thief"), rootKeys[0])
	if err != nil {
		t.Fatal(err)
	}
	h, _ := c.pub.Head()
	h.Root, h.Sequence = 2, h.Sequence+1
	f := c.folder().with(statuslist.RootName(2), file).with(statuslist.HeadName, h.Sign(testKey("thief")))
	if _, err := g.Update(context.Background(), f.fetch); !errors.Is(err, statuslist.ErrSignature) {
		t.Errorf("a root signed by one of three: got %v, want %v", err, statuslist.ErrSignature)
	}
}

func TestFreeze(t *testing.T) {
	c := newCity(t, "izmir", 10)
	stop := statuslist.DayOf(c.now) + 2
	c.set(1, statuslist.Status{Class: adult, StopUntil: stop})
	c.set(2, statuslist.Status{Class: adult, StopUntil: statuslist.Forever})
	c.publish()
	g := c.gate(t.TempDir())
	c.update(g)
	card := func(i uint64) statuslist.Number { return statuslist.Number{Scheme: 1, Value: 1000 + i} }
	for _, x := range []struct {
		after time.Duration
		level string
		want  [4]gate.Decision // unpaired, stopped for two days, for good, never issued
	}{
		{0, "fresh", [4]gate.Decision{gate.Refuse, gate.Refuse, gate.Refuse, gate.Refuse}},
		{25 * time.Hour, "amber", [4]gate.Decision{gate.Refuse, gate.Refuse, gate.Refuse, gate.Refuse}},
		{73 * time.Hour, "alarm", [4]gate.Decision{gate.Refuse, gate.Admit, gate.Refuse, gate.Refuse}},
		{8 * 24 * time.Hour, "stale", [4]gate.Decision{gate.Admit, gate.Admit, gate.Refuse, gate.Refuse}},
		{-51 * 365 * 24 * time.Hour, "fresh", [4]gate.Decision{gate.Refuse, gate.Refuse, gate.Refuse, gate.Refuse}},
	} {
		at := c.now.Add(x.after)
		if got := g.Status(at).Level; got != x.level {
			t.Errorf("%v on: level %q, want %q", x.after, got, x.level)
		}
		for i, n := range []statuslist.Number{card(0), card(1), card(2), card(500)} {
			if got := g.Decide(n, at, 0); got != x.want[i] {
				t.Errorf("%v on, card %d: got %v, want %v", x.after, i, got, x.want[i])
			}
		}
	}
}

// TestCutDuringInstall cuts every update at every file it asks for, at every
// file it wrote, and by a torn record: what starts again from the folder goes
// by the list before or after, and gets to the newest.
func TestCutDuringInstall(t *testing.T) { both(t, cutDuringInstall) }

func cutDuringInstall(t *testing.T, chips uint64) {
	c, _, after, dir := twoVersions(t, chips)
	old := c.answers(c.gate(dir))
	fresh := c.gate(t.TempDir())
	c.update(fresh)
	new := c.answers(fresh)
	recover := func(what, dir string) {
		t.Helper()
		g, err := gate.Open(gate.Config{Dir: dir, City: "izmir", Anchor: anchor()})
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if got := c.answers(g); got != old && got != new && !strings.HasPrefix(what, "torn") {
			t.Errorf("%s: starts with a list that nobody published", what)
		}
		if _, err := g.Update(context.Background(), after.fetch); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if got := c.answers(g); got != new {
			t.Errorf("%s: does not get to the newest list", what)
		}
	}
	for cut := 0; ; cut++ {
		work, asked := cloneDir(t, dir), 0
		cutFetch := func(ctx context.Context, name string, limit int64) ([]byte, error) {
			if asked++; asked > cut {
				return nil, errors.New("power cut")
			}
			return after.fetch(ctx, name, limit)
		}
		_, err := c.gate(work).Update(context.Background(), cutFetch)
		recover(fmt.Sprintf("cut at file %d", cut), work)
		if err == nil {
			if cut < 2 {
				t.Errorf("an update asked for %d files only: the test cut nothing", asked)
			}
			break
		}
	}
	done := cloneDir(t, dir)
	c.update(c.gate(done))
	files, err := os.ReadDir(filepath.Join(done, "izmir"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		for _, keep := range []float64{0, 0.5, 0.99} {
			work := cloneDir(t, done)
			path := filepath.Join(work, "izmir", f.Name())
			info, _ := os.Stat(path)
			if err := os.Truncate(path, int64(float64(info.Size())*keep)); err != nil {
				t.Fatal(err)
			}
			recover(fmt.Sprintf("torn %s to %v", f.Name(), keep), work)
		}
		work := cloneDir(t, done)
		os.Remove(filepath.Join(work, "izmir", f.Name()))
		recover("torn away "+f.Name(), work)
	}
}

// TestDecideWhileUpdating is for the race detector, and for the cards that do
// not change: their answer never wavers.
func TestDecideWhileUpdating(t *testing.T) {
	c := newCity(t, "izmir", 200_000)
	for i := range uint32(1000) {
		c.set(i, statuslist.Status{Class: adult})
	}
	c.publish()
	g := c.gate(t.TempDir())
	c.update(g)
	var stop atomic.Bool
	var wrong atomic.Int64
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for i := uint64(0); !stop.Load(); i++ {
				if g.Decide(statuslist.Number{Scheme: 1, Value: 1000 + i%1000}, c.cfg.Rules[0].EffectiveFrom.AddDate(0, 1, 0), 0) != gate.Admit {
					wrong.Add(1)
				}
			}
		})
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for v := range 30 {
		for range 50 {
			c.set(1000+uint32(rng.IntN(199_000)), statuslist.Status{Class: senior, StopUntil: statuslist.DayOf(c.now) + statuslist.Day(v%5)})
		}
		c.now = c.now.Add(time.Duration(v%7) * 8 * time.Hour)
		c.publish()
		c.update(g)
	}
	stop.Store(true)
	wg.Wait()
	if n := wrong.Load(); n != 0 {
		t.Errorf("wrong answers about cards that did not change: got %d, want 0", n)
	}
	c.verify(g, c.now)
}
