package keys_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
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
	"turnike/internal/web/keys"
	"turnike/test/stafftest"
)

// world is the pages over a real database, with a receiver of webhooks.
type world struct {
	t      *testing.T
	staff  *stafftest.World
	hooks  *hook.Service
	visits *booking.Service
	web    *httptest.Server
	outer  *httptest.Server

	mu  sync.Mutex
	now time.Time
	got [][]byte
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, now: time.Date(2021, 3, 16, 8, 0, 0, 0, time.UTC)}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	store, err := storage.Open(t.Context(), "sqlite:"+filepath.Join(dir, "rows.db"), true)
	must(err)
	t.Cleanup(func() { store.Close() })
	ring, err := vault.Open(t.Context(), vault.Config{Dir: filepath.Join(dir, "keys"), Stock: 20, Now: w.clock})
	must(err)
	t.Cleanup(func() { ring.Close() })
	n, err := booking.Shipped("izsu")
	must(err)
	w.visits = booking.New(booking.Config{Store: sqlstore.As[booking.Tx](store), Network: n, Now: w.clock})
	must(w.visits.Plan(t.Context(), booking.DayOf(w.now, n.Location()), 3))
	w.hooks, err = hook.New(hook.Config{Store: sqlstore.As[hook.Tx](store), Seal: ring, Now: w.clock, AllowPrivate: true,
		Network: func(id string) (*booking.Network, bool) { return n, id == n.ID }})
	must(err)
	w.staff = stafftest.Over(t, store, ring, w.clock, stafftest.Tenant("izsu", "konak", "buca"), stafftest.Tenant("izmir"))
	mux := http.NewServeMux()
	keys.New(keys.Config{Staff: w.staff.Staff, Hooks: w.hooks, Now: w.clock, Base: "https://kart.example",
		Visits: func(id string) (*booking.Service, bool) { return w.visits, id == n.ID }}).Mount(mux)
	w.web = httptest.NewServer(mux)
	t.Cleanup(w.web.Close)
	w.outer = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.got = append(w.got, b)
		rw.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(w.outer.Close)
	return w
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

type browser struct {
	w *world
	c *http.Client
}

func (w *world) as(role access.Role, city string, centres ...string) browser {
	return browser{w, w.staff.SignedIn(w.t, w.web, role, city, centres...)}
}

func (b browser) do(method, path string, status int, form url.Values, headers ...string) (*http.Response, string) {
	b.w.t.Helper()
	r, err := http.NewRequest(method, b.w.web.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.w.t.Fatal(err)
	}
	if method == "POST" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	r.Header.Set("Accept-Language", "en")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := b.c.Do(r)
	if err != nil {
		b.w.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.w.t.Fatal(err)
	}
	if res.StatusCode != status {
		b.w.t.Fatalf("%s %s: got %d (to %s), want %d\n%s", method, path, res.StatusCode, res.Header.Get("Location"), status, body)
	}
	return res, string(body)
}

func has(t *testing.T, page string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(page, p) {
			t.Errorf("page: got no %q in\n%s", p, page)
		}
	}
}

var (
	token  = regexp.MustCompile(`tk_izsu_[a-z2-7]{52}`)
	secret = regexp.MustCompile(`whsec_[A-Za-z0-9+/=]+`)
	one    = regexp.MustCompile(`/staff/izsu/hooks/[0-9a-f-]{36}`)
	revoke = regexp.MustCompile(`/staff/izsu/(keys|feeds)/[0-9a-f-]{36}/revoke`)
	feed   = regexp.MustCompile(`https://kart\.example(/feed/cf_izsu_[a-z2-7]{52}\.ics)`)
)

func TestKeyIsShownOnce(t *testing.T) {
	w := newWorld(t)
	b := w.as(access.Operator, "izsu")
	_, page := b.do("POST", "/staff/izsu/keys", 422, url.Values{"name": {"Mobil uygulama"}, "rate": {"99999999"}})
	has(t, page, "Mobil uygulama", "There is a problem", `id="scopes-error"`)
	_, page = b.do("POST", "/staff/izsu/keys", 422, url.Values{"name": {"Mobil uygulama"}, "scopes": {"queue"}, "rate": {"fast"}})
	has(t, page, `id="rate-error"`, `value="fast"`)
	_, page = b.do("POST", "/staff/izsu/keys", 200, url.Values{"name": {"Mobil uygulama"}, "scopes": {"queue", "visits.read"}, "centres": {"konak"}})
	shown := token.FindString(page)
	if shown == "" {
		t.Fatalf("page: got no key in\n%s", page)
	}
	k, _, err := w.hooks.Enter(t.Context(), shown)
	if err != nil || !k.May(access.Queue, "konak") || k.May(access.Queue, "buca") {
		t.Errorf("the key: got %+v and %v, want the queue of Konak", k, err)
	}
	_, page = b.do("GET", "/staff/izsu/keys", 200, nil)
	has(t, page, "Mobil uygulama", "Konak")
	if token.MatchString(page) {
		t.Error("the second time: got the key again")
	}
	b.do("POST", revoke.FindString(page), 303, nil)
	if _, _, err := w.hooks.Enter(t.Context(), shown); err == nil {
		t.Error("revoked: got a key that opens")
	}
	// A manager has no keys to give, another tenant's operator sees nothing, and
	// a tenant without centres has no such page.
	w.as(access.Manager, "izsu").do("GET", "/staff/izsu/keys", 404, nil)
	w.as(access.Operator, "izmir").do("GET", "/staff/izsu/keys", 404, nil)
	w.as(access.Operator, "izmir").do("GET", "/staff/izmir/keys", 404, nil)
	// Whoever has one centre gives a key to no other.
	part := w.as(access.Operator, "izsu", "buca")
	part.do("POST", "/staff/izsu/keys", 404, url.Values{"name": {"x"}, "scopes": {"queue"}, "centres": {"konak"}})
	_, page = part.do("POST", "/staff/izsu/keys", 200, url.Values{"name": {"x"}, "scopes": {"queue"}})
	if k, _, err := w.hooks.Enter(t.Context(), token.FindString(page)); err != nil || k.Sees("konak") {
		t.Errorf("a key by whoever has Buca alone: got %+v and %v, want Buca alone", k, err)
	}
}

