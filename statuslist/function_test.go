package statuslist

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// chipMix is a population of cards without ranges: the share of each status,
// the rest in the first.
type chipMix struct {
	name  string
	share []float64
}

var chipMixes = []chipMix{
	{"0.1 %", []float64{0, 0.001}},
	{"1 %", []float64{0, 0.01}},
	{"5 %", []float64{0, 0.05}},
	{"the deadline", []float64{0, 0.1124}},
	{"24 % paired", []float64{0, 0.24}},
	{"one in five, the worst", []float64{0, 0.2}},
	{"45 %", []float64{0, 0.45}},
	{"76 %", []float64{0, 0.76}},
	{"classes and stops", []float64{0, 0.19, 0.03, 0.02, 0.001, 0.001, 0.0005, 0.0005}},
}

func (m chipMix) draw(n int, seed uint64) (tags []uint64, symbols []byte, table []Status, bound float64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	counts := make([]float64, len(m.share))
	for i := range m.share {
		table = append(table, Status{Class: Class(i % 4), StopUntil: Day(i / 4 * 18650)})
	}
	for range n {
		tag, x, s := rng.Uint64()|chipBit, rng.Float64(), 0
		for i, p := range m.share {
			if x -= p; p > 0 && x < 0 {
				s = i
				break
			}
		}
		tags, symbols = append(tags, tag), append(symbols, byte(s))
		counts[s]++
	}
	for _, c := range counts {
		if c > 0 {
			bound -= c * math.Log2(c/float64(n)) / 8
		}
	}
	return tags, symbols, table, bound
}

// TestFunctionIsExactAndShort asks every mix about every card and holds the
// file to 1.12 times the entropy of what it says, less 256 bytes.
func TestFunctionIsExactAndShort(t *testing.T) {
	for _, m := range chipMixes {
		t.Run(m.name, func(t *testing.T) {
			tags, symbols, table, bound := m.draw(400_000, 3)
			f, err := makeFunction(0, 5, tags, symbols, table)
			if err != nil {
				t.Fatal(err)
			}
			file := f.marshal()
			if f, err = parseFunction(file); err != nil {
				t.Fatal(err)
			}
			wrong := 0
			for i, tag := range tags {
				if s, ok := f.Status(tag); !ok || s != table[symbols[i]] {
					wrong++
				}
			}
			if wrong > 0 {
				t.Errorf("wrong: got %d of %d cards, want 0", wrong, len(tags))
			}
			if ratio := (float64(len(file)) - 256) / bound; ratio > 1.12 {
				t.Errorf("%d bytes, bound %.0f: got %.4f, want at most 1.12", len(file), bound, ratio)
			}
		})
	}
}

// TestFunctionsOfFewCards covers systems of one equation and of none.
func TestFunctionsOfFewCards(t *testing.T) {
	for n := 1; n < 700; n += 1 + n/9 {
		for _, statuses := range []int{1, 2, 3, 40} {
			rng := rand.New(rand.NewPCG(uint64(n), uint64(statuses)))
			tags, symbols := make([]uint64, n), make([]byte, n)
			table := make([]Status, statuses)
			for i := range table {
				table[i] = Status{Class: Class(i % Classes), StopUntil: Day(i)}
			}
			for i := range tags {
				tags[i], symbols[i] = rng.Uint64(), byte(rng.IntN(statuses))
			}
			f, err := makeFunction(0, 1, tags, symbols, table)
			if err != nil {
				t.Fatalf("%d cards of %d statuses: %v", n, statuses, err)
			}
			for i, tag := range tags {
				if s, _ := f.Status(tag); s != table[symbols[i]] {
					t.Fatalf("%d cards of %d statuses: card %d: got %v, want %v", n, statuses, i, s, table[symbols[i]])
				}
			}
		}
	}
}

// chipWorld is a publisher of chips only, and what each of them should be.
type chipWorld struct {
	t     *testing.T
	cfg   PublisherConfig
	p     *Publisher
	truth map[uint64]Status
	now   time.Time
	last  *Functions
}

func chipPublisher(t *testing.T) PublisherConfig {
	t.Helper()
	cfg := testPublisher(t, 1).cfg
	r, err := NewRanges([]Scheme{{ID: 9, Digits: 17, Chips: true}})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Dir, cfg.Ranges = t.TempDir(), r
	return cfg
}

func (w *chipWorld) open() {
	w.t.Helper()
	var err error
	if w.p, err = OpenPublisher(w.cfg); err != nil {
		w.t.Fatal(err)
	}
}

func (w *chipWorld) set(tag uint64, s Status) {
	w.truth[tag] = s
	w.p.SetChips(maps.All(map[uint64]Status{tag: s}))
}

