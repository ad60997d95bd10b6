package tap

import (
	"strings"
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
	if len(bars) != 1 || bars[0].Name != "ingest_to_bulk" || bars[0].Median <= 0 || !strings.Contains(bars[0].Note, "on PostgreSQL beside COPY ") {
		t.Errorf("got %+v, want ingest_to_bulk measured, with PostgreSQL's figure beside it", bars)
	}
}
