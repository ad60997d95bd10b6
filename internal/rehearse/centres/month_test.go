package centres

import (
	"testing"
	"time"
)

// TestMonth holds what the seed text promises over a month of made-up people,
// and that the forecast is better than last week was.
func TestMonth(t *testing.T) {
	for _, seed := range []uint64{1} {
		r, err := Month(t.Context(), Options{Seed: seed, Dir: t.TempDir(), Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		x := r.Trial
		t.Logf("%d of %d on time were called within five minutes; a centre's day is foretold %.1f %% off, by last week's %.1f %%; an hour %.1f %%, %.1f %%; %.0f %% lay in the range; no-shows %.1f points off, by last week's %.1f",
			r.InTime, r.OnTime, 100*x.Day, 100*x.Same, 100*x.Hour, 100*x.SameH, 100*x.Inside, 100*x.Missed, 100*x.SameM)
		if got := r.Booked + r.Turned + r.Walkins; got != 13_000 {
			t.Errorf("people: got %d, want 13000", got)
		}
		if r.Early == 0 || r.Late == 0 || r.Never == 0 || r.Early+r.Late+r.Never != r.Booked {
			t.Errorf("early %d, late %d, never %d: want some of each, %d together", r.Early, r.Late, r.Never, r.Booked)
		}
		if r.FloorBroken != 0 || r.FloorDays < 500 {
			t.Errorf("floor limit: got %d days broken of %d, want none of five hundred", r.FloorBroken, r.FloorDays)
		}
		if got := r.InTimeShare(); got < 0.95 {
			t.Errorf("called within five minutes: got %.3f, want 0.95", got)
		}
		if r.Wrong != 0 || r.Turned > r.People/100 {
			t.Errorf("got %d wrong counters and %d people without a place, want none and next to none", r.Wrong, r.Turned)
		}
		if x.Day >= x.Same || x.Hour >= x.SameH {
			t.Errorf("forecast: got errors %.3f and %.3f, want less than last week's %.3f and %.3f", x.Day, x.Hour, x.Same, x.SameH)
		}
		if x.Inside < 0.7 || x.Inside > 0.9 {
			t.Errorf("days inside the range: got %.2f, want about 0.8", x.Inside)
		}
		if x.Missed >= x.SameM {
			t.Errorf("no-shows: got %.3f off, want less than last week's %.3f", x.Missed, x.SameM)
		}
	}
}
