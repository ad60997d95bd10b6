package statuslist

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"math/rand/v2"
	"testing"
	"time"
)

// The parsers meet any bytes: they may refuse, and must not fail, take
// memory without bound, or read what they would write differently.

func FuzzHead(f *testing.F) {
	seed := sha256.Sum256([]byte("fuzz"))
	h := Head{City: "izmir", Sequence: 1 << 33, Issued: time.Unix(1610694000, 0), NotAfter: time.Unix(1611694000, 0), Root: 1, Cards: 1000,
		Rules: []Digest{{1}, {2}}, Full: FullRef{Sequence: 5, Size: 10}, Deltas: []DeltaRef{{From: 5, To: 1 << 33, Size: 3}}}
	f.Add(h.Sign(ed25519.NewKeyFromSeed(seed[:])))
	f.Fuzz(func(t *testing.T, file []byte) {
		h, err := ParseHead(file)
		if err != nil {
			return
		}
		if b := h.body(); !bytes.Equal(b, file[:len(file)-ed25519.SignatureSize]) {
			t.Errorf("written back: got %x, want %x", b, file)
		}
		if _, _, err := h.Plan(h.Sequence / 2); err == nil && h.Sequence == 0 {
			t.Error("a way to nowhere")
		}
	})
}

func FuzzRoot(f *testing.F) {
	seed := sha256.Sum256([]byte("fuzz"))
	k := ed25519.NewKeyFromSeed(seed[:])
	r := Root{City: "izmir", Version: 3, Threshold: 1, Keys: []ed25519.PublicKey{k.Public().(ed25519.PublicKey)}}
	r.ListKeys = []ListKey{{Key: r.Keys[0], From: time.Unix(0, 0), To: time.Unix(1<<33, 0)}}
	file, err := r.Sign(k)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(file)
	f.Fuzz(func(t *testing.T, file []byte) {
		root, body, err := parseRoot(file)
		if err == nil && !bytes.Equal(root.body(), file[:body]) {
			t.Errorf("written back: got %x, want %x", root.body(), file[:body])
		}
	})
}

func FuzzRules(f *testing.F) {
	for _, r := range istanbul(f) {
		f.Add(r.Marshal())
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := ParseRules(file)
		if err != nil {
			return
		}
		if b := r.Marshal(); !bytes.Equal(b, file) {
			t.Errorf("written back: got %x, want %x", b, file)
		}
		c := NewCalendar([]*Rules{r})
		for _, unix := range []int64{0, -maxUnix, maxUnix, 1610694000} {
			if got, _ := c.Outcome(Status{Class: 3, StopUntil: 18700}, unix, 1); got >= outcomes {
				t.Errorf("outcome %d", got)
			}
		}
	})
}

func FuzzRanges(f *testing.F) {
	r, err := NewRanges([]Scheme{{ID: 1, Name: "a", Digits: 8, Check: CheckLuhn}, {ID: 2, Digits: 9, Tagged: true}}, Range{1, 10, 19}, Range{1, 100, 5000})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(r.Marshal())
	if r, err = NewRanges([]Scheme{{ID: 2, Digits: 9, Tagged: true}}); err != nil {
		f.Fatal(err)
	}
	f.Add(r.Marshal())
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := ParseRanges(file, nil)
		if err != nil {
			return
		}
		if b := r.Marshal(); !bytes.Equal(b, file) {
			t.Errorf("written back: got %x, want %x", b, file)
		}
		for _, i := range []uint32{0, r.Len() / 2, r.Len() - 1} {
			if i >= r.Len() {
				continue
			}
			n, ok := r.Number(i)
			if back, found := r.Index(n); !ok || !found || back != i {
				t.Errorf("card %d has number %v, which is card %d, %v", i, n, back, found)
			}
		}
		r.Parse(file, nil)
	})
}

func FuzzFull(f *testing.F) {
	for _, m := range mixes {
		if m.cards <= 100_000 {
			f.Add(m.list(1).EncodeFull())
		}
	}
	l := NewList(3000, Status{})
	bernoulli(0.3)(rand.New(rand.NewPCG(1, 1)), l)
	f.Add(l.EncodeFull(1000))
	f.Fuzz(func(t *testing.T, file []byte) {
		const most = 1 << 17
		l, err := DecodeFull(file, most)
		if err != nil {
			return
		}
		if l.Len() > most {
			t.Fatalf("cards: got %d, want at most %d", l.Len(), most)
		}
		again, err := DecodeFull(l.EncodeFull(), most)
		if err != nil || again.Digest() != l.Digest() {
			t.Errorf("coded again and read: %v", err)
		}
	})
}

func FuzzDelta(f *testing.F) {
	c := &change{from: 1, to: 9, cards: 5000, remap: identity}
	for s := range byte(4) {
		c.table.used[s], c.table.status[s] = true, Status{Class: Class(s)}
	}
	f.Add(encodeDelta(c))
	c.index, c.state = []uint32{3, 4, 77, 4999}, []byte{1, 2, 3, 0}
	f.Add(encodeDelta(c))
	c.remap[9], c.folds, c.state = 2, true, []byte{1, 1, 1, 1}
	f.Add(encodeDelta(c))
	f.Fuzz(func(t *testing.T, file []byte) {
		c, err := decodeDelta(file, 5000)
		if err != nil {
			return
		}
		if len(c.index) != len(c.state) || len(c.index) > 5000 {
			t.Fatalf("%d cards and %d states", len(c.index), len(c.state))
		}
		l := NewList(4000, Status{})
		h := &Head{Cards: c.cards}
		l.Apply(h, [][]byte{file}) // refused by its digest; must not fail
		if l.Len() != 4000 || l.Status(17) != (Status{}) {
			t.Error("a list that refused a delta was changed")
		}
		if c.cards >= 4000 {
			n := l.clone(c.cards, c.fill)
			n.overlay(c)
			n.settle()
			for i, index := range c.index {
				if n.bytes[index] != c.state[i] {
					t.Fatalf("card %d: got state %d, want %d", index, n.bytes[index], c.state[i])
				}
			}
		}
	})
}

func FuzzSchemeParse(f *testing.F) {
	f.Add([]byte("4539578763621486"), uint8(16), uint8(1))
	f.Add([]byte("1234-5678 90"), uint8(10), uint8(2))
	f.Fuzz(func(t *testing.T, printed []byte, digits, check uint8) {
		s := Scheme{ID: 1, Digits: digits, Check: Check(check % checks)}
		if s.validate() != nil {
			return
		}
		if n, ok := s.Parse(printed, nil); ok {
			if back, ok := s.Format(n.Value); !ok || back != string(printed) {
				t.Errorf("%q printed again: got %q", printed, back)
			}
		}
	})
}
