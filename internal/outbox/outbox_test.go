package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gofrs/uuid/v5"

	"turnike/internal/notify"
	"turnike/internal/outbox"
	"turnike/internal/pairing"
	"turnike/internal/person"
	"turnike/internal/storage/sqlite"
	"turnike/internal/storage/sqlstore"
	"turnike/internal/vault"
)

const city = "izmir"

// gateway takes messages down and answers as it is told.
type gateway struct {
	mu    sync.Mutex
	calls []call
	// answer makes the receipt of a message; nil accepts all.
	answer func(n int, m notify.Message) notify.Receipt
	err    error         // of whole calls
	takes  time.Duration // how long a call takes
}

type call struct {
	at time.Time
	ms []notify.Message
}

func (g *gateway) Name() string { return "double" }

func (g *gateway) Send(ctx context.Context, ms []notify.Message) ([]notify.Receipt, error) {
	g.mu.Lock()
	g.calls = append(g.calls, call{time.Now(), ms})
	n, err, answer, takes := len(g.calls), g.err, g.answer, g.takes
	g.mu.Unlock()
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	rs := make([]notify.Receipt, len(ms))
	for i, m := range ms {
		rs[i] = notify.Receipt{ID: m.ID, Reference: "ref-" + m.ID}
		if answer != nil {
			rs[i] = answer(n, m)
		}
	}
	return rs, nil
}

func (g *gateway) sent() []call {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]call(nil), g.calls...)
}

// world is a store, keys, a gateway and a running worker.
type world struct {
	t     *testing.T
	store *sqlstore.Store
	keys  *vault.Vault
	gate  *gateway
	w     *outbox.Worker
	stop  func()
}

// in runs a test in a bubble, where hours pass at once.
func in(t *testing.T, test func(*world)) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		store, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(dir, "t.db"), Migrate: true})
		if err != nil {
			t.Fatal(err)
		}
		keys, err := vault.Open(t.Context(), vault.Config{Dir: filepath.Join(dir, "keys"), Stock: 1})
		if err != nil {
			t.Fatal(err)
		}
		w := &world{t: t, store: store, keys: keys, gate: &gateway{}}
		w.w = outbox.New(outbox.Config{Store: sqlstore.As[outbox.Tx](store), Sender: w.gate, Keys: keys})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { w.w.Run(ctx); close(done) }()
		w.stop = func() { cancel(); <-done }
		test(w)
		w.stop()
		keys.Close()
		store.Close()
	})
}

func (w *world) put(class notify.Class, text string, life time.Duration) (id string) {
	w.t.Helper()
	phone, err := person.ParsePhone("0532 000 00 01")
	if err != nil {
		w.t.Fatal(err)
	}
	id = uuid.Must(uuid.NewV7()).String()
	now := time.Now()
	q, err := pairing.SealMessage(w.keys, id, city, phone, text, class, now, now.Add(life))
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.store.Update(w.t.Context(), func(tx *sqlstore.Tx) error { return tx.Enqueue(w.t.Context(), q) }); err != nil {
		w.t.Fatal(err)
	}
	w.w.Wake(class)
	return id
}

