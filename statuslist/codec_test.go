package statuslist

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// mix is a made-up population to code.
type mix struct {
	name  string
	cards uint32
	fill  func(rng *rand.Rand, l *List)
}

func bernoulli(p float64) func(*rand.Rand, *List) {
	return func(rng *rand.Rand, l *List) {
		l.setState(1, Status{Class: 1})
		for i := range l.bytes {
			if rng.Float64() < p {
				l.bytes[i] = 1
			}
		}
	}
}

var mixes = []mix{
	{"empty", 0, func(*rand.Rand, *List) {}},
	{"one", 1, func(*rand.Rand, *List) {}},
	{"all alike", 100_000, func(*rand.Rand, *List) {}},
	{"0.1 %", 300_000, bernoulli(0.001)},
	{"11 %", 300_000, bernoulli(0.1124)},
	{"45 %", 300_000, bernoulli(0.45)},
	{"every state alike", 200_000, func(rng *rand.Rand, l *List) {
		for s := range 256 {
			l.setState(byte(s), Status{Class: Class(s % 32), StopUntil: Day(s / 32 * 7)})
		}
		for i := range l.bytes {
			l.bytes[i] = byte(rng.Uint32())
		}
	}},
	{"cohorts", 400_000, func(rng *rand.Rand, l *List) {
		for s := range 40 {
			l.setState(byte(s), Status{Class: Class(s % 4), StopUntil: Day(s)})
		}
		for i := range l.bytes {
			switch p := rng.Float64(); {
			case i < 150_000 && p < 0.02, i >= 150_000 && p < 0.7:
				l.bytes[i] = 1
			case i > 150_000 && p > 0.99:
				l.bytes[i] = byte(2 + rng.IntN(38))
			}
		}
	}},
}

func (m mix) list(seed uint64) *List {
	l := NewList(m.cards, Status{})
	m.fill(rand.New(rand.NewPCG(seed, 7)), l)
	l.rehash()
	return l
}

// entropyBytes is the least a coder that knows the counts of these stretches
// can do.
func entropyBytes(l *List, cuts ...uint32) float64 {
	total, from := 0.0, uint32(0)
	for _, to := range append(cuts, l.Len()) {
		var counts [256]float64
		for _, s := range l.bytes[from:to] {
			counts[s]++
		}
		lg, _ := math.Lgamma(float64(to-from) + 1)
		for _, n := range counts {
			x, _ := math.Lgamma(n + 1)
			lg -= x
		}
		total += lg / math.Ln2 / 8
		from = to
	}
	return total
}

func TestFullRoundTrip(t *testing.T) {
	for _, m := range mixes {
		t.Run(m.name, func(t *testing.T) {
			l := m.list(1)
			file := l.EncodeFull(150_000)
			got, err := DecodeFull(file, m.cards)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got.bytes, l.bytes) || got.Digest() != l.Digest() {
				t.Errorf("the array came back different")
			}
			bound := entropyBytes(l)
			if m.name == "cohorts" {
				bound = entropyBytes(l, 150_000)
			}
			if size, most := float64(len(file)), 1.01*bound+1024; size > most {
				t.Errorf("size: got %.0f, want at most %.0f (bound %.0f)", size, most, bound)
			}
			if m.cards > 0 {
				if _, err := DecodeFull(file, m.cards-1); err == nil {
					t.Errorf("a list longer than allowed was read")
				}
			}
		})
	}
}

func TestDeltaRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{0, 1, 2, 100, 5000, 99_999, 100_000} {
		c := &change{from: 5, to: 1 << 40, cards: 100_000, remap: identity}
		for s := range byte(30) {
			c.table.used[s], c.table.status[s] = true, Status{Class: Class(s), StopUntil: Day(s) * 3}
		}
		c.remap[200], c.remap[201], c.folds = 3, 4, true
		for _, i := range rng.Perm(100_000)[:n] {
			c.index = append(c.index, uint32(i))
			c.state = append(c.state, byte(rng.IntN(30)))
		}
		slices.Sort(c.index)
		file := encodeDelta(c)
		got, err := decodeDelta(file, c.cards)
		if err != nil {
			t.Errorf("%d changes: %v", n, err)
			continue
		}
		if !slices.Equal(got.index, c.index) || !slices.Equal(got.state, c.state) || got.remap != c.remap ||
			got.table != c.table || got.from != c.from || got.to != c.to || got.cards != c.cards {
			t.Errorf("%d changes came back different", n)
		}
		for cut := range min(len(file), 40) {
			if _, err := decodeDelta(file[:len(file)-1-cut], c.cards); err == nil {
				t.Errorf("%d changes: cut by %d bytes and still read", n, cut+1)
			}
		}
	}
}
