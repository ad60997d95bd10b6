package app_test

import (
	"context"
	"net"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"turnike/internal/app"
	"turnike/internal/booking"
)

// TestVisitsOpen: an installation that is started opens the days of İZSU and of
// the help desks by itself, and the next midnight opens one more.
func TestVisitsOpen(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	start := time.Date(2021, 1, 11, 9, 0, 0, 0, time.UTC) // a Monday
	var later atomic.Int64
	now := func() time.Time { return start.Add(time.Duration(later.Load())) }
	dir := t.TempDir()
	a, err := app.New(ctx, app.Config{Listen: "127.0.0.1:0", Data: filepath.Join(dir, "data"), Keys: filepath.Join(dir, "keys"), Migrate: true, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx, func(net.Addr) {}) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
		if err := a.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}()
	for _, id := range []string{"izsu", "izmir-desks"} {
		s, ok := a.Visits(id)
		if !ok {
			t.Fatalf("%s: got no network, want one", id)
		}
		for _, d := range []time.Duration{0, 24 * time.Hour} {
			later.Store(int64(d))
			last := booking.DayOf(now(), s.Network().Location()) + booking.Day(s.Network().Ahead())
			deadline := time.Now().Add(15 * time.Second)
			for !open(t, s, last, now()) {
				if time.Now().After(deadline) {
					t.Fatalf("%s: got no places on %s after 15 s, want the day open", id, last)
				}
				time.Sleep(50 * time.Millisecond)
			}
		}
	}
}

// open tells whether some centre has a place on a day.
func open(t *testing.T, s *booking.Service, day booking.Day, now time.Time) bool {
	t.Helper()
	sums, err := s.Board().Grid(s.Network().Services[0].ID, 1, day, 1, booking.Call, now)
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(sums, func(g booking.Summary) bool { return g.Free > 0 })
}
