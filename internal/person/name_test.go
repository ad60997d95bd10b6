package person

import (
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func TestParseName(t *testing.T) {
	for _, c := range []struct {
		name, in, want string
		err            error
	}{
		{"plain", "Ayşe", "Ayşe", nil},
		{"every Turkish letter", "çğıöşüÇĞİÖŞÜâîû", "çğıöşüÇĞİÖŞÜâîû", nil},
		{"two words, many blanks", "  Mehmet \u00a0\tAli ", "Mehmet Ali", nil},
		{"decomposed as some phones type it", "Ays\u0327e", "Ayşe", nil},
		{"decomposed İ", "I\u0307smail", "İsmail", nil},
		{"a ligature from copied text", "Zeﬁr", "Zefir", nil},
		{"of other Latin alphabets", "Łukasz Ångström-O'Neil Jr.", "Łukasz Ångström-O'Neil Jr.", nil},
		{"right single quotation mark", "N’Diaye", "N’Diaye", nil},
		{"nothing", "", "", ErrNameMissing},
		{"blanks", " \t\u2003", "", ErrNameMissing},
		{"Cyrillic that looks Latin", "Аyse", "", ErrNameLetters},
		{"Arabic", "محمد", "", ErrNameLetters},
		{"Chinese", "阿", "", ErrNameLetters},
		{"a digit", "Ayşe2", "", ErrNameLetters},
		{"signs alone", "-'.", "", ErrNameLetters},
		{"markup", "<b>", "", ErrNameLetters},
		{"right-to-left override", "Ay\u202eesş", "", ErrNameHidden},
		{"isolate", "Ay\u2067şe\u2069", "", ErrNameHidden},
		{"left-to-right mark", "Ayşe\u200e", "", ErrNameHidden},
		{"zero-width joiner", "Ay\u200dşe", "", ErrNameHidden},
		{"byte order mark", "\ufeffAyşe", "", ErrNameHidden},
		{"a control character", "Ay\x00şe", "", ErrNameHidden},
		{"broken UTF-8", "Ay\xc5", "", ErrNameHidden},
		{"a lone surrogate as bytes", "Ay\xed\xa0\x80", "", ErrNameHidden},
		{"a lone surrogate as JSON gives it", "Ay\ufffd", "", ErrNameHidden},
		{"as long as may be", strings.Repeat("ş", MaxName), strings.Repeat("ş", MaxName), nil},
		{"one longer", strings.Repeat("ş", MaxName+1), "", ErrNameLong},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParseName(c.in)
			if !errors.Is(err, c.err) || got.Reveal() != c.want {
				t.Errorf("%+q: got %q %v, want %q %v", c.in, got.Reveal(), err, c.want, c.err)
			}
		})
	}
}

