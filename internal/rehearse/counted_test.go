package rehearse

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"turnike/gate"
	"turnike/internal/card"
	"turnike/internal/i18n"
	"turnike/internal/tap"
)

// TestTryCounted: on two hours' counts a rule of one hour refuses that hour's
// taps of its class, and nothing else; what a stop had refused stays.
func TestTryCounted(t *testing.T) {
	o := small(t)
	day := o.Date
	from, to := DayHours(o.City, day)
	if to-from != 24 {
		t.Fatalf("hours of a day: got %d, want 24", to-from)
	}
	seven := from + 7
	counts := []tap.Count{
		{Hour: seven, Stop: 4211, Class: card.Paired65, Decision: gate.Admit, Taps: 100},
		{Hour: seven, Stop: 4211, Class: card.Paired65, Decision: gate.Refuse, Taps: 1},
		{Hour: seven, Stop: 4212, Class: card.Paired, Decision: gate.Admit, Taps: 900},
		{Hour: seven + 5, Stop: 4211, Class: card.Paired65, Decision: gate.Refuse, Taps: 70}, // the city's own rule of that day
		{Hour: seven, Stop: 4212, Unissued: true, Decision: gate.Refuse, Taps: 3},
	}
	stopped := tap.Attempt{Stop: 4211, Class: card.Paired65, Clock: time.Unix(seven*3600+60, 0)}
	with, text, err := WithRule(o.City, Rule{Classes: []string{"paired_65"}, Hours: []string{"07:00-08:00"}, Outcome: "refuse", From: day})
	if err != nil {
		t.Fatal(err)
	}
	trial := TryCounted(o.City, with, text, day, counts, []tap.Attempt{stopped})
	if got, want := trial.Before.Day, (tap.Tally{Opened: 1000, Refused: 74}); got != want {
		t.Errorf("without: got %+v, want %+v", got, want)
	}
	if got, want := trial.After.Day, (tap.Tally{Opened: 900, Refused: 174}); got != want {
		t.Errorf("with: got %+v, want %+v", got, want)
	}
	for _, l := range i18n.Langs() {
		var page, printed bytes.Buffer
		if err := WriteTrialPage(t.Context(), &page, l, o.City, trial); err != nil {
			t.Fatal(err)
		}
		if err := WriteTrialText(&printed, l, o.City, trial); err != nil {
			t.Fatal(err)
		}
		for _, s := range []string{page.String(), printed.String()} {
			if !strings.Contains(s, "4211") || strings.Contains(s, "4212") || strings.Contains(s, "[day.") || !strings.Contains(s, l.Number(174)) {
				t.Errorf("%s: want the stop that changes, no other, and 174:\n%.3000s", l, s)
			}
		}
	}
}
