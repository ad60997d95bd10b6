package person

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

// number completes nine digits by the rule as it is written down, with
// remainders taken by hand, so that it shares nothing with the code it tests.
func number(nine string) string {
	odd, even := 0, 0
	for i := range 9 {
		if i%2 == 0 {
			odd += int(nine[i] - '0')
		} else {
			even += int(nine[i] - '0')
		}
	}
	d10 := 7*odd - even
	for d10 < 0 {
		d10 += 10
	}
	d10 %= 10
	return fmt.Sprintf("%s%d%d", nine, d10, (odd+even+d10)%10)
}

func TestParseTCKN(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     string
		kind     DocKind
		err      error
	}{
		{"of the register's own example", "10000000146", "10000000146", TCKN, nil},
		{"negative before the remainder", "19090909018", "19090909018", TCKN, nil},
		{"blanks around and inside", " 100 000 001 46\t", "10000000146", TCKN, nil},
		{"no-break blanks and dashes", "100\u00a0000-001-46", "10000000146", TCKN, nil},
		{"Arabic-Indic digits", "١٠٠٠٠٠٠٠١٤٦", "10000000146", TCKN, nil},
		{"Persian digits", "۱۰۰۰۰۰۰۰۱۴۶", "10000000146", TCKN, nil},
		{"full width", "１００００００0146", "10000000146", TCKN, nil},
		{"with a mark that turns text", "\u200f10000000146\u200e", "10000000146", TCKN, nil},
		{"of a foreigner", "99123456740", "99123456740", YKN, nil},
		{"nothing", "", "", NoDoc, ErrIDMissing},
		{"blanks only", " \u00a0\u200f ", "", NoDoc, ErrIDMissing},
		{"ten digits", "1000000014", "", NoDoc, ErrIDLength},
		{"twelve digits", "100000001460", "", NoDoc, ErrIDLength},
		{"a letter", "1000000014O", "", NoDoc, ErrIDDigits},
		{"a superscript", "1000000014²", "", NoDoc, ErrIDDigits},
		{"broken text", "1000000014\xff", "", NoDoc, ErrIDDigits},
		{"first digit zero", "01000000142", "", NoDoc, ErrIDChecksum},
		{"eleventh digit wrong", "10000000147", "", NoDoc, ErrIDChecksum},
		{"tenth digit wrong", "10000000156", "", NoDoc, ErrIDChecksum},
		{"all ones", "11111111111", "", NoDoc, ErrIDChecksum},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParseTCKN(c.in)
			if !errors.Is(err, c.err) || got.Reveal() != c.want || got.Kind() != c.kind {
				t.Errorf("%q: got %q %v %v, want %q %v %v", c.in, got.Reveal(), got.Kind(), err, c.want, c.kind, c.err)
			}
		})
	}
}

// TestSignedRemainder goes through the numbers a signed remainder gets wrong:
// those with seven times the odd digits less than the even ones.
func TestSignedRemainder(t *testing.T) {
	found := 0
	for odd := range 100_000 { // digits 1,3,5,7,9
		o := fmt.Sprintf("%05d", odd)
		sum := 0
		for _, c := range o {
			sum += int(c - '0')
		}
		if o[0] == '0' || 7*sum >= 36 {
			continue
		}
		for even := range 10_000 { // digits 2,4,6,8
			e := fmt.Sprintf("%04d", even)
			esum := 0
			for _, c := range e {
				esum += int(c - '0')
			}
			if 7*sum >= esum {
				continue
			}
			found++
			n := number(string([]byte{o[0], e[0], o[1], e[1], o[2], e[2], o[3], e[3], o[4]}))
			if _, err := ParseTCKN(n); err != nil {
				t.Fatalf("%s: got %v, want no error (7·%d < %d)", n, err, sum, esum)
			}
		}
	}
	// About 110 in a million of the 900 million prefixes.
	if per := float64(found) / 900; per < 90 || per > 130 {
		t.Errorf("numbers with a negative difference: got %.0f in a million, want about 110", per)
	}
}

