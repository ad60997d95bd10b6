package call_test

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"turnike/internal/access"
	"turnike/internal/audit"
	"turnike/internal/booking"
	"turnike/internal/person"
	"turnike/test/day"
)

// agent is somebody with the call centre's screen before them.
type agent struct {
	*day.Day
	t    *testing.T
	at   string
	http *http.Client
	form url.Values // as the page left it
	page string
}

func newDay(t *testing.T) (*day.Day, string) {
	t.Helper()
	d, err := day.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(d.Handler)
	t.Cleanup(func() { web.Close(); d.Close() })
	d.At(9, 0)
	return d, web.URL
}

func newAgent(t *testing.T, d *day.Day, base string, se access.Session) *agent {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	jar.SetCookies(u, []*http.Cookie{{Name: day.Cookie, Value: d.Enter(se), Path: "/"}})
	return &agent{Day: d, t: t, at: base + "/staff/izsu/call/", http: &http.Client{Jar: jar}}
}

// ring begins a call.
func (a *agent) ring() {
	a.t.Helper()
	res, err := a.http.Get(a.at)
	a.take("GET", res, err, http.StatusOK)
}

// send presses a button, "" for Return, after typing pairs of field and value.
func (a *agent) send(button string, status int, typed ...string) {
	a.t.Helper()
	for i := 0; i+1 < len(typed); i += 2 {
		a.form.Set(typed[i], typed[i+1])
	}
	a.form.Del("do")
	if button != "" {
		a.form.Set("do", button)
	}
	res, err := a.http.PostForm(a.at, a.form)
	a.take("POST "+a.form.Encode(), res, err, status)
}

var (
	input  = regexp.MustCompile(`<input[^>]*>`)
	attr   = regexp.MustCompile(`([a-z-]+)="([^"]*)"`)
	pick   = regexp.MustCompile(`(?s)<select[^>]*name="([a-z]+)"[^>]*>(.*?)</select>`)
	chosen = regexp.MustCompile(`<option value="([^"]*)" selected`)
)

