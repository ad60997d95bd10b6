package person

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestParsePhone(t *testing.T) {
	for _, c := range []struct {
		in, want string
		err      error
	}{
		{"0532 111 22 33", "905321112233", nil},
		{"532 111 22 33", "905321112233", nil},
		{"+90 (532) 111-22.33", "905321112233", nil},
		{"90 532 111 22 33", "905321112233", nil},
		{"0090 532 111 22 33", "905321112233", nil},
		{"٠٥٣٢ ١١١ ٢٢ ٣٣", "905321112233", nil},
		{"\u202a+905321112233\u202c", "905321112233", nil}, // as phones copy it from their book
		{"", "", ErrPhoneMissing},
		{" - ", "", ErrPhoneMissing},
		{"0212 444 11 22", "", ErrPhoneLand},
		{"0312 444 11 22", "", ErrPhoneLand},
		{"+49 170 1234567", "", ErrPhoneForeign},
		{"0049 170 1234567", "", ErrPhoneForeign},
		{"+963 944 123 456", "", ErrPhoneForeign},
		{"0532 111 22 3", "", ErrPhoneShape},
		{"0532 111 22 334", "", ErrPhoneShape},
		{"telefon", "", ErrPhoneShape},
		{"444 0 153", "", ErrPhoneShape},
		{"0532\xff1112233", "", ErrPhoneShape},
		{"05321112233x", "", ErrPhoneShape},
		{"05321112233 ext. 5", "", ErrPhoneShape},
	} {
		got, err := ParsePhone(c.in)
		if !errors.Is(err, c.err) || got.Reveal() != c.want {
			t.Errorf("%q: got %q %v, want %q %v", c.in, got.Reveal(), err, c.want, c.err)
		}
	}
	p := RestorePhone("905321112233")
	if got := p.Block(); got != "905321112" {
		t.Errorf("block: got %q, want 905321112", got)
	}
	if got := p.String(); got != "053** *** ** 33" && got != "05** *** ** 33" {
		t.Errorf("masked: got %q", got)
	}
}

func TestParseEmail(t *testing.T) {
	for _, c := range []struct {
		in, want string
		err      error
	}{
		{" ayse.yilmaz+kart@ornek.com.tr ", "ayse.yilmaz+kart@ornek.com.tr", nil},
		{"a@b.co", "a@b.co", nil},
		{"", "", ErrEmailMissing},
		{"ayse", "", ErrEmailShape},
		{"ayse@", "", ErrEmailShape},
		{"@ornek.com", "", ErrEmailShape},
		{"ayse@ornek", "", ErrEmailShape},
		{"ayse@ornek.", "", ErrEmailShape},
		{"Ayşe <ayse@ornek.com>", "", ErrEmailShape},
		{"ayse@ornek.com, fatma@ornek.com", "", ErrEmailShape},
		{"ayse@ornek.com\r\nBcc: x@y.z", "", ErrEmailShape},
		{"ay se@ornek.com", "", ErrEmailShape},
		{"ayse@@ornek.com", "", ErrEmailShape},
		{"ayse@ornek.com\xff", "", ErrEmailShape},
		{strings.Repeat("a", 250) + "@b.co", "", ErrEmailShape},
		{"ay\u202ese@ornek.com", "", ErrEmailShape},
	} {
		got, err := ParseEmail(c.in)
		if !errors.Is(err, c.err) || got.Reveal() != c.want {
			t.Errorf("%q: got %q %v, want %q %v", c.in, got.Reveal(), err, c.want, c.err)
		}
	}
}

var today = time.Date(2021, 1, 10, 9, 0, 0, 0, time.UTC)

func TestParseBirth(t *testing.T) {
	for _, c := range []struct {
		d, m, y, want string
		err           error
	}{
		{"14", "3", "1985", "1985-03-14", nil},
		{" 04 ", "03", "1985", "1985-03-04", nil},
		{"٢٩", "٢", "١٩٩٦", "1996-02-29", nil},
		{"10", "1", "2021", "2021-01-10", nil},
		{"1", "1", "1891", "1891-01-01", nil},
		{"", "", "", "", ErrBirthMissing},
		{"14", "", "1985", "", ErrBirthShape},
		{"29", "2", "1997", "", ErrBirthShape},
		{"31", "4", "1985", "", ErrBirthShape},
		{"0", "1", "1985", "", ErrBirthShape},
		{"1", "13", "1985", "", ErrBirthShape},
		{"1", "1", "85", "", ErrBirthShape},
		{"a", "1", "1985", "", ErrBirthShape},
		{"1", "1", "19850", "", ErrBirthShape},
		{"99999999999999999999", "1", "1985", "", ErrBirthShape},
		{"11", "1", "2021", "", ErrBirthFuture},
		{"31", "12", "1890", "", ErrBirthOld},
	} {
		got, err := ParseBirth(c.d, c.m, c.y, today)
		if !errors.Is(err, c.err) || got.Reveal() != c.want {
			t.Errorf("%q %q %q: got %q %v, want %q %v", c.d, c.m, c.y, got.Reveal(), err, c.want, c.err)
		}
	}
	for in, want := range map[string]error{"1985-03-14": nil, "": ErrBirthMissing, "14.03.1985": ErrBirthShape, "1985-3-14": ErrBirthShape, "1985-03-14T00:00:00Z": ErrBirthShape, "-985-03-14": ErrBirthShape} {
		if _, err := ParseBirthISO(in, today); !errors.Is(err, want) {
			t.Errorf("%q: got %v, want %v", in, err, want)
		}
	}
}

