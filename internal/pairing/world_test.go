package pairing_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"turnike/internal/audit"
	"turnike/internal/card"
	"turnike/internal/city"
	"turnike/internal/fault"
	"turnike/internal/health"
	"turnike/internal/notify"
	"turnike/internal/outbox"
	"turnike/internal/pairing"
	"turnike/internal/person"
	"turnike/internal/sandbox"
	"turnike/internal/storage"
	"turnike/internal/storage/sqlstore"
	"turnike/internal/storage/storagetest/pgtest"
	"turnike/internal/vault"
)

// errAway is what the outside world gives while it is away.
var errAway = errors.New("nobody answers")

// ministry stands for the health ministry and the identity register: it says
// what a test has told it to, and counts how often it was asked.
type ministry struct {
	mu     sync.Mutex
	codes  map[health.Code]health.Verdict
	no     map[person.ID]bool // whom the register does not know so
	away   bool
	checks int
}

func (m *ministry) Check(_ context.Context, c health.Code) (health.Answer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.checks++
	if m.away {
		return health.Answer{}, errAway
	}
	v, ok := m.codes[c]
	if !ok {
		return health.Answer{}, health.ErrCodeUnknown
	}
	return v.Answer, v.Err
}

func (m *ministry) CheckMany(ctx context.Context, cs []health.Code) (map[health.Code]health.Verdict, error) {
	out := map[health.Code]health.Verdict{}
	for _, c := range cs {
		a, err := m.Check(ctx, c)
		if errors.Is(err, errAway) {
			return nil, err
		}
		out[c] = health.Verdict{Answer: a, Err: err}
	}
	return out, nil
}

func (m *ministry) Verify(_ context.Context, c person.Claim) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away {
		return false, errAway
	}
	return !m.no[c.ID], nil
}

// set changes what the ministry says of a code.
func (m *ministry) set(code string, change func(*health.Verdict)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := health.RestoreCode(code)
	v := m.codes[c]
	change(&v)
	m.codes[c] = v
}

func (m *ministry) leave(away bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.away = away
}

// tb is what a world needs of a test, so that a property's steps can have one.
type tb interface {
	Helper()
	Error(...any)
	Errorf(string, ...any)
	Fatal(...any)
	Fatalf(string, ...any)
}

// world is pairing's rules on a real store with real keys. Its clock stands
// still unless it is moved.
type world struct {
	t       tb
	ctx     context.Context
	svc     *pairing.Service
	store   *sqlstore.Store
	keys    *vault.Vault
	cities  city.Set
	outside *ministry

	mu    sync.Mutex
	now   time.Time
	n     int
	texts map[string][]notify.Message // by phone, 905...
}

// engines runs a test on both engines, each time on an empty database.
func engines(t *testing.T, tests []namedTest) {
	t.Run("sqlite", func(t *testing.T) {
		for _, c := range tests {
			t.Run(c.name, func(t *testing.T) { c.test(newWorld(t, "sqlite:"+filepath.Join(t.TempDir(), "x.db"))) })
		}
	})
	t.Run("postgres", func(t *testing.T) {
		cluster := pgtest.Start(t)
		for _, c := range tests {
			t.Run(c.name, func(t *testing.T) { c.test(newWorld(t, cluster.Database(t))) })
		}
	})
}

type namedTest struct {
	name string
	test func(*world)
}

// began is a morning before İstanbul's deadline and after İzmir's.
var began = time.Date(2021, 1, 12, 7, 0, 0, 0, time.UTC)

func newWorld(t testing.TB, dsn string, more ...func(*pairing.Config)) *world {
	t.Helper()
	w := &world{t: t, ctx: context.Background(), now: began, texts: map[string][]notify.Message{},
		outside: &ministry{codes: map[health.Code]health.Verdict{}, no: map[person.ID]bool{}}}
	var err error
	if w.cities, err = city.Shipped(); err != nil {
		t.Fatal(err)
	}
	if w.store, err = storage.Open(w.ctx, dsn, true); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.store.Close() })
	if w.keys, err = vault.Open(w.ctx, vault.Config{Dir: filepath.Join(t.TempDir(), "keys"), Stock: 50, Now: w.clock}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.keys.Close() })
	cfg := pairing.Config{
		Store: sqlstore.As[pairing.Tx](w.store), Keys: w.keys, Register: w.outside, Authority: w.outside, Now: w.clock,
		Cities: func(id string) (*city.Profile, bool) { p, ok := w.cities[id]; return p, ok },
	}
	for _, f := range more {
		f(&cfg)
	}
	w.svc = pairing.New(cfg)
	return w
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

