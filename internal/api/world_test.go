package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"turnike/internal/api"
	"turnike/internal/authority"
	"turnike/internal/booking"
	"turnike/internal/city"
	"turnike/internal/hook"
	"turnike/internal/outbox"
	"turnike/internal/pairing"
	"turnike/internal/person"
	"turnike/internal/sandbox"
	"turnike/internal/sms"
	"turnike/internal/storage"
	"turnike/internal/storage/sqlstore"
	"turnike/internal/vault"
	"turnike/statuslist"
)

// world is the interface over a real store and real keys, with the sandbox as
// the outside world. Its clock stands still unless it is moved.
type world struct {
	t       testing.TB
	handler http.Handler
	sandbox *sandbox.Sandbox
	worker  *outbox.Worker
	service *pairing.Service
	doc     *openapi3.T
	router  routers.Router
	log     *lockedBuffer
	head    *statuslist.Head
	cities  city.Set
	// Appointments: networks of centres, keys, and how many codes were sent.
	networks map[string]api.Visits
	hooks    *hook.Service
	*moving
}

// described is the document with its router. It is the same in every world, and
// checking all of it takes longer than opening one.
var described struct {
	sync.Once
	doc    *openapi3.T
	router routers.Router
	err    error
}

// moving is what changes in a world: the time, and numbers given out.
type moving struct {
	mu  sync.Mutex
	now time.Time
	n   int
}

// in is the same world, failing another test.
func (w *world) in(t testing.TB) *world {
	c := *w
	c.t = t
	return &c
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func newWorld(t testing.TB) *world {
	t.Helper()
	ctx := context.Background()
	w := &world{t: t, log: &lockedBuffer{}, moving: &moving{now: time.Date(2021, 1, 10, 9, 0, 0, 0, time.UTC)}}
	log := slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	store, err := storage.Open(ctx, "sqlite:"+filepath.Join(dir, "city.db"), true)
	must(err)
	t.Cleanup(func() { store.Close() })
	keys, err := vault.Open(ctx, vault.Config{Dir: filepath.Join(dir, "keys"), Stock: 20, Now: w.clock})
	must(err)
	t.Cleanup(func() { keys.Close() })
	cities, err := city.Shipped()
	must(err)
	w.cities = cities

	w.sandbox, err = sandbox.New(sandbox.Config{Now: w.clock})
	must(err)
	outside := httptest.NewServer(w.sandbox.Handler())
	t.Cleanup(outside.Close)
	hes, err := authority.NewHES(authority.HESConfig{BaseURL: outside.URL + sandbox.HESPath, User: sandbox.User, Password: sandbox.Password})
	must(err)
	nvi, err := authority.NewNVI(authority.NVIConfig{BaseURL: outside.URL + sandbox.NVIPath})
	must(err)
	sender, err := sms.Open(sms.Config{Driver: "netgsm", URL: outside.URL + sandbox.GatewayPath("netgsm"), User: sandbox.User, Password: sandbox.Password, Header: sandbox.Header, Now: w.clock})
	must(err)

	w.service = pairing.New(pairing.Config{
		Store: sqlstore.As[pairing.Tx](store), Keys: keys, Register: nvi, Authority: hes, Now: w.clock, Log: log,
		Cities: func(id string) (*city.Profile, bool) { p, ok := cities[id]; return p, ok },
	})
	w.worker = outbox.New(outbox.Config{Store: sqlstore.As[outbox.Tx](store), Sender: sender, Keys: keys, Now: w.clock, Log: log})
	w.openVisits(sqlstore.As[booking.Tx](store), sqlstore.As[hook.Tx](store), keys)
	w.handler, err = api.New(api.Config{
		Networks: func() map[string]api.Visits { return w.networks }, Keys: w.hooks,
		Pairing: w.service, Cities: func() city.Set { return cities }, Now: w.clock, Log: log, Version: "1.2.3",
		Head: func(_ context.Context, city string) (*statuslist.Head, error) {
			if w.head == nil || city != "istanbul" {
				return nil, api.ErrNoList
			}
			return w.head, nil
		},
	})
	must(err)

	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, httptest.NewRequest("GET", "/api/openapi.json", nil))
	described.Do(func() {
		if described.doc, described.err = openapi3.NewLoader().LoadFromData(rec.Body.Bytes()); described.err == nil {
			described.router, described.err = legacy.NewRouter(described.doc) // which validates it
		}
	})
	must(described.err)
	w.doc, w.router = described.doc, described.router
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

// next is a number that was not given before, for keys and phones.
func (w *world) next() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.n++
	return w.n
}

