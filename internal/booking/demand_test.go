package booking

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func TestOver(t *testing.T) {
	for _, c := range []struct{ room, show, want int }{
		{2, 1000, 2}, {2, 850, 2}, {8, 700, 9}, {20, 850, 21}, {20, 0, 20}, {0, 500, 0}, {40, 850, 43},
	} {
		if got := Over(c.room, c.show); got != c.want {
			t.Errorf("Over(%d, %d): got %d, want %d", c.room, c.show, got, c.want)
		}
	}
	// In earnest: of a hundred thousand hours, in no more than one of twenty do
	// more come than there is room.
	r := rand.New(rand.NewPCG(1, 2))
	for _, room := range []int{3, 8, 20, 40} {
		for _, show := range []int{600, 700, 850, 950} {
			places, over := Over(room, show), 0
			for range 20_000 {
				came := 0
				for range places {
					if r.IntN(1000) < show {
						came++
					}
				}
				if came > room {
					over++
				}
			}
			if got := float64(over) / 20_000; got > 0.056 {
				t.Errorf("room %d, show %d, %d places: more came in %.3f, want at most 0.05", room, show, places, got)
			}
		}
	}
}

// made makes up eight weeks with factors that are known.
func made(t *testing.T, n *Network, r *rand.Rand) (deeds []Deed, factor func(Day) float64) {
	t.Helper()
	factor = func(d Day) float64 {
		f := [7]float64{0, 1.5, 1, 1, 1, 0.7, 0}[d.Weekday()]
		if n.nearOf(d) == 2 {
			f *= 1.5
		}
		return f
	}
	for d := Date(2021, 3, 1); d < Date(2021, 4, 26); d++ {
		if !n.open(d) {
			continue
		}
		for i := range n.Centres {
			for k := poisson(10*float64(n.Centres[i].Desks)*factor(d), r); k > 0; k-- {
				x := Deed{Centre: n.Centres[i].ID, Day: d, Minute: 9*60 + r.IntN(180), Service: "closing", Channel: Web, Outcome: Came, Lead: r.IntN(10)}
				if r.Float64() < 0.05+0.03*float64(leadOf(x.Lead)) {
					x.Outcome = Stayed
				}
				deeds = append(deeds, x)
			}
		}
	}
	return deeds, factor
}

func poisson(mean float64, r *rand.Rand) int {
	k := 0
	for p := r.Float64(); p > math.Exp(-mean); p *= r.Float64() {
		k++
	}
	return k
}

func TestDemandFindsFactors(t *testing.T) {
	n, err := Shipped("izsu")
	if err != nil {
		t.Fatal(err)
	}
	deeds, factor := made(t, n, rand.New(rand.NewPCG(3, 4)))
	m := n.LearnDemand(deeds, Date(2021, 4, 19))
	for d := Date(2021, 4, 19); d < Date(2021, 4, 23); d++ { // Monday to Thursday; Friday is a day off
		got, want := m.Day("buca", d).Mean/m.Day("buca", Date(2021, 4, 21)).Mean, factor(d)
		if math.Abs(got-want) > 0.12*want {
			t.Errorf("%s against a Wednesday: got %.2f, want %.2f", d, got, want)
		}
	}
	if got := m.Day("buca", Date(2021, 4, 23)); got.Mean != 0 {
		t.Errorf("a holiday: got %v, want nobody", got)
	}
	e := m.Day("buca", Date(2021, 4, 21))
	if math.Abs(e.Mean-50) > 5 || e.Low >= e.Mean || e.High <= e.Mean || e.High-e.Low > 30 {
		t.Errorf("a Wednesday of five counters: got %+v, want about 50", e)
	}
	all := 0.0
	for h := range 24 {
		all += m.Hour("buca", Date(2021, 4, 21), h, "").Mean
	}
	if math.Abs(all-e.Mean) > 0.01 {
		t.Errorf("hours of a day: got %.2f together, want %.2f", all, e.Mean)
	}
	for lead, want := range map[int]float64{0: 0.05, 2: 0.08, 5: 0.11, 9: 0.14} {
		if got := m.Missing("buca", Web, lead); math.Abs(got-want) > 0.025 {
			t.Errorf("missing after %d days: got %.3f, want %.3f", lead, got, want)
		}
	}
	x := n.Try(deeds, Date(2021, 4, 26), 4)
	if x.Day >= x.Same || x.Days < 15 {
		t.Errorf("trial over %d days: got an error of %.3f, want less than last week's %.3f", x.Days, x.Day, x.Same)
	}
	c, _ := n.CentreByID("buca")
	for _, p := range m.Propose(c, deeds, c.Floor) {
		if p.Safe < p.Show || p.Places < p.Desks || p.Show < 850 || p.Show > 950 {
			t.Errorf("proposal: got %+v, want about 900 of a thousand, no fewer places than counters", p)
		}
	}
}

func TestDemandOfNothing(t *testing.T) {
	n, err := Shipped("izsu")
	if err != nil {
		t.Fatal(err)
	}
	m := n.LearnDemand(nil, Date(2021, 4, 26))
	if got := m.Day("buca", Date(2021, 4, 28)); got != (Estimate{}) {
		t.Errorf("without a past: got %+v, want nothing", got)
	}
	if got := m.Missing("buca", Web, 3); math.Abs(got-0.15) > 0.01 {
		t.Errorf("missing without a past: got %.3f, want 0.15", got)
	}
	if got := n.Try(nil, Date(2021, 4, 26), 2); got.Day != 0 {
		t.Errorf("trial of nothing: got %+v", got)
	}
}