// take reads an answer and fills the form in as a browser would.
func (a *agent) take(what string, res *http.Response, err error, status int) {
	a.t.Helper()
	if err != nil {
		a.t.Fatalf("%s: %v", what, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		a.t.Fatalf("%s: %v", what, err)
	}
	a.page, a.form = string(b), url.Values{}
	if res.StatusCode != status {
		a.t.Fatalf("%s: got %d, want %d:\n%s", what, res.StatusCode, status, a.page)
	}
	for _, tag := range input.FindAllString(a.page, -1) {
		at := map[string]string{}
		for _, m := range attr.FindAllStringSubmatch(tag, -1) {
			at[m[1]] = html.UnescapeString(m[2])
		}
		if at["name"] == "" || at["type"] == "radio" && !strings.Contains(tag, " checked") {
			continue
		}
		a.form.Set(at["name"], at["value"])
	}
	for _, m := range pick.FindAllStringSubmatch(a.page, -1) {
		a.form.Set(m[1], "")
		if o := chosen.FindStringSubmatch(m[2]); o != nil {
			a.form.Set(m[1], o[1])
		}
	}
}

func (a *agent) says(what, text string) {
	a.t.Helper()
	if !strings.Contains(a.page, text) {
		a.t.Errorf("%s: the page does not say %q:\n%s", what, text, a.page)
	}
}

// TestCall is a call from ringing to booked: Return moves it on each time.
func TestCall(t *testing.T) {
	d, base := newDay(t)
	a := newAgent(t, d, base, access.Session{Role: access.Agent, Account: "agent-7"})
	a.ring()
	a.send("", http.StatusOK, "phone", "0532 000 00 17")
	a.says("nothing booked yet", "Bu numarada randevu yok.")
	a.send("", http.StatusOK, "service", "name-change")
	a.says("the script", "Aboneliği kimin adına alacağız?")
	a.says("documents", "Tapu ya da kira sözleşmesi")
	if n := strings.Count(a.page, `name="slot"`); n != 3 {
		t.Errorf("got %d places, want the soonest three", n)
	}
	a.send("more", http.StatusOK)
	if n := strings.Count(a.page, `name="slot"`); n != 9 {
		t.Errorf("got %d places, want nine", n)
	}
	a.send("", http.StatusOK, "where", "konak")
	if n := strings.Count(a.page, "· Konak<"); n != 9 {
		t.Errorf("in one district: got %d places at Konak, want nine:\n%s", n, a.page)
	}
	a.send("", http.StatusOK)
	a.says("held", "Ayrıldı: bugün 09:15, Konak")
	held := a.form.Get("held")
	a.send("", http.StatusUnprocessableEntity, "first", "Ayşe")
	a.says("what was typed stays", `value="Ayşe"`)
	if a.form.Get("held") != held {
		t.Errorf("held after an error: got %q, want %q", a.form.Get("held"), held)
	}
	a.send("", http.StatusOK, "last", "Işık", "note", "Bastonla geliyor")
	a.says("read out", "Randevu verildi. Okuyun:")
	vs, err := d.Visits.ByPhone(t.Context(), booked(t, d, held).Phone)
	if err != nil || len(vs) != 1 || vs[0].State != booking.Booked || vs[0].Channel != booking.Call {
		t.Fatalf("got %+v and %v, want one booked by telephone", vs, err)
	}
	code := vs[0].Code.String()
	a.says("the code", code)
	a.says("digit by digit", spoken(code))
	if texts := d.Texts(); len(texts) != 1 || !strings.Contains(texts[0], code) {
		t.Errorf("texts: got %q, want one with the code", texts)
	}

	// The caller rings again, and moves it; then cancels.
	a.ring()
	a.send("", http.StatusOK, "phone", "+90 532 000 00 17")
	a.says("their visit", "bugün 09:15")
	a.send("open:"+held, http.StatusOK)
	a.says("opened", "Ayşe")
	a.says("the note", "Bastonla geliyor")
	a.send("move:"+held, http.StatusOK)
	a.send("", http.StatusOK, "day", (day.Wednesday + 1).String(), "part", "pm")
	a.send("", http.StatusOK)
	a.says("moved", "Randevu taşındı. Okuyun:")
	a.says("tomorrow", "yarın 12:00")
	v := booked(t, d, held)
	if v.Place.Day != day.Wednesday+1 || v.Code.String() != code || v.Sequence != 1 {
		t.Errorf("moved: got %+v, want tomorrow under the same code", v)
	}
	a.ring()
	a.send("", http.StatusOK, "phone", code)
	a.send("drop:"+held, http.StatusOK)
	a.says("asked once", "randevusu iptal edilsin mi?")
	if booked(t, d, held).State != booking.Booked {
		t.Error("cancelled before it was meant")
	}
	a.send("dropped:"+held, http.StatusOK)
	a.says("cancelled", "Randevu iptal edildi.")
	if got := booked(t, d, held).State; got != booking.Cancelled {
		t.Errorf("got %v, want cancelled", got)
	}
	if texts := d.Texts(); len(texts) != 3 {
		t.Errorf("got %d texts, want booked, moved and cancelled: %q", len(texts), texts)
	}
	rows, err := d.Audit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	reads := 0
	for _, e := range rows {
		if e.Action == "person.read" {
			reads++
			if e.Actor.Ref != "agent-7" || !strings.HasPrefix(e.Purpose, "call: ") {
				t.Errorf("a read by %q for %q, want the agent's for the call", e.Actor.Ref, e.Purpose)
			}
		}
	}
	if reads < 5 {
		t.Errorf("got %d reads written down, want each look at the caller's visits", reads)
	}
	for _, needle := range []string{"Ayşe", "Bastonla", "5320000017"} {
		if strings.Contains(fmt.Sprintf("%+v", rows), needle) {
			t.Errorf("the audit holds %q", needle)
		}
	}
}

func booked(t *testing.T, d *day.Day, id string) booking.Visit {
	t.Helper()
	v, err := d.Visits.Visit(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// spoken is the first two digits of a code in words.
func spoken(code string) string {
	words := []string{"sıfır", "bir", "iki", "üç", "dört", "beş", "altı", "yedi", "sekiz", "dokuz"}
	return words[code[0]-'0'] + " " + words[code[1]-'0']
}

// TestHoldWhileTalking: the place is nobody else's while they talk; it lapses,
// and is let go when the caller wants another.
func TestHoldWhileTalking(t *testing.T) {
	d, base := newDay(t)
	one := newAgent(t, d, base, access.Session{Role: access.Agent})
	two := newAgent(t, d, base, access.Session{Role: access.Agent})
	// All three counters of Konak at 09:15.
	for i := range 2 {
		if _, err := d.Book(t.Context(), "konak", "Ayşe", "Işık", fmt.Sprintf("0532 000 01 %02d", i), "closing", 9, 15); err != nil {
			t.Fatal(err)
		}
	}
	hold := func(a *agent, phone string) {
		a.ring()
		a.send("", http.StatusOK, "phone", phone)
		a.send("", http.StatusOK, "service", "closing", "where", "konak")
		a.send("", http.StatusOK)
	}
	hold(one, "0532 000 00 17")
	one.says("the last place", "Ayrıldı: bugün 09:15, Konak")
	hold(two, "0532 000 00 29")
	two.says("the next one", "Ayrıldı: bugün 09:30, Konak")

	one.send("release", http.StatusOK)
	one.says("let go", "bugün 09:15")
	one.send("hold", http.StatusOK)
	one.says("and taken again", "Ayrıldı: bugün 09:15, Konak")
	d.At(9, 11)
	one.send("book", http.StatusGone, "first", "Ayşe", "last", "Işık")
	one.says("lapsed", "ayrılan süre doldu")
	one.says("what was typed stays", "0532 000 00 17")
	one.says("and others are offered", "bugün 09:15")

	// Two press for the same place: the slower one reads so and sees others.
	three := newAgent(t, d, base, access.Session{Role: access.Agent})
	for _, a := range []*agent{one, three} {
		a.ring()
		a.send("", http.StatusOK, "phone", "0532 000 03 0"+fmt.Sprint(len(d.Texts())%10))
		a.send("", http.StatusOK, "service", "closing", "where", "konak")
	}
	three.form.Set("phone", "0532 000 04 04")
	one.send("", http.StatusOK)
	three.send("", http.StatusConflict)
	three.says("the slower one", "Bu saat doldu.")
	three.says("is offered the next", "bugün 09:30")
	// Sent twice, held once.
	again := one.form
	one.send("", http.StatusOK, "first", "Ayşe", "last", "Işık")
	one.form = again
	one.send("", http.StatusOK, "first", "Ayşe", "last", "Işık")
	one.says("a double click books once", "Randevu verildi.")
	if wrong, err := d.Visits.Audit(t.Context(), day.Wednesday, 1); err != nil || len(wrong) > 0 {
		t.Errorf("counters: got %v and %v, want them to add up", wrong, err)
	}
}

// TestCallFaults: what is wrong is said beside its field, and everything typed
// is still there.
func TestCallFaults(t *testing.T) {
	d, base := newDay(t)
	mine, err := d.Book(t.Context(), "konak", "Ayşe", "Işık", "0532 000 00 17", "closing", 10, 0)
	if err != nil {
		t.Fatal(err)
	}
	a := newAgent(t, d, base, access.Session{Role: access.Agent})
	a.ring()
	a.send("", http.StatusUnprocessableEntity, "phone", "0232 111 22 33")
	a.says("a landline", `value="0232 111 22 33"`)
	a.says("a landline", `id="phone-error"`)
	a.send("offers", http.StatusUnprocessableEntity, "phone", "0532 000 00 29")
	a.says("no matter chosen", `id="service-error"`)
	a.send("open:"+mine.ID, http.StatusNotFound)
	a.says("somebody else's visit", "Bu randevu arayanın değil")
	a.send("dropped:"+mine.ID, http.StatusNotFound)
	a.send("", http.StatusNotFound, "phone", fmt.Sprintf("%08d", (uint32(mine.Code)+1)%100_000_000))
	a.says("no such code", "randevu bulunamadı")
	if got := booked(t, d, mine.ID).State; got != booking.Booked {
		t.Errorf("somebody else's visit: got %v, want booked", got)
	}
	// The same matter at the same centre twice is said at once.
	a.ring()
	a.send("", http.StatusOK, "phone", "0532 000 00 17")
	a.send("", http.StatusOK, "service", "closing", "where", "konak")
	a.send("", http.StatusConflict)
	a.says("twice", "zaten bir randevunuz var")
	// Who has no mobile is booked by identity number, and gets no text.
	a.ring()
	a.send("", http.StatusUnprocessableEntity, "idno", "10000000147")
	a.says("wrong number", `id="idno-error"`)
	a.send("", http.StatusOK, "idno", "10000000146", "service", "closing", "where", "buca")
	a.send("", http.StatusOK)
	before := len(d.Texts())
	a.send("", http.StatusOK, "first", "Zehra", "last", "Ak")
	a.says("without a mobile", "Randevu verildi.")
	if got := len(d.Texts()); got != before {
		t.Errorf("got %d texts more, want none", got-before)
	}
	// A full day says so, and when more opens.
	a.ring()
	d.Set(d.Now().Add(10 * time.Hour))
	a.send("offers", http.StatusConflict, "phone", "0532 000 00 31", "service", "closing", "day", day.Wednesday.String())
	a.says("nothing left", "boş yer yok")
}

// TestWhoMayNotCall: a clerk's, another city's and another centre's people meet
// nothing of this network's callers.
func TestWhoMayNotCall(t *testing.T) {
	d, base := newDay(t)
	v, err := d.Book(t.Context(), "konak", "Ayşe", "Işık", "0532 000 00 17", "closing", 10, 0)
	if err != nil {
		t.Fatal(err)
	}
	for name, se := range map[string]access.Session{
		"a clerk":      {Role: access.Clerk},
		"another city": {Role: access.Agent, City: "ankara"},
	} {
		a := newAgent(t, d, base, se)
		res, err := a.http.Get(a.at)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: got %d, want 404", name, res.StatusCode)
		}
		a.form = url.Values{"phone": {"0532 000 00 17"}}
		a.send("find", http.StatusNotFound)
	}
	a := newAgent(t, d, base, access.Session{Role: access.Agent, Centres: []string{"buca"}})
	a.ring()
	a.send("", http.StatusOK, "phone", v.Code.String())
	a.says("another centre's code", "Telefonu yazıp")
	a.send("open:"+v.ID, http.StatusNotFound)
}

// TestProtectedShare: what is kept for the telephone is had by telephone when
// the site is full, and when that is gone too a caller may wait for a place.
func TestProtectedShare(t *testing.T) {
	d, base := newDay(t)
	// In the afternoon the telephone's share of tomorrow is not let out yet: the
	// site takes all it may and is full.
	tomorrow := day.Wednesday + 1
	d.Set(day.Wednesday.At(7*60, d.Visits.Network().Location()))
	n := 0
	fill := func(ch booking.Channel) {
		for {
			s, ok := d.Visits.Board().Soonest("closing", 1, "konak", tomorrow, 1, ch, d.Now())
			if !ok {
				return
			}
			n++
			tag := d.Who.SessionTag(fmt.Sprint("p", n))
			if _, err := d.Visits.Book(t.Context(), booking.Request{Centre: "konak", Service: "closing", Day: tomorrow, Unit: s.Place.Unit,
				Channel: ch, Actor: audit.System("test"), Who: booking.Who{Holder: tag, Phone: tag}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	fill(booking.Web)
	left, ok := d.Visits.Board().Soonest("closing", 1, "konak", tomorrow, 1, booking.Call, d.Now())
	if !ok || n == 0 {
		t.Fatalf("with the site full after %d: nothing is left for the telephone", n)
	}
	a := newAgent(t, d, base, access.Session{Role: access.Agent})
	hour := left.Start.In(d.Visits.Network().Location()).Format("15:04")
	a.ring()
	a.send("offers", http.StatusOK, "phone", "0532 000 00 17", "service", "closing", "where", "konak", "day", tomorrow.String())
	a.send("hold", http.StatusOK)
	a.says("had by telephone", "Ayrıldı: yarın "+hour+", Konak")
	a.send("", http.StatusOK, "first", "Ayşe", "last", "Işık")

	// The rest goes as well.
	fill(booking.Call)
	a.ring()
	a.send("", http.StatusOK, "phone", "0532 000 00 29")
	a.send("", http.StatusConflict, "service", "closing", "where", "konak", "day", tomorrow.String())
	a.says("full", "boş yer yok")
	a.says("offers to wait", "Bekleme listesine yaz")
	a.send("wait", http.StatusOK)
	a.says("on the list", "Yer açılınca mesajla önerilecek.")
	a.send("wait", http.StatusConflict)
	a.says("once", "zaten varsınız")
	// Whoever cancels makes room for who waits, and they are told.
	v, err := d.Visits.ByPhone(t.Context(), d.Who.PhoneTag(person.RestorePhone("905320000017")))
	if err != nil || len(v) != 1 {
		t.Fatalf("got %v and %v, want one", v, err)
	}
	if _, err := d.Visits.Cancel(t.Context(), v[0].ID, audit.System("test")); err != nil {
		t.Fatal(err)
	}
	texts := d.Texts()
	if got := texts[len(texts)-2:]; !strings.Contains(got[0]+got[1], "Yer acildi") {
		t.Errorf("texts: got %q, want an offer", got)
	}
}
