package tap

import (
	"testing"
	"time"
)

// TestOnline runs the bench briefly: its own check of every decision must
// hold; the ratio is for quiet machines.
func TestOnline(t *testing.T) {
	bar, err := Online(Config{Cards: 10_000, Clients: 8, Rounds: 2, Each: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if bar.Name != "online_to_empty" || bar.Median <= 0 {
		t.Errorf("got %+v, want a ratio", bar)
	}
	t.Logf("%+v", bar)
}
