package city

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"turnike/internal/card"
	"turnike/internal/person"
	"turnike/statuslist"
)

func shippedCity(t testing.TB, id string) *Profile {
	t.Helper()
	set, err := Shipped()
	if err != nil {
		t.Fatal(err)
	}
	return set[id]
}

func TestParseCard(t *testing.T) {
	for _, c := range []struct {
		city, in, want string
		err            error
	}{
		{"istanbul", "3400 0000 0000 1234", "3400000000001234", nil},
		{"istanbul", "3400-0000-0000-1234", "3400000000001234", nil},
		{"istanbul", "٣٤٠٠٠٠٠٠٠٠٠٠١٢٣٤", "3400000000001234", nil},
		{"istanbul", "", "", card.ErrMissing},
		{"istanbul", "  ", "", card.ErrMissing},
		{"istanbul", "340000000000123", "", card.ErrLength},
		{"istanbul", "34000000000012345", "", card.ErrLength},
		{"istanbul", "340000000000123O", "", card.ErrDigits},
		{"istanbul", "3400000000001234\xff", "", card.ErrDigits},
		{"izmir", "350000000007", "350000000007", nil},
		{"izmir", "3400000000001234", "", card.ErrLength},
	} {
		got, err := shippedCity(t, c.city).ParseCard(c.in)
		if !errors.Is(err, c.err) || got.Reveal() != c.want {
			t.Errorf("%s %q: got %q %v, want %q %v", c.city, c.in, got.Reveal(), err, c.want, c.err)
		}
	}
}

