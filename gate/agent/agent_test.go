package agent_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"turnike/gate"
	"turnike/gate/agent"
	"turnike/gate/agent/door"
	"turnike/statuslist"
)

var start = time.Date(2021, 1, 15, 7, 0, 0, 0, time.UTC)

func key(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

// newList publishes a list of 1000 cards; card 0 may ride, card 1 is stopped
// for good.
func newList(t *testing.T) (dir string, pub *statuslist.Publisher, anchor statuslist.Anchor) {
	t.Helper()
	root := statuslist.Root{City: "izmir", Version: 1, Threshold: 1, Keys: []ed25519.PublicKey{key("root").Public().(ed25519.PublicKey)}}
	root.ListKeys = []statuslist.ListKey{{Key: key("list").Public().(ed25519.PublicKey), From: start.AddDate(-1, 0, 0), To: start.AddDate(1, 0, 0)}}
	file, err := root.Sign(key("root"))
	if err != nil {
		t.Fatal(err)
	}
	ranges, err := statuslist.NewRanges([]statuslist.Scheme{{ID: 1, Digits: 10}}, statuslist.Range{Scheme: 1, First: 5000, Last: 5999})
	if err != nil {
		t.Fatal(err)
	}
	rules := &statuslist.Rules{Zone: []statuslist.Transition{{Offset: 3 * time.Hour}}, Stopped: statuslist.Refuse, StaleStopped: statuslist.Refuse}
	rules.Default[0], rules.Default[1] = statuslist.Refuse, statuslist.Ride
	dir = t.TempDir()
	pub, err = statuslist.OpenPublisher(statuslist.PublisherConfig{
		Dir: dir, City: "izmir", Ranges: ranges, Key: key("list"), Roots: [][]byte{file}, Rules: []*statuslist.Rules{rules},
	})
	if err != nil {
		t.Fatal(err)
	}
	pub.Set(0, statuslist.Status{Class: 1})
	pub.Set(1, statuslist.Status{Class: 1, StopUntil: statuslist.Forever})
	if _, _, err := pub.Publish(start); err != nil {
		t.Fatal(err)
	}
	return dir, pub, statuslist.Anchor{Fingerprint: root.Fingerprint()}
}

func newGate(t *testing.T, anchor statuslist.Anchor) *gate.Gate {
	t.Helper()
	g, err := gate.Open(gate.Config{Dir: t.TempDir(), City: "izmir", Anchor: anchor})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func card(i uint64) statuslist.Number { return statuslist.Number{Scheme: 1, Value: 5000 + i} }

func TestFollowsThroughABadLine(t *testing.T) {
	dir, pub, anchor := newList(t)
	files := http.FileServer(http.Dir(dir))
	var asked, cut atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Every third answer breaks off in the middle.
		if asked.Add(1)%3 == 2 {
			rec := httptest.NewRecorder()
			files.ServeHTTP(rec, r)
			maps.Copy(w.Header(), rec.Header())
			w.WriteHeader(rec.Code)
			body := rec.Body.Bytes()
			w.Write(body[:len(body)/2])
			cut.Add(1)
			panic(http.ErrAbortHandler)
		}
		files.ServeHTTP(w, r)
	}))
	defer srv.Close()
	g := newGate(t, anchor)
	a, err := agent.New(agent.Config{Gate: g, Base: srv.URL, City: "izmir"})
	if err != nil {
		t.Fatal(err)
	}
	for v := range uint32(30) {
		pub.Set(10+v, statuslist.Status{Class: 1})
		now := start.Add(time.Duration(v+1) * time.Minute)
		if _, _, err := pub.Publish(now); err != nil {
			t.Fatal(err)
		}
		for try := 0; ; try++ {
			if _, err := a.Sync(context.Background()); err == nil {
				break
			} else if try == 10 {
				t.Fatal(err)
			}
		}
		if got := g.Decide(card(uint64(10+v)), now, 0); got != gate.Admit {
			t.Errorf("version %d: got %v, want %v", v, got, gate.Admit)
		}
	}
	if cut.Load() < 10 {
		t.Errorf("answers that broke off: got %d, want at least 10", cut.Load())
	}
	srv.Close()
	if _, err := a.Sync(context.Background()); err == nil {
		t.Error("with the server gone: got no error")
	}
	if got := g.Decide(card(0), start.Add(time.Hour), 0); got != gate.Admit {
		t.Errorf("with the server gone: got %v, want %v", got, gate.Admit)
	}
}