// must fails the test on an error that no rule gives.
func must[T any](w *world, v T, err error) T {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

func (w *world) is(what string, err, want error) {
	w.t.Helper()
	if !errors.Is(err, want) {
		w.t.Errorf("%s: got %v, want %v", what, err, want)
	}
}

func same[T comparable](w *world, what string, got, want T) {
	w.t.Helper()
	if got != want {
		w.t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// rider is a made-up person with a card, a phone and a HES code.
type rider struct {
	city   string
	phone  string // 905...
	card   string
	id     person.ID
	hes    string
	fields map[string]string
}

// rider makes a person up whom nobody has seen before. Phones stand in blocks of
// their own.
func (w *world) rider(cityID string) rider {
	n := w.next()
	r := rider{city: cityID, phone: fmt.Sprintf("90532%07d", n*1001), card: w.card(cityID, n), id: sandbox.TCKN(fmt.Sprintf("%09d", 251_000_000+n*7))}
	r.fields = map[string]string{
		"first_name": "Ayşe", "last_name": "Yıldırım", "birth_day": "14", "birth_month": "3", "birth_year": "1985",
		"email": "ayse@ornek.example", "phone": r.phone, "card": r.card, "province": "44", "citizen": "tc", "id": r.id.Reveal(),
	}
	r.hes = w.code(r, false)
	r.fields["hes"] = r.hes
	for _, b := range w.cities[cityID].Form.Boxes {
		r.fields["box_"+b.ID] = "1"
	}
	return r
}

// card is the n-th card of a city's first range.
func (w *world) card(cityID string, n int) string {
	s := w.cities[cityID].Schemes[0]
	if len(s.Ranges) == 0 {
		return fmt.Sprintf("%0*d", int(s.Digits), 44_000_000+n)
	}
	for i := uint64(0); ; i++ { // payloads to printed numbers, check digit and all
		for _, digits := range []string{fmt.Sprintf("%0*d", int(s.Digits), s.Ranges[0].First+uint64(n)), fmt.Sprintf("%0*d%d", int(s.Digits)-1, s.Ranges[0].First+uint64(n), i)} {
			if _, err := w.cities[cityID].ParseCard(digits); err == nil && len(digits) == int(s.Digits) {
				return digits
			}
		}
		if i > 9 {
			w.t.Fatalf("%s: no such card", cityID)
		}
	}
}

// code gives a rider a HES code that the ministry knows.
func (w *world) code(r rider, risky bool) string {
	c := fmt.Sprintf("K7X2%06d", w.next())
	id := r.id.Reveal()
	w.outside.set(c, func(v *health.Verdict) {
		v.Answer = health.Answer{Risky: risky, Expires: w.clock().AddDate(50, 0, 0), MaskedID: "********" + id[len(id)-3:], MaskedFirst: "AY****", MaskedLast: "YI****"}
	})
	return c
}

func (r rider) with(kv ...string) rider {
	r.fields = maps.Clone(r.fields)
	for i := 0; i < len(kv); i += 2 {
		r.fields[kv[i]] = kv[i+1]
		switch kv[i] {
		case "card":
			r.card = kv[i+1]
		case "phone":
			r.phone = kv[i+1]
		case "hes":
			r.hes = kv[i+1]
		}
	}
	return r
}

func (r rider) input(k pairing.Kind) pairing.Input {
	return pairing.Input{City: r.city, Kind: k, Lang: "tr", Channel: "web", Fields: maps.Clone(r.fields)}
}

func (w *world) begin(r rider, k pairing.Kind) (pairing.View, error) {
	return w.svc.Begin(w.ctx, r.input(k))
}

// deliver takes what waits in the outbox, as a gateway would, but at once.
func (w *world) deliver() {
	w.t.Helper()
	now := w.clock()
	for _, class := range []notify.Class{notify.CodeClass, notify.Info} {
		for {
			var got []notify.Queued
			err := w.store.Update(w.ctx, func(tx *sqlstore.Tx) (err error) {
				got, err = tx.Claim(w.ctx, class, now, now.Add(time.Minute), 500)
				if err != nil {
					return err
				}
				for _, q := range got {
					if _, err := tx.Finish(w.ctx, q, outbox.Sent, "ref", "", now); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				w.t.Fatal(err)
			}
			for _, q := range got {
				if q.Expires.Before(now) {
					continue
				}
				m := must2(pairing.OpenMessage(w.keys, q))(w)
				w.mu.Lock()
				w.texts[m.To.Reveal()] = append(w.texts[m.To.Reveal()], m)
				w.mu.Unlock()
			}
			if len(got) == 0 {
				break
			}
		}
	}
}

func must2[T any](v T, err error) func(*world) T {
	return func(w *world) T { w.t.Helper(); return must(w, v, err) }
}

// inbox is what a phone has got so far, oldest first.
func (w *world) inbox(phone string) []string {
	w.t.Helper()
	w.deliver()
	var out []string
	for _, m := range w.texts[phone] {
		out = append(out, m.Text)
	}
	return out
}

var sixDigits = regexp.MustCompile(`^\d{6}\b`)

// lastCode is the newest code on a phone.
func (w *world) lastCode(phone string) string {
	w.t.Helper()
	for _, s := range slices.Backward(w.inbox(phone)) {
		if c := sixDigits.FindString(s); c != "" {
			return c
		}
	}
	w.t.Fatalf("no code on the phone")
	return ""
}

// got tells whether a phone has a text that holds the words, and fails
// otherwise.
func (w *world) got(what, phone, words string) {
	w.t.Helper()
	box := w.inbox(phone)
	if !slices.ContainsFunc(box, func(s string) bool { return strings.Contains(s, words) }) {
		w.t.Errorf("%s: got texts %q, want one that says %q", what, box, words)
	}
}

// wrong is a code that is not this one.
func wrong(code string) string {
	if code[5] == '9' {
		return code[:5] + "0"
	}
	return code[:5] + string(code[5]+1)
}

// through begins a request and types its code.
func (w *world) through(r rider, k pairing.Kind) pairing.View {
	w.t.Helper()
	w.pass(6 * time.Minute) // clear of the phone's own limits
	v := must2(w.begin(r, k))(w)
	same(w, "stage before the code", v.Stage, pairing.StageCode)
	return must2(w.svc.Enter(w.ctx, r.city, v.Token, w.lastCode(r.phone)))(w)
}

// pair pairs a card, to the end.
func (w *world) pair(r rider) pairing.View {
	w.t.Helper()
	v := w.through(r, pairing.Pair)
	same(w, "stage after the code", v.Stage, pairing.StageReceived)
	w.got("paired", r.phone, "eslesti")
	return v
}

func (w *world) tag(r rider) person.Tag {
	province := 0
	if w.cities[r.city].Asks("province") {
		province = 44
	}
	n := must2(w.cities[r.city].ParseCard(r.card))(w)
	return w.keys.Tag(r.city, person.TagCard, fmt.Sprintf("%d:%d:%s", province, n.Scheme, n.Reveal()))
}

func (w *world) view(f func(tx *sqlstore.Tx) error) {
	w.t.Helper()
	if err := w.store.View(w.ctx, f); err != nil {
		w.t.Fatal(err)
	}
}

// status is a card's row; ok is false where it has none.
func (w *world) status(r rider) (c pairing.Card, ok bool) {
	w.t.Helper()
	w.view(func(tx *sqlstore.Tx) (err error) {
		c, err = tx.Card(w.ctx, r.city, w.tag(r))
		ok = err == nil
		if errors.Is(err, pairing.ErrNoRow) {
			return nil
		}
		return err
	})
	return c, ok
}

// live is a card's live tie.
func (w *world) live(r rider) (p pairing.Pairing, ok bool) {
	w.t.Helper()
	w.view(func(tx *sqlstore.Tx) (err error) {
		p, err = tx.LiveByCard(w.ctx, r.city, w.tag(r))
		ok = err == nil
		if errors.Is(err, pairing.ErrNoRow) {
			return nil
		}
		return err
	})
	return p, ok
}

// log is a city's audit, oldest first.
func (w *world) log(cityID string) []audit.Entry { return w.logAfter(cityID, "") }

// logAfter is the audit behind a row.
func (w *world) logAfter(cityID, after string) (all []audit.Entry) {
	w.t.Helper()
	w.view(func(tx *sqlstore.Tx) error {
		for {
			page, err := tx.AuditPage(w.ctx, cityID, after, 500)
			if err != nil || len(page) == 0 {
				return err
			}
			all, after = append(all, page...), page[len(page)-1].ID
		}
	})
	return all
}

func (w *world) wantCard(what string, r rider, class card.Class, stop int32) {
	w.t.Helper()
	c, ok := w.status(r)
	if !ok || c.Class != class || c.StopUntil != stop {
		w.t.Errorf("%s: got card %v stopped until %d (row: %v), want %v until %d", what, c.Class, c.StopUntil, ok, class, stop)
	}
	var reasons []card.Reason
	w.view(func(tx *sqlstore.Tx) (err error) {
		reasons, err = tx.Reasons(w.ctx, r.city, w.tag(r))
		return err
	})
	for _, why := range reasons {
		if why.Provenance == "" {
			w.t.Errorf("%s: a reason without provenance: %+v", what, why)
		}
	}
	if st := card.StatusOf(c.Class, reasons); ok && c.Class != card.Dead && (st.Class != c.Class || st.StopUntil != c.StopUntil) {
		w.t.Errorf("%s: got row %v until %d, want what follows from its reasons: %+v", what, c.Class, c.StopUntil, st)
	}
}

// shown is a view without what may differ between two askers: token, reference
// and what they typed themselves.
func shown(v pairing.View, r rider) string {
	v.Token, v.Reference = "", ""
	s := fmt.Sprintf("%+v", v)
	for _, own := range []struct{ value, as string }{{r.card, "CARD"}, {r.phone, "PHONE"}, {v.Phone, "MASKED"}, {r.hes, "HES"}, {r.id.Reveal(), "ID"}, {"Card:" + v.Card, "Card:LAST"}} {
		if own.value != "" {
			s = strings.ReplaceAll(s, own.value, own.as)
		}
	}
	return s
}

// faultOf is the one fault in an error.
func faultOf(err error) *fault.Fault {
	if l := fault.Of(err); len(l) == 1 {
		return l[0]
	}
	return &fault.Fault{}
}
