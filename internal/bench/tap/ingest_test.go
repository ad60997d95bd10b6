package tap

import (
	"testing"

	"turnike/internal/storage/storagetest/pgtest"
)

// TestIngest runs the bench small: every batch is answered and every row
// counted on both engines. Its figures mean little beside other tests.
func TestIngest(t *testing.T) {
	pg := pgtest.Start(t)
	bars, err := Ingest(t.Context(), IngestConfig{Dir: t.TempDir(), Postgres: pg.Database(t), Devices: 200, Rounds: 2, Callers: 64})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"ingest_to_bulk", "ingest_to_copy_postgres"} {
		if bars[i].Name != want || bars[i].Median <= 0 {
			t.Errorf("bar %d: got %+v, want %s measured", i, bars[i], want)
		}
	}
}
