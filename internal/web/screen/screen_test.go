package screen_test

import (
	"context"
	"fmt"
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

	"turnike/internal/access"
	"turnike/internal/audit"
	"turnike/internal/booking"
	"turnike/internal/i18n"
	"turnike/internal/person"
	"turnike/internal/storage"
	"turnike/internal/storage/sqlstore"
	"turnike/internal/vault"
	"turnike/internal/web/screen"
	"turnike/internal/web/staff"
)

// world is a centre's door and wall over a real store.
type world struct {
	t        *testing.T
	site     *httptest.Server
	visits   *booking.Service
	contacts booking.Contacts
	access   *access.Service
	cookie   map[string]string // by kind
	now      *clock
}

type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) Now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.at }
func (c *clock) on(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

const centre = "konak"

func newWorld(t *testing.T) *world {
	ctx := t.Context()
	dir := t.TempDir()
	now := &clock{at: time.Date(2021, 1, 13, 7, 2, 0, 0, time.UTC)} // 10:02 in İzmir, a Wednesday
	store, err := storage.Open(ctx, "sqlite:"+filepath.Join(dir, "t.db"), true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	keys, err := vault.Open(ctx, vault.Config{Dir: filepath.Join(dir, "keys"), Stock: 50, Now: now.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { keys.Close() })
	net, err := booking.Shipped("izsu")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, now: now, cookie: map[string]string{}, contacts: booking.Contacts{Keys: keys, Network: net}}
	w.visits = booking.New(booking.Config{Store: sqlstore.As[booking.Tx](store), Network: net, Now: now.Now})
	if _, err := w.visits.Night(ctx); err != nil {
		t.Fatal(err)
	}
	w.access = access.New(access.Config{Store: sqlstore.As[access.Tx](store), Keys: keys, Now: now.Now, Tenants: func() []access.Tenant {
		return []access.Tenant{{ID: "izsu", Name: net.Name, Centres: []access.Place{{ID: centre, Name: "Konak"}}}}
	}})
	for _, kind := range []string{access.Kiosk, access.Display} {
		w.cookie[kind] = w.enrol(kind)
	}
	ground, err := staff.New(staff.Config{Access: w.access, Now: now.Now})
	if err != nil {
		t.Fatal(err)
	}
	s := screen.New(screen.Config{Ground: ground, Now: now.Now,
		Queue: func(id string) (screen.Queue, bool) { return w.visits, id == "izsu" },
		Phone: func(network string, p person.Phone) person.Tag { return keys.Tag(network, person.TagPhone, p.Reveal()) },
	})
	w.site = httptest.NewServer(s.Handler())
	t.Cleanup(w.site.Close)
	return w
}

func (w *world) enrol(kind string) string {
	manager := access.Session{Account: "0176fa54-5d8d-72b7-892c-8b457e24ff86", City: "izsu", Role: access.Manager}
	code, err := w.access.MakeDevice(w.t.Context(), manager, "izsu", centre, kind, "Kapı")
	if err != nil {
		w.t.Fatal(err)
	}
	token, _, err := w.access.Enrol(w.t.Context(), code)
	if err != nil {
		w.t.Fatal(err)
	}
	return token
}

// ask sends a request as a kind of screen; form nil is a GET. Redirects are not
// followed.
func (w *world) ask(kind, path string, form url.Values) (status int, body, to string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.site.URL+path, nil)
	if form != nil {
		r, err = http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.site.URL+path, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if err != nil {
		w.t.Fatal(err)
	}
	if c := w.cookie[kind]; c != "" {
		r.AddCookie(&http.Cookie{Name: "screen", Value: c})
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return res.StatusCode, string(b), res.Header.Get("Location")
}

// visit books one of today, so many quarters of an hour from ten, for a phone.
func (w *world) visit(phone string, quarters int) booking.Visit {
	w.t.Helper()
	p, err := person.ParsePhone(phone)
	if err != nil {
		w.t.Fatal(err)
	}
	who, err := w.contacts.Who(w.t.Context(), person.Record{Phone: p}, i18n.Turkish)
	if err != nil {
		w.t.Fatal(err)
	}
	net := w.visits.Network()
	v, err := w.visits.Book(w.t.Context(), booking.Request{Centre: centre, Service: "closing", Day: booking.DayOf(w.now.Now(), net.Location()),
		Unit: 40 + quarters, Channel: booking.Call, Actor: audit.System("test"), Who: who})
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

const kiosk, display = "/screen/izsu/konak/kiosk", "/screen/izsu/konak/display"

// TestArrive: who has an appointment says so by code or phone and has a number;
// twice is once; who has none learns only that, whichever way they asked.
func TestArrive(t *testing.T) {
	w := newWorld(t)
	one, two := w.visit("0532 111 22 33", 1), w.visit("0532 111 22 44", 1)
	for _, c := range []struct {
		what, typed string
		number      string
	}{
		{"code", one.Code.String(), "1"}, {"code again", strings.ReplaceAll(one.Code.String(), " ", ""), "1"},
		{"phone", "05321112244", "2"}, {"phone without zero", "532 111 22 44", "2"}, {"code of the same", two.Code.String(), "2"},
	} {
		status, body, to := w.ask(access.Kiosk, kiosk+"/visit", url.Values{"typed": {c.typed}})
		if want := kiosk + "/number/" + c.number; status != http.StatusSeeOther || to != want {
			t.Errorf("%s: got %d to %q, want %d to %q: %.200s", c.what, status, to, http.StatusSeeOther, want, body)
		}
	}
	_, body, _ := w.ask(access.Kiosk, kiosk+"/number/1", nil)
	if !strings.Contains(body, ">1<") || !strings.Contains(body, "10:15") {
		t.Errorf("the number's page: got %.900s, want the number and the hour", body)
	}
	if status, _, _ := w.ask(access.Kiosk, kiosk+"/number/77", nil); status != http.StatusNotFound {
		t.Errorf("a number nobody has: got %d, want %d", status, http.StatusNotFound)
	}
	// Nobody's code and nobody's phone look alike.
	said := map[string]bool{}
	for _, typed := range []string{"9999 9999", "0533 000 00 00"} {
		status, body, _ := w.ask(access.Kiosk, kiosk+"/visit", url.Values{"typed": {typed}})
		m := regexp.MustCompile(`role="alert">([^<]+)`).FindStringSubmatch(body)
		if status != http.StatusNotFound || m == nil {
			t.Fatalf("%s: got %d, %.300s, want %d and why", typed, status, body, http.StatusNotFound)
		}
		said[m[1]] = true
		if !strings.Contains(body, `value="`+typed+`"`) {
			t.Errorf("%s: what was typed is gone", typed)
		}
	}
	if len(said) != 1 {
		t.Errorf("got %v, want one sentence for both", said)
	}
	if status, _, _ := w.ask(access.Kiosk, kiosk+"/visit", url.Values{"typed": {"12"}}); status != http.StatusUnprocessableEntity && status != http.StatusBadRequest {
		t.Errorf("two digits: got %d, want them refused", status)
	}
}

// TestGuessing: a kiosk at which somebody tries code after code asks for help,
// for a while, and a rightful code then works again.
func TestGuessing(t *testing.T) {
	w := newWorld(t)
	v := w.visit("0532 111 22 33", 1)
	last := 0
	for i := range 20 {
		last, _, _ = w.ask(access.Kiosk, kiosk+"/visit", url.Values{"typed": {fmt.Sprintf("%08d", 40_000_000+i)}})
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("after 20 vain tries: got %d, want %d", last, http.StatusTooManyRequests)
	}
	if status, _, _ := w.ask(access.Kiosk, kiosk+"/visit", url.Values{"typed": {v.Code.String()}}); status != http.StatusTooManyRequests {
		t.Errorf("a right code meanwhile: got %d, want %d", status, http.StatusTooManyRequests)
	}
	w.now.on(3 * time.Minute)
	if status, _, _ := w.ask(access.Kiosk, kiosk+"/visit", url.Values{"typed": {v.Code.String()}}); status != http.StatusSeeOther {
		t.Errorf("a right code later: got %d, want %d", status, http.StatusSeeOther)
	}
}

// TestKeypad: without script every key is a button that sends the form.
func TestKeypad(t *testing.T) {
	w := newWorld(t)
	typed := ""
	for _, k := range []string{"0", "5", "3", "back", "2"} {
		status, body, _ := w.ask(access.Kiosk, kiosk+"/visit", url.Values{"typed": {typed}, "key": {k}})
		m := regexp.MustCompile(`id="typed"[^>]* value="(\d*)"`).FindStringSubmatch(body)
		if status != http.StatusOK || m == nil {
			t.Fatalf("key %s: got %d, %.200s, want the page with what is typed", k, status, body)
		}
		typed = m[1]
	}
	if typed != "052" {
		t.Errorf("got %q, want 052", typed)
	}
}

// TestWalkIn: one press is one number, however often its post arrives; the
// next person's press is the next.
func TestWalkIn(t *testing.T) {
	w := newWorld(t)
	press := regexp.MustCompile(`name="once" value="([^"]+)"`)
	for want := 1; want <= 2; want++ {
		_, body, _ := w.ask(access.Kiosk, kiosk+"/walk", nil)
		m := press.FindStringSubmatch(body)
		if m == nil {
			t.Fatalf("got %.300s, want a form with a mark of its own", body)
		}
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				status, _, to := w.ask(access.Kiosk, kiosk+"/walk", url.Values{"once": {m[1]}, "service": {"closing"}})
				if to != fmt.Sprintf("%s/number/%d", kiosk, want) {
					t.Errorf("press %d: got %d to %q, want number %d", want, status, to, want)
				}
			})
		}
		wg.Wait()
	}
	if status, body, _ := w.ask(access.Kiosk, kiosk+"/walk", url.Values{"once": {"x"}, "service": {"no-such"}}); status < 400 || !strings.Contains(body, "role=\"alert\"") {
		t.Errorf("an unknown matter: got %d, want it refused on the same page", status)
	}
}

// TestDisplay: what is called is shown, once to be spoken; what is recalled is
// spoken again; who is at the counter is not.
func TestDisplay(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	greeter := audit.Actor{Kind: "staff", Ref: "a", Channel: "desk"}
	for range 12 {
		if _, _, err := w.visits.WalkIn(ctx, centre, "closing", 1, greeter); err != nil {
			t.Fatal(err)
		}
	}
	call, err := w.visits.CallNext(ctx, centre, "counter", "3", greeter)
	if err != nil {
		t.Fatal(err)
	}
	spoken := func() (key, say string, body string) {
		_, body, _ = w.ask(access.Display, display+"?part", nil)
		if m := regexp.MustCompile(`data-call="([^"]+)" data-say="([^"]+)"`).FindStringSubmatch(body); m != nil {
			key, say = m[1], m[2]
		}
		return key, say, body
	}
	first, say, body := spoken()
	if say != "numara 1 vezne 3" || !strings.Contains(body, "11 kişi bekliyor") || !strings.Contains(body, ">2<") {
		t.Errorf("got %q in %.700s, want number 1 to counter 3, 11 who wait and who is next", say, body)
	}
	if again, _, _ := spoken(); again != first {
		t.Errorf("asked again: got key %q, want %q still", again, first)
	}
	w.now.on(time.Minute)
	if _, err := w.visits.Act(ctx, centre, call.Number, booking.Recall, "3", "", greeter); err != nil {
		t.Fatal(err)
	}
	if again, _, _ := spoken(); again == first || again == "" {
		t.Errorf("recalled: got key %q, want another than %q", again, first)
	}
	if _, err := w.visits.Act(ctx, centre, call.Number, booking.Begin, "3", "", greeter); err != nil {
		t.Fatal(err)
	}
	if key, _, body := spoken(); key != "" || !strings.Contains(body, ">1<") {
		t.Errorf("at the counter: got key %q, want the number shown and not spoken", key)
	}
	if _, whole, _ := w.ask(access.Display, display, nil); !strings.Contains(whole, `http-equiv="refresh" content="10"`) {
		t.Error("without script: got no reload, want one every ten seconds")
	}
}

// TestSay: numbers are spoken as a Turk says them.
func TestSay(t *testing.T) {
	for n, want := range map[int]string{1: "1", 10: "10", 21: "20 1", 100: "100", 101: "100 1", 234: "2 100 30 4", 999: "9 100 90 9", 1000: "1000", 2050: "2 1000 50"} {
		if got := screen.Say(n, "12"); got != "numara "+want+" vezne 10 2" {
			t.Errorf("%d: got %q, want numara %s", n, got, want)
		}
	}
	if got := screen.Say(7, "Danışma"); got != "numara 7" {
		t.Errorf("a counter with a name: got %q, want the number alone", got)
	}
}

// TestWalls: another centre's pages, another kind's, and a browser that is no
// screen.
func TestWalls(t *testing.T) {
	w := newWorld(t)
	w.cookie["thief"] = strings.Repeat("x", 40)
	for _, c := range []struct {
		kind, path string
		want       int
	}{
		{access.Kiosk, kiosk, 200}, {access.Kiosk, display, 404}, {access.Display, kiosk, 404}, {access.Display, display, 200},
		{access.Kiosk, "/screen/izsu/bornova/kiosk", 404}, {access.Kiosk, "/screen/izmir-desks/konak/kiosk", 404},
		{access.Kiosk, "/screen/izsu/bornova/kiosk/number/1", 404}, {access.Display, "/screen/izsu/bornova/display", 404},
		{"nobody", kiosk, 303}, {"thief", display, 303},
	} {
		if status, _, _ := w.ask(c.kind, c.path, nil); status != c.want {
			t.Errorf("%s at %s: got %d, want %d", c.kind, c.path, status, c.want)
		}
	}
	if status, _, _ := w.ask("nobody", kiosk+"/walk", url.Values{"service": {"closing"}}); status != 303 {
		t.Errorf("a press from no screen: got %d, want 303", status)
	}
}

// TestFiles: the words are there, to be kept for ever.
func TestFiles(t *testing.T) {
	w := newWorld(t)
	_, body, _ := w.ask(access.Display, display, nil)
	voice := regexp.MustCompile(`data-voice="([^"]+)"`).FindStringSubmatch(body)
	if voice == nil {
		t.Fatal("got no address of the words")
	}
	for _, word := range strings.Fields("numara vezne 1 2 3 4 5 6 7 8 9 10 20 30 40 50 60 70 80 90 100 1000") {
		if status, b, _ := w.ask("", voice[1]+word+".opus", nil); status != 200 || !strings.HasPrefix(b, "OggS") {
			t.Errorf("%s: got %d, want a recording", word, status)
		}
	}
	if status, _, _ := w.ask("", voice[1]+"../screen.go", nil); status == 200 {
		t.Error("a file that is not ours to give: got it")
	}
}
