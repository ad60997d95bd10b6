package publish_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"turnike/gate"
	"turnike/internal/card"
	"turnike/internal/city"
	"turnike/internal/pairing"
	"turnike/internal/person"
	"turnike/internal/publish"
	"turnike/internal/storage"
	"turnike/internal/storage/sqlstore"
	"turnike/statuslist"
)

// watched is a city's list and somebody who keeps every file of it.
type watched struct {
	t     *testing.T
	c     *city.Profile
	dir   string
	store pairing.Store
	list  *publish.List
	now   *time.Time
	seen  map[string]bool
}

// scratch is a folder in memory where there is one: a thousand versions wait
// for the disk otherwise.
func scratch(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "turnike-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func newWatched(t *testing.T, now *time.Time, beat time.Duration, open bool) *watched {
	w := &watched{t: t, c: shipped(t, "gaziantep"), dir: scratch(t), now: now, seen: map[string]bool{}}
	s, err := storage.Open(t.Context(), "sqlite:"+filepath.Join(w.dir, "x.db"), true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	w.store = sqlstore.As[pairing.Tx](s)
	cfg := publish.Config{
		City: w.c, Dir: filepath.Join(w.dir, "lists"), Keys: filepath.Join(w.dir, "keys"), Store: w.store, Now: func() time.Time { return *now }, Beat: beat,
	}
	if w.list, err = publish.Open(cfg); err != nil {
		t.Fatal(err)
	}
	if open {
		if err := os.Remove(filepath.Join(cfg.Keys, w.c.ID, publish.SecretFile)); err != nil {
			t.Fatal(err)
		}
		if w.list, err = publish.Open(cfg); err != nil {
			t.Fatal(err)
		}
	}
	w.step()
	return w
}

func (w *watched) put(index int64, class card.Class, stop int32) {
	w.t.Helper()
	var tag person.Tag
	copy(tag[:], strconv.FormatInt(index, 10))
	err := w.store.Update(w.t.Context(), func(tx pairing.Tx) error {
		return tx.PutCard(w.t.Context(), pairing.Card{City: w.c.ID, Tag: tag, Scheme: w.c.Schemes[0].ID, Index: index, Last4: "0000", Class: class, StopUntil: stop, ChangedAt: *w.now})
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// step publishes and gives what somebody who watches the folder sees of it:
// the time, and each new file but for the digests in its name, which tell
// nothing without the secret.
func (w *watched) step() (view string) {
	w.t.Helper()
	if err := w.list.Step(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	dir := filepath.Join(w.dir, "lists", w.c.ID)
	entries, err := os.ReadDir(dir)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || w.seen[e.Name()] || e.Name() == statuslist.HeadName {
			continue
		}
		w.seen[e.Name()] = true
		name := e.Name()[:strings.LastIndexByte(e.Name(), '-')]
		view += fmt.Sprintf("%s %s %d\n", w.now.Format("15:04:05"), name, info.Size())
	}
	return view
}

// TestAnObserverOfDeltasLearnsNoStop plays the game of somebody who keeps all
// files and wants to know whether a neighbour was stopped in a given half
// hour: two cities live through the same half hours, in one of them the
// neighbour is stopped. Where the two show the same, nobody can tell them
// apart: the share of half hours in which they do not is the most by which
// any observer does better than guessing. It is held to 5 %.
func TestAnObserverOfDeltasLearnsNoStop(t *testing.T) {
	t.Parallel()
	differ, spans := playObserver(t, 10*time.Minute, 40)
	if advantage := float64(differ) / float64(spans); advantage >= 0.05 {
		t.Errorf("advantage: at most %.3f in %d half hours, want less than 0.05", advantage, spans)
	} else {
		t.Logf("advantage: at most %.3f in %d half hours", advantage, spans)
	}
}

// TestWithoutABeatTheObserverLearns is the same without the beat, and in the
// open: the game can be lost.
func TestWithoutABeatTheObserverLearns(t *testing.T) {
	if differ, spans := playObserver(t, 0, 10); float64(differ) < 0.5*float64(spans) {
		t.Errorf("no beat: %d of %d half hours differ, want most of them", differ, spans)
	}
	now := time.Date(2021, 1, 20, 9, 0, 0, 0, time.UTC)
	w := newWatched(t, &now, 0, true)
	w.put(7, card.Paired, int32(statuslist.DayOf(now))+10)
	w.step()
	anchor, err := publish.Anchor(filepath.Join(w.dir, "keys"), w.c.ID, now)
	if err != nil {
		t.Fatal(err)
	}
	g, err := gate.Open(gate.Config{Dir: filepath.Join(w.dir, "neighbour"), City: w.c.ID, Anchor: anchor})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Update(t.Context(), folderOf(filepath.Join(w.dir, "lists", w.c.ID))); err != nil {
		t.Fatal(err)
	}
	n, _ := g.Parse([]byte(number(w.c, 7)))
	if !g.Ask(n, now, 0).Stopped {
		t.Error("in the open: the neighbour's stop cannot be looked up; the game is no game")
	}
}

// playObserver counts the half hours in which a city with the neighbour's
// stop shows something else than the one without. Between two half hours the
// stop is told to both, so that each is a game of its own.
func playObserver(t *testing.T, beat time.Duration, games int) (differ, spans int) {
	t.Helper()
	now := time.Date(2021, 1, 20, 0, 0, 0, 0, time.UTC)
	with, without := newWatched(t, &now, beat, false), newWatched(t, &now, beat, false)
	rng := rand.New(rand.NewPCG(31, 5))
	next := int64(1000)
	const minutes = 30
	for spans = 0; spans < games; spans++ {
		neighbour, at := int64(spans), rng.IntN(minutes/2)
		stop := int32(statuslist.DayOf(now)) + 10
		same := true
		for m := range minutes {
			now = now.Add(time.Minute)
			if m == at {
				with.put(neighbour, card.Paired, stop)
			}
			if spans%2 == 0 && rng.IntN(4) == 0 || rng.IntN(60) == 0 { // a busy half hour, a quiet one
				with.put(next, card.Paired, 0)
				without.put(next, card.Paired, 0)
				next++
			}
			if with.step() != without.step() {
				same = false
			}
		}
		if !same {
			differ++
		}
		without.put(neighbour, card.Paired, stop)
		for range 15 {
			now = now.Add(time.Minute)
			with.step()
			without.step()
		}
	}
	return differ, spans
}
