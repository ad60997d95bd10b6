package tap_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"turnike/gate"
	"turnike/internal/card"
	"turnike/internal/tap"
)

func TestUnder(t *testing.T) {
	hour := noon.Unix() / 3600
	counts := []tap.Count{
		{Hour: hour, Stop: 1, Class: card.Paired, Decision: gate.Admit, Taps: 50},
		{Hour: hour, Stop: 1, Class: card.Paired65, Decision: gate.Admit, Taps: 40},
		{Hour: hour, Stop: 1, Class: card.Paired65, Decision: gate.Refuse, Taps: 3}, // two of them by a stop
		{Hour: hour, Stop: 1, Class: card.Paired65, Decision: gate.Stale, Taps: 4},
		{Hour: hour, Stop: 1, Unissued: true, Decision: gate.Refuse, Taps: 5},
		{Hour: hour + 1, Stop: 1, Class: card.Paired65, Decision: gate.Admit, Taps: 10},
	}
	attempt := tap.Attempt{Stop: 1, Class: card.Paired65, Clock: noon.Add(10 * time.Minute)}
	// 65 and over are refused in the first quarter of the first hour.
	got := tap.Under(counts, []tap.Attempt{attempt, attempt}, func(c card.Class, at time.Time) gate.Decision {
		if c == card.Paired65 && at.Before(noon.Add(15*time.Minute)) {
			return gate.Refuse
		}
		return gate.Admit
	})
	want := []tap.Count{
		{Hour: hour, Stop: 1, Unissued: true, Decision: gate.Refuse, Taps: 5},
		{Hour: hour, Stop: 1, Class: card.Paired, Decision: gate.Admit, Taps: 50},
		{Hour: hour, Stop: 1, Class: card.Paired65, Decision: gate.Stale, Taps: 4},
		{Hour: hour, Stop: 1, Class: card.Paired65, Decision: gate.Admit, Taps: 30},
		// Two by the stop, ten of the forty; of the one that an old rule refused
		// a quarter, which is the odd one out of rounding.
		{Hour: hour, Stop: 1, Class: card.Paired65, Decision: gate.Refuse, Taps: 13},
		{Hour: hour + 1, Stop: 1, Class: card.Paired65, Decision: gate.Admit, Taps: 10},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("counts under the rule (-want +got):\n%s", d)
	}
	before, after := tap.Sum(counts), tap.Sum(got)
	if before.All.Taps() != after.All.Taps() {
		t.Errorf("%d taps became %d", before.All.Taps(), after.All.Taps())
	}
}
