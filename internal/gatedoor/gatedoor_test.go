package gatedoor

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"turnike/gate"
	"turnike/gate/agent/door"
	"turnike/internal/audit"
	"turnike/internal/card"
	"turnike/internal/i18n"
	"turnike/internal/storage"
	"turnike/internal/storage/sqlstore"
	"turnike/internal/tap"
	"turnike/statuslist"
)

const town = "istanbul"

// world is a door over a real database.
type world struct {
	t     *testing.T
	store *sqlstore.Store
	reg   tap.Registry
	door  *Server
	url   string
}

func registry(s *sqlstore.Store) tap.Registry {
	return tap.Registry{Store: sqlstore.As[tap.RegistryTx](s), NewID: func() string { return uuid.Must(uuid.NewV7()).String() }}
}

func config(s *sqlstore.Store) Config {
	return Config{
		Taps: tap.Service{Store: sqlstore.As[tap.Tx](s), Known: &tap.Known{}}, Registry: registry(s),
		Kit: func(context.Context, string, int) (Kit, error) {
			return Kit{Fingerprint: "f1", Secrets: door.Secrets{TagKey: []byte("tag key"), ListSecret: []byte("list secret")}}, nil
		},
		City: func(id string) bool { return id == town || id == "izmir" }, Lists: "/lists", Now: time.Now,
	}
}

func newWorld(t *testing.T, change func(*Config)) *world {
	t.Helper()
	s, err := storage.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "t.db"), true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	cfg := config(s)
	if change != nil {
		change(&cfg)
	}
	w := &world{t: t, store: s, reg: cfg.Registry, door: New(cfg)}
	srv := httptest.NewServer(w.door.Handler())
	t.Cleanup(srv.Close)
	w.url = srv.URL
	return w
}