// phone is a mobile number nobody had before, each in a block of its own.
func (w *world) phone() string { return fmt.Sprintf("532%04d111", w.next()) }

// answer is what came back.
type answer struct {
	t      testing.TB
	status int
	header http.Header
	body   []byte
}

// json is the body as a tree.
func (a answer) json() map[string]any {
	a.t.Helper()
	var m map[string]any
	if err := json.Unmarshal(a.body, &m); err != nil {
		a.t.Fatalf("body is no JSON object: %v\n%s", err, a.body)
	}
	return m
}

// at is the value at a path of names and indices, as text.
func (a answer) at(path string) string {
	a.t.Helper()
	var v any = a.json()
	for name := range strings.SplitSeq(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[name]
		case []any:
			i := 0
			fmt.Sscan(name, &i)
			if i >= len(x) {
				return ""
			}
			v = x[i]
		}
	}
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

func (a answer) want(status int) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("status: got %d, want %d\n%s", a.status, status, a.body)
	}
	return a
}

// problem checks the shape of a failure and its code.
func (a answer) problem(status int, code string) answer {
	a.t.Helper()
	a.want(status)
	if ct := a.header.Get("Content-Type"); ct != "application/problem+json" {
		a.t.Errorf("Content-Type: got %q, want application/problem+json", ct)
	}
	if got := a.at("code"); got != code {
		a.t.Errorf("code: got %q, want %q\n%s", got, code, a.body)
	}
	if got, want := a.at("type"), "/api/problems/"+code; got != want {
		a.t.Errorf("type: got %q, want %q", got, want)
	}
	if got := a.at("status"); got != fmt.Sprint(status) {
		a.t.Errorf("status in the body: got %s, want %d", got, status)
	}
	if strings.Contains(string(a.body), "[fault.") || strings.Contains(string(a.body), "[problem.") {
		a.t.Errorf("a sentence is missing: %s", a.body)
	}
	return a
}

// call sends a request and holds the answer against the served document.
// Headers come in pairs of name and value.
func (w *world) call(method, path string, body any, headers ...string) answer {
	w.t.Helper()
	var raw []byte
	switch b := body.(type) {
	case nil:
	case string:
		raw = []byte(b)
	case []byte:
		raw = b
	default:
		var err error
		if raw, err = json.Marshal(b); err != nil {
			w.t.Fatal(err)
		}
	}
	r := httptest.NewRequest(method, path, bytes.NewReader(raw))
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	a := answer{w.t, rec.Code, rec.Header(), rec.Body.Bytes()}
	w.hold(r, raw, a)
	return a
}

// hold checks that what was served is what is written: an answer has a shape
// the document names for its status, and nothing the document refuses is taken.
func (w *world) hold(r *http.Request, raw []byte, a answer) {
	w.t.Helper()
	if a.status >= 500 {
		w.t.Errorf("%s %s: %d\n%s\n%.3000s", r.Method, r.URL.Path, a.status, a.body, w.log)
	}
	r = r.Clone(context.Background())
	r.Body = http.NoBody
	if len(raw) > 0 {
		r.Body = readCloser(raw)
	}
	r.ContentLength = int64(len(raw))
	route, params, err := w.router.FindRoute(r)
	if err != nil {
		return // not in the document: pages, paths nobody serves
	}
	in := &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc}}
	if err := openapi3filter.ValidateRequest(context.Background(), in); err != nil && a.status < 400 {
		w.t.Errorf("%s %s was taken with %d, the document refuses it: %v", r.Method, r.URL.Path, a.status, err)
	}
	out := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: a.status, Header: a.header, Body: readCloser(a.body),
		Options: &openapi3filter.Options{IncludeResponseStatus: true, ExcludeResponseBody: strings.HasPrefix(a.header.Get("Content-Type"), "text/calendar")},
	}
	if a.status == http.StatusNotModified {
		return
	}
	if err := openapi3filter.ValidateResponse(context.Background(), out); err != nil {
		w.t.Errorf("%s %s answered %d in a shape the document does not have: %v\n%s", r.Method, r.URL.Path, a.status, err, a.body)
	}
}

