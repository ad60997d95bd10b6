package rehearse

import (
	"os"
	"strconv"
	"testing"
	"time"
)

// TestFleet keeps validators going for days, over the announcement of
// the age ban and the deadline, cut off at times for longer than a list may be
// believed. TURNIKE_DEEP_DEVICES sets their number: 5000 takes some minutes.
// Thousands of devices live eight days and ask every two hours, a few ten and every hour.
func TestFleet(t *testing.T) {
	o := FleetOptions{City: istanbul(t), Seed: 1, Devices: 25, Days: 10, Every: time.Hour}
	o.From = time.Date(2021, 1, 11, 0, 0, 0, 0, o.City.Location())
	if n := os.Getenv("TURNIKE_DEEP_DEVICES"); n != "" {
		var err error
		if o.Devices, err = strconv.Atoi(n); err != nil {
			t.Fatal(err)
		}
		o.Days, o.Every, o.Taps = 8, 2*time.Hour, 8
	}
	start := time.Now()
	r, err := Fleet(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("after %s: %+v", time.Since(start).Round(time.Millisecond), *r)
	if r.Wrong != 0 || r.StaleStops != 0 || r.Behind != 0 {
		t.Errorf("wrong %d, stale stops %d, behind %d of %d taps, want none", r.Wrong, r.StaleStops, r.Behind, r.Taps)
	}
	// The run must have met what it is about.
	if r.Refused == 0 || r.Past == 0 || r.PowerCuts == 0 || r.Fulls == 0 || r.OldestHour < 7*24 {
		t.Errorf("too easy a week: %+v", *r)
	}
}

// TestFleetSeesAWrongList bends what the devices' lists are held against: a
// card that was stopped is said to be free, a free one stopped.
func TestFleetSeesAWrongList(t *testing.T) {
	f := &fleet{history: map[uint64]published{}, FleetOptions: FleetOptions{
		City: istanbul(t), Days: 1, Devices: 3, Cards: 400, Every: time.Hour, Taps: 200, Seed: 1,
	}}
	f.From = time.Date(2021, 1, 14, 0, 0, 0, 0, f.City.Location())
	var err error
	if f.Dir, err = scratch(0); err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(f.Dir)
	if err := f.prepare(); err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		if err := f.step(t.Context(), f.From.Add(time.Duration(i)*f.Every)); err != nil {
			t.Fatal(err)
		}
	}
	wrong := func() (n uint64) {
		for _, d := range f.devices {
			n += d.result.Wrong
		}
		return n
	}
	if n := wrong(); n != 0 {
		t.Fatalf("%d wrong before anything was bent", n)
	}
	for _, p := range f.history {
		for i := range p.statuses {
			p.statuses[i].StopUntil ^= 1 << 20
		}
	}
	for _, d := range f.devices {
		for range 50 {
			f.tap(d, f.From.Add(6*f.Every))
		}
	}
	if wrong() == 0 {
		t.Error("every stop was bent and no answer counted as wrong")
	}
}