// TestUpperIsTurkish: registers hold upper case with the dots where they belong.
func TestUpperIsTurkish(t *testing.T) {
	for in, want := range map[string]string{
		"ismail": "İSMAİL", "ışıl": "IŞIL", "İpek": "İPEK", "Çağrı": "ÇAĞRI", "O'Neil": "O'NEİL", "âlim": "ÂLİM",
	} {
		if got := RestoreName(in).RevealUpper(); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

// TestFold: however a name's dots are set, it is the same name.
func TestFold(t *testing.T) {
	for _, same := range [][]string{
		{"İSMAİL IŞIK", "ISMAIL ISIK", "ismail ışık", "İsmail Işık", "i\u0307smai\u0307l i\u0307ş\u0131k", "Ismaıl  Isik"},
		{"ÇAĞRI", "Cagri", "çağrı", "CAGRİ", "c\u0327ag\u0306rı"},
		{"Gülşah Öztürk", "GULSAH OZTURK", "gu\u0308ls\u0327ah o\u0308ztu\u0308rk"},
		{"O'Neil-Al.Masri", "ONEILALMASRI", "o’neil-almasri"},
		{"Straße", "STRASSE"},
	} {
		for _, s := range same[1:] {
			if got, want := Fold(s), Fold(same[0]); got != want {
				t.Errorf("%q: got key %q, want %q as of %q", s, got, want, same[0])
			}
		}
	}
	for _, other := range [][2]string{{"Ayşe", "Aysel"}, {"Işık", "Aşık"}, {"Ali", "Veli"}} {
		if Fold(other[0]) == Fold(other[1]) {
			t.Errorf("%q and %q: got one key, want two", other[0], other[1])
		}
	}
}

func TestFitsMask(t *testing.T) {
	for _, c := range []struct {
		value, mask string
		want        bool
	}{
		{"10000000146", "********146", true},
		{"10000000146", "********147", false},
		{"10000000146", "***********", false}, // says nothing, so it vouches for nothing
		{"10000000146", "", false},
		{"İsmail", "İS****", true},
		{"İsmail", "IS****", true},
		{"ismail", " İS**** ", true},
		{"Işıl", "IŞ**", true},
		{"Işıl", "İŞ**", true},
		{"Işıl", "AŞ**", false},
		{"Çağrı", "CA***", true},
		{"Mehmet Ali", "ME****", true},
		{"A", "AY***", false},
		{"Ayşe", "AYŞE", true},
		{"Ayşe", "AYŞ", false},
		{"Ayşe", "Ay*Ayşe", false}, // the ends of a mask may not overlap in the value
	} {
		if got := FitsMask(c.value, c.mask); got != c.want {
			t.Errorf("%q in %q: got %v, want %v", c.value, c.mask, got, c.want)
		}
	}
}

func FuzzParseName(f *testing.F) {
	for _, s := range []string{"Ayşe", "I\u0307smail", "Ay\u202eesş", "Ay\xed\xa0\x80", "阿", strings.Repeat("a\u0327", 61), "'-.", "\ufb01x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := ParseName(s)
		if err != nil {
			if !n.IsZero() {
				t.Errorf("%+q: got %q beside %v, want nothing", s, n.Reveal(), err)
			}
			return
		}
		v := n.Reveal()
		if !norm.NFKC.IsNormalString(v) || v != strings.TrimSpace(v) || strings.Contains(v, "  ") || utf8.RuneCountInString(v) > MaxName {
			t.Errorf("%+q: got %+q, want composed and trimmed", s, v)
		}
		if i := strings.IndexFunc(v, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }); i >= 0 {
			t.Errorf("%+q: got a mark that does not show at %d", s, i)
		}
		if again, err := ParseName(v); err != nil || again != n {
			t.Errorf("%+q read again: got %v %v, want the same", v, again, err)
		}
		if decomposed, err := ParseName(norm.NFD.String(v)); err != nil || decomposed != n {
			t.Errorf("%+q decomposed: got %q %v, want the same name", v, decomposed.Reveal(), err)
		}
		if Fold(v) != Fold(n.RevealUpper()) {
			t.Errorf("%+q: folded %q, in upper case %q, want one key", v, Fold(v), Fold(n.RevealUpper()))
		}
	})
}

func FuzzFold(f *testing.F) {
	for _, s := range []string{"İSMAİL", "ß Æ ø", "i\u0307\u0307", "\xff", "Ǆ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got, want := Fold(Fold(s)), Fold(s); utf8.ValidString(s) && got != want {
			t.Errorf("%+q: folded twice %+q, once %+q", s, got, want)
		}
	})
}

func FuzzFitsMask(f *testing.F) {
	f.Add("İsmail", "İS****")
	f.Add("10000000146", "********146")
	f.Add("", "*")
	f.Fuzz(func(t *testing.T, value, mask string) {
		if FitsMask(value, mask) && strings.Trim(mask, "* \t\r\n") == "" {
			t.Errorf("%q fits %q, which shows nothing", value, mask)
		}
	})
}
