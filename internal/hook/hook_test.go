package hook_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	ics "github.com/arran4/golang-ical"

	"turnike/internal/access"
	"turnike/internal/audit"
	"turnike/internal/booking"
	"turnike/internal/hook"
	"turnike/internal/person"
	"turnike/internal/storage"
	"turnike/internal/storage/sqlstore"
	"turnike/internal/vault"
)

// world is a network's visits with a service of webhooks beside them, and a
// receiver that keeps what it is told.
type world struct {
	t      *testing.T
	store  *sqlstore.Store
	hooks  *hook.Service
	visits *booking.Service
	net    *booking.Network

	mu   sync.Mutex
	now  time.Time
	got  []call
	fail func(n int) int // status of the nth call, 0 for 204
	site *httptest.Server
}

type call struct {
	header http.Header
	body   []byte
	kind   string
	data   map[string]any
}

var who = audit.Actor{Kind: "staff", Ref: "ayse", Channel: "console"}

func newWorld(t *testing.T, private bool) *world {
	t.Helper()
	w := &world{t: t, now: time.Date(2021, 3, 16, 8, 0, 0, 0, time.UTC)}
	dir := t.TempDir()
	var err error
	if w.store, err = storage.Open(t.Context(), "sqlite:"+filepath.Join(dir, "t.db"), true); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.store.Close() })
	keys, err := vault.Open(t.Context(), vault.Config{Dir: filepath.Join(dir, "keys"), Stock: 10, Now: w.clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { keys.Close() })
	if w.net, err = booking.Shipped("izsu"); err != nil {
		t.Fatal(err)
	}
	w.hooks, err = hook.New(hook.Config{Store: sqlstore.As[hook.Tx](w.store), Seal: keys, Now: w.clock, AllowPrivate: private,
		Network: func(id string) (*booking.Network, bool) { return w.net, id == w.net.ID }})
	if err != nil {
		t.Fatal(err)
	}
	w.visits = booking.New(booking.Config{Store: sqlstore.As[booking.Tx](w.store), Network: w.net, Now: w.clock,
		Note: func(ctx context.Context, tx booking.Tx, facts []booking.Fact) error {
			return w.hooks.Note(ctx, tx.(hook.Tx), facts)
		}})
	if err := w.visits.Plan(t.Context(), w.today(), 5); err != nil {
		t.Fatal(err)
	}
	w.site = httptest.NewServer(http.HandlerFunc(w.receive))
	t.Cleanup(w.site.Close)
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

func (w *world) today() booking.Day { return booking.DayOf(w.clock(), w.net.Location()) }

func (w *world) receive(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.t.Error(err)
	}
	var m struct {
		Type string
		Data map[string]any
	}
	if err := json.Unmarshal(body, &m); err != nil {
		w.t.Errorf("body is no JSON: %v\n%s", err, body)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.got = append(w.got, call{r.Header.Clone(), body, m.Type, m.Data})
	status := http.StatusNoContent
	if w.fail != nil {
		if s := w.fail(len(w.got)); s != 0 {
			status = s
		}
	}
	rw.WriteHeader(status)
}

// calls are those since the last time.
func (w *world) calls() []call {
	w.mu.Lock()
	defer w.mu.Unlock()
	got := w.got
	w.got = nil
	return got
}

// settle delivers until nothing is due.
func (w *world) settle() {
	w.t.Helper()
	for {
		n, err := w.hooks.Once(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
}

func (w *world) endpoint(kinds ...string) (hook.Endpoint, string) {
	w.t.Helper()
	e, secret, err := w.hooks.AddEndpoint(w.t.Context(), hook.Endpoint{City: "izsu", Name: "CRM", URL: w.site.URL, Kinds: kinds}, who)
	if err != nil {
		w.t.Fatal(err)
	}
	return e, secret
}

func (w *world) book(n int, centre string, day booking.Day, unit int) booking.Visit {
	w.t.Helper()
	v, err := w.visits.Book(w.t.Context(), booking.Request{Centre: centre, Service: "closing", Day: day, Unit: unit, Channel: booking.Call,
		Actor: who, Who: booking.Who{Holder: person.Tag{1, byte(n), byte(n >> 8)}, Lang: "tr", Sealed: []byte("Ayşe Yılmaz 5320000017")}})
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

func kinds(cs []call) string {
	var ks []string
	for _, c := range cs {
		ks = append(ks, c.kind)
	}
	return strings.Join(ks, " ")
}

// TestLifeOfAVisit: each deed is told once, in order, signed, and says nothing
// of who comes.
func TestLifeOfAVisit(t *testing.T) {
	w := newWorld(t, true)
	_, secret := w.endpoint()
	day := w.today() + 1
	v := w.book(1, "konak", day, 36)
	if _, err := w.visits.Move(t.Context(), v.ID, "konak", day, 40, booking.Call, who); err != nil {
		t.Fatal(err)
	}
	other := w.book(2, "konak", day, 36)
	if _, err := w.visits.Cancel(t.Context(), other.ID, who); err != nil {
		t.Fatal(err)
	}
	w.settle()
	w.mu.Lock()
	w.now = w.net.Start(day, 40)
	w.mu.Unlock()
	k, err := w.visits.CheckIn(t.Context(), v.ID, who)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.visits.CallNext(t.Context(), "konak", k.Pool, "3", who); err != nil {
		t.Fatal(err)
	}
	if _, err := w.visits.Act(t.Context(), "konak", k.Number, booking.Finish, "3", "", who); err != nil {
		t.Fatal(err)
	}
	w.settle()
	got := w.calls()
	var mine []call
	seen := map[string]bool{}
	for _, c := range got {
		if c.data["visit"] == v.ID {
			mine = append(mine, c)
		}
		id := c.header.Get("Webhook-Id")
		if seen[id] {
			t.Errorf("told twice: %s", id)
		}
		seen[id] = true
		if bytes.Contains(c.body, []byte("532")) && bytes.Contains(c.body, []byte("0017")) || bytes.Contains(c.body, []byte("Ayşe")) {
			t.Errorf("got who comes in %s", c.body)
		}
	}
	if got, want := kinds(mine), "visit.booked visit.moved visit.arrived ticket.called visit.done"; got != want {
		t.Errorf("told of the visit: got %s, want %s", got, want)
	}
	if len(got) != 7 {
		t.Errorf("told: got %d (%s), want 7 with the cancelled one's two", len(got), kinds(got))
	}
	last := mine[len(mine)-1]
	if err := hook.Verify(secret, last.header, last.body, w.clock()); err != nil {
		t.Errorf("verify: got %v, want it signed", err)
	}
	for name, spoil := range map[string]func(h http.Header, b []byte) (http.Header, []byte, string, time.Time){
		"body": func(h http.Header, b []byte) (http.Header, []byte, string, time.Time) {
			return h, append(b, ' '), secret, w.clock()
		},
		"secret": func(h http.Header, b []byte) (http.Header, []byte, string, time.Time) {
			return h, b, secret + "AA", w.clock()
		},
		"time": func(h http.Header, b []byte) (http.Header, []byte, string, time.Time) {
			return h, b, secret, w.clock().Add(6 * time.Minute)
		},
		"id": func(h http.Header, b []byte) (http.Header, []byte, string, time.Time) {
			h.Set("Webhook-Id", "x")
			return h, b, secret, w.clock()
		},
	} {
		h, b, s, now := spoil(last.header.Clone(), bytes.Clone(last.body))
		if err := hook.Verify(s, h, b, now); !errors.Is(err, hook.ErrSign) {
			t.Errorf("with another %s: got %v, want %v", name, err, hook.ErrSign)
		}
	}
	if start := mine[1].data["start"]; start != "2021-03-17T10:00:00+03:00" {
		t.Errorf("start after the move: got %v, want the network's 10:00", start)
	}
	if from := mine[1].data["from"].(map[string]any)["start"]; from != "2021-03-17T09:00:00+03:00" {
		t.Errorf("where it was: got %v, want 09:00", from)
	}
}

// TestFullDayIsTold when the last place goes, and not before.
func TestFullDayIsTold(t *testing.T) {
	w := newWorld(t, true)
	w.endpoint(string(booking.FactFull))
	day := w.today() + 1
	for n := 1; ; n++ {
		slots, _, err := w.visits.Board().Slots("konak", day, "closing", 1, booking.Desk, w.clock())
		if err != nil {
			t.Fatal(err)
		}
		if len(slots) == 0 {
			break
		}
		w.settle()
		if got := w.calls(); len(got) > 0 {
			t.Fatalf("told with %d places left: got %s, want nothing yet", len(slots), kinds(got))
		}
		_, err = w.visits.Book(t.Context(), booking.Request{Centre: "konak", Service: "closing", Day: day, Unit: slots[0].Place.Unit,
			Channel: booking.Desk, Actor: who, Who: booking.Who{Holder: person.Tag{2, byte(n), byte(n >> 8)}}})
		if errors.Is(err, booking.ErrFull) {
			break // what is left is protected for those who telephone
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for n := 1; ; n++ {
		s, _, err := w.visits.Board().Slots("konak", day, "closing", 1, booking.Call, w.clock())
		if err != nil {
			t.Fatal(err)
		}
		if len(s) == 0 {
			break
		}
		if _, err := w.visits.Book(t.Context(), booking.Request{Centre: "konak", Service: "closing", Day: day, Unit: s[0].Place.Unit,
			Channel: booking.Call, Actor: who, Who: booking.Who{Holder: person.Tag{3, byte(n), byte(n >> 8)}}}); err != nil {
			t.Fatal(err)
		}
	}
	w.settle()
	got := w.calls()
	if kinds(got) != "day.full" || got[0].data["centre"] != "konak" || got[0].data["day"] != day.String() {
		t.Errorf("told: got %s %v, want day.full of konak once", kinds(got), got)
	}
}

// TestNothingIsLost: a receiver that fails gets everything later, in order; one
// that says no for three days is left alone, and gets it by a replay.
func TestNothingIsLost(t *testing.T) {
	w := newWorld(t, true)
	e, secret := w.endpoint("visit.booked", "visit.moved", "visit.cancelled")
	w.fail = func(n int) int { return http.StatusInternalServerError }
	day := w.today() + 2
	v := w.book(1, "konak", day, 36)
	if _, err := w.visits.Move(t.Context(), v.ID, "konak", day, 40, booking.Call, who); err != nil {
		t.Fatal(err)
	}
	if _, err := w.visits.Cancel(t.Context(), v.ID, who); err != nil {
		t.Fatal(err)
	}
	for range 6 {
		w.settle()
		w.pass(time.Minute)
	}
	if got := kinds(w.calls()); strings.Contains(got, "moved") || !strings.Contains(got, "visit.booked visit.booked") {
		t.Errorf("while the first fails: got %s, want it tried again and nothing overtaking it", got)
	}
	w.fail = nil
	for range 10 {
		w.pass(5 * time.Hour)
		w.settle()
	}
	if got, want := kinds(w.calls()), "visit.booked visit.moved visit.cancelled"; got != want {
		t.Errorf("once it is back: got %s, want %s", got, want)
	}
	log, err := w.hooks.Log(t.Context(), "izsu", e.ID, "", 10)
	if err != nil || len(log) != 3 || log[0].Kind != "visit.cancelled" || log[2].Attempts < 3 || log[2].State != hook.Delivered {
		t.Errorf("log: got %v %+v, want three delivered, the first after some attempts", err, log)
	}

	// Gone for good.
	w.fail = func(n int) int { return http.StatusBadGateway }
	begun := w.clock()
	w.book(2, "buca", w.today()+1, 36)
	for range 40 {
		w.settle()
		w.pass(2 * time.Hour)
	}
	at, err := w.hooks.Endpoint(t.Context(), "izsu", e.ID)
	if err != nil || at.State != hook.Failing {
		t.Fatalf("after three days: got %v and %v, want the endpoint left alone", at.State, err)
	}
	w.calls()
	w.pass(5 * time.Hour)
	w.settle()
	if got := w.calls(); len(got) > 0 {
		t.Errorf("left alone: got %s, want no calls", kinds(got))
	}
	if _, err := w.hooks.ReplaySince(t.Context(), "izsu", e.ID, begun, who); !errors.Is(err, hook.ErrOff) {
		t.Errorf("replay to one that is off: got %v, want %v", err, hook.ErrOff)
	}
	if err := w.hooks.Switch(t.Context(), "izsu", e.ID, true, who); err != nil {
		t.Fatal(err)
	}
	w.fail = nil
	n, err := w.hooks.ReplaySince(t.Context(), "izsu", e.ID, begun.Add(-100*time.Hour), who)
	if err != nil || n != 4 {
		t.Errorf("replay: got %d and %v, want all four", n, err)
	}
	w.settle()
	got := w.calls()
	if len(got) != 4 || got[0].header.Get("Webhook-Id") != log[2].Event {
		t.Errorf("replayed: got %s, want four under their own ids", kinds(got))
	}
	if err := hook.Verify(secret, got[0].header, got[0].body, w.clock()); err != nil {
		t.Errorf("replayed: got %v, want it signed anew", err)
	}
	if err := w.hooks.Replay(t.Context(), "izsu", e.ID, log[1].Event, who); err != nil {
		t.Fatal(err)
	}
	w.settle()
	if got := w.calls(); kinds(got) != "visit.moved" {
		t.Errorf("one replayed: got %s, want visit.moved", kinds(got))
	}
	if err := w.hooks.Test(t.Context(), "izsu", e.ID, who); err != nil {
		t.Fatal(err)
	}
	w.settle()
	if got := w.calls(); kinds(got) != "test.ping" {
		t.Errorf("test: got %s, want test.ping", kinds(got))
	}
}

// TestOnlyWhatHappened: a deed that is refused, or whose transaction fails, is
// told to nobody.
func TestOnlyWhatHappened(t *testing.T) {
	w := newWorld(t, true)
	w.endpoint()
	day := w.today() + 1
	w.book(1, "konak", day, 36)
	for range 2 {
		_, err := w.visits.Book(t.Context(), booking.Request{Centre: "konak", Service: "closing", Day: day, Unit: 37, Channel: booking.Call,
			Actor: who, Who: booking.Who{Holder: person.Tag{1, 1, 0}}})
		if !errors.Is(err, booking.ErrTwice) {
			t.Fatalf("booked twice: got %v, want %v", err, booking.ErrTwice)
		}
	}
	if _, err := w.visits.Hold(t.Context(), booking.Request{Centre: "konak", Service: "closing", Day: day, Unit: 38, Channel: booking.Web,
		Actor: who, Who: booking.Who{Holder: person.Tag{9}}}); err != nil {
		t.Fatal(err)
	}
	w.settle()
	if got := kinds(w.calls()); got != "visit.booked" {
		t.Errorf("told: got %q, want the one booking", got)
	}
	broken := errors.New("the disk is full")
	visits := booking.New(booking.Config{Store: sqlstore.As[booking.Tx](w.store), Network: w.net, Now: w.clock,
		Note: func(ctx context.Context, tx booking.Tx, facts []booking.Fact) error {
			if err := w.hooks.Note(ctx, tx.(hook.Tx), facts); err != nil {
				return err
			}
			return broken
		}})
	if _, err := visits.Book(t.Context(), booking.Request{Centre: "konak", Service: "meter", Day: day, Unit: 40, Channel: booking.Call,
		Actor: who, Who: booking.Who{Holder: person.Tag{7}}}); err == nil {
		t.Fatal("book: got no error, want the broken one")
	}
	w.settle()
	if got := kinds(w.calls()); got != "" {
		t.Errorf("told of what was undone: got %q, want nothing", got)
	}
}

// TestPairedCard is told to the city's help desks, without whose it is.
func TestPairedCard(t *testing.T) {
	w := newWorld(t, true)
	w.net.ID = "izmir-desks" // as the help desks' network is named
	e, _, err := w.hooks.AddEndpoint(t.Context(), hook.Endpoint{City: "izmir-desks", Name: "x", URL: w.site.URL, Kinds: []string{hook.KindPaired}}, who)
	if err != nil {
		t.Fatal(err)
	}
	for _, city := range []string{"izmir", "istanbul"} {
		if err := w.store.Update(t.Context(), func(tx *sqlstore.Tx) error {
			return w.hooks.Paired(t.Context(), tx, city, "web", w.clock())
		}); err != nil {
			t.Fatal(err)
		}
	}
	w.settle()
	got := w.calls()
	if kinds(got) != hook.KindPaired || fmt.Sprint(got[0].data) != "map[channel:web city:izmir]" {
		t.Errorf("told %s: got %s %v, want one pairing in izmir and nothing else of it", e.ID, kinds(got), got)
	}
	if _, _, err := w.hooks.AddEndpoint(t.Context(), hook.Endpoint{City: "izsu", Name: "x", URL: w.site.URL, Kinds: []string{hook.KindPaired}}, who); err == nil {
		t.Error("asked for by who has no cards: got an endpoint, want a fault")
	}
}

// TestSecretsRotate: for a day both sign, then the new one alone.
func TestSecretsRotate(t *testing.T) {
	w := newWorld(t, true)
	e, old := w.endpoint()
	fresh, err := w.hooks.Rotate(t.Context(), "izsu", e.ID, who)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		after          time.Duration
		oldOK, freshOK bool
	}{{time.Minute, true, true}, {hook.Overlap, false, true}} {
		w.pass(c.after)
		if err := w.hooks.Test(t.Context(), "izsu", e.ID, who); err != nil {
			t.Fatal(err)
		}
		w.settle()
		got := w.calls()
		if len(got) != 1 {
			t.Fatalf("after %v: got %d calls, want 1", c.after, len(got))
		}
		for secret, want := range map[string]bool{old: c.oldOK, fresh: c.freshOK} {
			if ok := hook.Verify(secret, got[0].header, got[0].body, w.clock()) == nil; ok != want {
				t.Errorf("after %v: got verified %v, want %v (new one: %v)", c.after, ok, want, secret == fresh)
			}
		}
	}
}

// TestNoCallsInside: an address inside is refused when it is written, and a
// name that leads inside when it is called.
func TestNoCallsInside(t *testing.T) {
	w := newWorld(t, false)
	for _, u := range []string{
		"http://example.com/", "https://127.0.0.1/", "https://10.1.2.3/x", "https://[::1]/", "https://169.254.169.254/latest",
		"https://[::ffff:192.168.1.1]/", "https://[64:ff9b::a00:1]/", "https://100.64.0.1/", "https://[fd00::1]/", "https://0.0.0.0/",
		"https://user:pw@example.com/", "https://example.com/#x", "ftp://example.com/", "https://", "nonsense",
	} {
		_, _, err := w.hooks.AddEndpoint(t.Context(), hook.Endpoint{City: "izsu", Name: "x", URL: u}, who)
		if !errors.Is(err, hook.ErrURL) {
			t.Errorf("%s: got %v, want %v", u, err, hook.ErrURL)
		}
	}
	port := w.site.URL[strings.LastIndexByte(w.site.URL, ':'):]
	e, _, err := w.hooks.AddEndpoint(t.Context(), hook.Endpoint{City: "izsu", Name: "inside by name", URL: "https://localhost" + port}, who)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.hooks.Test(t.Context(), "izsu", e.ID, who); err != nil {
		t.Fatal(err)
	}
	if _, err := w.hooks.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	log, err := w.hooks.Log(t.Context(), "izsu", e.ID, "", 1)
	if err != nil || len(log) != 1 || log[0].Error != "private" {
		t.Errorf("a name that leads inside: got %v %+v, want it refused", err, log)
	}
}

// TestStandardSignature is the example that the libraries of Standard Webhooks
// test themselves with.
func TestStandardSignature(t *testing.T) {
	h := http.Header{}
	h.Set("Webhook-Id", "msg_p5jXN8AQM9LWM0D4loKWxJek")
	h.Set("Webhook-Timestamp", "1614265330")
	h.Set("Webhook-Signature", "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
	err := hook.Verify("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", h, []byte(`{"test": 2432232314}`), time.Unix(1614265330, 0))
	if err != nil {
		t.Errorf("got %v, want it taken as ours", err)
	}
}

func TestKeys(t *testing.T) {
	w := newWorld(t, true)
	k, token, err := w.hooks.MakeKey(t.Context(), hook.Key{City: "izsu", Name: "Uygulama", Scopes: []access.Action{access.Queue},
		Centres: []string{"konak"}, Rate: 60}, who)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(token, "tk_izsu_") {
		t.Errorf("token: got %.8s..., want the tenant in front", token)
	}
	got, pace, err := w.hooks.Enter(t.Context(), token)
	if err != nil || got.ID != k.ID || pace.Limit != 60 || pace.Left != 59 {
		t.Errorf("enter: got %v %+v %+v, want the key and 59 left", err, got, pace)
	}
	if !got.May(access.Queue, "konak") || got.May(access.Queue, "buca") || got.May(access.Plan, "konak") {
		t.Errorf("may: got %+v, want the queue of konak alone", got)
	}
	for range 59 {
		if _, _, err := w.hooks.Enter(t.Context(), token); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := w.hooks.Enter(t.Context(), token); !errors.Is(err, hook.ErrTooFast) {
		t.Errorf("the 61st in a minute: got %v, want %v", err, hook.ErrTooFast)
	}
	w.pass(time.Second)
	if _, _, err := w.hooks.Enter(t.Context(), token); err != nil {
		t.Errorf("a second later: got %v, want one more", err)
	}
	for _, wrong := range []string{"", "tk_", token[:len(token)-1], token + "a", strings.Replace(token, "izsu", "else", 1), "tk_izsu_" + strings.Repeat("a", 52)} {
		if _, _, err := w.hooks.Enter(t.Context(), wrong); !errors.Is(err, hook.ErrKeyWrong) {
			t.Errorf("%.12s...: got %v, want %v", wrong, err, hook.ErrKeyWrong)
		}
	}
	for name, bad := range map[string]hook.Key{
		"no name":   {City: "izsu", Scopes: []access.Action{access.Queue}},
		"no scope":  {City: "izsu", Name: "x"},
		"keys":      {City: "izsu", Name: "x", Scopes: []access.Action{access.Keys}},
		"a person":  {City: "izsu", Name: "x", Scopes: []access.Action{access.ReadPerson}},
		"no centre": {City: "izsu", Name: "x", Scopes: []access.Action{access.Queue}, Centres: []string{"paris"}},
		"no tenant": {City: "paris", Name: "x", Scopes: []access.Action{access.Queue}},
		"rate":      {City: "izsu", Name: "x", Scopes: []access.Action{access.Queue}, Rate: 1_000_000},
	} {
		if _, _, err := w.hooks.MakeKey(t.Context(), bad, who); err == nil {
			t.Errorf("%s: got a key, want a fault", name)
		}
	}
	if err := w.hooks.RevokeKey(t.Context(), "izsu", k.ID, who); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.hooks.Enter(t.Context(), token); !errors.Is(err, hook.ErrKeyWrong) {
		t.Errorf("revoked: got %v, want %v", err, hook.ErrKeyWrong)
	}
}

// TestFeed is read by a parser of iCalendar and says when and what for, and not
// who.
func TestFeed(t *testing.T) {
	w := newWorld(t, true)
	day := w.today() + 1
	a, b := w.book(1, "konak", day, 36), w.book(2, "konak", day, 40)
	if _, err := w.visits.Cancel(t.Context(), b.ID, who); err != nil {
		t.Fatal(err)
	}
	f, token, err := w.hooks.MakeFeed(t.Context(), hook.Feed{City: "izsu", Account: "ayse", Centre: "konak", Lang: "en"}, who)
	if err != nil {
		t.Fatal(err)
	}
	got, err := w.hooks.OpenFeed(t.Context(), token)
	if err != nil || got.ID != f.ID {
		t.Fatalf("open: got %+v and %v, want the feed", got, err)
	}
	file, err := w.hooks.Calendar(t.Context(), got, w.visits)
	if err != nil {
		t.Fatal(err)
	}
	again, err := w.hooks.Calendar(t.Context(), got, w.visits)
	if err != nil || !bytes.Equal(file, again) {
		t.Errorf("again: got other bytes (%v), want the same for its tag", err)
	}
	c, err := ics.ParseCalendar(bytes.NewReader(file))
	if err != nil {
		t.Fatalf("parse: %v\n%s", err, file)
	}
	if n := len(c.Events()); n != 1 {
		t.Fatalf("entries: got %d, want the one that stands\n%s", n, file)
	}
	e := c.Events()[0]
	start, err := e.GetStartAt()
	if want := w.net.Start(day, 36); err != nil || !start.Equal(want) {
		t.Errorf("start: got %v (%v), want %v", start, err, want)
	}
	if s := string(file); !strings.Contains(s, "Closing") && !strings.Contains(s, "closing") || strings.Contains(s, "Ayşe") || strings.Contains(s, fmt.Sprint(uint32(a.Code))) {
		t.Errorf("file: want the service and neither name nor code\n%s", s)
	}
	if err := w.hooks.RevokeFeed(t.Context(), "izsu", f.ID, "veli", who); !errors.Is(err, hook.ErrUnknown) {
		t.Errorf("revoked by another: got %v, want %v", err, hook.ErrUnknown)
	}
	if err := w.hooks.RevokeFeed(t.Context(), "izsu", f.ID, "ayse", who); err != nil {
		t.Fatal(err)
	}
	if _, err := w.hooks.OpenFeed(t.Context(), token); !errors.Is(err, hook.ErrUnknown) {
		t.Errorf("revoked: got %v, want %v", err, hook.ErrUnknown)
	}
}
