package counter_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"turnike/internal/access"
	"turnike/internal/audit"
	"turnike/internal/booking"
	"turnike/internal/i18n"
	"turnike/internal/notify"
	"turnike/internal/person"
	"turnike/internal/storage"
	"turnike/internal/storage/sqlstore"
	"turnike/internal/vault"
	"turnike/internal/web/counter"
	"turnike/internal/web/staff"
)

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.t }
func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = t
}

// world is a centre's day with its pages over a real database.
type world struct {
	t     *testing.T
	clock *clock
	store *sqlstore.Store
	keys  *vault.Vault
	svc   *booking.Service
	who   booking.Contacts
	web   *httptest.Server
	doors doors
}

// doors are the sessions of the test's people, by their cookie.
type doors map[string]access.Session

func (d doors) Session(_ context.Context, token string) (access.Session, bool, error) {
	se, ok := d[token]
	return se, ok, nil
}

func (d doors) Screen(context.Context, string) (access.Screen, bool, error) {
	return access.Screen{}, false, nil
}

// day is a Wednesday without a holiday.
var day = booking.Date(2021, 3, 17)

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, clock: &clock{t: day.At(8*60, time.UTC)}, doors: doors{}}
	dir := t.TempDir()
	var err error
	if w.store, err = storage.Open(t.Context(), "sqlite:"+filepath.Join(dir, "rows.db"), true); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.store.Close() })
	if w.keys, err = vault.Open(t.Context(), vault.Config{Dir: filepath.Join(dir, "keys"), Stock: 30}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.keys.Close() })
	n, err := booking.Shipped("izsu")
	if err != nil {
		t.Fatal(err)
	}
	w.clock.set(day.At(7*60, n.Location()))
	w.who = booking.Contacts{Keys: w.keys, Network: n,
		Message: func(id, city string, to person.Phone, text string, c notify.Class, due, expires time.Time) (notify.Queued, error) {
			return notify.Queued{ID: id, City: city, Class: c, Sealed: []byte("sealed"), DueAt: due, Expires: expires}, nil
		}}
	w.svc = booking.New(booking.Config{Store: sqlstore.As[booking.Tx](w.store), Network: n, Now: w.clock.now, Tell: w.who.Tell})
	if err := w.svc.Plan(t.Context(), day, 2); err != nil {
		t.Fatal(err)
	}
	ground, err := staff.New(staff.Config{Access: w.doors, Now: w.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	pages := counter.New(counter.Config{Staff: ground, Now: w.clock.now,
		Visits: func(id string) (*booking.Service, booking.Contacts, bool) { return w.svc, w.who, id == n.ID }})
	w.web = httptest.NewServer(pages.Handler())
	t.Cleanup(w.web.Close)
	return w
}

// at moves the clock to an hour of the day.
func (w *world) at(hour, minute int) {
	w.clock.set(day.At(hour*60+minute, w.svc.Network().Location()))
}

// book makes an appointment at Konak for somebody.
func (w *world) book(first, last, phone, service string, hour, minute int) booking.Visit {
	w.t.Helper()
	r := person.Record{First: person.RestoreName(first), Last: person.RestoreName(last)}
	var err error
	if r.Phone, err = person.ParsePhone(phone); err != nil {
		w.t.Fatal(err)
	}
	who, err := w.who.Who(w.t.Context(), r, i18n.Turkish)
	if err != nil {
		w.t.Fatal(err)
	}
	v, err := w.svc.Book(w.t.Context(), booking.Request{Centre: "konak", Service: service, Day: day, Unit: (hour*60 + minute) / 15,
		Channel: booking.Desk, Actor: audit.Actor{Kind: "staff", Ref: "agent-1", Channel: "call"}, Who: who})
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

// reader is somebody signed in, with a browser.
type reader struct {
	w    *world
	base string
	http *http.Client
}

func (w *world) enter(se access.Session) *reader {
	w.t.Helper()
	token := fmt.Sprintf("token-%d", len(w.doors))
	if se.City == "" {
		se.City = "izsu"
	}
	if se.Account == "" {
		se.Account = token
	}
	w.doors[token] = se
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	u, err := url.Parse(w.web.URL)
	if err != nil {
		w.t.Fatal(err)
	}
	jar.SetCookies(u, []*http.Cookie{{Name: "staff", Value: token, Path: "/"}})
	return &reader{w, w.web.URL + "/staff/izsu/queue/konak/", &http.Client{Jar: jar}}
}

// clerk is a clerk who has sat down at a counter.
func (w *world) clerk(desk string, quick bool) *reader {
	w.t.Helper()
	r := w.enter(access.Session{Role: access.Clerk})
	form := []string{"desk", desk}
	if quick {
		form = append(form, "quick", "1")
	}
	r.post("desk", http.StatusOK, form...)
	return r
}

// get reads a page and wants a status.
func (r *reader) get(path string, status int) string {
	r.w.t.Helper()
	res, err := r.http.Get(r.base + path)
	return r.read("GET "+path, res, err, status)
}

// post sends a form and wants the status of the page it leads to.
func (r *reader) post(path string, status int, pairs ...string) string {
	r.w.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	res, err := r.http.PostForm(r.base+path, form)
	return r.read("POST "+path+" "+form.Encode(), res, err, status)
}

func (r *reader) read(what string, res *http.Response, err error, status int) string {
	r.w.t.Helper()
	if err != nil {
		r.w.t.Fatalf("%s: %v", what, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		r.w.t.Fatalf("%s: %v", what, err)
	}
	if res.StatusCode != status {
		r.w.t.Errorf("%s: got %d, want %d:\n%s", what, res.StatusCode, status, b)
	}
	return string(b)
}

// says tells whether a page has a text.
func (w *world) says(what, page, text string) {
	w.t.Helper()
	if !strings.Contains(page, text) {
		w.t.Errorf("%s: the page does not say %q:\n%s", what, text, page)
	}
}

// silent tells whether a page keeps a text to itself.
func (w *world) silent(what, page, text string) {
	w.t.Helper()
	if strings.Contains(page, text) {
		w.t.Errorf("%s: the page says %q", what, text)
	}
}

// tickets are the day's numbers.
func (w *world) tickets() []booking.Ticket {
	w.t.Helper()
	ts, _, err := w.svc.Tickets(w.t.Context(), "konak")
	if err != nil {
		w.t.Fatal(err)
	}
	return ts
}

func (w *world) ticket(n int) booking.Ticket {
	w.t.Helper()
	for _, t := range w.tickets() {
		if t.Number == n {
			return t
		}
	}
	w.t.Fatalf("there is no number %d", n)
	return booking.Ticket{}
}