// TestBornTodayInTurkey: the day has begun there three hours before UTC.
func TestBornTodayInTurkey(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Istanbul")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2021, 1, 11, 1, 0, 0, 0, zone) // still the 10th in UTC
	if _, err := ParseBirth("11", "1", "2021", now); err != nil {
		t.Errorf("born today by the city's clock: got %v, want no error", err)
	}
}

// TestEveryDayIsABirthday: also those whose midnight the clocks leapt over.
func TestEveryDayIsABirthday(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Istanbul")
	if err != nil {
		t.Fatal(err)
	}
	now := today.In(zone)
	for d := time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC); d.Before(today); d = d.AddDate(0, 0, 1) {
		iso := d.Format(time.DateOnly)
		if b, err := ParseBirthISO(iso, now); err != nil || b.Reveal() != iso {
			t.Fatalf("%s: got %q %v, want the day", iso, b.Reveal(), err)
		}
	}
}

func TestAgeOn(t *testing.T) {
	day := func(s string) time.Time {
		d, err := time.Parse(time.DateOnly, s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for _, c := range []struct {
		born, on string
		want     int
	}{
		{"1956-01-15", "2021-01-14", 64}, {"1956-01-15", "2021-01-15", 65}, {"1956-01-15", "2021-01-16", 65},
		{"2001-01-16", "2021-01-15", 19}, {"2001-01-15", "2021-01-15", 20},
		{"2004-02-29", "2021-02-28", 16}, {"2004-02-29", "2021-03-01", 17}, {"2004-02-29", "2024-02-29", 20},
		{"2021-01-15", "2021-01-15", 0},
	} {
		if got := RestoreBirth(c.born).AgeOn(day(c.on)); got != c.want {
			t.Errorf("born %s, on %s: got %d, want %d", c.born, c.on, got, c.want)
		}
	}
}

func FuzzParsePhone(f *testing.F) {
	for _, s := range []string{"0532 111 22 33", "+905321112233", "0212 444 11 22", "+49 170 1234567", "0532\xff", "((((", strings.Repeat("5", 400)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePhone(s)
		if err != nil {
			return
		}
		n := p.Reveal()
		if len(n) != 12 || !strings.HasPrefix(n, "905") || strings.Trim(n, "0123456789") != "" {
			t.Errorf("%q: got %q, want 905 and nine digits", s, n)
		}
		for _, again := range []string{n, "+" + n, "0" + n[2:], n[2:]} {
			if got, err := ParsePhone(again); err != nil || got != p {
				t.Errorf("%q read again: got %v %v, want the same", again, got, err)
			}
		}
	})
}

func FuzzParseEmail(f *testing.F) {
	for _, s := range []string{"ayse@ornek.com", "Ayşe <ayse@ornek.com>", "a@b\r\nc", "\"a b\"@c.d", "a@[127.0.0.1]", "ğ@ş.com"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e, err := ParseEmail(s)
		if err != nil {
			return
		}
		v := e.Reveal()
		if strings.ContainsAny(v, "\r\n\x00<>") || len(v) > 254 || v != strings.TrimSpace(v) {
			t.Errorf("%q: got %q, want one plain address", s, v)
		}
	})
}

func FuzzParseBirth(f *testing.F) {
	f.Add("14", "3", "1985")
	f.Add("29", "2", "1900")
	f.Add("٢٩", "٢", "٢٠٠٠")
	f.Add("-1", "+3", "1985")
	f.Fuzz(func(t *testing.T, d, m, y string) {
		b, err := ParseBirth(d, m, y, today)
		if err != nil {
			return
		}
		iso := b.Reveal()
		if got, err := ParseBirthISO(iso, today); err != nil || got != b || RestoreBirth(iso) != b {
			t.Errorf("%q %q %q: got %q, which reads as %v %v", d, m, y, iso, got, err)
		}
		if age := b.AgeOn(today); age < 0 || age > 130 {
			t.Errorf("%q: got age %d", iso, age)
		}
	})
}