func TestEveryWrongDigitIsSeen(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	swaps, seen := 0, 0
	for range 2000 {
		n := []byte(number(fmt.Sprintf("%09d", 100_000_000+r.IntN(900_000_000))))
		if _, err := ParseTCKN(string(n)); err != nil {
			t.Fatalf("%s: got %v, want no error", n, err)
		}
		i := r.IntN(11)
		was := n[i]
		for d := byte('0'); d <= '9'; d++ {
			if n[i] = d; d == was {
				continue
			}
			if got, err := ParseTCKN(string(n)); err == nil {
				t.Errorf("%s with digit %d changed: got %v, want a fault", n, i+1, got)
			}
		}
		n[i] = was
		if j := r.IntN(10); n[j] != n[j+1] {
			swaps++
			n[j], n[j+1] = n[j+1], n[j]
			if _, err := ParseTCKN(string(n)); err != nil {
				seen++
			}
		}
	}
	if 100*seen < 85*swaps {
		t.Errorf("swapped neighbours: got %d of %d seen, want about nine in ten", seen, swaps)
	}
}

func TestParsePassport(t *testing.T) {
	for _, c := range []struct {
		in, want string
		err      error
	}{
		{"N00123456", "N00123456", nil},
		{" u 12-345 678 ", "U12345678", nil},
		{"iı1", "", ErrPassportShape},
		{"i12345", "I12345", nil},
		{"A1234", "A1234", nil},
		{"A123", "", ErrPassportShape},
		{"ABCDEF", "", ErrPassportShape},
		{"A12345678901234", "A12345678901234", nil},
		{"A123456789012345", "", ErrPassportShape},
		{"A\u202e12345", "", ErrPassportShape},
		{"А12345", "", ErrPassportShape}, // Cyrillic А
		{"A1234\xff", "", ErrPassportShape},
		{" - ", "", ErrPassportMissing},
		{"", "", ErrPassportMissing},
	} {
		got, err := ParsePassport(c.in)
		if !errors.Is(err, c.err) || got.Reveal() != c.want {
			t.Errorf("%q: got %q %v, want %q %v", c.in, got.Reveal(), err, c.want, c.err)
		}
		if err == nil && got.Kind() != Passport {
			t.Errorf("%q: got kind %v, want passport", c.in, got.Kind())
		}
	}
}

func TestDocKind(t *testing.T) {
	for _, k := range []DocKind{TCKN, YKN, Passport} {
		if got, ok := ParseDocKind(k.String()); !ok || got != k {
			t.Errorf("%v: got %v %v, want itself", k, got, ok)
		}
	}
	for _, s := range []string{"", "TCKN", "id"} {
		if got, ok := ParseDocKind(s); ok {
			t.Errorf("%q: got %v, want none", s, got)
		}
	}
}

// TestDigits: every decimal digit of Unicode is the digit it is.
func TestDigits(t *testing.T) {
	for _, zero := range []rune{'0', '٠', '۰', '०', '০', '０', '߀', '๐', '𝟎', '𝟘', '𝟶', '𑁦', '𞥐'} {
		for v := range 10 {
			if got, want := Digits(string(zero+rune(v))), fmt.Sprint(v); got != want {
				t.Errorf("%U: got %q, want %q", zero+rune(v), got, want)
			}
		}
	}
	if got := Digits("1\u2066\u00ad2\u20693"); got != "123" {
		t.Errorf("with marks that do not show: got %q, want 123", got)
	}
}

func FuzzParseTCKN(f *testing.F) {
	for _, s := range []string{"10000000146", "19090909018", "99123456740", "١٠٠٠٠٠٠٠١٤٦", " 1000 0000 146", "1000000014\xff", "", "\u202e"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := ParseTCKN(s)
		if err != nil {
			if !id.IsZero() {
				t.Errorf("%q: got %v beside %v, want nothing", s, id, err)
			}
			return
		}
		n := id.Reveal()
		if len(n) != 11 || strings.Trim(n, "0123456789") != "" || number(n[:9]) != n || n[0] == '0' {
			t.Errorf("%q: got %q, want a number that keeps the rule", s, n)
		}
		if again, err := ParseTCKN(n); err != nil || again != id {
			t.Errorf("%q read again: got %v %v, want the same", n, again, err)
		}
		if (id.Kind() == YKN) != strings.HasPrefix(n, "99") {
			t.Errorf("%q: got %v", n, id.Kind())
		}
	})
}

func FuzzParsePassport(f *testing.F) {
	for _, s := range []string{"N00123456", "u 12-345 678", "А12345", "A1\x00", strings.Repeat("9", 300)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := ParsePassport(s)
		if err != nil {
			return
		}
		n := id.Reveal()
		if len(n) < 5 || len(n) > 15 || !utf8.ValidString(n) || strings.Trim(n, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
			t.Errorf("%q: got %q, want 5 to 15 of A-Z and 0-9", s, n)
		}
		if again, err := ParsePassport(n); err != nil || again != id {
			t.Errorf("%q read again: got %v %v, want the same", n, again, err)
		}
	})
}
