package health

import (
	"errors"
	"strings"
	"testing"
)

func TestParseCode(t *testing.T) {
	for _, c := range []struct {
		name, in, want string
		err            error
	}{
		{"with dashes", "K7X2-M9PQ-4W", "K7X2M9PQ4W", nil},
		{"without", "K7X2M9PQ4W", "K7X2M9PQ4W", nil},
		{"small letters", "k7x2-m9pq-4w", "K7X2M9PQ4W", nil},
		{"pasted with blanks and a line end", "  K7X2 M9PQ 4W\r\n", "K7X2M9PQ4W", nil},
		{"no-break blanks, long dashes", "K7X2\u00a0–\u00a0M9PQ—4W", "K7X2M9PQ4W", nil},
		{"typed small on a Turkish keyboard", "kıi2-iııi-4w", "KII2IIII4W", nil},
		{"typed large on a Turkish keyboard", "KİI2-M9PQ-4W", "KII2M9PQ4W", nil},
		{"with a mark that turns text", "\u200eK7X2-M9PQ-4W\u200f", "K7X2M9PQ4W", nil},
		{"scanned with a prefix", "HES|K7X2-M9PQ-4W", "K7X2M9PQ4W", nil},
		{"scanned with an address", "https://hes.example/?c=K7X2M9PQ4W", "K7X2M9PQ4W", nil},
		{"scanned with a plain address", "hes://kod/K7X2M9PQ4W", "K7X2M9PQ4W", nil},
		{"nothing", "", "", ErrCodeMissing},
		{"blanks and dashes", " -- ", "", ErrCodeMissing},
		{"nine", "K7X2-M9PQ-4", "", ErrCodeShape},
		{"eleven", "K7X2-M9PQ-4WW", "", ErrCodeShape},
		{"another alphabet", "К7X2-M9PQ-4W", "", ErrCodeShape},
		{"a sign", "K7X2-M9PQ-4!", "", ErrCodeShape},
		{"right-to-left override", "K7X2\u202e-M9PQ-4W", "", ErrCodeShape},
		{"broken text", "K7X2-M9PQ-4\xff", "", ErrCodeShape},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParseCode(c.in)
			if !errors.Is(err, c.err) || got.Reveal() != c.want {
				t.Errorf("%+q: got %q %v, want %q %v", c.in, got.Reveal(), err, c.want, c.err)
			}
		})
	}
}

func FuzzParseCode(f *testing.F) {
	for _, s := range []string{"K7X2-M9PQ-4W", "HES|K7X2M9PQ4W", "ıİıİıİıİıİ", "||||", "\xff", strings.Repeat("A", 500) + "|"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseCode(s)
		if err != nil {
			if !c.IsZero() {
				t.Errorf("%q: got %v beside %v", s, c, err)
			}
			return
		}
		v := c.Reveal()
		if len(v) != CodeLen || strings.Trim(v, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
			t.Errorf("%q: got %q, want ten letters and digits", s, v)
		}
		shown := v[:4] + "-" + v[4:8] + "-" + v[8:]
		for _, again := range []string{v, shown, strings.ToLower(shown), "X|" + shown} {
			if got, err := ParseCode(again); err != nil || got != c {
				t.Errorf("%q read again: got %v %v, want the same", again, got, err)
			}
		}
	})
}
