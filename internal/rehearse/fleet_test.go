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
