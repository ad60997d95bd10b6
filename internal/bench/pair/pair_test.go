package pair

import (
	"testing"
	"time"

	"turnike/internal/storage/storagetest/pgtest"
)

// TestStoreRuns runs a small bench through: every figure is there and every
// pairing it counts is found again. Whether bars are held is for the bench
// itself, on a machine that does nothing else.
func TestStoreRuns(t *testing.T) {
	pg := pgtest.Start(t)
	bars, err := Store(t.Context(), Config{Dir: t.TempDir(), Postgres: pg.Database(t), Rounds: 1, Preload: 4000, Waiters: 64,
		Span: time.Second, Seed: 1, Progress: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"sqlite512_to_fdatasync", "sqlite512_slow_disk_to_fdatasync", "http_to_echo", "http_to_alone", "http_p99_ms", "postgres_to_single"}
	if len(bars) != len(want) {
		t.Fatalf("bars: got %d, want %d", len(bars), len(want))
	}
	for i, b := range bars {
		if b.Name != want[i] || b.Median <= 0 || b.Min > b.Median || b.Max < b.Median {
			t.Errorf("bar %d: got %+v, want %s with a median between its ends", i, b, want[i])
		}
	}
}
