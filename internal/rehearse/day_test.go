package rehearse

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"turnike/gate"
	"turnike/internal/city"
	"turnike/internal/i18n"
	"turnike/internal/tap"
)

func istanbul(t testing.TB) *city.Profile {
	t.Helper()
	set, err := city.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	return set["istanbul"]
}

// small is a day at a thousandth: 34,260 cards.
func small(t testing.TB) Options {
	p := istanbul(t)
	return Options{City: p, Date: time.Date(2021, 1, 15, 0, 0, 0, 0, p.Location()), Scale: 0.001, Seed: 1}
}

func replay(t testing.TB, o Options) *Result {
	t.Helper()
	r, err := Day(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestPermutationIsOneToOne(t *testing.T) {
	for _, n := range []uint32{1, 2, 3, 17, 1000, 65_537} {
		p := newPermutation(n, 7, 3)
		seen := make([]bool, n)
		for i := range n {
			j := p.at(i)
			if j >= n || seen[j] {
				t.Fatalf("n %d: %d goes to %d, which is taken or too far", n, i, j)
			}
			seen[j] = true
			if back := p.back(j); back != i {
				t.Fatalf("n %d: %d goes to %d and back to %d", n, i, j, back)
			}
		}
	}
}

// TestBaseIsAsPrinted holds the card base to the percentages of the texts.
func TestBaseIsAsPrinted(t *testing.T) {
	want := map[string]float64{"issued": 24, "month": 40, "six_months": 36, "year": 17}
	for _, l := range Base(1) {
		if got := math.Round(l.Share * 100); got != want[l.Key] {
			t.Errorf("%s: %d of %d is %v %%, want %v", l.Key, l.Personalised, l.Cards, got, want[l.Key])
		}
	}
}

// TestFareMixGivesTheWholeDay: the kinds of card, in their shares, ride when
// the city as a whole rides.
func TestFareMixGivesTheWholeDay(t *testing.T) {
	for h := range 24 {
		got := 0.0
		for f := range fares {
			got += fareShare[f] * fareHours[f][h]
		}
		if want := 100 * weekday[h] / sum(weekday[:]); math.Abs(got-want) > 0.06 {
			t.Errorf("hour %d: the kinds make %.3f %% of the day, all passengers %.3f %%", h, got, want)
		}
	}
}

func TestPopulationKeepsTheProportions(t *testing.T) {
	base := Base(0.01)
	p := newPopulation(base, 0.55, 1000, 35_700, 18_642, 1)
	classes := map[string]uint64{}
	for i := range p.cards {
		s := p.status(p.shuffle.back(i))
		if s.Class != 0 {
			classes["paired"]++
		}
		if s.StopUntil != 0 {
			classes["stopped"]++
			if s.Class == 0 {
				t.Fatalf("card %d is stopped and unpaired", i)
			}
		}
	}
	if got, want := float64(classes["paired"]), 0.55*float64(base[1].Cards); math.Abs(got-want) > float64(kinds) {
		t.Errorf("%v cards are paired, want %v", got, want)
	}
	if got := classes["stopped"]; got < 990 || got > 1000 {
		t.Errorf("%d cards are stopped, want 1000 but for rounding", got)
	}
}

func TestDay(t *testing.T) {
	r := replay(t, small(t))
	if r.Wrong != 0 {
		t.Errorf("%d answers are not what the decisions say", r.Wrong)
	}
	var hours tap.Tally
	for _, h := range r.Hours[4:] {
		hours.Opened += h.Opened
		hours.Refused += h.Refused
	}
	if hours != r.Day {
		t.Errorf("the day's hours make %+v, the day says %+v", hours, r.Day)
	}
	want := DefaultBoardings * 0.001
	if got := float64(r.Day.Taps() - r.Reopened); math.Abs(got-want) > want/20 {
		t.Errorf("%v boardings and retries, want about %v", got, want)
	}
	if share := float64(r.Eve.Refused) / float64(r.Eve.Taps()); share > 0.02 {
		t.Errorf("the evening before, %.3f of the taps were refused: the deadline came early", share)
	}
	refused, places := uint64(0), uint64(0)
	byKey := map[string]Cause{}
	for _, c := range r.Causes {
		refused += c.Refused
		byKey[c.Key] = c
	}
	for _, d := range r.Districts {
		places += d.Refused
	}
	if refused != r.Day.Refused || places != r.Day.Refused {
		t.Errorf("refused: %d by class, %d by district, %d in all", refused, places, r.Day.Refused)
	}
	for key, share := range map[string]float64{"unpaired": 1, "paired_65": 1, "paired_under_20": 1, "paired": 0, "exempt": 0} {
		c := byKey[key]
		if c.Taps == 0 || float64(c.Refused) != share*float64(c.Taps) {
			t.Errorf("%s: %d of %d refused, want a share of %v", key, c.Refused, c.Taps, share)
		}
	}
	if r.PairedAtGate == 0 || r.Reopened == 0 || r.Reopened > r.PairedAtGate {
		t.Errorf("%d paired at the gate, %d of them rode", r.PairedAtGate, r.Reopened)
	}
}

func TestSameSeedSameDay(t *testing.T) {
	a, b, c := replay(t, small(t)), replay(t, small(t)), small(t)
	a.Machine, b.Machine = Machine{}, Machine{}
	for _, r := range []*Result{a, b} { // a boot is drawn by chance, whatever the seed
		for i := range r.Attempts {
			r.Attempts[i].Boot = gate.Boot{}
		}
	}
	if d := cmp.Diff(a, b); d != "" {
		t.Errorf("two days of one seed differ:\n%s", d)
	}
	c.Seed = 2
	if other := replay(t, c); cmp.Equal(a.Hours, other.Hours) {
		t.Error("another seed gave the same hours")
	}
}

// TestAWrongGateIsSeen takes the decisions away from the judge: every refusal
// for want of a pairing must then count as wrong.
func TestAWrongGateIsSeen(t *testing.T) {
	o, err := small(t).withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	if o.Dir, err = scratch(o.Scale); err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(o.Dir)
	r := &run{Options: o, due: map[int][]uint32{}, stops: map[uint32]struct{}{}}
	if err := r.prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer r.journal.Close()
	r.known = nil
	for m := range 13 * 60 {
		if err := r.minute(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	if r.result.Wrong == 0 {
		t.Error("the judge knows no decisions and found no answer wrong")
	}
}

func TestAgeWindowsOfMarch(t *testing.T) {
	o := small(t)
	o.Date, o.Eve = o.Date.AddDate(0, 1, 17), -1 // 4 March
	r := replay(t, o)
	if r.Wrong != 0 {
		t.Errorf("%d answers are not what the decisions say", r.Wrong)
	}
	for _, c := range r.Causes {
		if c.Key == "paired_65" && (c.Refused == 0 || c.Refused == c.Taps) {
			t.Errorf("65 and over: %d of %d refused, want those outside 10:00-14:00", c.Refused, c.Taps)
		}
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"no city": func(o *Options) { o.City = nil },
		"scale":   func(o *Options) { o.Scale = 2 },
		"share":   func(o *Options) { o.Paired = 1.5 },
	} {
		o := small(t)
		change(&o)
		if _, err := Day(t.Context(), o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestPageStandsAlone(t *testing.T) {
	o := small(t)
	r := replay(t, o)
	for _, l := range i18n.Langs() {
		var page, text bytes.Buffer
		if err := WritePage(t.Context(), &page, l, o.City, r); err != nil {
			t.Fatal(err)
		}
		if err := WriteText(&text, l, o.City, r); err != nil {
			t.Fatal(err)
		}
		for _, s := range []string{page.String(), text.String()} {
			if i := strings.Index(s, "[day."); i >= 0 {
				t.Errorf("%s: a text is missing: %.40s", l, s[i:])
			}
		}
		doc, err := html.Parse(&page)
		if err != nil {
			t.Fatal(err)
		}
		count := map[string]int{}
		for n := range doc.Descendants() {
			count[n.Data]++
			for _, a := range n.Attr {
				if (a.Key == "src" || a.Key == "href") && !strings.HasPrefix(a.Val, "data:") && !strings.HasPrefix(a.Val, "#") {
					t.Errorf("%s: the page leans on %s", l, a.Val)
				}
			}
		}
		if count["script"] != 0 || count["table"] < 7 || count["rect"] < 2*len(r.Hours)-8 {
			t.Errorf("%s: %d scripts, %d tables, %d bars", l, count["script"], count["table"], count["rect"])
		}
	}
}

// data writes a folder of open data with two districts.
func data(t testing.TB, change map[string]string) string {
	t.Helper()
	files := map[string]string{
		"istanbulkart_filling_centres_2021.csv": "district,address,lon,lat\nŞİŞLİ,a,28.99,41.06\nKADIKÖY,b,29.03,40.99\n",
		"istanbul_rail_stations.csv":            "line,station,lat,lon\nM2,Osmanbey,41.05,28.98\nM4,Kadıköy,40.99,29.02\nM2,Osmanbey,41.05,28.98\n",
		"istanbul_bus_stops.csv":                "stop_code,name,direction,lat,lon\n1,Moda,KADIKÖY,40.98,29.03\n",
		"istanbul_rail_hourly_by_district.csv":  "year,hour,district,avg_weekday_rail_passengers\n2023,8,SISLI,3000\n2023,8,KADIKOY,1000\n2022,8,KADIKOY,9\n",
	}
	for name, text := range change {
		files[name] = text
	}
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestLoadMap(t *testing.T) {
	m, err := LoadMap(data(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	want := []Place{{"Osmanbey", "Şişli", Rail}, {"Kadıköy", "Kadıköy", Rail}, {"Moda → KADIKÖY", "Kadıköy", Bus}}
	if d := cmp.Diff(want, m.Places); d != "" {
		t.Fatalf("places (-want +got):\n%s", d)
	}
	if got := m.until[8][:2]; got[0] != 3000 || got[1] != 4000 {
		t.Errorf("at eight the weights run up to %v, want 3000 and 4000", got)
	}
	if got := m.pick(8, 0.0001); got != 0 {
		t.Errorf("the first share falls on place %d, want 0", got)
	}
	if got := m.pick(8, 0.99999999); got != 2 {
		t.Errorf("the last share falls on place %d, want 2", got)
	}
}

func TestLoadMapSaysWhere(t *testing.T) {
	for name, c := range map[string]struct{ file, text, want string }{
		"column": {"istanbul_bus_stops.csv", "stop_code,name,lat,lon\n1,Moda,40.98,29.03\n", "istanbul_bus_stops.csv:2"},
		"number": {"istanbul_rail_stations.csv", "line,station,lat,lon\nM2,Osmanbey,north,28.98\n", "istanbul_rail_stations.csv"},
		"nan":    {"istanbul_rail_stations.csv", "line,station,lat,lon\nM2,Osmanbey,NaN,28.98\n", "NaN"},
		"minus":  {"istanbul_rail_hourly_by_district.csv", "year,hour,district,avg_weekday_rail_passengers\n2023,2,SISLI,-1\n", "-1"},
		"hour":   {"istanbul_rail_hourly_by_district.csv", "year,hour,district,avg_weekday_rail_passengers\n2023,24,SISLI,1\n", "hour 24"},
		"empty":  {"istanbulkart_filling_centres_2021.csv", "district,address,lon,lat\n", "no rows"},
	} {
		_, err := LoadMap(data(t, map[string]string{c.file: c.text}))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want it to name %q", name, err, c.want)
		}
	}
}

// FuzzLoadMap: whatever a folder holds, reading it ends with a map or an error.
func FuzzLoadMap(f *testing.F) {
	f.Add("line,station,lat,lon\nM2,Osmanbey,41.05,28.98\n", "year,hour,district,avg_weekday_rail_passengers\n2023,8,SISLI,3000\n")
	f.Add("line,station,lat,lon\nM2,\"Os\nmanbey\",NaN,Inf\n", "year,hour,district,avg_weekday_rail_passengers\n2023,-1,,\n")
	f.Add("", "\xff")
	f.Fuzz(func(t *testing.T, stations, rail string) {
		m, err := LoadMap(data(t, map[string]string{"istanbul_rail_stations.csv": stations, "istanbul_rail_hourly_by_district.csv": rail}))
		if err != nil {
			return
		}
		for h := range 24 {
			if i := m.pick(h, 0.5); i < 0 || i >= len(m.Places) {
				t.Fatalf("hour %d: place %d of %d", h, i, len(m.Places))
			}
		}
	})
}
