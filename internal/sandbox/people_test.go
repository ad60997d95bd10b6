package sandbox

import (
	"testing"
	"unicode/utf8"

	"turnike/internal/health"
	"turnike/internal/person"
)

func name(t *testing.T, s string) person.Name {
	t.Helper()
	n, err := person.ParseName(s)
	if err != nil {
		t.Fatalf("name %q: %v", s, err)
	}
	return n
}

func TestCodeCarriesItsAnswer(t *testing.T) {
	if n := utf8.RuneCountInString(nameChars); n > 64 {
		t.Fatalf("nameChars has %d letters, want at most 64", n)
	}
	passport, err := person.ParsePassport("AB12345")
	if err != nil {
		t.Fatal(err)
	}
	ids := []person.ID{TCKN("100000001"), TCKN("190909090"), TCKN("991234567"), passport}
	seen := map[health.Code]bool{}
	for _, id := range ids {
		for _, n := range [][2]string{{"Ayşe", "Yılmaz"}, {"İsmail", "Işık"}, {"ışıl", "çağrı"}, {"O", "Łukasz"}, {"D'Arcy", "Al-Masri"}} {
			for k := Riskless; k <= Garbled; k++ {
				first, last := name(t, n[0]), name(t, n[1])
				c := HESFor(id, first, last, k)
				if seen[c] {
					t.Errorf("%v %v: code given twice", n, k)
				}
				seen[c] = true
				if got, err := health.ParseCode(c.Reveal()); err != nil || got != c {
					t.Errorf("%v %v: code %q does not parse: %v", n, k, c.Reveal(), err)
				}
				got, ok := read(c.Reveal())
				if !ok || got.kind != k || got.risky != (k == Risky) {
					t.Errorf("%v %v: got kind %v risky %v ok %v", n, k, got.kind, got.risky, ok)
				}
				if !person.FitsMask(first.Reveal(), got.first) || !person.FitsMask(last.Reveal(), got.last) || !person.FitsMask(id.Reveal(), got.id) {
					t.Errorf("%v: masks %q %q %q do not fit", n, got.id, got.first, got.last)
				}
			}
		}
	}
}

func TestMistypedCodeIsUnknown(t *testing.T) {
	c := HESFor(TCKN("100000001"), name(t, "Ayşe"), name(t, "Yılmaz"), Riskless).Reveal()
	known, n := 0, 0
	for i := range len(c) {
		for _, r := range []byte(codeChars) {
			if r == c[i] {
				continue
			}
			b := []byte(c)
			b[i] = r
			n++
			if _, ok := read(string(b)); ok {
				known++
			}
		}
	}
	if known > n/8 {
		t.Errorf("%d of %d mistyped codes are known, want about one in 16", known, n)
	}
}

func FuzzReadCode(f *testing.F) {
	f.Add("")
	f.Add("A1B2C3D4E5")
	f.Add("ZZZZZZZZZZ")
	f.Fuzz(func(t *testing.T, s string) {
		c, ok := read(s)
		if ok && (c.kind > Garbled || len(s) != health.CodeLen) {
			t.Errorf("%q read as %+v", s, c)
		}
	})
}
