package report_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"turnike/gate"
	"turnike/internal/authority"
	"turnike/internal/card"
	"turnike/internal/city"
	"turnike/internal/notify"
	"turnike/internal/outbox"
	"turnike/internal/pairing"
	"turnike/internal/person"
	"turnike/internal/report"
	"turnike/internal/sandbox"
	"turnike/internal/storage"
	"turnike/internal/storage/sqlstore"
	"turnike/internal/storage/storagetest/pgtest"
	"turnike/internal/tap"
	"turnike/internal/vault"
)

// world is reports on a real store with real keys, and the sandbox's ministry
// at the other end of the line. Its clock stands still unless it is moved.
type world struct {
	t       *testing.T
	ctx     context.Context
	file    string // of the database, "" where there is none
	store   *sqlstore.Store
	keys    *vault.Vault
	cities  city.Set
	outside *sandbox.Sandbox
	svc     *report.Service
	direct  report.Channel
	folder  *authority.Folder
	seen    map[report.Why]int

	mu  sync.Mutex
	now time.Time
	n   int
}

// line is a channel that can be cut, before what is said arrives or after.
type line struct {
	report.Channel
	cut   func() bool
	after bool // it arrives, and the answer is lost
}

var errCut = errors.New("the line is cut")

func (l *line) Hand(ctx context.Context, city string, items []report.Item, now time.Time) []report.Answer {
	if !l.cut() {
		return l.Channel.Hand(ctx, city, items, now)
	}
	if l.after {
		l.Channel.Hand(ctx, city, items, now)
	}
	out := make([]report.Answer, len(items))
	for i := range out {
		out[i] = report.Answer{ID: items[i].ID, Err: errCut}
	}
	return out
}

// TestReports runs each on both engines, on an empty database.
func TestReports(t *testing.T) {
	tests := []struct {
		name string
		test func(*testing.T, *world)
	}{
		{"from tap to receipt", testReport},
		{"lifted before it was sent", testLiftedBeforeItWasSent},
		{"an answer lost", testAnswerLost},
		{"what a lift calls back", testWhatALiftCallsBack},
		{"a governor's office", testGovernor},
		{"many servers", testManyServers},
		{"too many in a day", testTooMany},
	}
	t.Run("sqlite", func(t *testing.T) {
		for _, c := range tests {
			t.Run(c.name, func(t *testing.T) { c.test(t, newSQLite(t)) })
		}
	})
	t.Run("postgres", func(t *testing.T) {
		cluster := pgtest.Start(t)
		for _, c := range tests {
			t.Run(c.name, func(t *testing.T) { c.test(t, newWorld(t, cluster.Database(t))) })
		}
	})
}

func newSQLite(t *testing.T) *world {
	t.Helper()
	file := filepath.Join(t.TempDir(), "x.db")
	w := newWorld(t, "sqlite:"+file)
	w.file = file
	return w
}

func newWorld(t *testing.T, dsn string) *world {
	t.Helper()
	w := &world{t: t, ctx: t.Context(), now: noon, seen: map[report.Why]int{}}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	w.cities, err = city.Shipped()
	must(err)
	w.store, err = storage.Open(w.ctx, dsn, true)
	must(err)
	t.Cleanup(func() { w.store.Close() })
	w.keys, err = vault.Open(w.ctx, vault.Config{Dir: filepath.Join(t.TempDir(), "keys"), Stock: 20, Now: w.clock})
	must(err)
	t.Cleanup(func() { w.keys.Close() })
	w.outside, err = sandbox.New(sandbox.Config{Now: w.clock})
	must(err)
	server := httptest.NewServer(w.outside.Handler())
	t.Cleanup(server.Close)
	sign, err := authority.SigningKey(filepath.Join(t.TempDir(), "report", "istanbul.key"))
	must(err)
	sealer, err := authority.NewSealer(w.outside.InteriorKey(), sign)
	must(err)
	receipt, err := base64.StdEncoding.DecodeString(w.outside.ReceiptKey())
	must(err)
	in, err := authority.NewInterior(authority.InteriorConfig{BaseURL: server.URL + sandbox.InteriorPath, User: sandbox.User, Password: sandbox.Password, Sealer: sealer, Receipt: receipt})
	must(err)
	w.direct = authority.Direct{Interior: in}
	w.folder = &authority.Folder{Sealer: sealer, Dir: t.TempDir(), Receipt: receipt, Zone: w.cities["izmir"].Location(), Hour: 7}
	w.svc = w.service(w.direct)
	for _, id := range []string{"istanbul", "izmir"} {
		w.update(func(tx *sqlstore.Tx) error {
			return tx.PutTapDevice(w.ctx, tap.Device{City: id, ID: gate.Device{1, 2, 3}, Key: make([]byte, 32), Place: tap.Place{Name: "A", Stop: 44}, Enrolled: w.now})
		})
	}
	return w
}