func (w *world) message(id string) (m sqlstore.Message) {
	w.t.Helper()
	err := w.store.View(w.t.Context(), func(tx *sqlstore.Tx) (err error) {
		m, err = tx.Message(w.t.Context(), city, id)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return m
}

// ended waits, in the bubble's time, until a message has ended or a time is over.
func (w *world) ended(id string, most time.Duration) sqlstore.Message {
	w.t.Helper()
	for begun := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		if m := w.message(id); !m.Waiting || time.Since(begun) > most {
			return m
		}
	}
}

func TestSendsAndWipes(t *testing.T) {
	in(t, func(w *world) {
		begun := time.Now()
		id := w.put(notify.CodeClass, "493028 is your code", 5*time.Minute)
		m := w.ended(id, time.Minute)
		if m.Waiting || m.End != outbox.Sent || m.Reference != "ref-"+id || len(m.Sealed) != 0 {
			t.Errorf("message: got %+v, want it sent, with its reference and without its text", m)
		}
		calls := w.gate.sent()
		if len(calls) != 1 || len(calls[0].ms) != 1 || calls[0].ms[0].Text != "493028 is your code" || calls[0].ms[0].To.Reveal() != "905320000001" {
			t.Fatalf("calls: got %+v, want one with the text to the phone", calls)
		}
		if d := calls[0].at.Sub(begun); d > 200*time.Millisecond {
			t.Errorf("first code after a quiet time: left after %v, want at once", d)
		}
	})
}

func TestGathersCodes(t *testing.T) {
	in(t, func(w *world) {
		w.put(notify.CodeClass, "first", time.Minute)
		var ids []string
		for i := range 10 {
			time.Sleep(50 * time.Millisecond)
			ids = append(ids, w.put(notify.CodeClass, fmt.Sprint("code ", i), time.Minute))
		}
		for _, id := range ids {
			w.ended(id, time.Minute)
		}
		calls := w.gate.sent()
		if len(calls) > 3 {
			t.Errorf("eleven codes within a second: got %d calls, want them gathered", len(calls))
		}
		for i := 1; i < len(calls); i++ {
			if d := calls[i].at.Sub(calls[i-1].at); d < 900*time.Millisecond {
				t.Errorf("calls %d and %d: %v apart, want a second", i-1, i, d)
			}
		}
	})
}

func TestCampaignDoesNotDelayCodes(t *testing.T) {
	in(t, func(w *world) {
		w.gate.takes = 5 * time.Second
		for i := range 700 { // more than a batch
			w.put(notify.Commercial, fmt.Sprint("offer ", i), 24*time.Hour)
		}
		time.Sleep(time.Second) // the campaign's first call is under way
		begun := time.Now()
		id := w.put(notify.CodeClass, "code", time.Minute)
		w.ended(id, time.Minute)
		for _, c := range w.gate.sent() {
			if c.ms[0].Class == notify.CodeClass {
				if d := c.at.Sub(begun); d > 200*time.Millisecond {
					t.Errorf("code behind a campaign: left after %v, want at once", d)
				}
			}
		}
	})
}

func TestDeadCodeIsNeverSent(t *testing.T) {
	in(t, func(w *world) {
		w.gate.err = errors.New("gateway away")
		id := w.put(notify.CodeClass, "code", 20*time.Second)
		time.Sleep(15 * time.Second)
		w.gate.mu.Lock()
		tries := len(w.gate.calls)
		w.gate.calls, w.gate.err = nil, nil
		w.gate.takes = 0
		w.gate.answer = func(_ int, m notify.Message) notify.Receipt {
			if !time.Now().Before(m.Expires) {
				t.Errorf("a code was sent after its time")
			}
			return notify.Receipt{ID: m.ID, Err: errors.New("busy")}
		}
		w.gate.mu.Unlock()
		m := w.ended(id, time.Minute)
		if m.Waiting || m.End != outbox.Expired || len(m.Sealed) != 0 {
			t.Errorf("message: got %+v, want it expired and wiped", m)
		}
		if tries < 3 || tries > 8 {
			t.Errorf("tries in 15 s: got %d, want a few, further and further apart", tries)
		}
		if n := w.w.Metrics.Expired[notify.CodeClass].Load(); n != 1 {
			t.Errorf("expired: got %d, want 1", n)
		}
	})
}

func TestReceipts(t *testing.T) {
	in(t, func(w *world) {
		tries := map[string]int{} // by text; one lane, so one call at a time
		w.gate.answer = func(_ int, m notify.Message) notify.Receipt {
			r := notify.Receipt{ID: m.ID, Reference: "r"}
			tries[m.Text]++
			n := tries[m.Text]
			switch m.Text {
			case "bad":
				r.Err, r.Final = errors.New("no such number"), true
			case "slow":
				if n < 3 {
					r.Err = errors.New("try again")
				}
			case "lost":
				if n < 2 {
					r.ID = "somebody else's"
				}
			}
			return r
		}
		bad, slow := w.put(notify.Info, "bad", time.Hour), w.put(notify.Info, "slow", time.Hour)
		lost, good := w.put(notify.Info, "lost", time.Hour), w.put(notify.Info, "good", time.Hour)
		for _, c := range []struct {
			id       string
			end      outbox.End
			attempts int
			cause    string
		}{{bad, outbox.Failed, 1, "no such number"}, {good, outbox.Sent, 1, ""}} {
			m := w.ended(c.id, 30*time.Minute)
			if m.Waiting || m.End != c.end || m.Attempts != c.attempts || m.Error != c.cause || len(m.Sealed) != 0 {
				t.Errorf("message: got %+v, want end %d after %d, %q", m, c.end, c.attempts, c.cause)
			}
		}
		for _, id := range []string{slow, lost} {
			if m := w.ended(id, 30*time.Minute); m.End != outbox.Sent || m.Attempts < 2 {
				t.Errorf("message that was tried again: got %+v, want it sent at last", m)
			}
		}
	})
}

func TestWorkerDiesBeforeItsMark(t *testing.T) {
	in(t, func(w *world) {
		w.stop()
		id := w.put(notify.Info, "text", time.Hour)
		var claimed []notify.Queued
		now := time.Now()
		err := w.store.Update(w.t.Context(), func(tx *sqlstore.Tx) (err error) {
			claimed, err = tx.Claim(w.t.Context(), notify.Info, now, now.Add(time.Minute), 10)
			return err
		})
		if err != nil || len(claimed) != 1 {
			t.Fatalf("claim: got %d, %v, want one", len(claimed), err)
		}
		// That worker is dead now. Another one finds the message once the
		// lease is over, and no sooner.
		ctx, cancel := context.WithCancel(w.t.Context())
		done := make(chan struct{})
		go func() { w.w.Run(ctx); close(done) }()
		m := w.ended(id, 10*time.Minute)
		cancel()
		<-done
		calls := w.gate.sent()
		if m.End != outbox.Sent || m.Attempts != 2 || len(calls) != 1 || calls[0].at.Sub(now) < time.Minute {
			t.Errorf("message: got %+v in %d calls, want it sent once, by the second claim, after the lease", m, len(calls))
		}
	})
}

func TestUnreadableMessage(t *testing.T) {
	in(t, func(w *world) {
		q := notify.Queued{ID: uuid.Must(uuid.NewV7()).String(), City: city, Class: notify.Info, Sealed: []byte("nonsense"),
			DueAt: time.Now(), Expires: time.Now().Add(time.Hour)}
		if err := w.store.Update(w.t.Context(), func(tx *sqlstore.Tx) error { return tx.Enqueue(w.t.Context(), q) }); err != nil {
			t.Fatal(err)
		}
		good := w.put(notify.Info, "text", time.Hour)
		if m := w.ended(q.ID, time.Minute); m.End != outbox.Failed || m.Error != "unreadable" {
			t.Errorf("unreadable message: got %+v, want it failed", m)
		}
		if m := w.ended(good, time.Minute); m.End != outbox.Sent {
			t.Errorf("the one beside it: got %+v, want it sent", m)
		}
	})
}
