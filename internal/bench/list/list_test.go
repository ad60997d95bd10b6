package list

import (
	"strings"
	"testing"
)

// TestRun runs the bench on a small city. Answers are held to their bars here;
// sizes need many cards to mean something and times a quiet machine.
func TestRun(t *testing.T) {
	var log strings.Builder
	r, err := Run(Config{Cards: 200_000, Changes: 500, Rounds: 1, Seed: 1, Log: &log})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Bars) != 14 {
		t.Errorf("bars: got %d, want 14", len(r.Bars))
	}
	for _, b := range r.Bars {
		switch b.Name {
		case "wrong_cards", "decide_allocs", "ribbon_wrong_cards", "ribbon_allocs":
			if !b.OK {
				t.Errorf("%s: got %v, want %s\n%s", b.Name, b.Median, b.Bar, log.String())
			}
		}
	}
}
