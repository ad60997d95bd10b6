package book

import (
	"testing"
	"time"
)

// TestRuns runs a small bench through: every figure is there, and no place is
// sold twice even on a busy machine. The other bars are for the bench itself.
func TestRuns(t *testing.T) {
	rep, err := Run(t.Context(), Config{Racers: 2000, Rounds: 1, Clients: 64, Span: 200 * time.Millisecond, Days: 5, Seed: 1,
		Dir: t.TempDir(), Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"oversold", "unsold", "hot_to_fdatasync", "availability_ms", "kept_waits"}
	if len(rep.Bars) != len(want) {
		t.Fatalf("bars: got %d, want %d", len(rep.Bars), len(want))
	}
	for i, b := range rep.Bars {
		if b.Name != want[i] {
			t.Errorf("bar %d: got %s, want %s", i, b.Name, want[i])
		}
		if i < 2 && !b.OK {
			t.Errorf("%s: got %v, want 0", b.Name, b.Max)
		}
		if i >= 2 && b.Median <= 0 {
			t.Errorf("%s: got %v, want a figure", b.Name, b.Median)
		}
	}
}

// TestFirstMonth replays thirteen thousand people (seed 003).
func TestFirstMonth(t *testing.T) {
	m, err := Replay(t.Context(), Config{Seed: 3, Dir: t.TempDir()}, 13_000, 1)
	if err != nil {
		t.Fatal(err)
	}
	s := m.Score
	t.Logf("%d booked, %d not as they first wished, %d days of a centre, %d of %d in time, %d of %d waits kept, %d unserved", m.Booked,
		m.Moved, m.Days, s.InTime, s.Appointments, s.Kept, s.Shown, s.Unserved)
	if m.Booked != 13_000 {
		t.Errorf("booked: got %d, want 13,000", m.Booked)
	}
	if m.FloorBroken != 0 {
		t.Errorf("days with too many on the floor: got %d, want 0", m.FloorBroken)
	}
	if got := float64(s.InTime) / float64(s.Appointments); got < 0.95 {
		t.Errorf("called within five minutes of their hour: got %.3f, want 0.95", got)
	}
	if got := float64(s.Kept) / float64(s.Shown); got < 0.8 {
		t.Errorf("waits kept: got %.3f, want 0.8", got)
	}
}