func TestWebhookPages(t *testing.T) {
	w := newWorld(t)
	b := w.as(access.Operator, "izsu")
	_, page := b.do("POST", "/staff/izsu/hooks", 422, url.Values{"name": {"CRM"}, "url": {"gopher://x"}, "kinds": {"visit.booked"}})
	has(t, page, `id="url-error"`, "gopher://x")
	_, page = b.do("POST", "/staff/izsu/hooks", 200, url.Values{"name": {"CRM"}, "url": {w.outer.URL}})
	if !secret.MatchString(page) {
		t.Fatalf("page: got no secret in\n%s", page)
	}
	path := one.FindString(page)
	b.do("POST", path+"/test", 303, nil)
	if _, err := w.hooks.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(w.got) != 1 || !bytes.Contains(w.got[0], []byte("test.ping")) {
		t.Errorf("test: got %s, want one test.ping", w.got)
	}
	_, page = b.do("GET", path, 200, nil)
	has(t, page, "Delivered", "204", "Send again")
	if secret.MatchString(page) {
		t.Error("the second time: got the secret again")
	}
	event := regexp.MustCompile(`name="event" value="([^"]+)"`).FindStringSubmatch(page)
	b.do("POST", path+"/replay", 303, url.Values{"event": {event[1]}})
	if _, err := w.hooks.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(w.got) != 2 {
		t.Errorf("sent again: got %d calls, want 2", len(w.got))
	}
	_, page = b.do("POST", path+"/replay", 422, url.Values{"since": {"yesterday"}})
	has(t, page, `id="since-error"`, `value="yesterday"`)
	_, page = b.do("POST", path+"/replay", 200, url.Values{"since": {"2021-03-16"}})
	has(t, page, "Events to be sent again: 0")
	_, page = b.do("POST", path+"/rotate", 200, nil)
	if !secret.MatchString(page) {
		t.Error("renewed: got no secret")
	}
	b.do("POST", path+"/pause", 303, nil)
	_, page = b.do("POST", path+"/test", 409, nil)
	has(t, page, "Turn it on first")
	b.do("POST", path+"/resume", 303, nil)
	w.as(access.Operator, "izmir").do("GET", path, 404, nil)
	w.as(access.Clerk, "izsu").do("GET", path, 404, nil)
	b.do("POST", path+"/remove", 303, nil)
	b.do("GET", path, 404, nil)
	b.do("POST", path+"/test", 404, nil)
}

func TestFeedOfAClerk(t *testing.T) {
	w := newWorld(t)
	if _, err := w.visits.Book(t.Context(), booking.Request{Centre: "konak", Service: "closing", Day: booking.Date(2021, 3, 17), Unit: 36,
		Channel: booking.Call, Actor: audit.System("test"), Who: booking.Who{Holder: person.Tag{1}}}); err != nil {
		t.Fatal(err)
	}
	b := w.as(access.Clerk, "izsu", "konak")
	_, page := b.do("POST", "/staff/izsu/feeds", 200, url.Values{"centre": {"konak"}})
	m := feed.FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("page: got no address in\n%s", page)
	}
	b.do("POST", "/staff/izsu/feeds", 404, url.Values{"centre": {"buca"}})
	nobody := browser{w, &http.Client{}}
	res, file := nobody.do("GET", m[1], 200, nil)
	c, err := ics.ParseCalendar(strings.NewReader(file))
	if err != nil || len(c.Events()) != 1 {
		t.Fatalf("feed: got %v and\n%s", err, file)
	}
	if ct := res.Header.Get("Content-Type"); ct != "text/calendar; charset=utf-8" {
		t.Errorf("Content-Type: got %q", ct)
	}
	nobody.do("GET", m[1], 304, nil, "If-None-Match", res.Header.Get("ETag"))
	nobody.do("GET", strings.TrimSuffix(m[1], ".ics"), 404, nil)
	nobody.do("GET", "/feed/cf_izsu_"+strings.Repeat("a", 52)+".ics", 404, nil)
	_, page = b.do("GET", "/staff/izsu/feeds", 200, nil)
	if feed.MatchString(page) {
		t.Error("the second time: got the address again")
	}
	path := revoke.FindString(page)
	w.as(access.Clerk, "izsu", "konak").do("POST", path, 404, nil)
	b.do("POST", path, 303, nil)
	nobody.do("GET", m[1], 404, nil)
}