// TestPlace: every issued number has its place, the one before the first and
// after the last have none.
func TestPlace(t *testing.T) {
	key, err := statuslist.NewTagKey(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	p := shippedCity(t, "izmir")
	next := int64(0)
	for _, r := range p.Schemes[0].Ranges {
		for _, c := range []struct {
			n    uint64
			at   int64
			want bool
		}{{r.First, next, true}, {r.Last, next + int64(r.Last-r.First), true}, {r.First - 1, 0, false}, {r.Last + 1, 0, false}} {
			n, err := p.ParseCard(fmt.Sprintf("%012d", c.n))
			if err != nil {
				t.Fatal(err)
			}
			at, ok := p.Place(n, key)
			if ok != c.want || ok && at != c.at {
				t.Errorf("%d: got place %d %v, want %d %v", c.n, at, ok, c.at, c.want)
			}
			if want, _ := card.ClassOf(r.Class); ok && p.ClassAt(uint32(at)) != want {
				t.Errorf("%d: got class %v, want %v", c.n, p.ClassAt(uint32(at)), want)
			}
		}
		next += int64(r.Last - r.First + 1)
	}
}

// TestClassOf: the bands turn on the birthday, at midnight by the city's clock.
func TestClassOf(t *testing.T) {
	p := shippedCity(t, "istanbul")
	at := func(s string) time.Time {
		d, err := time.ParseInLocation("2006-01-02 15:04", s, p.Location())
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for _, c := range []struct {
		born, on string
		class    card.Class
		turns    string
	}{
		{"1985-03-14", "2021-01-15 12:00", card.Paired, "2050-03-14 00:00"},
		{"1956-01-15", "2021-01-14 23:59", card.Paired, "2021-01-15 00:00"},
		{"1956-01-15", "2021-01-15 00:00", card.Paired65, ""},
		{"2001-01-15", "2021-01-14 23:59", card.Paired20, "2021-01-15 00:00"},
		{"2001-01-15", "2021-01-15 00:00", card.Paired, "2066-01-15 00:00"},
		{"2004-02-29", "2024-02-28 23:59", card.Paired20, "2024-02-29 00:00"},
		{"1957-02-28", "2022-02-28 00:00", card.Paired65, ""},
		{"1956-02-29", "2021-02-28 12:00", card.Paired, "2021-03-01 00:00"},
		{"", "2021-01-15 12:00", card.Paired, ""},
	} {
		class, turns := p.ClassOf(person.RestoreBirth(c.born), at(c.on))
		want := time.Time{}
		if c.turns != "" {
			want = at(c.turns)
		}
		if class != c.class || !turns.Equal(want) {
			t.Errorf("born %s on %s: got %v until %v, want %v until %v", c.born, c.on, class, turns, c.class, want)
		}
	}
	if class, turns := shippedCity(t, "izmir").ClassOf(person.RestoreBirth("1950-01-01"), at("2021-01-15 12:00")); class != card.Paired || !turns.IsZero() {
		t.Errorf("a city without age bands: got %v %v, want paired for ever", class, turns)
	}
}

func TestProvinces(t *testing.T) {
	for plate := 1; plate <= Plates; plate++ {
		name, ok := Province(plate)
		if !ok {
			t.Fatalf("%d: got no name", plate)
		}
		for _, s := range []string{name, fmt.Sprint(plate), fmt.Sprintf("%02d", plate), strings.ToUpper(person.Fold(name)), " " + name + " "} {
			if got, err := ParseProvince(s); err != nil || got != plate {
				t.Errorf("%q: got %d %v, want %d", s, got, err, plate)
			}
		}
	}
	for _, s := range []string{"", "0", "82", "Atlantis", "\xff", "999999999999999999999"} {
		if got, err := ParseProvince(s); !errors.Is(err, ErrProvince) {
			t.Errorf("%q: got %d %v, want %v", s, got, err, ErrProvince)
		}
	}
}

// TestDeadline: what a board decides later changes nothing about what was known
// before; Malatya's moved twice.
func TestDeadline(t *testing.T) {
	p := shippedCity(t, "istanbul")
	want := time.Date(2021, 1, 15, 0, 0, 0, 0, p.Location())
	if at, ok := p.Deadline(want.Add(-48 * time.Hour)); !ok || !at.Equal(want) {
		t.Errorf("İstanbul: got %v %v, want %v", at, ok, want)
	}
	m, err := Parse([]byte(moved(shippedCity(t, "gaziantep").Source())))
	if err != nil {
		t.Fatal(err)
	}
	day := func(s string) time.Time {
		d, err := time.ParseInLocation(time.DateOnly, s, m.Location())
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for known, want := range map[string]string{"2020-10-30": "", "2020-11-01": "2020-11-20", "2020-11-19": "2020-12-15", "2020-12-14": "2021-01-20", "2021-02-01": "2021-01-20"} {
		at, ok := m.Deadline(day(known))
		if ok != (want != "") || ok && !at.Equal(day(want)) {
			t.Errorf("as known on %s: got %v %v, want %s", known, at, ok, want)
		}
	}
	// The rule tables follow: on 20 November, as known then, nobody is refused.
	for _, c := range []struct {
		known, on string
		want      statuslist.Outcome
	}{{"2020-11-10", "2020-11-20", statuslist.Refuse}, {"2020-11-19", "2020-11-20", statuslist.Ride}, {"2020-12-14", "2021-01-19", statuslist.Ride}, {"2020-12-14", "2021-01-20", statuslist.Refuse}} {
		var now *statuslist.Rules
		for _, r := range m.RuleTables(day(c.known)) {
			if !r.EffectiveFrom.After(day(c.on)) {
				now = r
			}
		}
		if got := now.Outcome(statuslist.Status{Class: statuslist.Class(card.Unpaired)}, day(c.on).Add(time.Hour), 0); got != c.want {
			t.Errorf("unpaired on %s as known on %s: got %v, want %v", c.on, c.known, got, c.want)
		}
	}
}

// moved gives a city's file with Malatya's three decisions for its own.
func moved(source string) string {
	var keep []string
	skip := false
	for line := range strings.Lines(source) {
		if strings.HasPrefix(line, "[") {
			skip = strings.HasPrefix(line, "[[decision")
		}
		if !skip {
			keep = append(keep, line)
		}
	}
	d := func(id, announced, from, supersedes string) string {
		return fmt.Sprintf("\n[[decision]]\nid = %q\nannounced = %s\nsupersedes = %q\nclasses = [\"unpaired\"]\nfrom = %s\noutcome = \"refuse\"\ntext = { tr = \"x\", en = \"x\", ar = \"x\" }\nsource = \"kurul\"\n", id, announced, supersedes, from)
	}
	return strings.Join(keep, "") + d("a", "2020-10-31T00:00:00", "2020-11-20T00:00:00", "") +
		d("b", "2020-11-18T00:00:00", "2020-12-15T00:00:00", "a") + d("c", "2020-12-14T00:00:00", "2021-01-20T00:00:00", "b")
}

// TestParseRefuses: each wrong line of a city's file is named, with what to do.
func TestParseRefuses(t *testing.T) {
	good := shippedCity(t, "izmir").Source()
	for _, c := range []struct{ name, from, to, says string }{
		{"not TOML", `id = "izmir"`, `id = izmir"`, "line "},
		{"a setting nobody knows", "[rules]", "[rules]\nfoo = 1", "no such setting"},
		{"id with a capital", `id = "izmir"`, `id = "İzmir"`, "id:"},
		{"id that climbs", `id = "izmir"`, `id = "../izmir"`, "id:"},
		{"no such zone", `"Europe/Istanbul"`, `"Europe/Stamboul"`, "zone"},
		{"pale colour", `"#0b6b6f"`, `"#ffff00"`, "contrast"},
		{"logo with script", `<path d`, `<script>x</script><path d`, "script"},
		{"logo with a handler", `<path d`, `<path onload="x" d`, "onload"},
		{"plate out of range", "plate = 35", "plate = 82", "plate"},
		{"a field nobody knows", `fields = ["card", "id", "hes"]`, `fields = ["card", "id", "hes", "religion"]`, "religion"},
		{"no card field", `fields = ["card", "id", "hes"]`, `fields = ["id", "hes"]`, "card"},
		{"two cards per person", "cards_per_person = 1", "cards_per_person = 2", "cards_per_person"},
		{"a stop without end", "isolation_days = 10", "isolation_days = 0", "isolation_days"},
		{"a range backwards", "last = 350003499999", "last = 1", "before first"},
		{"ranges that overlap", "first = 356500000000\nlast = 356500299999", "first = 350000000005\nlast = 350000000009", "scheme"},
		{"a class nobody knows", `class = "exempt"`, `class = "rich"`, "rich"},
		{"effect before announcement", "announced = 2020-12-22T09:00:00\nclasses = [\"unpaired\"]", "announced = 2021-02-22T09:00:00\nclasses = [\"unpaired\"]", "before it was announced"},
		{"a text without Arabic", `, ar = "ربط" }`, " }", "ar"},
		{"consent as a condition", `kind = "notice"`, `kind = "consent"`, "consent"},
		{"desk of no kind", `kind = "desk"`, `kind = "bank"`, "bank"},
	} {
		if !strings.Contains(good, c.from) {
			t.Errorf("%s: %q is not in the file any more", c.name, c.from)
			continue
		}
		_, err := Parse([]byte(strings.Replace(good, c.from, c.to, 1)))
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want an error that says %q", c.name, err, c.says)
		}
	}
}

func FuzzParseCard(f *testing.F) {
	for _, s := range []string{"3400 0000 0000 1234", "350000000007", "4111111111111111", "\xff", "", strings.Repeat("3", 400)} {
		f.Add(s)
	}
	set, err := Shipped()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for id, p := range set {
			n, err := p.ParseCard(s)
			if err != nil {
				continue
			}
			d := n.Reveal()
			if strings.Trim(d, "0123456789") != "" || len(d) > p.CardLen() {
				t.Errorf("%s %q: got %q, want digits", id, s, d)
			}
			if again, err := p.ParseCard(d); err != nil || again != n {
				t.Errorf("%s %q read again: got %v %v", id, d, again, err)
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	set, err := Shipped()
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(set["gaziantep"].Source()))
	f.Add([]byte("id = \"x\"\n[[scheme]]\nid = 1\ndigits = 255\nprefix = \"9\"\n[[scheme.range]]\nfirst = 0\nlast = 18446744073709551615"))
	f.Add([]byte("look = { logo = '<svg' }\n[[decision]]\nhours = [\"24:00-0:0\"]"))
	f.Add([]byte{0xff, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Parse(b)
		if err != nil {
			return
		}
		if again, err := Parse([]byte(p.Source())); err != nil || again.ID != p.ID {
			t.Errorf("its own source: got %v, want the same city", err)
		}
	})
}