// publish publishes, follows, and asks about every card. fetched is how many
// bytes a gate that follows had to fetch.
func (w *chipWorld) publish() (fetched int) {
	w.t.Helper()
	w.now = w.now.Add(5 * time.Second)
	h, _, err := w.p.Publish(w.now)
	if err != nil {
		w.t.Fatal(err)
	}
	file, err := w.p.read(HeadName)
	if err != nil {
		w.t.Fatal(err)
	}
	if again, err := ParseHead(file); err != nil || again.Functions != h.Functions {
		w.t.Fatalf("the head read back: %v", err)
	}
	w.last, err = h.LoadFunctions(w.last, func(name string, limit int64) ([]byte, *Mapped, error) {
		file, err := w.p.read(name)
		if err == nil && int64(len(file)) > limit {
			err = fmt.Errorf("%s: %d bytes, at most %d", name, len(file), limit)
		}
		fetched += len(file)
		return file, nil, err
	}, w.cfg.Secret.Unseal)
	if err != nil {
		w.t.Fatal(err)
	}
	wrong := 0
	for tag, want := range w.truth {
		if got := w.last.Status(tag); got != want {
			wrong++
		}
	}
	if wrong > 0 {
		w.t.Fatalf("version %d: %d of %d cards wrong", h.Sequence, wrong, len(w.truth))
	}
	return fetched
}

// TestFunctionsFollow publishes several hundred versions of chips, with new
// ones, restarts and stops, and asks each about every card.
func TestFunctionsFollow(t *testing.T) {
	secret, err := NewSecret(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	for _, sealed := range []*Secret{nil, secret} {
		w := &chipWorld{t: t, truth: map[uint64]Status{}, now: time.Unix(1_610_600_000, 0)}
		w.cfg = chipPublisher(t)
		w.cfg.Secret = sealed
		w.open()
		rng := rand.New(rand.NewPCG(8, 9))
		var tags []uint64
		issue := func(n int) {
			for range n {
				tag := rng.Uint64() | chipBit
				tags = append(tags, tag)
				w.set(tag, Status{Class: Class(rng.IntN(2))})
			}
		}
		issue(12_000)
		full := w.publish()
		most, total := 0, 0
		const versions = 100
		for v := range versions {
			for range rng.IntN(6) {
				w.set(tags[rng.IntN(len(tags))], Status{Class: Class(rng.IntN(3)), StopUntil: Day(rng.IntN(2) * (18800 + rng.IntN(9)))})
			}
			if v%7 == 0 {
				issue(rng.IntN(3))
			}
			if v%30 == 29 {
				w.open()
				w.p.SetChips(maps.All(w.truth))
			}
			n := w.publish()
			total += n
			most = max(most, len(w.last.layers))
		}
		if most > maxLaid+1 {
			t.Errorf("layers: got %d, want at most %d", most, maxLaid+1)
		}
		t.Logf("full %d B; %d versions of about 3 changes: %d B fetched, %d layers at most", full, versions, total, most)
		if total > versions*full/2 {
			t.Errorf("fetched: got %d B over %d versions of %d B, want far less", total, versions, full)
		}
	}
}

// TestAQuietRestartSaysNothingNew: what a publisher is told again after a
// restart is no news.
func TestAQuietRestartSaysNothingNew(t *testing.T) {
	w := &chipWorld{t: t, cfg: chipPublisher(t), truth: map[uint64]Status{}, now: time.Unix(1_610_600_000, 0)}
	w.open()
	for i := range uint64(500) {
		w.set(mixBits(i), Status{Class: Class(i % 2)})
	}
	w.publish()
	before, _ := w.p.Head()
	w.open()
	if _, wrote, err := w.p.Publish(w.now.Add(time.Second)); wrote || err != nil {
		t.Errorf("before anything was said: wrote %v, %v", wrote, err)
	}
	w.p.SetChips(maps.All(w.truth))
	h, wrote, err := w.p.Publish(w.now.Add(2 * time.Second))
	if err != nil || wrote || h.Sequence != before.Sequence {
		t.Errorf("after a restart: got sequence %d, wrote %v, %v, want %d", h.Sequence, wrote, err, before.Sequence)
	}
	w.set(mixBits(3), Status{Class: 7})
	w.publish()
	if h, _ := w.p.Head(); h.Sequence <= before.Sequence {
		t.Errorf("a change after a restart: sequence %d, was %d", h.Sequence, before.Sequence)
	}
}

func FuzzFunction(f *testing.F) {
	for _, n := range []int{1, 30, 2000} {
		for _, m := range []chipMix{chipMixes[4], chipMixes[8]} {
			tags, symbols, table, _ := m.draw(n, 1)
			for _, from := range []uint64{0, 4} {
				if from > 0 {
					symbols[0] = asBefore
				}
				fn, err := makeFunction(from, 5, tags, symbols, table)
				if err != nil {
					f.Fatal(err)
				}
				f.Add(fn.marshal())
			}
		}
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		fn, err := parseFunction(file)
		if err != nil {
			return
		}
		for i := range uint64(200) {
			s, ok := fn.Status(mixBits(i))
			if s.Class >= Classes || s.StopUntil < 0 || !ok && fn.From == 0 {
				t.Fatalf("answer: got %v, %v", s, ok)
			}
		}
		if again, err := parseFunction(fn.marshal()); err != nil || len(again.leaves) != len(fn.leaves) {
			t.Errorf("written and read again: %v", err)
		}
	})
}

func FuzzFunctions(f *testing.F) {
	c := Functions{refs: []functionRef{{0, 5, 9, Digest{1}}, {5, 9, 3, Digest{2}}}}
	f.Add(c.marshal())
	f.Fuzz(func(t *testing.T, file []byte) {
		refs, err := parseFunctionRefs(file)
		if err != nil {
			return
		}
		if got := (&Functions{refs: refs}).marshal(); string(got) != string(file) {
			t.Errorf("written back: got %x, want %x", got, file)
		}
	})
}
