package publish_test

import (
	"context"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"turnike/gate"
	"turnike/gate/agent"
	"turnike/internal/card"
	"turnike/internal/pairing"
	"turnike/internal/person"
	"turnike/internal/publish"
	"turnike/internal/storage"
	"turnike/internal/storage/sqlstore"
	"turnike/statuslist"
)

// reachBar is how late at most 1 in 100 connected gates may learn of a
// confirmed pairing or a lifted stop.
const reachBar = 10 * time.Second

// TestLiftReachesTheGates commits lifted stops and pairings at odd moments
// and measures, at a hundred gates that follow over HTTP by their own clocks,
// how long it is until each answers by them: the store, the publisher and the
// agents with the pauses they have in service.
func TestLiftReachesTheGates(t *testing.T) {
	t.Parallel()
	waits, late := measureLifts(t, nil)
	p99 := waits[len(waits)*99/100]
	t.Logf("%d gates, %d changes: median %v, P99 %v, longest %v; %d never", liftGates, liftChanges,
		waits[len(waits)/2].Round(time.Millisecond), p99.Round(time.Millisecond), waits[len(waits)-1].Round(time.Millisecond), late)
	if late > 0 || p99 > reachBar {
		t.Errorf("P99: got %v and %d that never learned, want at most %v and 0", p99, late, reachBar)
	}
}

// TestASlowFolderIsSeen holds each answer back: the measurement must tell. It
// takes a minute, and is for the long runs.
func TestASlowFolderIsSeen(t *testing.T) {
	if os.Getenv("TURNIKE_DEEP") == "" {
		return
	}
	waits, late := measureLifts(t, func() { time.Sleep(6 * time.Second) })
	if p99 := waits[len(waits)*99/100]; late == 0 && p99 <= reachBar {
		t.Errorf("P99: got %v of a server that takes six seconds a file, want more than %v", p99, reachBar)
	}
}

const (
	liftGates   = 100
	liftChanges = 24
	// liftSpan is over how long the changes are spread, liftWait how long the
	// last of them is waited for.
	liftSpan = 8 * time.Second
	liftWait = 13 * time.Second
)

// measureLifts gives every gate's wait for every change, ascending, and how
// many never came. Those that never came count as liftWait.
func measureLifts(t *testing.T, before func()) (waits []time.Duration, late int) {
	c := shipped(t, "gaziantep")
	dir := t.TempDir()
	s, err := storage.Open(t.Context(), "sqlite:"+filepath.Join(dir, "x.db"), true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	store := sqlstore.As[pairing.Tx](s)
	list, err := publish.Open(publish.Config{City: c, Dir: filepath.Join(dir, "lists"), Keys: filepath.Join(dir, "keys"), Store: store, Now: time.Now, Beat: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	put := func(index int64, class card.Class, stop int32) error {
		var tag person.Tag
		copy(tag[:], strconv.FormatInt(index, 10))
		return store.Update(t.Context(), func(tx pairing.Tx) error {
			return tx.PutCard(t.Context(), pairing.Card{
				City: c.ID, Tag: tag, Scheme: c.Schemes[0].ID, Index: index, Last4: "0000", Class: class, StopUntil: stop, ChangedAt: time.Now(),
			})
		})
	}
	today := int32(statuslist.DayOf(time.Now()))
	for i := range int64(liftChanges) {
		if i%2 == 0 { // to be lifted; the odd ones are to be paired
			if err := put(i, card.Paired, today+10); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := list.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
	anchor, err := publish.Anchor(filepath.Join(dir, "keys"), c.ID, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	files := http.FileServer(http.Dir(filepath.Join(dir, "lists")))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if before != nil {
			before()
		}
		files.ServeHTTP(w, r)
	}))
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: liftGates}}

	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { list.Run(ctx) })
	gates := make([]*gate.Gate, liftGates)
	scheme := statuslist.Scheme{ID: c.Schemes[0].ID, Digits: c.Schemes[0].Digits}
	first, ok := scheme.Parse([]byte(number(c, 0)), nil)
	if !ok {
		t.Fatal("the city's first card has no number")
	}
	secret := secretOf(t, filepath.Join(dir, "keys"), c.ID)
	for i := range gates {
		if gates[i], err = gate.Open(gate.Config{Dir: filepath.Join(dir, "gates", strconv.Itoa(i)), City: c.ID, Anchor: anchor, Secret: secret}); err != nil {
			t.Fatal(err)
		}
		a, err := agent.New(agent.Config{Gate: gates[i], Base: server.URL, City: c.ID, Client: client})
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() { a.Run(ctx) })
	}
	for _, g := range gates {
		for g.Status(time.Now()).Level == "none" {
			time.Sleep(20 * time.Millisecond)
		}
	}

	var mu sync.Mutex
	committed := make([]time.Time, liftChanges)
	rides := func(g *gate.Gate, i int) bool {
		a := g.Ask(statuslist.Number{Scheme: first.Scheme, Value: first.Value + uint64(i)}, time.Now(), 0)
		return a.Issued && !a.Stopped && a.Class == statuslist.Class(card.Paired)
	}
	for g, gate := range gates {
		for i := range liftChanges {
			if rides(gate, i) {
				t.Fatalf("gate %d lets card %d ride before its change", g, i)
			}
		}
	}
	wg.Go(func() {
		for i := range liftChanges {
			time.Sleep(time.Duration(rand.Int64N(int64(2 * liftSpan / liftChanges))))
			if err := put(int64(i), card.Paired, 0); err != nil {
				t.Error(err)
			}
			mu.Lock()
			committed[i] = time.Now()
			mu.Unlock()
		}
	})
	var watch sync.WaitGroup
	for _, g := range gates {
		watch.Go(func() {
			var seen [liftChanges]bool
			for left, end := liftChanges, time.Now().Add(2*liftSpan+liftWait); left > 0; time.Sleep(20 * time.Millisecond) {
				mu.Lock()
				now := time.Now()
				over := !committed[liftChanges-1].IsZero() && now.Sub(committed[liftChanges-1]) > liftWait || now.After(end)
				for i, at := range committed {
					if seen[i] || at.IsZero() || !over && !rides(g, i) {
						continue
					}
					seen[i] = true
					left--
					if over {
						waits, late = append(waits, liftWait), late+1
					} else {
						waits = append(waits, now.Sub(at))
					}
				}
				mu.Unlock()
				if over {
					return
				}
			}
		})
	}
	watch.Wait()
	slices.Sort(waits)
	return waits, late
}