// service makes another server's rules over the same store, with a line of its
// own to the ministry.
func (w *world) service(direct report.Channel) *report.Service { return report.New(w.config(direct)) }

// madeOnly makes reports and sends none.
func (w *world) madeOnly() {
	w.t.Helper()
	cfg := w.config(w.direct)
	cfg.Reporting = nil
	w.work(report.New(cfg))
}

func (w *world) config(direct report.Channel) report.Config {
	return report.Config{
		Store: sqlstore.As[report.Tx](w.store), Keys: w.keys, Reporting: []string{"istanbul", "izmir"}, Now: w.clock,
		Cities: func(id string) (*city.Profile, bool) { p, ok := w.cities[id]; return p, ok },
		Channel: func(id string) (report.Channel, bool) {
			switch id {
			case "istanbul":
				return direct, true
			case "izmir":
				return w.folder, true
			}
			return nil, false
		},
		Considered: func(_ string, why report.Why) { w.mu.Lock(); w.seen[why]++; w.mu.Unlock() },
	}
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) next() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.n++
	return w.n
}

func (w *world) update(fn func(tx *sqlstore.Tx) error) {
	w.t.Helper()
	if err := w.store.Update(w.ctx, fn); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) work(s *report.Service) {
	w.t.Helper()
	for range 20 {
		n, err := s.Work(w.ctx)
		if err != nil {
			w.t.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
	w.t.Fatal("work has no end")
}

func newID(t *testing.T) string {
	id, err := uuid.NewV7()
	if err != nil {
		t.Fatal(err)
	}
	return id.String()
}

// rider is a holder whose card is stopped for isolation.
type rider struct {
	city   string
	number string
	card   uint32
	tag    person.Tag
	tie    pairing.Pairing
	stop   pairing.Isolation
}

// stopped makes a holder up whose card is stopped from now on, and lets the
// notice leave at once.
func (w *world) stopped(cityID string) rider {
	w.t.Helper()
	n := w.next()
	who := sandbox.TCKN("2610000" + string(rune('0'+n/10)) + string(rune('0'+n%10)))
	key, err := w.keys.NewKey(w.ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	r := rider{city: cityID, number: who.Reveal(), card: uint32(1000 + n), tag: w.keys.Tag(cityID, person.TagCard, newID(w.t))}
	rec := person.Record{ID: who, First: person.RestoreName("Ayşe"), Last: person.RestoreName("Yılmaz")}
	h := pairing.Person{City: cityID, ID: newID(w.t), Tag: rec.TagOf(w.keys, cityID), Key: key, CreatedAt: w.clock(), UpdatedAt: w.clock()}
	if h.Sealed, err = w.keys.Seal(w.ctx, key, "person/"+h.ID, rec.RevealBytes()); err != nil {
		w.t.Fatal(err)
	}
	r.tie = pairing.Pairing{City: cityID, ID: newID(w.t), CardTag: r.tag, Last4: "0001", PersonID: h.ID, PersonTag: h.Tag, Channel: "web", Lang: "tr", At: w.clock()}
	m := notify.Queued{ID: newID(w.t), City: cityID, Class: notify.Info, DueAt: w.clock(), Expires: w.clock().Add(time.Hour)}
	p := w.cities[cityID]
	r.stop = pairing.Isolation{City: cityID, ID: newID(w.t), CardTag: r.tag, Place: int64(r.card), PairingID: r.tie.ID, Since: w.clock(),
		UntilDay: card.DayOf(w.clock(), p.Location()) + 10, NoticeID: m.ID, Confirmed: w.clock(), Source: "authority:check:77"}
	w.update(func(tx *sqlstore.Tx) error {
		return errors.Join(tx.InsertPerson(w.ctx, h), tx.InsertPairing(w.ctx, r.tie), tx.InsertIsolation(w.ctx, r.stop), tx.Enqueue(w.ctx, m),
			tx.PutReason(w.ctx, cityID, r.tag, card.Reason{Kind: card.Isolation, Since: r.stop.Since, UntilDay: r.stop.UntilDay, Provenance: r.stop.Source}))
	})
	w.update(func(tx *sqlstore.Tx) error {
		qs, err := tx.Claim(w.ctx, notify.Info, w.clock(), w.clock().Add(time.Minute), 10)
		for _, q := range qs {
			if _, e := tx.Finish(w.ctx, q, outbox.Sent, "ref", "", w.clock()); e != nil {
				err = e
			}
		}
		return err
	})
	return r
}

// taps is the rider's card, held to a gate just now and uploaded at once.
func (w *world) taps(r rider, change ...func(*tap.Attempt)) tap.Attempt {
	w.t.Helper()
	now := w.clock()
	a := tap.Attempt{City: r.city, Device: gate.Device{1, 2, 3}, Boot: gate.Boot{9}, Batch: uint64(w.next()), Card: r.card, Class: card.Paired, Stop: 44, Mode: 2,
		Clock: now, Earliest: now.Add(-time.Minute), Latest: now, Certain: true, Sequence: 12, ListIssued: now.Add(-time.Minute)}
	for _, f := range change {
		f(&a)
	}
	w.update(func(tx *sqlstore.Tx) error { return tx.InsertAttempts(w.ctx, []tap.Attempt{a}) })
	return a
}

// lift is the ministry of health saying that the rider is free: what pairing
// does in one transaction.
func (w *world) lift(r rider, end pairing.IsolationEnd) {
	w.t.Helper()
	w.update(func(tx *sqlstore.Tx) error {
		i, err := tx.Isolation(w.ctx, r.city, r.stop.ID)
		if err != nil {
			return err
		}
		i.Ended, i.End = w.clock(), end
		return errors.Join(tx.UpdateIsolation(w.ctx, i), tx.DropReason(w.ctx, r.city, r.tag, card.Isolation))
	})
}

// confirm is the ministry of health saying that the stop still holds.
func (w *world) confirm(r rider) {
	w.t.Helper()
	w.update(func(tx *sqlstore.Tx) error {
		i, err := tx.Isolation(w.ctx, r.city, r.stop.ID)
		if err != nil {
			return err
		}
		i.Confirmed = w.clock()
		return tx.UpdateIsolation(w.ctx, i)
	})
}

func (w *world) list(cityID string) []report.Report {
	w.t.Helper()
	rs, err := w.svc.List(w.ctx, cityID, "", 100)
	if err != nil {
		w.t.Fatal(err)
	}
	return rs
}

// want holds a city's newest report to a state.
func (w *world) want(what, cityID string, state report.State) report.Report {
	w.t.Helper()
	rs := w.list(cityID)
	if len(rs) == 0 {
		w.t.Fatalf("%s: got no report (attempts: %v), want one %v", what, w.seen, state)
	}
	if rs[0].State != state {
		w.t.Fatalf("%s: got %v (%s), want %v", what, rs[0].State, rs[0].Error, state)
	}
	return rs[0]
}

// ministry is what the receiver can read now: reports that stand.
func (w *world) ministry() (standing []report.Content, withdrawn int) {
	w.t.Helper()
	for _, r := range w.outside.Reports() {
		if !r.Withdrawn.IsZero() {
			withdrawn++
			continue
		}
		var c report.Content
		if err := json.Unmarshal(r.Opened, &c); err != nil {
			w.t.Fatal(err)
		}
		standing = append(standing, c)
	}
	return standing, withdrawn
}