func key(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

func (w *world) client(name string, now func() time.Time) (*door.Client, *door.Identity) {
	w.t.Helper()
	id, err := door.NewIdentity(key(name))
	if err != nil {
		w.t.Fatal(err)
	}
	c, err := door.NewClient(door.ClientConfig{Server: w.url, City: town, Identity: id, Now: now})
	if err != nil {
		w.t.Fatal(err)
	}
	return c, id
}

var operator = audit.Actor{Kind: "staff", Ref: "op-1", Channel: "console"}

func (w *world) token() string {
	w.t.Helper()
	ks, err := w.reg.Issue(w.t.Context(), town, operator, []tap.Place{{Name: "Kadıköy 3", Stop: 7, Mode: 2}}, time.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	return ks[0].Text
}

// batch makes the sequence-th batch of a boot: ten taps that opened, one refused
// for a stop.
func batch(k ed25519.PrivateKey, boot gate.Boot, sequence uint64, before []byte) []byte {
	now := time.Now()
	b := gate.Batch{City: town, Boot: boot, Sequence: sequence, Sealed: now, Uptime: time.Hour, List: 5, ListIssued: now.Add(-time.Minute),
		Counts: []gate.Count{
			{Hour: 447416, Stop: 7, Issued: true, Class: statuslist.Class(card.Paired), Decision: gate.Admit, Taps: 10},
			{Hour: 447416, Stop: 7, Issued: true, Class: statuslist.Class(card.Paired), Decision: gate.Refuse, Taps: 1},
		},
		Stopped: []gate.Stopped{{Index: 9, Class: statuslist.Class(card.Paired), Stop: 7, At: now, Uptime: time.Hour, Sequence: 5, ListIssued: now.Add(-time.Minute)}},
	}
	if before != nil {
		b.Before = statuslist.Sum(before)
	}
	return b.Sign(k)
}

func (w *world) counted() (opened uint64, attempts int) {
	w.t.Helper()
	o, a, err := counted(w.t.Context(), w.store)
	if err != nil {
		w.t.Fatal(err)
	}
	return o, a
}

func counted(ctx context.Context, s *sqlstore.Store) (opened uint64, attempts int, err error) {
	err = s.View(ctx, func(tx *sqlstore.Tx) error {
		cs, err := tx.TapCounts(ctx, town, 0, 1<<40)
		if err != nil {
			return err
		}
		opened = tap.Sum(cs).All.Opened
		as, err := tx.TapAttempts(ctx, town, time.Unix(0, 0), time.Unix(1<<34, 0))
		attempts = len(as)
		return err
	})
	return opened, attempts, err
}

// TestThroughTheDoor: a device comes in by its token, whatever its clock says,
// gets its secrets, hands in and says how it is.
func TestThroughTheDoor(t *testing.T) {
	for name, clock := range map[string]func() time.Time{
		"right":     time.Now,
		"1970":      func() time.Time { return time.Unix(7, 0) },
		"2038":      func() time.Time { return time.Unix(1<<31, 0) },
		"yesterday": func() time.Time { return time.Now().AddDate(0, 0, -1) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			c, id := w.client("device", clock)
			token := w.token()
			for range 2 { // the second time as if the answer had been lost
				r, err := c.Enrol(t.Context(), token)
				if err != nil {
					t.Fatal(err)
				}
				s, err := id.Open(r)
				if err != nil || string(s.TagKey) != "tag key" || string(s.ListSecret) != "list secret" {
					t.Errorf("secrets: got %+v, %v", s, err)
				}
				if r.Name != "Kadıköy 3" || r.Stop != 7 || r.Mode != 2 || r.Fingerprint != "f1" || r.Lists != "/lists" {
					t.Errorf("registration: got %+v", r)
				}
			}
			file := batch(key("device"), gate.Boot{1}, 1, nil)
			for range 3 {
				if _, err := c.HandIn(t.Context(), file); err != nil {
					t.Fatal(err)
				}
			}
			if opened, attempts := w.counted(); opened != 10 || attempts != 1 {
				t.Errorf("taken: got %d opened and %d attempts, want 10 and 1", opened, attempts)
			}
			if _, err := c.Report(t.Context(), door.Status{List: 6, ListIssued: time.Now(), Waiting: 2, Program: "other/1"}); err != nil {
				t.Fatal(err)
			}
			fleet, err := w.reg.Fleet(t.Context(), town)
			if err != nil || len(fleet) != 1 {
				t.Fatalf("fleet: got %d, %v, want 1", len(fleet), err)
			}
			if h := fleet[0]; h.List != 6 || h.Waiting != 2 || h.Program != "other/1" || h.Level(time.Now()) != "fresh" || h.Taken != 1 {
				t.Errorf("state: got %+v", h)
			}
		})
	}
}

// TestRevokedAtOnce: on a clock of seconds, a device that was put out hands in
// nothing and gets no secret from then on, and learns it.
func TestRevokedAtOnce(t *testing.T) {
	w := newWorld(t, nil)
	c, id := w.client("device", nil)
	if _, err := c.Enrol(t.Context(), w.token()); err != nil {
		t.Fatal(err)
	}
	var before []byte
	revoked := make(chan struct{})
	taken := uint64(0)
	var since time.Time
	for i := uint64(1); ; i++ {
		if i == 5 {
			go func() {
				if err := w.reg.Revoke(context.WithoutCancel(t.Context()), town, gate.Device(id.ID()), operator, "stolen", time.Now()); err != nil {
					t.Error(err)
				}
				close(revoked)
			}()
		}
		file := batch(key("device"), gate.Boot{1}, i, before)
		_, err := c.HandIn(t.Context(), file)
		if err != nil {
			if !errors.Is(err, door.ErrOut) {
				t.Fatalf("batch %d: got %v, want %v", i, err, door.ErrOut)
			}
			break
		}
		taken, before = i, file
		select {
		case <-revoked:
			if since.IsZero() {
				since = time.Now()
			} else if time.Since(since) > time.Second {
				t.Fatal("a second after it was put out the device still hands in")
			}
		default:
		}
	}
	<-revoked
	if r, err := c.Report(t.Context(), door.Status{}); !errors.Is(err, door.ErrOut) || len(r.Sealed) != 0 {
		t.Errorf("status: got %d sealed bytes, %v, want none and %v", len(r.Sealed), err, door.ErrOut)
	}
	if opened, _ := w.counted(); opened != taken*10 {
		t.Errorf("opened: got %d, want %d", opened, taken*10)
	}
}

// TestRefused: what is not a device's own, fresh, signed word is refused by
// name, in the shape of RFC 9457, and a stranger's is told from a revoked
// device's by nothing.
func TestRefused(t *testing.T) {
	w := newWorld(t, nil)
	c, id := w.client("device", nil)
	if _, err := c.Enrol(t.Context(), w.token()); err != nil {
		t.Fatal(err)
	}
	stranger, _ := door.NewIdentity(key("stranger"))
	out, outID := w.client("out", nil)
	if _, err := out.Enrol(t.Context(), w.token()); err != nil {
		t.Fatal(err)
	}
	if err := w.reg.Revoke(t.Context(), town, gate.Device(outID.ID()), operator, "", time.Now()); err != nil {
		t.Fatal(err)
	}
	file := batch(key("device"), gate.Boot{1}, 1, nil)
	post := func(path, kind string, body []byte, as *door.Identity, at time.Time) *http.Request {
		r, err := http.NewRequest(http.MethodPost, w.url+path, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", kind)
		if as != nil {
			as.Sign(r, body, at)
		}
		return r
	}
	send := func(r *http.Request) (int, map[string]any) {
		t.Helper()
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var p map[string]any
		body, _ := io.ReadAll(resp.Body)
		if err := json.Unmarshal(body, &p); err != nil {
			t.Fatalf("answer: got %q", body)
		}
		if resp.StatusCode >= 400 && resp.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("Content-Type: got %q", resp.Header.Get("Content-Type"))
		}
		return resp.StatusCode, p
	}
	taps, enrol, status := door.Path(town, door.TapsPath), door.Path(town, door.EnrolPath), door.Path(town, door.StatusPath)
	enrolment := func(e door.Enrolment) []byte { b, _ := json.Marshal(e); return b }
	now := time.Now()
	var neutral []map[string]any
	for _, x := range []struct {
		name   string
		r      *http.Request
		status int
		code   string
	}{
		{"unsigned", post(taps, door.BatchType, file, nil, now), 401, "tap.signature"},
		{"a stranger", post(taps, door.BatchType, file, stranger, now), 403, "tap.device"},
		{"put out", post(taps, door.BatchType, file, outID, now), 403, "tap.device"},
		{"a stranger asks", post(status, "application/json", []byte("{}"), stranger, now), 403, "tap.device"},
		{"put out asks", post(status, "application/json", []byte("{}"), outID, now), 403, "tap.device"},
		{"signed yesterday", post(taps, door.BatchType, file, id, now.AddDate(0, 0, -1)), 401, "tap.clock"},
		{"no batch", post(taps, door.BatchType, []byte("hello"), id, now), 422, "tap.batch"},
		{"another city's batch", post(door.Path("izmir", door.TapsPath), door.BatchType, file, id, now), 403, "tap.device"},
		{"a city that is not", post(door.Path("mars", door.TapsPath), door.BatchType, file, id, now), 404, "path.unknown"},
		{"another type", post(taps, "text/plain", file, id, now), 422, "tap.body"},
		{"too large", post(status, "application/json", bytes.Repeat([]byte(" "), maxWord+1), id, now), 413, "tap.too_large"},
		{"no token", post(enrol, "application/json", enrolment(stranger.Enrol("AAAA-AAAA-AAAA")), stranger, now), 403, "tap.token"},
		{"somebody else's key", post(enrol, "application/json", enrolment(id.Enrol("AAAA-AAAA-AAAA")), stranger, now), 422, "tap.key"},
		{"no key", post(enrol, "application/json", []byte(`{"token":"x"}`), stranger, now), 422, "tap.key"},
		{"no such path", post("/gate/"+town+"/keys", "application/json", nil, id, now), 404, "path.unknown"},
	} {
		got, p := send(x.r)
		if got != x.status || p["code"] != x.code || p["type"] != "/api/problems/"+x.code {
			t.Errorf("%s: got %d %v, want %d %s", x.name, got, p, x.status, x.code)
		}
		if text, _ := p["detail"].(string); text == "" || !i18n.Has(i18n.Turkish, "fault."+x.code) {
			t.Errorf("%s: no sentence", x.name)
		}
		if x.code == "tap.device" {
			neutral = append(neutral, p)
		}
	}
	if !slices.EqualFunc(neutral, neutral, func(a, b map[string]any) bool { return maps.Equal(a, neutral[0]) && maps.Equal(b, neutral[0]) }) {
		t.Errorf("strangers and those put out are told apart: %v", neutral)
	}
	// The very same request a second time.
	r := post(taps, door.BatchType, file, id, now)
	if got, p := send(r.Clone(t.Context())); got != 200 {
		t.Errorf("the first: got %d %v", got, p)
	}
	again := r.Clone(t.Context())
	again.Body = io.NopCloser(bytes.NewReader(file))
	if got, p := send(again); got != 409 || p["code"] != "tap.replay" {
		t.Errorf("the same request again: got %d %v, want 409 tap.replay", got, p)
	}
	// Guessing ends soon.
	codes := map[string]int{}
	for i := range 230 {
		_, p := send(post(enrol, "application/json", enrolment(stranger.Enrol(fmt.Sprint("GUESS-", i))), stranger, time.Now()))
		codes[p["code"].(string)]++
	}
	if codes["tap.guess"] == 0 || codes["tap.token"] == 0 {
		t.Errorf("guessing: got %v, want it stopped", codes)
	}
}

// TestStorm: five thousand devices come back to the network in one moment. The
// door works on a few at a time, tells the others when to come back, each at a
// time of their own, and takes every batch once.
func TestStorm(t *testing.T) {
	devices := uint64(5000)
	if underRace {
		devices = 500
	}
	began, virtual := time.Now(), atomic.Int64{}
	now := func() time.Time { return began.Add(time.Duration(virtual.Load())) }
	w := newWorld(t, func(c *Config) { c.InFlight, c.Now = 8, now })
	type device struct {
		id   *door.Identity
		file []byte
		wait time.Duration
		done bool
	}
	all := make([]*device, devices)
	for i := range all {
		k := key(fmt.Sprint("bus ", i))
		id, err := door.NewIdentity(k)
		if err != nil {
			t.Fatal(err)
		}
		all[i] = &device{id: id, file: batch(k, gate.Boot{byte(i), byte(i >> 8), 1}, 1, nil)}
	}
	for part := range slices.Chunk(all, 500) {
		err := w.store.Update(t.Context(), func(tx *sqlstore.Tx) error {
			for _, d := range part {
				err := tx.PutTapDevice(t.Context(), tap.Device{City: town, ID: gate.Device(d.id.ID()), Key: d.id.Public(), Seal: d.id.SealPublic(), Place: tap.Place{Name: "bus"}, Enrolled: time.Now()})
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	h := w.door.Handler()
	waits := map[time.Duration]int{}
	var mu sync.Mutex
	var full atomic.Int64
	post := func(d *device) {
		r := httptest.NewRequest(http.MethodPost, door.Path(town, door.TapsPath), bytes.NewReader(d.file))
		r.Header.Set("Content-Type", door.BatchType)
		d.id.Sign(r, d.file, now())
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		switch rec.Code {
		case http.StatusOK:
			d.done = true
		case http.StatusServiceUnavailable:
			full.Add(1)
			d.wait, _ = time.ParseDuration(rec.Header().Get("Retry-After") + "s")
			mu.Lock()
			waits[d.wait]++
			mu.Unlock()
			if d.wait < time.Second {
				t.Errorf("Retry-After: got %q", rec.Header().Get("Retry-After"))
			}
		default:
			t.Errorf("got %d %s", rec.Code, rec.Body)
		}
	}
	// Virtual seconds: in each, those whose time has come knock together.
	left := all
	last := time.Duration(0)
	for second := time.Duration(0); len(left) > 0; second += time.Second {
		virtual.Store(int64(second))
		last = second
		if second > 20*time.Minute || t.Failed() {
			t.Fatalf("after %v: %d devices still wait", second, len(left))
		}
		var wg sync.WaitGroup
		gate := make(chan struct{}, 256)
		for _, d := range left {
			if d.wait > second {
				continue
			}
			gate <- struct{}{}
			wg.Go(func() {
				post(d)
				d.wait += second
				<-gate
			})
		}
		wg.Wait()
		left = slices.DeleteFunc(slices.Clone(left), func(d *device) bool { return d.done })
	}
	if full.Load() == 0 || len(waits) < 5 {
		t.Errorf("turned away: got %d with %d different waits; the door was never full, or they come back together", full.Load(), len(waits))
	}
	if opened, attempts := w.counted(); opened != devices*10 || attempts != int(devices) {
		t.Errorf("taken: got %d opened and %d attempts, want %d and %d", opened, attempts, devices*10, devices)
	}
	if full.Load() > 10*int64(devices) {
		t.Errorf("turned away: got %d times, want at most ten a device", full.Load())
	}
	t.Logf("%d devices, %d turned away, the last served after %v", devices, full.Load(), last)
}
