package statuslist

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestSchemeParse(t *testing.T) {
	luhn16 := Scheme{ID: 1, Digits: 16, Check: CheckLuhn}
	plain := Scheme{ID: 2, Digits: 10}
	mod := Scheme{ID: 3, Digits: 12, Check: Check97}
	long := Scheme{ID: 4, Digits: 19}
	for _, x := range []struct {
		scheme  Scheme
		printed string
		value   uint64
		ok      bool
	}{
		{luhn16, "4539578763621486", 453957876362148, true}, // a Luhn number anyone may use
		{luhn16, "4539578763621487", 0, false},
		{luhn16, "453957876362148", 0, false},
		{luhn16, "45395787636214867", 0, false},
		{luhn16, "453957876362148x", 0, false},
		{luhn16, "0000000000000000", 0, true},
		{plain, "0000000042", 42, true},
		{plain, "4", 0, false},
		{plain, "", 0, false},
		{mod, "123456789092", 1234567890, true},
		{long, "9999999999999999999", 9999999999999999999, true},
	} {
		got, ok := x.scheme.Parse([]byte(x.printed), nil)
		if ok != x.ok || ok && got.Value != x.value {
			t.Errorf("%q: got %d, %v, want %d, %v", x.printed, got.Value, ok, x.value, x.ok)
		}
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for _, s := range []Scheme{luhn16, plain, mod} {
		for range 2000 {
			v := rng.Uint64N(1_000_000_000)
			printed, ok := s.Format(v)
			if !ok {
				t.Fatalf("scheme %d cannot print %d", s.ID, v)
			}
			if got, ok := s.Parse([]byte(printed), nil); !ok || got.Value != v {
				t.Fatalf("%s: got %d, %v, want %d", printed, got.Value, ok, v)
			}
			// One digit wrong is always seen where there is a check.
			b := []byte(printed)
			at := rng.IntN(len(b))
			b[at] = '0' + (b[at]-'0'+1+byte(rng.IntN(9)))%10
			if _, ok := s.Parse(b, nil); ok && s.Check != CheckNone {
				t.Fatalf("%s for %s: taken", b, printed)
			}
		}
	}
}

func TestTagIsHMAC(t *testing.T) {
	// RFC 4231, test case 2, has key "Jefe", too short here; case 6's shape is
	// too long. So: HMAC-SHA256(key = 16 times 0x0b, "\x07" + "12345678"),
	// computed with another program.
	k, err := NewTagKey([]byte("\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := k.Tag(7, []byte("12345678")), uint64(0x757dc753eb4abfa7); got != want {
		t.Errorf("tag: got %#x, want %#x", got, want)
	}
}

func TestRangesIndex(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 3))
	schemes := []Scheme{{ID: 1, Digits: 16, Check: CheckLuhn}, {ID: 9, Digits: 10}, {ID: 5, Digits: 16, Tagged: true}}
	r, err := NewRanges(schemes)
	if err != nil {
		t.Fatal(err)
	}
	var numbers []Number
	next := map[uint8]uint64{1: 1000, 9: 5}
	for range 60 {
		switch scheme := []uint8{1, 9, 5}[rng.IntN(3)]; scheme {
		case 5:
			var tags []uint64
			for range rng.IntN(30) {
				tags = append(tags, rng.Uint64())
			}
			if r, err = r.AppendTags(5, tags); err != nil {
				t.Fatal(err)
			}
			// Tags get their indices in order of tag.
			for i := r.Len() - uint32(len(tags)); i < r.Len(); i++ {
				n, _ := r.Number(i)
				numbers = append(numbers, n)
			}
		default:
			// Some close together, some far apart.
			first := next[scheme] + uint64(rng.IntN(3))*rng.Uint64N(1_000_000)
			last := first + rng.Uint64N(200)
			next[scheme] = last + 1 + rng.Uint64N(5)
			if r, err = r.Append(Range{Scheme: scheme, First: first, Last: last}); err != nil {
				t.Fatal(err)
			}
			for v := first; v <= last; v++ {
				numbers = append(numbers, Number{scheme, v})
			}
		}
	}
	if int(r.Len()) != len(numbers) {
		t.Fatalf("cards: got %d, want %d", r.Len(), len(numbers))
	}
	issued := map[Number]bool{}
	for i, n := range numbers {
		issued[n] = true
		if got, ok := r.Index(n); !ok || got != uint32(i) {
			t.Fatalf("%v: got %d, %v, want %d", n, got, ok, i)
		}
		if got, ok := r.Number(uint32(i)); !ok || got != n {
			t.Fatalf("card %d: got %v, %v, want %v", i, got, ok, n)
		}
	}
	for _, n := range numbers {
		for _, v := range []uint64{n.Value - 1, n.Value + 1, n.Value ^ 1<<40, rng.Uint64(), 0, math.MaxUint64} {
			other := Number{n.Scheme, v}
			if _, ok := r.Index(other); ok != issued[other] {
				t.Fatalf("%v: issued %v, want %v", other, ok, issued[other])
			}
		}
	}
	if _, ok := r.Number(r.Len()); ok {
		t.Error("a card past the end has a number")
	}
}

func TestRangesFilesChain(t *testing.T) {
	a, err := NewRanges([]Scheme{{ID: 1, Digits: 8}, {ID: 2, Digits: 9, Tagged: true}}, Range{1, 10, 19})
	if err != nil {
		t.Fatal(err)
	}
	b, err := a.AppendTags(2, []uint64{7, 3, 5})
	if err != nil {
		t.Fatal(err)
	}
	c, err := b.Append(Range{1, 30, 39})
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, r := range []*Ranges{a, b, c} {
		files[RangesName(r.Digest())] = r.Marshal()
	}
	h := Head{Ranges: c.Digest(), Cards: 23}
	got, err := h.LoadRanges(func(name string) ([]byte, error) { return files[name], nil })
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint32(23) {
		want, _ := c.Number(i)
		if n, ok := got.Number(i); !ok || n != want {
			t.Errorf("card %d: got %v, want %v", i, n, want)
		}
	}
	if len(c.Marshal()) >= len(b.Marshal())+8 {
		t.Errorf("a file repeats what its parent holds: %d bytes", len(c.Marshal()))
	}
	if _, err := ParseRanges(c.Marshal(), a); err == nil {
		t.Error("a file was read onto a parent that is not its own")
	}
}

func TestRangesContradictions(t *testing.T) {
	s := Scheme{ID: 1, Digits: 8}
	for name, f := range map[string]func() (*Ranges, error){
		"twice issued":   func() (*Ranges, error) { return NewRanges([]Scheme{s}, Range{1, 5, 10}, Range{1, 10, 12}) },
		"backwards":      func() (*Ranges, error) { return NewRanges([]Scheme{s}, Range{1, 5, 4}) },
		"unknown scheme": func() (*Ranges, error) { return NewRanges([]Scheme{s}, Range{2, 5, 9}) },
		"too long":       func() (*Ranges, error) { return NewRanges([]Scheme{s}, Range{1, 99_999_999, 100_000_000}) },
		"too many":       func() (*Ranges, error) { return NewRanges([]Scheme{{ID: 1, Digits: 19}}, Range{1, 0, 1 << 32}) },
		"scheme twice":   func() (*Ranges, error) { return NewRanges([]Scheme{s, s}) },
		"no digits":      func() (*Ranges, error) { return NewRanges([]Scheme{{ID: 1}}) },
	} {
		if _, err := f(); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
