package rehearse

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"turnike/gate"
	"turnike/internal/card"
	"turnike/internal/i18n"
	"turnike/internal/tap"
	"turnike/statuslist"
)

func TestTryMovesOnlyWhomTheRuleNames(t *testing.T) {
	o := small(t)
	o.Date, o.Eve = o.Date.AddDate(0, 0, -1), -1 // the day before any decision
	o.Scale = 0.003
	with, text, err := WithRule(o.City, Rule{Classes: []string{"paired_65"}, Hours: []string{"07:00-09:00"}, Outcome: "refuse", From: o.Date})
	if err != nil {
		t.Fatal(err)
	}
	trial, err := Try(t.Context(), o, with, text)
	if err != nil {
		t.Fatal(err)
	}
	if trial.Before.Wrong+trial.After.Wrong != 0 {
		t.Errorf("%d and %d answers are not what the decisions say", trial.Before.Wrong, trial.After.Wrong)
	}
	more := uint64(0)
	for i, before := range trial.Before.Hours {
		after := trial.After.Hours[i]
		if before.Taps() != after.Taps() {
			t.Errorf("%s: %d taps without, %d with: other riders set out", before.At.Format("15:04"), before.Taps(), after.Taps())
		}
		inside := before.At.Hour() == 7 || before.At.Hour() == 8
		if changed := before.Refused != after.Refused; changed != inside {
			t.Errorf("%s: %d refused without, %d with", before.At.Format("15:04"), before.Refused, after.Refused)
		}
		more += after.Refused - before.Refused
	}
	got := changes(trial.Before.Causes, trial.After.Causes, func(c Cause) string { return c.Key }, func(c Cause) uint64 { return c.Refused })
	if len(got) != 1 || got[0] != (change{"paired_65", 0, more}) {
		t.Errorf("changes by class: %+v, want only paired_65, by %d", got, more)
	}
	// The same rule on nothing but the counts of the day without it gives the
	// counts of the day with it: whole hours leave no rounding.
	known := with.Known(o.Date)
	under := tap.Under(trial.Before.Counts, trial.Before.Attempts, func(c card.Class, at time.Time) gate.Decision {
		return decided(known, statuslist.Status{Class: statuslist.Class(c)}, at.In(with.Location()))
	})
	if d := cmp.Diff(trial.After.Counts, under); d != "" {
		t.Errorf("counts with the rule (-replayed +worked out):\n%s", d)
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
			if !strings.Contains(s, "07:00-09:00") || strings.Contains(s, "[day.") {
				t.Errorf("%s: the rule or a text is missing from\n%.400s", l, s)
			}
		}
	}
}

func TestWithRuleIsCheckedAsAnyFile(t *testing.T) {
	o := small(t)
	for name, r := range map[string]Rule{
		"class":      {Classes: []string{"tall"}, Outcome: "refuse", From: o.Date},
		"hours":      {Classes: []string{"paired"}, Hours: []string{"seven"}, Outcome: "refuse", From: o.Date},
		"outcome":    {Classes: []string{"paired"}, Outcome: "whip", From: o.Date},
		"nobody":     {Outcome: "refuse", From: o.Date},
		"supersedes": {Classes: []string{"paired"}, Supersedes: "nothing", Outcome: "refuse", From: o.Date},
		"toml":       {Classes: []string{"paired\"]\nid = \"x"}, Outcome: "refuse", From: o.Date},
	} {
		if _, _, err := WithRule(o.City, r); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