func TestShifts(t *testing.T) {
	for _, c := range []struct {
		text, want string
		err        error
	}{
		{"08:30-12:30 3, 13:30-17:00 2", "08:30-12:30 3, 13:30-17:00 2", nil},
		{"13.30–17.00 × 2 ; 8.30-12.30 x3", "08:30-12:30 3, 13:30-17:00 2", nil},
		{"", "", nil},
		{"09:00-10:00 0", "", nil},
		{"09:00-24:00 1", "09:00-24:00 1", nil},
		{"09:00-10:00", "", ErrShift},
		{"10:00-09:00 1", "", ErrShift},
		{"9-10 1", "", ErrShift},
		{"=cmd()", "", ErrShift},
		{"09:00-10:05 1", "", ErrShiftUnit},
		{"09:00-10:00 6", "", ErrShiftDesks},
		{"09:00-10:00 1, 09:45-11:00 1", "", ErrShiftOver},
	} {
		got, err := ReadShifts(c.text, 15, 5)
		if text := WriteShifts(got); text != c.want || !sameFault(err, c.err) {
			t.Errorf("%q: got %q and %v, want %q and %v", c.text, text, err, c.want, c.err)
		}
	}
}

func sameFault(got, want error) bool {
	if want == nil {
		return got == nil
	}
	is, ok := got.(interface{ Is(error) bool })
	return ok && is.Is(want)
}

func TestDeeds(t *testing.T) {
	n, err := Shipped("izsu")
	if err != nil {
		t.Fatal(err)
	}
	day := Date(2021, 3, 17)
	at := func(h, m int) time.Time { return day.At(h*60+m, n.zone) }
	vs := []PastVisit{
		{ID: "a", Day: day, Unit: 36, Service: "closing", Matters: 1, Channel: Web, State: Done, Created: at(9, 0).AddDate(0, 0, -3)},
		{ID: "b", Day: day, Unit: 36, Service: "closing", Matters: 1, Channel: Call, State: NoShow, Created: at(8, 0)},
		{ID: "c", Day: day, Unit: 40, Service: "closing", Matters: 1, Channel: Web, State: Cancelled, Created: at(8, 0)},
	}
	key := DayKey{n.ID, "buca", day}
	ts := []Ticket{
		{DayKey: key, Number: 1, Visit: "a", Service: "closing", State: Served, Slot: at(9, 0), Arrived: at(8, 50), Called: at(9, 4), Started: at(9, 4), Ended: at(9, 20)},
		{DayKey: key, Number: 2, Service: "high-bill", State: Served, Arrived: at(9, 0), Called: at(9, 30), Started: at(9, 30), Ended: at(9, 50), Shown: 20 * time.Minute},
		{DayKey: key, Number: 3, Service: "high-bill", State: Left, Arrived: at(9, 0)},
	}
	got := Total(n.Deeds("buca", vs, ts))
	want := Tally{Booked: 2, Came: 1, Missed: 1, Cancelled: 1, Walkins: 2, GaveUp: 1, Served: 2, OnTime: 1, InTime: 1, Shown: 1, Kept: 0}
	waits := got.Waits
	got.Waits = nil
	if got.Booked != want.Booked || got.Came != want.Came || got.Missed != want.Missed || got.Cancelled != want.Cancelled ||
		got.Walkins != want.Walkins || got.GaveUp != want.GaveUp || got.Served != want.Served || got.OnTime != want.OnTime ||
		got.InTime != want.InTime || got.Shown != want.Shown || got.Kept != want.Kept {
		t.Errorf("tally: got %+v, want %+v", got, want)
	}
	if len(waits) != 2 || waits[0] != 4*time.Minute || waits[1] != 30*time.Minute {
		t.Errorf("waits: got %v, want 4 and 30 minutes", waits)
	}
}

// TestCentresUnlikeEachOther bit: where two centres of thirty have people, the
// others were foretold theirs.
func TestCentresUnlikeEachOther(t *testing.T) {
	n, err := Shipped("izsu")
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(7, 8))
	var deeds []Deed
	until := Date(2021, 3, 17)
	for d := until - 28; d < until; d++ {
		if !n.open(d) {
			continue
		}
		for _, id := range []string{"konak", "buca"} {
			for range 6 + r.IntN(5) {
				deeds = append(deeds, Deed{Centre: id, Day: d, Minute: 600, Service: "closing", Channel: Web, Outcome: Came})
			}
		}
	}
	m := n.LearnDemand(deeds, until)
	if got := m.Day("konak", until).Mean; math.Abs(got-8) > 1.5 {
		t.Errorf("konak: got %.1f people, want about 8", got)
	}
	if got := m.Day("aliaga", until).Mean; got > 0.2 {
		t.Errorf("a centre to which nobody came: got %.2f people, want next to none", got)
	}
	if x := n.Try(deeds, until, 2); x.Day > x.Same*1.2 {
		t.Errorf("trial: got an error of %.2f, want about last week's %.2f or less", x.Day, x.Same)
	}
}
