package demo

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"turnike/internal/booking"
)

// TestCentres: İZSU's day in the demo is under way: visits for today and the
// days ahead, people in the line, somebody at the first counter, and every
// counter of places adds up.
func TestCentres(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	enough := errors.New("seen")
	err := Start(ctx, Config{Dir: t.TempDir(), Listen: "127.0.0.1:0", Outside: "127.0.0.1:0", At: Date()}, func(w *World) error {
		s, ok := w.App.Visits("izsu")
		if !ok {
			t.Fatal("got no İZSU, want one")
		}
		today := booking.DayOf(w.Clock.Now(), s.Network().Location())
		var tickets []booking.Ticket
		for ctx.Err() == nil {
			var err error
			if tickets, _, err = s.Tickets(ctx, "konak"); err != nil {
				return err
			}
			if slices.ContainsFunc(tickets, func(t booking.Ticket) bool { return t.State == booking.Called }) {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
		for ahead := range taken {
			visits, err := s.OnDay(ctx, "konak", today+booking.Day(ahead))
			if err != nil {
				return err
			}
			t.Logf("konak, day %d: %d visits, %d numbers", ahead, len(visits), len(tickets))
			if ahead < 3 && len(visits) < 4 { // the fourth is a Saturday
				t.Errorf("konak on day %d: got %d visits, want some", ahead, len(visits))
			}
		}
		wrong, err := s.Audit(ctx, today, len(taken))
		if err != nil || len(wrong) > 0 {
			t.Errorf("places: got %v, %v, want all counters right", wrong, err)
		}
		return enough
	})
	if !errors.Is(err, enough) {
		t.Fatal(err)
	}
}
