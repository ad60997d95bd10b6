package crash

import (
	"errors"
	"sync"
	"testing"
	"time"

	"turnike/internal/storage/postgres"
	"turnike/internal/storage/sqlstore"
	"turnike/internal/storage/storagetest/pgtest"
)

// TestPostgresKilled kills the database server under a working store: callers
// hear that it is away, nothing acknowledged is lost, and the store goes on by
// itself once the server is back.
func TestPostgresKilled(t *testing.T) {
	pg := pgtest.Start(t)
	s, err := postgres.Open(t.Context(), postgres.Config{DSN: pg.Database(t), Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var all []int64
	for round := range int64(cycles(t, 30) / 10) {
		var acked []int64
		var errs []error
		var wg sync.WaitGroup
		wg.Go(func() { acked, errs = load(t, s, 1+round*1_000_000, 16, 1_000_000) })
		// Not before it is well under way, however slow the machine.
		for before, wait := s.Metrics.Updates.Load(), time.Now(); s.Metrics.Updates.Load() < before+100 && time.Since(wait) < 30*time.Second; {
			time.Sleep(5 * time.Millisecond)
		}
		time.Sleep(time.Duration(37*round%100) * time.Millisecond)
		pg.Kill()
		wg.Wait()
		for _, err := range errs {
			if !errors.Is(err, sqlstore.ErrAway) {
				t.Errorf("round %d: got %v, want %v", round, err, sqlstore.ErrAway)
			}
		}
		if len(acked) < 50 {
			t.Errorf("round %d: got %d answers before the kill: too few to tell anything", round, len(acked))
		}
		if err := s.Ready(t.Context()); err == nil {
			t.Errorf("round %d: ready without a database: got no error, want one", round)
		}
		if err := pg.Run(); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		for {
			err := pair(t.Context(), s, 500_000+round*1_000_000)
			if err == nil {
				break
			}
			if !errors.Is(err, sqlstore.ErrAway) || time.Since(begun) > 5*time.Second {
				t.Fatalf("round %d: %v after the server is back: %v", round, time.Since(begun), err)
			}
			time.Sleep(50 * time.Millisecond)
		}
		all = append(append(all, acked...), 500_000+round*1_000_000)
	}
	checkAll(t, s, all)
}
