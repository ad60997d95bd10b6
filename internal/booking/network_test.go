package booking

import (
	"strings"
	"testing"
	"time"

	"turnike/internal/city"
)

func TestShipped(t *testing.T) {
	n, err := Shipped("izsu")
	if err != nil {
		t.Fatal(err)
	}
	if len(n.Centres) != 30 || len(n.Services) != 7 {
		t.Errorf("got %d centres and %d services, want 30 and 7", len(n.Centres), len(n.Services))
	}
	for _, d := range city.Districts(35) {
		found := false
		for _, c := range n.Centres {
			found = found || c.District == d.Name
		}
		if !found {
			t.Errorf("%s: got no centre, want one in each district", d.Name)
		}
	}
	for _, s := range n.Services {
		for _, l := range []string{"tr", "en", "ar"} {
			if s.Name[l] == "" || s.Script[l] == "" || len(s.Documents) == 0 {
				t.Errorf("%s: got no name, script or papers in %s", s.ID, l)
			}
			for _, d := range s.Documents {
				if d[l] == "" {
					t.Errorf("%s: a paper has no name in %s", s.ID, l)
				}
			}
		}
	}
}

func TestPlan(t *testing.T) {
	n, err := Shipped("izsu")
	if err != nil {
		t.Fatal(err)
	}
	c, _ := n.CentreByID("buca")
	for _, x := range []struct {
		name     string
		day      Day
		ex       []Exception
		from, to string
		units    int // with counters
		desks    int // in the first of them
	}{
		{"a weekday", Date(2021, 3, 17), nil, "08:30", "17:00", 30, 5},
		{"a Sunday", Date(2021, 3, 21), nil, "", "", 0, 0},
		{"a holiday", Date(2021, 4, 23), nil, "", "", 0, 0},
		{"the afternoon before a feast", Date(2021, 5, 12), nil, "08:30", "12:30", 16, 5},
		{"a holiday on which a clerk opens", Date(2021, 4, 23), []Exception{{Day: Date(2021, 4, 23), To: 1440, Open: true}}, "08:30", "17:00", 30, 5},
		{"two ill in the morning", Date(2021, 3, 17), []Exception{{Centre: "buca", Day: Date(2021, 3, 17), To: 12 * 60, Desks: -2}}, "08:30", "17:00", 30, 3},
		{"another centre's exception", Date(2021, 3, 17), []Exception{{Centre: "konak", Day: Date(2021, 3, 17), To: 1440, Closed: true}}, "08:30", "17:00", 30, 5},
		{"more than there are counters", Date(2021, 3, 17), []Exception{{Day: Date(2021, 3, 17), To: 1440, Desks: 9}}, "08:30", "17:00", 30, 5},
		{"closed", Date(2021, 3, 17), []Exception{{Day: Date(2021, 3, 17), To: 1440, Closed: true}}, "", "", 0, 0},
	} {
		units, first := 0, 0
		floor := map[int]int{}
		for _, p := range n.Plan(c, x.day, x.ex) {
			if p.Pool == floorPool {
				floor[p.Unit] = p.Desks
				continue
			}
			if units == 0 {
				first = p.Desks
			}
			units++
			if floor[p.Unit] != p.Desks {
				t.Errorf("%s: unit %d: got a floor of %d, want as many as cashiers, %d", x.name, p.Unit, floor[p.Unit], p.Desks)
			}
		}
		if units != x.units || first != x.desks {
			t.Errorf("%s: got %d units, %d counters in the first, want %d and %d", x.name, units, first, x.units, x.desks)
		}
		from, to, ok := n.Opens(c, x.day, x.ex)
		got := ""
		if ok {
			got = from.In(n.zone).Format("15:04") + " " + to.In(n.zone).Format("15:04")
		}
		if want := strings.TrimSpace(x.from + " " + x.to); got != want {
			t.Errorf("%s: got open %q, want %q", x.name, got, want)
		}
	}
}

