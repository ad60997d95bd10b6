package visit_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	ics "github.com/arran4/golang-ical"

	"turnike/internal/booking"
	"turnike/internal/city"
	"turnike/internal/notify"
	"turnike/internal/pairing"
	"turnike/internal/person"
	"turnike/internal/storage"
	"turnike/internal/storage/sqlstore"
	"turnike/internal/vault"
	"turnike/internal/web/visit"
)

// world is the pages on the real service with a store and keys of their own,
// and one citizen's browser.
type world struct {
	t     *testing.T
	url   string
	http  *http.Client
	izsu  *booking.Service
	links booking.Links

	mu   sync.Mutex
	now  time.Time
	sent []string // texts, newest last
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

func (w *world) newest() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.sent) == 0 {
		w.t.Fatal("no text was sent")
	}
	return w.sent[len(w.sent)-1]
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, now: time.Date(2021, 3, 15, 9, 0, 0, 0, time.FixedZone("+03", 3*3600))} // a Monday
	dir := t.TempDir()
	store, err := storage.Open(t.Context(), "sqlite:"+filepath.Join(dir, "rows.db"), true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	keys, err := vault.Open(t.Context(), vault.Config{Dir: filepath.Join(dir, "keys"), Stock: 20, Now: w.clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { keys.Close() })
	cities, err := city.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	izsu, err := booking.Shipped("izsu")
	if err != nil {
		t.Fatal(err)
	}
	desks, err := booking.HelpDesks(cities["izmir"])
	if err != nil {
		t.Fatal(err)
	}
	cfg := visit.Config{Now: w.clock, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	for _, n := range []*booking.Network{izsu, desks} {
		contacts := booking.Contacts{Keys: keys, Network: n, Base: "www.izsu.gov.tr",
			Message: func(id, city string, to person.Phone, text string, c notify.Class, due, expires time.Time) (notify.Queued, error) {
				w.mu.Lock()
				w.sent = append(w.sent, text)
				w.mu.Unlock()
				return pairing.SealMessage(keys, id, city, to, text, c, due, expires)
			}}
		s := booking.New(booking.Config{Store: sqlstore.As[booking.Tx](store), Network: n, Now: w.clock, Tell: contacts.Tell})
		if err := s.Plan(t.Context(), booking.DayOf(w.clock(), n.Location()), n.Ahead()+1); err != nil {
			t.Fatal(err)
		}
		if n.ID == "izsu" {
			w.izsu, w.links = s, contacts.Links()
		}
		cfg.Networks = append(cfg.Networks, visit.Network{Service: s, Proving: booking.Proving{Service: s, Contacts: contacts, Limits: notify.Limits{Keys: keys}}})
	}
	pages, err := visit.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(pages.Handler())
	t.Cleanup(srv.Close)
	w.url = srv.URL
	w.browser()
	return w
}

// browser is another citizen's, without cookies.
func (w *world) browser() {
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	w.http = &http.Client{Jar: jar}
}

type answer struct {
	status int
	at     string // path
	body   string
	header http.Header
}

func (w *world) do(r *http.Request, err error) answer {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
	res, err := w.http.Do(r.WithContext(context.Background()))
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer{res.StatusCode, res.Request.URL.RequestURI(), string(b), res.Header}
}

func (w *world) get(path string) answer {
	w.t.Helper()
	return w.do(http.NewRequest("GET", w.url+path, nil))
}

func (w *world) post(path string, fields ...string) answer {
	w.t.Helper()
	f := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		f.Set(fields[i], fields[i+1])
	}
	r, err := http.NewRequest("POST", w.url+path, strings.NewReader(f.Encode()))
	if err == nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return w.do(r, err)
}

var holdForm = regexp.MustCompile(`/visit/izsu/h/([\w-]{32})`)

// hold presses an hour of a centre's first day and gives the token of the place.
func (w *world) hold(centre, unit string) string {
	w.t.Helper()
	a := w.post("/visit/izsu/hold", "service", "closing", "centre", centre, "day", "2021-03-17", "unit", unit)
	m := holdForm.FindStringSubmatch(a.body)
	if a.status != 200 || m == nil {
		w.t.Fatalf("hold: got %d, want the form: %.300s", a.status, a.body)
	}
	return m[1]
}

// book goes all the way and gives the visit's path.
func (w *world) book(centre, unit, phone string) string {
	w.t.Helper()
	token := w.hold(centre, unit)
	if a := w.post("/visit/izsu/h/"+token, "name", "Gülşen Karaosmanoğlu", "phone", phone); a.status != 200 {
		w.t.Fatalf("who: got %d: %.300s", a.status, a.body)
	}
	a := w.post("/visit/izsu/h/"+token+"/code", "code", w.newest()[:6])
	if a.status != 200 || !strings.HasSuffix(a.at, "?new") {
		w.t.Fatalf("code: got %d at %s", a.status, a.at)
	}
	return strings.TrimSuffix(a.at, "?new")
}

func TestLink(t *testing.T) {
	w := newWorld(t)
	mine := w.book("buca", "36", "0532 000 00 17")
	if want := "www.izsu.gov.tr" + mine; !strings.HasSuffix(w.newest(), want) {
		t.Errorf("text: got %q, want it to end in %q", w.newest(), want)
	}
	w.browser() // the link is followed on the phone
	a := w.get(mine)
	if a.status != 200 || strings.Contains(a.body, "Gülşen") || strings.Contains(a.body, "Karaosmanoğlu") || strings.Contains(a.body, "532") {
		t.Errorf("the link's page: got %d, want it without name and number", a.status)
	}
	if a.header.Get("Cache-Control") != "no-store" || a.header.Get("Referrer-Policy") == "" {
		t.Errorf("headers: got %v", a.header)
	}

	// A token that is not ours, or another network's, opens nothing.
	token := mine[strings.LastIndex(mine, "/")+1:]
	for _, p := range []string{
		strings.Replace(mine, "izsu", "izmir-desks", 1), "/visit/nobody/v/" + token,
		"/visit/izsu/v/" + token[:31], "/visit/izsu/v/" + token[:31] + "!", "/visit/izsu/v/" + strings.Repeat("A", 32),
	} {
		for _, page := range []string{"", "/cancel", "/randevu.ics"} {
			if a := w.get(p + page); a.status != 404 {
				t.Errorf("%s: got %d, want 404", p+page, a.status)
			}
		}
		for _, page := range []string{"/cancel", "/move", "/confirm", "/accept", "/sooner"} {
			if a := w.post(p+page, "centre", "buca", "day", "2021-03-18", "unit", "36"); a.status != 404 {
				t.Errorf("%s: got %d, want 404", p+page, a.status)
			}
		}
	}
	flipped := []byte(token)
	for i := range flipped {
		was := flipped[i]
		flipped[i] = 'A' + (was-'A'+1)%26
		if flipped[i] != was {
			if a := w.get("/visit/izsu/v/" + string(flipped)); a.status != 404 {
				t.Errorf("letter %d changed: got %d, want 404", i, a.status)
			}
		}
		flipped[i] = was
	}
	// What is only held is nobody's: it has no page of its own.
	held := w.hold("urla", "36")
	if a := w.get("/visit/izsu/v/" + held); a.status != 404 {
		t.Errorf("a held place: got %d, want 404", a.status)
	}
	if a := w.post("/visit/izsu/v/"+held+"/accept", "", ""); a.status != 404 {
		t.Errorf("accept a held place: got %d, want 404", a.status)
	}
	// What was typed is not shown to another browser.
	if a := w.post("/visit/izsu/h/"+held, "name", "Gizli Kişi", "phone", "0532 000 00 99"); a.status != 200 {
		t.Fatalf("who: got %d", a.status)
	}
	if a := w.get("/visit/izsu/h/" + held); !strings.Contains(a.body, "Gizli") {
		t.Error("to the browser that typed it: got an empty form, want it filled in")
	}
	w.browser()
	if a := w.get("/visit/izsu/h/" + held); strings.Contains(a.body, "Gizli") || strings.Contains(a.body, "00 99") {
		t.Error("to another browser: got what was typed, want an empty form")
	}

	// The day after it still opens, then no more.
	w.pass(3 * 24 * time.Hour)
	if a := w.get(mine); a.status != 200 || strings.Contains(a.body, mine+"/cancel") {
		t.Errorf("the day after: got %d, want the page without a way to cancel", a.status)
	}
	w.pass(24 * time.Hour)
	if a := w.get(mine); a.status != 404 {
		t.Errorf("two days after: got %d, want 404", a.status)
	}
}

// read is a calendar file as one of the two readers sees it; the other one is
// in the browser suite.
func (w *world) read(path string) (method string, sequence string, e *ics.VEvent) {
	w.t.Helper()
	a := w.get(path + "/randevu.ics")
	c, err := ics.ParseCalendar(strings.NewReader(a.body))
	if err != nil || len(c.Events()) != 1 {
		w.t.Fatalf("calendar: got %v, want one entry: %s", err, a.body)
	}
	for _, p := range c.CalendarProperties {
		if p.IANAToken == "METHOD" {
			method = p.Value
		}
	}
	e = c.Events()[0]
	return method, e.GetProperty(ics.ComponentPropertySequence).Value, e
}

func TestCalendarFollows(t *testing.T) {
	w := newWorld(t)
	mine := w.book("buca", "36", "0532 000 00 17")
	type row struct{ method, sequence, uid, start string }
	look := func() row {
		m, s, e := w.read(mine)
		at, err := e.GetStartAt()
		if err != nil {
			t.Fatal(err)
		}
		return row{m, s, e.Id(), at.UTC().Format(time.RFC3339)}
	}
	booked := look()
	if a := w.post(mine+"/move", "centre", "buca", "day", "2021-03-18", "unit", "40"); !strings.HasSuffix(a.at, "?moved") {
		t.Fatalf("move: got %d at %s", a.status, a.at)
	}
	moved := look()
	if a := w.post(mine + "/cancel"); a.status != 200 {
		t.Fatalf("cancel: got %d", a.status)
	}
	gone := look()
	want := []row{{"PUBLISH", "0", booked.uid, "2021-03-17T06:00:00Z"}, {"PUBLISH", "1", booked.uid, "2021-03-18T07:00:00Z"}, {"CANCEL", "2", booked.uid, "2021-03-18T07:00:00Z"}}
	for i, got := range []row{booked, moved, gone} {
		if got != want[i] {
			t.Errorf("file %d: got %+v, want %+v", i, got, want[i])
		}
	}
	// A place that is taken leaves the old one alone.
	again := w.book("buca", "36", "0532 000 00 18")
	if a := w.post(again+"/move", "centre", "buca", "day", "2021-03-21", "unit", "36"); a.status != 409 {
		t.Errorf("move to a Sunday: got %d, want 409", a.status)
	}
	if _, s, e := w.read(again); s != "0" || e.GetProperty(ics.ComponentPropertyDtStart).Value != "20210317T060000Z" {
		t.Errorf("after a move that failed: got sequence %s at %v, want it as it was", s, e.GetProperty(ics.ComponentPropertyDtStart).Value)
	}
}

// TestConfirmAndOffer: the word that one comes, and a place from the waiting
// list, both by the link alone.
func TestConfirmAndOffer(t *testing.T) {
	w := newWorld(t)
	n := w.izsu.Network()
	asks := ""
	for _, c := range n.Centres {
		if c.Confirm {
			asks = c.ID
		}
	}
	mine := w.book(asks, "36", "0532 000 00 17")
	if a := w.get(mine); !strings.Contains(a.body, mine+"/confirm") {
		t.Error("where the centre asks: got no button, want one to confirm with")
	}
	w.pass(26 * time.Hour) // Tuesday 11:00: people are asked from ten on
	if _, err := w.izsu.Work(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(w.newest(), "20:00") || !strings.HasSuffix(w.newest(), mine) {
		t.Errorf("asked: got %q, want the hour and the link", w.newest())
	}
	if a := w.post(mine + "/confirm"); !strings.HasSuffix(a.at, "?confirmed") || strings.Contains(a.body, mine+"/confirm") {
		t.Errorf("confirm: got %d at %s, want it done", a.status, a.at)
	}
	if a := w.post(mine + "/confirm"); a.status != 200 {
		t.Errorf("confirm twice: got %d, want 200", a.status)
	}
	w.pass(10 * time.Hour)
	if _, err := w.izsu.Work(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a := w.get(mine); !strings.Contains(a.body, mine+"/cancel") {
		t.Error("after the hour of confirming: got it lost, want it kept")
	}

	// All of a day is taken; somebody waits; one gives theirs back.
	w = newWorld(t)
	first := w.book("foca", "36", "0532 000 00 20")
	id, _ := w.links.ID(first[strings.LastIndex(first, "/")+1:])
	v, err := w.izsu.Visit(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	a := w.get("/visit/izsu/wait?service=closing&centre=foca")
	key := regexp.MustCompile(`name="_key" value="([\w-]{32})"`).FindStringSubmatch(a.body)
	if key == nil {
		t.Fatalf("waiting list: got no form: %.300s", a.body)
	}
	fields := []string{"_key", key[1], "service", "closing", "centre", "foca", "span", "7", "name", "Ali Veli", "phone", "0532 000 00 21"}
	if a = w.post("/visit/izsu/wait", fields...); !strings.HasSuffix(a.at, "/code") {
		t.Fatalf("wait: got %d at %s", a.status, a.at)
	}
	at := a.at
	if a = w.post(at, "code", w.newest()[:6]); a.status != 200 || !strings.Contains(a.body, "t-panel") {
		t.Fatalf("code of the waiting list: got %d", a.status)
	}
	w.post(first + "/cancel")
	var offer string
	for _, s := range w.sent {
		if i := strings.Index(s, "/visit/"); strings.HasPrefix(s, "Yer acildi") && i > 0 {
			offer = s[i:]
		}
	}
	if offer == "" {
		t.Fatalf("offered: got none of %q", w.sent)
	}
	a = w.get(offer)
	if !strings.Contains(a.body, offer+"/accept") {
		t.Fatalf("offer: got %d without a way to accept", a.status)
	}
	if a = w.post(offer + "/accept"); !strings.HasSuffix(a.at, "?new") || !strings.Contains(a.body, "t-reference") {
		t.Errorf("accept: got %d at %s, want it booked", a.status, a.at)
	}
	if wrong, err := w.izsu.Audit(t.Context(), v.Place.Day, 1); err != nil || len(wrong) > 0 {
		t.Errorf("counters: got %v and %v, want them to add up", wrong, err)
	}
}

// TestBadInput: whatever is sent, it is answered for, and never as a fault of
// ours.
func TestBadInput(t *testing.T) {
	w := newWorld(t)
	mine := w.book("buca", "36", "0532 000 00 17")
	token := w.hold("urla", "40")
	words := []string{"", "x", "-1", "0", "99999999999999999999", "2021-02-30", "../..", "%00", "<b>", strings.Repeat("9", 5000), "\u202e"}
	names := []string{"service", "matters", "near", "move", "centre", "day", "unit", "_key", "name", "visitor", "other", "phone", "id", "code", "span", "again", "_lang", "_at"}
	for _, path := range []string{"hold", "h/" + token, "h/" + token + "/code", "wait", "find", mine[len("/visit/izsu/"):] + "/move", "w/" + token + "/code"} {
		good := map[string]string{"service": "closing", "centre": "buca", "day": "2021-03-17", "unit": "37", "name": "Ali", "phone": "0532 000 00 30", "code": "123456"}
		for i, name := range names {
			for j := range 3 { // each name meets a few of the words, each word a few of the names
				word := words[(i*3+j)%len(words)]
				var fields []string
				for k, v := range good {
					if k != name {
						fields = append(fields, k, v)
					}
				}
				if a := w.post("/visit/izsu/"+path, append(fields, name, word)...); a.status >= 500 || strings.Contains(a.body, "<b>Ali") {
					t.Errorf("POST %s %s=%.20q: got %d", path, name, word, a.status)
				}
			}
		}
	}
	for _, path := range []string{"centres", "at/buca", "wait", "h/" + token, "v/" + token, "w/" + token + "/code"} {
		for i, name := range names {
			for j := range 3 {
				word := words[(i*3+j)%len(words)]
				q := url.Values{"service": {"closing"}, "centre": {"buca"}}
				q.Set(name, word)
				if a := w.get("/visit/izsu/" + path + "?" + q.Encode()); a.status >= 500 {
					t.Errorf("GET %s %s=%.20q: got %d", path, name, word, a.status)
				}
			}
		}
	}
}