// receiver keeps batches once, in whatever order and however often they come.
type receiver struct {
	mu      sync.Mutex
	batches map[gate.Boot]map[uint64]*gate.Batch
	posts   int
}

func (rc *receiver) take(t *testing.T, file []byte) {
	b, err := gate.VerifyBatch(file, key("device").Public().(ed25519.PublicKey))
	if err != nil {
		t.Error(err)
		return
	}
	rc.mu.Lock()
	defer rc.mu.Unlock()
	rc.posts++
	if rc.batches[b.Boot] == nil {
		rc.batches[b.Boot] = map[uint64]*gate.Batch{}
	}
	rc.batches[b.Boot][b.Sequence] = b
}

// taps adds up everything received.
func (rc *receiver) taps() (stopped int, counted map[gate.Decision]uint64) {
	counted = map[gate.Decision]uint64{}
	for _, boot := range rc.batches {
		for _, b := range boot {
			stopped += len(b.Stopped)
			for _, c := range b.Counts {
				counted[c.Decision] += c.Taps
			}
		}
	}
	return stopped, counted
}

func newDoor(t *testing.T, server string, now func() time.Time) *door.Client {
	t.Helper()
	id, err := door.NewIdentity(key("device"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := door.NewClient(door.ClientConfig{Server: server, City: "izmir", Identity: id, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// signedNow answers a request that was not signed about now, by the server's
// clock, as a city does.
func signedNow(t *testing.T, w http.ResponseWriter, r *http.Request, body []byte) bool {
	claim, err := door.ReadClaim(r)
	if err == nil {
		err = claim.Verify(r, body, key("device").Public().(ed25519.PublicKey), time.Now())
	}
	switch {
	case errors.Is(err, door.ErrClock):
		problem(w, http.StatusUnauthorized, "tap.clock")
	case err != nil:
		t.Errorf("request: got %v, want it signed", err)
		w.WriteHeader(http.StatusUnauthorized)
	}
	return err == nil
}

func problem(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"code": code})
}

func receipt(t *testing.T, w http.ResponseWriter, file []byte) {
	b, err := gate.ParseBatch(file)
	if err != nil {
		t.Error(err)
		return
	}
	sum := statuslist.Sum(file)
	json.NewEncoder(w).Encode(door.Receipt{Device: b.Device.String(), Boot: b.Boot.String(), Sequence: b.Sequence, Digest: hex.EncodeToString(sum[:])})
}

func TestHandInLosesAndDoublesNothing(t *testing.T) {
	dir, _, anchor := newList(t)
	lists := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer lists.Close()
	rng := rand.New(rand.NewPCG(5, 6))
	rc := &receiver{batches: map[gate.Boot]map[uint64]*gate.Batch{}}
	var mood atomic.Int64
	upload := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if !signedNow(t, w, r, body) {
			return
		}
		switch mood.Add(1) % 5 {
		case 1:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 2: // taken, and the answer lost
			rc.take(t, body)
			panic(http.ErrAbortHandler)
		case 3: // some network's own page, with its own 200
			io.WriteString(w, "<title>Welcome to our WLAN</title>")
		default:
			rc.take(t, body)
			receipt(t, w, body)
		}
	}))
	defer upload.Close()

	g := newGate(t, anchor)
	journalDir := t.TempDir()
	clock, uptime := start, time.Duration(0)
	var want [4]uint64
	wantStopped := 0
	for boot := range 12 {
		j, err := gate.OpenJournal(gate.JournalConfig{Dir: journalDir, City: "izmir", Key: key("device")}, clock)
		if err != nil {
			t.Fatal(err)
		}
		a, err := agent.New(agent.Config{
			Gate: g, Base: lists.URL, City: "izmir", Journal: j,
			Door: newDoor(t, upload.URL, func() time.Time { return clock }),
			Now:  func() time.Time { return clock }, Uptime: func() time.Duration { return uptime },
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Sync(context.Background()); err != nil {
			t.Fatal(err)
		}
		uptime = 0
		for range 50 {
			uptime += time.Second
			// The clock does what it likes: 1970, 2038, yesterday.
			clock = []time.Time{time.Unix(0, 0), time.Unix(1<<31, 0), start.AddDate(0, 0, -1), start.Add(uptime)}[rng.IntN(4)]
			ans := g.Ask(card(uint64(rng.IntN(3))), start, 0)
			if err := j.Record(ans, gate.Tap{At: clock, Uptime: uptime, Stop: 7}); err != nil {
				t.Fatal(err)
			}
			want[ans.Decision]++
			if ans.Stopped {
				wantStopped++
			}
			if rng.IntN(10) == 0 {
				a.HandIn(context.Background()) // may fail; then later
			}
		}
		if err := j.Flush(); err != nil {
			t.Fatal(err)
		}
		if boot%2 == 0 { // else the power is cut
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	j, err := gate.OpenJournal(gate.JournalConfig{Dir: journalDir, City: "izmir", Key: key("device")}, clock)
	if err != nil {
		t.Fatal(err)
	}
	last, err := agent.New(agent.Config{Gate: g, Base: lists.URL, City: "izmir", Journal: j, Door: newDoor(t, upload.URL, time.Now)})
	if err != nil {
		t.Fatal(err)
	}
	for try := 0; ; try++ {
		if err := last.HandIn(context.Background()); err == nil {
			break
		} else if try == 100 {
			t.Fatal(err)
		}
	}
	stopped, counted := rc.taps()
	if stopped != wantStopped {
		t.Errorf("stopped taps: got %d, want %d", stopped, wantStopped)
	}
	for d, n := range want {
		if counted[gate.Decision(d)] != n {
			t.Errorf("%v: got %d taps, want %d", gate.Decision(d), counted[gate.Decision(d)], n)
		}
	}
	newest := g.Status(start)
	for boot, batches := range rc.batches {
		for seq, b := range batches {
			if b.List != 0 && (b.List != newest.Sequence || !b.ListIssued.Equal(newest.Issued)) {
				t.Errorf("boot %v batch %d: says list %d of %v, want %d of %v", boot, seq, b.List, b.ListIssued, newest.Sequence, newest.Issued)
			}
		}
	}
	whole := 0
	for boot, batches := range rc.batches {
		whole += len(batches)
		for seq := range uint64(len(batches)) {
			if batches[seq+1] == nil {
				t.Errorf("boot %v: batch %d of %d is missing", boot, seq+1, len(batches))
			}
		}
	}
	if rc.posts <= whole {
		t.Errorf("posts: got %d for %d batches; no batch came twice, the test could not fail", rc.posts, whole)
	}
}

// TestAWeekOffline: what a device gathered in a week without a network fits its
// disk and arrives whole, also through a server that is full at times; what no
// server will take holds nothing up.
func TestAWeekOffline(t *testing.T) {
	dir, _, anchor := newList(t)
	lists := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer lists.Close()
	g := newGate(t, anchor)
	if _, err := g.Update(t.Context(), func(_ context.Context, name string, _ int64) ([]byte, error) {
		return os.ReadFile(filepath.Join(dir, "izmir", name))
	}); err != nil {
		t.Fatal(err)
	}
	rc := &receiver{batches: map[gate.Boot]map[uint64]*gate.Batch{}}
	var online atomic.Bool
	var posts atomic.Int64
	upload := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !online.Load() {
			panic(http.ErrAbortHandler)
		}
		body, _ := io.ReadAll(r.Body)
		if !signedNow(t, w, r, body) {
			return
		}
		switch n := posts.Add(1); {
		case n == 1: // the first batch holds one hour, all the others are one batch
			problem(w, http.StatusConflict, "tap.forked")
		case n == 2:
			w.Header().Set("Retry-After", "7")
			problem(w, http.StatusServiceUnavailable, "tap.full")
		default:
			rc.take(t, body)
			receipt(t, w, body)
		}
	}))
	defer upload.Close()
	clock, uptime := start, time.Duration(0)
	journalDir := t.TempDir()
	j, err := gate.OpenJournal(gate.JournalConfig{Dir: journalDir, City: "izmir", Key: key("device")}, clock)
	if err != nil {
		t.Fatal(err)
	}
	a, err := agent.New(agent.Config{Gate: g, Base: lists.URL, City: "izmir", Journal: j, Door: newDoor(t, upload.URL, func() time.Time { return clock }),
		Now: func() time.Time { return clock }, Uptime: func() time.Duration { return uptime }})
	if err != nil {
		t.Fatal(err)
	}
	taps := uint64(0)
	for range 7 * 24 { // the pause between tries is an hour, say
		for range 20 {
			if err := j.Record(g.Ask(card(taps%3), clock, 0), gate.Tap{At: clock, Uptime: uptime, Stop: 7}); err != nil {
				t.Fatal(err)
			}
			taps++
		}
		clock, uptime = clock.Add(time.Hour), uptime+time.Hour
		if err := a.HandIn(t.Context()); err == nil {
			t.Fatal("without a network: got no error")
		}
	}
	size := int64(0)
	entries, err := os.ReadDir(journalDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			size += info.Size()
		}
	}
	if size > 1<<20 {
		t.Errorf("a week's journal: got %d bytes, want less than a megabyte", size)
	}
	online.Store(true)
	for try := 0; ; try++ {
		err := a.HandIn(t.Context())
		if err == nil {
			break
		}
		var later door.Later
		if !errors.As(err, &later) || later.After != 7*time.Second || try > 10 {
			t.Fatalf("try %d: got %v, want to be asked to come back in 7 s", try, err)
		}
	}
	stopped, counted := rc.taps()
	all := uint64(0)
	for _, n := range counted {
		all += n
	}
	const aside = 20
	if all != taps-aside {
		t.Errorf("taps: got %d, want %d but for the %d put aside", all, taps, aside)
	}
	if got, want := stopped, int(taps-aside)/3; got < want-1 || got > want+1 {
		t.Errorf("stopped: got %d, want about %d", got, want)
	}
	left, err := filepath.Glob(filepath.Join(journalDir, "*-*"))
	if err != nil || len(left) != 2 {
		t.Errorf("left in the journal: got %q, want the open segment and the one put aside", left)
	}
	if n := posts.Load(); n > 5 {
		t.Errorf("posts for a week: got %d, want a handful", n)
	}
}

// TestOut: a device that was put out knows, says since when, and goes on
// deciding; once it is let in again it says so.
func TestOut(t *testing.T) {
	_, _, anchor := newList(t)
	g := newGate(t, anchor)
	out := true
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if out {
			problem(w, http.StatusForbidden, "tap.device")
			return
		}
		json.NewEncoder(w).Encode(door.Registration{City: "izmir", Device: statuslist.KeyIDOf(key("device").Public().(ed25519.PublicKey)).String()})
	}))
	defer srv.Close()
	a, err := agent.New(agent.Config{Gate: g, Base: srv.URL, City: "izmir", Door: newDoor(t, srv.URL, time.Now), Now: func() time.Time { return start }})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Report(t.Context()); !errors.Is(err, door.ErrOut) {
		t.Errorf("put out: got %v, want %v", err, door.ErrOut)
	}
	if got := a.Out(); !got.Equal(start) {
		t.Errorf("out since: got %v, want %v", got, start)
	}
	out = false
	if err := a.Report(t.Context()); err != nil || !a.Out().IsZero() {
		t.Errorf("let in again: got %v, out since %v, want neither", err, a.Out())
	}
}