func TestWaves(t *testing.T) {
	n, err := Shipped("izsu")
	if err != nil {
		t.Fatal(err)
	}
	day := Date(2021, 3, 31)
	for _, c := range []struct {
		now        string
		open, free int // of a hundred; of five counters, on the web, none taken
		next       string
	}{
		{"2021-03-17 08:59", 0, 0, "2021-03-17 09:00"},
		{"2021-03-17 09:00", 50, 3, "2021-03-24 12:00"},
		{"2021-03-24 12:00", 80, 3, "2021-03-29 18:00"}, // one is the telephone's, one the walk-ins'
		{"2021-03-29 18:00", 100, 3, ""},
		{"2021-03-30 09:00", 100, 4, ""}, // the telephone's are released
		{"2021-03-31 07:30", 100, 5, ""},
	} {
		now, err := time.ParseInLocation("2006-01-02 15:04", c.now, n.zone)
		if err != nil {
			t.Fatal(err)
		}
		if got := n.announced(day, now); got != c.open {
			t.Errorf("%s: got %d in a hundred let out, want %d", c.now, got, c.open)
		}
		cell := Cell{Pool: "counter", Plan: 5, Cap: 5, Phone: 1, Walk: 1}
		if got := cell.Free(Web, n.Release(day, 34, now)); got != c.free {
			t.Errorf("%s: got %d free, want %d", c.now, got, c.free)
		}
		next := ""
		if at := n.NextRelease(day, now); !at.IsZero() {
			next = at.In(n.zone).Format("2006-01-02 15:04")
		}
		if next != c.next {
			t.Errorf("%s: got the next release at %q, want %q", c.now, next, c.next)
		}
	}
}

func TestFitStaysInAShift(t *testing.T) {
	cs := cells{}
	for u, desks := range []int{2, 2, 1, 1} {
		cs.add(&Cell{Unit: u, Plan: 2, Cap: 2})
		cs.add(&Cell{Pool: "p", Unit: u, Plan: desks, Cap: desks})
	}
	for _, c := range []struct {
		unit, units int
		want        error
	}{{0, 2, nil}, {2, 2, nil}, {1, 2, ErrClosed}, {3, 2, ErrClosed}, {-1, 1, ErrClosed}} {
		if got := cs.fit("p", c.unit, c.units, Web, Release{Open: 100}); got != c.want {
			t.Errorf("%d units from %d: got %v, want %v", c.units, c.unit, got, c.want)
		}
	}
}

func TestHelpDesks(t *testing.T) {
	all, err := city.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	n, err := HelpDesks(all["izmir"])
	if err != nil {
		t.Fatal(err)
	}
	if len(n.Centres) != 21 { // seven metro, ten İZBAN, three piers, one transfer centre
		t.Errorf("got %d desks, want 21", len(n.Centres))
	}
	c, ok := n.CentreByID("metro-konak")
	if !ok {
		t.Fatal("Konak's desk is missing")
	}
	if from, to, ok := n.Opens(c, Date(2021, 1, 9), nil); !ok || to.Sub(from) != 12*time.Hour {
		t.Errorf("a Saturday: got open from %v to %v, want twelve hours", from, to)
	}
}

func TestWrongNetworksAreRefused(t *testing.T) {
	good, err := shipped.ReadFile("offices/izsu.toml")
	if err != nil {
		t.Fatal(err)
	}
	for old, bad := range map[string]string{
		`unit_minutes = 15`:    `unit_minutes = 7`,
		`zone = "Europe/`:      `zone = "Europa/`,
		`district = "Buca"`:    `district = "Kadıköy"`,
		`id = "konak"`:         `id = "buca"`,
		`share = 100`:          `share = 90`,
		`from = "08:30"`:       `from = "08:35"`,
		`days = "mon-fri"`:     `days = "pzt-cum"`,
		`horizon_days = 14`:    `horizon_day = 14`,
		`confirm_by = "20:00"`: `confirm_by = "8 pm"`,
		`phone_share = 25`:     `phone_share = 85`,
		`desks = 5`:            `desks = 0`,
	} {
		text := strings.Replace(string(good), old, bad, 1)
		if text == string(good) {
			t.Fatalf("%s is not in the file", old)
		}
		if _, err := ParseNetwork([]byte(text)); err == nil {
			t.Errorf("%s: got it accepted, want it refused", bad)
		}
	}
}

func FuzzParseNetwork(f *testing.F) {
	good, err := shipped.ReadFile("offices/izsu.toml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte("id = \"x\"\nunit_minutes = 15\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := ParseNetwork(b)
		if err != nil {
			return
		}
		for i := range n.Centres {
			c := &n.Centres[i]
			for _, p := range n.Plan(c, Date(2021, 3, 17), nil) {
				if p.Desks < 1 || p.Desks > c.Desks || p.Phone+p.Walk > p.Desks {
					t.Errorf("%s: got %+v, want 1 to %d counters", c.ID, p, c.Desks)
				}
			}
		}
	})
}

func FuzzParseCode(f *testing.F) {
	for _, s := range []string{"4830 2915", "00000000", "١٢٣٤٥٦٧٨", "123", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if c, ok := ParseCode(s); ok {
			if again, ok := ParseCode(c.String()); !ok || again != c || c >= codes {
				t.Errorf("%q: got %v, read back as %v", s, c, again)
			}
		}
	})
}
