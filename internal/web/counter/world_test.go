package counter_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"turnike/internal/access"
	"turnike/internal/booking"
	"turnike/test/day"
)

// world is a centre's day with its pages over a real database.
type world struct {
	*day.Day
	t   *testing.T
	web *httptest.Server
}

func newWorld(t *testing.T) *world {
	t.Helper()
	d, err := day.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(d.Handler)
	t.Cleanup(func() { web.Close(); d.Close() })
	return &world{d, t, web}
}

// book makes an appointment at Konak for somebody.
func (w *world) book(first, last, phone, service string, hour, minute int) booking.Visit {
	w.t.Helper()
	v, err := w.Book(w.t.Context(), "konak", first, last, phone, service, hour, minute)
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
	token := w.Enter(se)
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	u, err := url.Parse(w.web.URL)
	if err != nil {
		w.t.Fatal(err)
	}
	jar.SetCookies(u, []*http.Cookie{{Name: day.Cookie, Value: token, Path: "/"}})
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
	ts, _, err := w.Visits.Tickets(w.t.Context(), "konak")
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