type closer struct{ *bytes.Reader }

func (closer) Close() error { return nil }

func readCloser(b []byte) closer { return closer{bytes.NewReader(b)} }

// key is a header with a fresh idempotency key.
func (w *world) key() []string {
	return []string{"Idempotency-Key", fmt.Sprintf("\"key-%d\"", w.next())}
}

// begin posts a form under a fresh key.
func (w *world) begin(city string, body any, headers ...string) answer {
	w.t.Helper()
	return w.call("POST", "/api/v1/cities/"+city+"/requests", body, append(w.key(), headers...)...)
}

// code sends what waits and reads the newest code on a phone.
func (w *world) code(phone string) string {
	w.t.Helper()
	w.deliver()
	texts := w.sandbox.Inbox("90"+phone, 0)
	for i := len(texts) - 1; i >= 0; i-- {
		if texts[i].Class == "code" && len(texts[i].Text) > 6 {
			return texts[i].Text[:6]
		}
	}
	w.t.Fatalf("no code on the phone; %d texts", len(texts))
	return ""
}

func (w *world) deliver() {
	w.t.Helper()
	for _, l := range outbox.Lanes() {
		if _, err := w.worker.Once(context.Background(), l); err != nil {
			w.t.Fatal(err)
		}
	}
}

// hesFor is a code the sandbox knows for a person.
func hesFor(t testing.TB, id, first, last string, k sandbox.Kind) string {
	t.Helper()
	n, err := person.ParseTCKN(id)
	if err != nil {
		n, err = person.ParsePassport(id)
	}
	if err != nil {
		t.Fatal(err)
	}
	f, err := person.ParseName(first)
	if err != nil {
		t.Fatal(err)
	}
	l, err := person.ParseName(last)
	if err != nil {
		t.Fatal(err)
	}
	return sandbox.HESFor(n, f, l, k).Reveal()
}

// istanbul is a form that İstanbul takes, of a citizen the register knows.
func (w *world) istanbul(card, phone string) map[string]any {
	id := sandbox.TCKN("301234567").Reveal()
	return map[string]any{
		"kind": "pair", "lang": "tr",
		"fields": map[string]any{
			"first_name": "Ayşe", "last_name": "Yılmaz", "id": id, "birth": "1985-03-12", "email": "ayse@example.com",
			"card": card, "phone": phone, "hes": hesFor(w.t, id, "Ayşe", "Yılmaz", sandbox.Riskless),
		},
		"boxes": map[string]any{"terms": true, "notice": true},
	}
}

// pair pairs a card with a phone, to the end.
func (w *world) pair(card, phone string) string {
	w.t.Helper()
	a := w.begin("istanbul", w.istanbul(card, phone)).want(201)
	token := a.at("token")
	b := w.call("POST", a.header.Get("Location")+"/code", map[string]string{"code": w.code(phone)}).want(200)
	if got := b.at("stage"); got != "received" {
		w.t.Fatalf("stage after the code: got %q, want received\n%s", got, b.body)
	}
	w.deliver()
	return token
}

// anyKey is a key for tagged schemes where only the shape is looked at.
func anyKey(t *testing.T) *statuslist.TagKey {
	t.Helper()
	k, err := statuslist.NewTagKey(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	return k
}
