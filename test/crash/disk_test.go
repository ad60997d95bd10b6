package crash

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"turnike/internal/storage/sqlite"
	"turnike/internal/storage/sqlite/faultdisk"
	"turnike/internal/storage/sqlstore"
)

// load pairs from a few callers until stop says so, and gives what was
// acknowledged and the first error of each caller.
func load(t *testing.T, s *sqlstore.Store, from int64, callers int64, each int64) (acked []int64, errs []error) {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for k := range callers {
		wg.Go(func() {
			for i := range each {
				n := from + i*callers + k
				err := pair(t.Context(), s, n)
				mu.Lock()
				if err == nil {
					acked = append(acked, n)
				} else {
					errs = append(errs, err)
				}
				mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	return acked, errs
}

// TestSyncFailsOnce: after one sync has failed nothing is acknowledged, though
// the next sync would succeed; reading goes on; a new start finds all that was.
func TestSyncFailsOnce(t *testing.T) {
	for point := range int64(cycles(t, 20)/20 + 1) {
		disk, err := faultdisk.New(fmt.Sprint("syncfail", point), false)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "t.db")
		s, err := sqlite.Open(t.Context(), sqlite.Config{Path: path, Migrate: true, VFS: fmt.Sprint("syncfail", point)})
		if err != nil {
			t.Fatal(err)
		}
		disk.SyncsLeft.Store(1 + point%50)
		acked, errs := load(t, s, 1, 8, 1000)
		if len(errs) != 8 {
			t.Errorf("point %d: %d of 8 callers were refused, want all", point, len(errs))
		}
		for _, err := range errs {
			if !errors.Is(err, sqlstore.ErrBroken) {
				t.Errorf("point %d: got %v, want %v", point, err, sqlstore.ErrBroken)
			}
		}
		disk.SyncsLeft.Store(-1) // the disk says it is well again; nobody believes it
		if err := pair(t.Context(), s, 1_000_000); !errors.Is(err, sqlstore.ErrBroken) {
			t.Errorf("point %d: a write afterwards: got %v, want %v", point, err, sqlstore.ErrBroken)
		}
		if err := s.Ready(t.Context()); !errors.Is(err, sqlstore.ErrBroken) {
			t.Errorf("point %d: ready: got %v, want %v", point, err, sqlstore.ErrBroken)
		}
		if missing, err := lost(t.Context(), s, acked); err != nil || len(missing) > 0 {
			t.Errorf("point %d: reading goes on: got %d lost, %v, want all there", point, len(missing), err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("point %d: close: %v", point, err)
		}
		disk.Close()
		if s, err = sqlite.Open(t.Context(), sqlite.Config{Path: path}); err != nil {
			t.Fatal(err)
		}
		checkAll(t, s, acked)
		if acked, errs := load(t, s, 2_000_000, 2, 10); len(acked) != 20 {
			t.Errorf("point %d: after a new start: got %d of 20 kept, %v", point, len(acked), errs)
		}
		s.Close()
	}
}

// TestDiskFull: a full disk refuses, loses nothing, is read from, and takes
// writes again by itself once there is room.
func TestDiskFull(t *testing.T) {
	disk, err := faultdisk.New("full", false)
	if err != nil {
		t.Fatal(err)
	}
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), "t.db"), Migrate: true, VFS: "full"})
	if err != nil {
		t.Fatal(err)
	}
	var all []int64
	for round := range int64(min(cycles(t, 3), 20)) {
		disk.Room.Store(400_000 + 7777*round)
		acked, errs := load(t, s, 1+round*1_000_000, 8, 4000)
		all = append(all, acked...)
		if len(errs) != 8 {
			t.Errorf("round %d: %d of 8 callers were refused, want all", round, len(errs))
		}
		for _, err := range errs {
			if !errors.Is(err, sqlstore.ErrFull) {
				t.Errorf("round %d: got %v, want %v", round, err, sqlstore.ErrFull)
			}
		}
		if missing, err := lost(t.Context(), s, acked); err != nil || len(missing) > 0 {
			t.Errorf("round %d: reading goes on: got %d lost, %v, want all there", round, len(missing), err)
		}
		disk.Room.Store(-1)
		begun := time.Now()
		acked, errs = load(t, s, 500_000+round*1_000_000, 4, 5)
		all = append(all, acked...)
		if len(acked) != 20 || time.Since(begun) > 10*time.Second {
			t.Errorf("round %d: with room again: got %d of 20 kept after %v, %v", round, len(acked), time.Since(begun), errs)
		}
	}
	checkAll(t, s, all)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	disk.Close()
}

// cut pairs on a disk whose power goes after so many operations, and gives
// what was acknowledged and is not there when the power is back.
func cut(t *testing.T, seed uint64, lies bool) (acks, missing int) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 7))
	name := fmt.Sprintf("cut-%d-%t", seed, lies)
	path := filepath.Join(t.TempDir(), "t.db")
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: path, Migrate: true}) // the schema is there before
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	disk, err := faultdisk.New(name, true)
	if err != nil {
		t.Fatal(err)
	}
	disk.Lies.Store(lies)
	if s, err = sqlite.Open(t.Context(), sqlite.Config{Path: path, VFS: name, CheckpointPages: 40 + r.IntN(200)}); err != nil {
		t.Fatal(err)
	}
	disk.OpsLeft.Store(1 + int64(r.IntN(3000)))
	acked, _ := load(t, s, 1, 1+int64(r.IntN(8)), 400)
	disk.OpsLeft.Store(0)
	s.Close() // fails, as it should: the disk is dead
	if err := disk.PowerCut(r); err != nil {
		t.Fatal(err)
	}
	disk.Close()
	s, err = sqlite.Open(t.Context(), sqlite.Config{Path: path})
	if err != nil {
		if lies {
			return len(acked), len(acked) // not even the file survived
		}
		t.Fatalf("cut %d: open when the power is back: %v", seed, err)
	}
	defer s.Close()
	gone, err := lost(t.Context(), s, acked)
	if err == nil {
		_, err = whole(t.Context(), s)
	}
	if err != nil {
		if lies {
			return len(acked), len(acked)
		}
		t.Errorf("cut %d: %v", seed, err)
	}
	return len(acked), len(gone)
}

// TestPowerCut: of every sector written and not synced a coin decides whether
// it is there afterwards. What was acknowledged must be.
func TestPowerCut(t *testing.T) {
	n, acks, missing := cycles(t, 60), 0, 0
	for seed := range uint64(n) {
		a, m := cut(t, seed, false)
		acks, missing = acks+a, missing+m
	}
	t.Logf("%d power cuts, %d acknowledged, %d lost", n, acks, missing)
	if missing > 0 {
		t.Errorf("acknowledged and lost: got %d of %d, want none", missing, acks)
	}
	if acks < 10*n {
		t.Errorf("load: got %d answers in %d cuts: too few to tell anything", acks, n)
	}
}

func TestPowerCutFindsALyingDisk(t *testing.T) {
	missing := 0
	for seed := range uint64(15) {
		_, m := cut(t, seed, true)
		missing += m
	}
	if missing == 0 {
		t.Errorf("a disk that lies about its sync: got nothing lost, want the checker to find some")
	}
}
