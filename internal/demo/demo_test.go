package demo_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"turnike/internal/demo"
	"turnike/internal/storage/storagetest/pgtest"
)

// TestCheck runs what `turnike demo --check` runs: the whole job over HTTP, in
// every city, on both engines.
func TestCheck(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { check(t, "") })
	t.Run("postgres", func(t *testing.T) { check(t, pgtest.Start(t).Database(t)) })
}

func check(t *testing.T, db string) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	done := errors.New("done")
	cfg := demo.Config{Dir: t.TempDir(), Listen: "127.0.0.1:0", Outside: "127.0.0.1:0", Guide: "127.0.0.1:0", DB: db, At: demo.Date()}
	var steps []demo.Step
	err := demo.Start(ctx, cfg, func(w *demo.World) error {
		if err := w.Ready(ctx); err != nil {
			return err
		}
		steps = w.Check(ctx, func(s demo.Step) {
			if !s.OK {
				t.Errorf("%s: %s: %s", s.City, s.What, s.Why)
			}
		})
		return done // ends the world
	})
	if !errors.Is(err, done) {
		t.Fatalf("start: got %v, want it to run until the check is over", err)
	}
	cities := map[string]bool{}
	for _, s := range steps {
		cities[s.City] = true
	}
	if len(steps) < 40 || len(cities) < 5 {
		t.Errorf("got %d steps in %d cities, want the whole job", len(steps), len(cities))
	}
}
