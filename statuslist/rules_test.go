package statuslist

import (
	"math/rand/v2"
	"reflect"
	"testing"
	"time"
)

// istanbul is the rules of January to March 2021 as they were in force:
// unpaired cards refused from 15 January, 65 and over and under 20 refused,
// from 3 March let ride in their hours.
func istanbul(t testing.TB) []*Rules {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Istanbul")
	if err != nil {
		t.Fatal(err)
	}
	table := func(from time.Time, rows ...Rule) *Rules {
		r := &Rules{
			EffectiveFrom: from, Zone: ZoneTable(zone, time.Date(2016, 1, 1, 0, 0, 0, 0, time.UTC), from.AddDate(2, 0, 0)),
			Rows: rows, Stopped: Refuse, StaleStopped: Refuse, Amber: 24 * time.Hour, Alarm: 72 * time.Hour,
		}
		for c := range r.Default {
			r.Default[c], r.Stale[c] = Ride, Ride
		}
		return r
	}
	before := table(time.Date(2020, 9, 30, 0, 0, 0, 0, zone))
	ban := table(time.Date(2021, 1, 15, 0, 0, 0, 0, zone), Rule{Classes: ClassSet(0, 2, 3), Outcome: Refuse})
	hours := table(time.Date(2021, 3, 3, 0, 0, 0, 0, zone),
		Rule{Classes: ClassSet(2), Start: 10 * 60, End: 14 * 60, Outcome: Ride},
		Rule{Classes: ClassSet(3), Start: 14 * 60, End: 18 * 60, Outcome: Ride},
		Rule{Classes: ClassSet(0, 2, 3), Outcome: Refuse})
	return []*Rules{ban, hours, before}
}

func TestRulesOfIstanbul(t *testing.T) {
	tables := istanbul(t)
	c := NewCalendar(tables)
	at := func(month time.Month, day, hour, minute int) time.Time {
		return time.Date(2021, month, day, hour-3, minute, 0, 0, time.UTC)
	}
	for _, x := range []struct {
		name  string
		at    time.Time
		class Class
		want  Outcome
	}{
		{"unpaired on the eve", at(1, 14, 23, 59), 0, Ride},
		{"unpaired at midnight", at(1, 15, 0, 0), 0, Refuse},
		{"paired adult", at(1, 15, 0, 0), 1, Ride},
		{"65 and over on the eve", at(1, 14, 23, 59), 2, Ride},
		{"65 and over, banned", at(1, 15, 11, 0), 2, Refuse},
		{"65 and over, in their hours", at(3, 3, 10, 0), 2, Ride},
		{"65 and over, a minute early", at(3, 3, 9, 59), 2, Refuse},
		{"65 and over, at the end", at(3, 3, 14, 0), 2, Refuse},
		{"under 20, in their hours", at(3, 3, 14, 0), 3, Ride},
		{"under 20, in the others'", at(3, 3, 13, 59), 3, Refuse},
		{"exempt always", at(1, 15, 3, 0), 4, Ride},
	} {
		if got := InForce(tables, x.at).Outcome(Status{Class: x.class}, x.at, 0); got != x.want {
			t.Errorf("%s: got %v, want %v", x.name, got, x.want)
		}
		if got, _ := c.Outcome(Status{Class: x.class}, x.at.Unix(), 0); got != x.want {
			t.Errorf("%s, by the calendar: got %v, want %v", x.name, got, x.want)
		}
	}
}

// TestWinterClock: until 2016 Türkiye put the clock back. A device that still
// does is an hour off; the table is not.
func TestWinterClock(t *testing.T) {
	r := istanbul(t)[0]
	for _, x := range []struct {
		at     time.Time
		day    Day
		minute int
	}{
		{time.Date(2016, 1, 31, 21, 30, 0, 0, time.UTC), 16831, 23*60 + 30},
		{time.Date(2016, 3, 27, 0, 59, 0, 0, time.UTC), 16887, 2*60 + 59},
		{time.Date(2016, 3, 27, 1, 0, 0, 0, time.UTC), 16887, 4 * 60},
		{time.Date(2021, 1, 14, 21, 0, 0, 0, time.UTC), 18642, 0},
		{time.Date(2022, 1, 14, 20, 59, 0, 0, time.UTC), 19006, 23*60 + 59},
	} {
		day, _, minute := r.Local(x.at)
		if day != x.day || minute != x.minute {
			t.Errorf("%v: got day %d minute %d, want day %d minute %d", x.at, day, minute, x.day, x.minute)
		}
	}
}

// TestCalendarAgreesWithRules draws tables and times and asks both forms.
func TestCalendarAgreesWithRules(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 9))
	for range 300 {
		var tables []*Rules
		for range 1 + rng.IntN(4) {
			r := &Rules{EffectiveFrom: time.Unix(1_600_000_000+int64(rng.IntN(20))*86400, 0).UTC(), Zone: []Transition{{Offset: time.Duration(rng.IntN(8)) * time.Hour}}}
			r.Zone = append(r.Zone, Transition{At: time.Unix(1_600_500_000, 0).UTC(), Offset: 3 * time.Hour})
			for range rng.IntN(12) {
				r.Rows = append(r.Rows, Rule{
					Classes: rng.Uint32() & rng.Uint32(), From: Day(rng.IntN(2) * (18518 + rng.IntN(20))), To: Day(rng.IntN(2) * (18518 + rng.IntN(30))),
					Start: uint16(rng.IntN(1440)), End: uint16(rng.IntN(1441)), Weekdays: uint8(rng.IntN(128)), Mode: uint8(rng.IntN(3)), Outcome: Outcome(rng.IntN(4)),
				})
			}
			r.Stopped, r.StaleStopped = Outcome(rng.IntN(4)), Outcome(rng.IntN(4))
			for c := range r.Default {
				r.Default[c], r.Stale[c] = Outcome(rng.IntN(4)), Outcome(rng.IntN(4))
			}
			tables = append(tables, r)
		}
		c := NewCalendar(tables)
		for range 200 {
			at := time.Unix(1_599_900_000+int64(rng.IntN(30*86400)), 0)
			s := Status{Class: Class(rng.IntN(32)), StopUntil: Day(rng.IntN(2) * (18515 + rng.IntN(30)))}
			mode := uint8(rng.IntN(3))
			in := InForce(tables, at)
			if got, _ := c.Outcome(s, at.Unix(), mode); got != in.Outcome(s, at, mode) {
				t.Fatalf("%+v at %v: got %v, want %v", s, at, got, in.Outcome(s, at, mode))
			}
			if got, _ := c.Stale(s, at.Unix()); got != in.OutcomeStale(s, at) {
				t.Fatalf("%+v at %v, stale: got %v, want %v", s, at, got, in.OutcomeStale(s, at))
			}
		}
	}
}

func TestRulesRoundTrip(t *testing.T) {
	for i, r := range istanbul(t) {
		r.EffectiveFrom = r.EffectiveFrom.UTC()
		got, err := ParseRules(r.Marshal())
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, r) {
			t.Errorf("table %d came back different:\ngot  %+v\nwant %+v", i, got, r)
		}
	}
}
