package staff_test

import (
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"turnike/internal/access"
	"turnike/internal/audit"
	"turnike/internal/i18n"
	"turnike/internal/web/staff"
	"turnike/test/stafftest"
)

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.t }
func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// house is the staff's pages on loopback, with one page of another package
// that needs a fresh proof.
type house struct {
	*stafftest.World
	t     *testing.T
	clock *clock
	srv   *httptest.Server
	sent  []url.Values // to that page
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, clock: &clock{t: time.Date(2021, 1, 12, 9, 0, 0, 0, time.UTC)}}
	h.World = stafftest.New(t, h.clock.now, stafftest.Tenant("izsu", "konak", "bornova"), stafftest.Tenant("izmir-desks", "halkapinar"), stafftest.Tenant("izmir"))
	h.serve(h.Staff)
	return h
}

func (h *house) serve(pages *staff.Server) {
	mux := http.NewServeMux()
	mux.Handle("/staff/", pages.Handler())
	mux.Handle("/invite/", pages.Handler())
	mux.Handle("/screen/", pages.Handler())
	mux.Handle("POST /staff/{city}/centre/{centre}/mass", pages.Wrap(pages.Fresh(access.Mass, func(w http.ResponseWriter, r *http.Request, se access.Session) error {
		f, _, err := pages.Site().Form(w, r)
		if err != nil {
			return err
		}
		h.sent = append(h.sent, f.Values())
		_, err = io.WriteString(w, "done by "+se.Name)
		return err
	})))
	mux.Handle("GET /screen/{city}/{centre}/kiosk", pages.Wrap(pages.Screen(access.Kiosk, func(w http.ResponseWriter, r *http.Request, sc access.Screen) error {
		_, err := io.WriteString(w, "kiosk "+sc.Name)
		return err
	})))
	h.srv = httptest.NewServer(mux)
	h.t.Cleanup(h.srv.Close)
}

// answer is a page as a test reads it.
type answer struct {
	status   int
	location string
	body     string
}

func (h *house) do(c *http.Client, r *http.Request) answer {
	h.t.Helper()
	resp, err := c.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header.Get("Location"), string(b)}
}

func (h *house) get(c *http.Client, path string) answer {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.t.Context(), "GET", h.srv.URL+path, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	return h.do(c, r)
}

// post sends pairs of a field's name and value.
func (h *house) post(c *http.Client, path string, fields ...string) answer {
	h.t.Helper()
	v := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		v.Add(fields[i], fields[i+1])
	}
	r, err := http.NewRequestWithContext(h.t.Context(), "POST", h.srv.URL+path, strings.NewReader(v.Encode()))
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return h.do(c, r)
}

// hidden is the value of a field that the page carries.
func hidden(a answer, name string) string {
	m := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(a.body)
	if m == nil {
		return ""
	}
	return html.UnescapeString(m[1])
}

func (h *house) want(what string, a answer, status int, says string) {
	h.t.Helper()
	if a.status != status || !strings.Contains(html.UnescapeString(a.body), says) {
		h.t.Errorf("%s: got %d %s, want %d with %q; page:\n%.3000s", what, a.status, a.location, status, says, a.body)
	}
}

func (h *house) wantGo(what string, a answer, to string) {
	h.t.Helper()
	if a.status != http.StatusSeeOther || a.location != to {
		h.t.Errorf("%s: got %d to %q, want 303 to %q; page:\n%.2000s", what, a.status, a.location, to, a.body)
	}
}

func say(key string, args ...any) string { return i18n.T(i18n.Turkish, key, args...) }

const password = "dört yapraklı yonca 7"

// join goes through an invitation on its pages.
func (h *house) join(role access.Role, city, login string, centres ...string) (c *http.Client, secret string) {
	h.t.Helper()
	token, err := h.Access.InviteBy(h.t.Context(), audit.System("test"), access.Invitation{City: city, Role: role, Centres: centres})
	if err != nil {
		h.t.Fatal(err)
	}
	c = stafftest.Browser(h.t, h.srv)
	a := h.get(c, "/invite/"+token)
	h.want("the invitation", a, 200, say("staff.role."+string(role)))
	a = h.post(c, "/invite/"+token, "way", "password", "name", "Ayşe Kaya", "login", login, "password", "kısa")
	h.want("a short password", a, 422, say("fault.staff.password_short", "least", 12))
	if hidden(a, "name") == "" && !strings.Contains(a.body, `value="Ayşe Kaya"`) || strings.Contains(a.body, "kısa") {
		h.t.Errorf("after a fault the name is lost, or the password came back:\n%.2000s", a.body)
	}
	a = h.post(c, "/invite/"+token, "way", "password", "name", "Ayşe Kaya", "login", login, "password", password)
	m := regexp.MustCompile(`<p class="t-copy">([A-Z2-7 ]+)</p>`).FindStringSubmatch(a.body)
	if m == nil {
		h.t.Fatalf("no key for one-time codes on the page: %d\n%.2000s", a.status, a.body)
	}
	secret = strings.ReplaceAll(m[1], " ", "")
	state := hidden(a, "state")
	a = h.post(c, "/invite/"+token+"/code", "state", state, "code", "000000")
	h.want("a wrong first code", a, 422, say("fault.staff.code"))
	a = h.post(c, "/invite/"+token+"/code", "state", hidden(a, "state"), "code", h.code(secret))
	h.want("welcome", a, 200, say("staff.welcome.title"))
	if n := len(regexp.MustCompile(`<li>[a-z2-7]{5}-[a-z2-7]{5}</li>`).FindAllString(a.body, -1)); n != 10 {
		h.t.Errorf("got %d recovery codes on the page, want 10", n)
	}
	return c, secret
}

func (h *house) code(secret string) string {
	h.t.Helper()
	c, err := totp.GenerateCode(secret, h.clock.now())
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

func TestInvitationAndSignIn(t *testing.T) {
	h := newHouse(t)
	c, secret := h.join(access.Clerk, "izsu", "ayse", "konak")
	a := h.get(c, "/staff/")
	h.want("home", a, 200, "Ayşe Kaya")
	if !strings.Contains(a.body, `href="/staff/izsu/queue/konak/"`) || strings.Contains(a.body, "/people") {
		t.Errorf("home of a clerk at Konak lacks the queue, or shows people:\n%s", a.body)
	}
	h.wantGo("sign out", h.post(c, "/staff/sign-out"), "/staff/sign-in")
	h.wantGo("signed out", h.get(c, "/staff/account"), "/staff/sign-in?next=%2Fstaff%2Faccount")

	h.clock.pass(time.Minute)
	a = h.post(c, "/staff/sign-in", "login", "ayse", "password", "something else", "next", "/staff/account")
	h.want("a wrong password", a, 422, say("fault.staff.wrong"))
	if !strings.Contains(a.body, `value="ayse"`) || strings.Contains(a.body, "something else") {
		t.Error("the name is lost, or the password came back")
	}
	unknown := h.post(c, "/staff/sign-in", "login", "ayse", "password", "something else", "next", "/staff/account")
	if hidden(unknown, "next") != "/staff/account" {
		t.Errorf("where to go is lost: %q", hidden(unknown, "next"))
	}
	a = h.post(c, "/staff/sign-in", "login", "ayse", "password", password, "next", "/staff/account")
	h.want("the code's page", a, 200, say("staff.code.title"))
	arabic := h.post(c, "/staff/sign-in/code", "state", hidden(a, "state"), "next", "/staff/account", "_lang", "ar")
	h.want("the same in Arabic", arabic, 200, i18n.T(i18n.Arabic, "staff.code.title"))
	a = h.post(c, "/staff/sign-in/code", "state", hidden(arabic, "state"), "next", hidden(arabic, "next"), "code", h.code(secret))
	h.wantGo("the right code", a, "/staff/account")
	h.want("the account", h.get(c, "/staff/account"), 200, "Ayşe Kaya")
}

// TestNextStaysHere: a link may not send somebody elsewhere by the sign-in.
func TestNextStaysHere(t *testing.T) {
	h := newHouse(t)
	for _, bad := range []string{"https://evil.example/staff/", "//evil.example/staff/", "/\\evil.example", "/staff/\r\nX: y", "/evil", "javascript:alert(1)", "/staff/../.."} {
		a := h.get(stafftest.Browser(t, h.srv), "/staff/sign-in?next="+url.QueryEscape(bad))
		if got := hidden(a, "next"); got != "/staff/" && got != "/staff/../.." {
			t.Errorf("next=%q: got %q, want the front page", bad, got)
		}
	}
}

// TestFormSurvivesSignOut: a form sent after the session ended is there after
// signing in.
func TestFormSurvivesSignOut(t *testing.T) {
	h := newHouse(t)
	c, secret := h.join(access.Manager, "izsu", "mudur")
	h.clock.pass(access.IdleConsole)
	a := h.post(c, "/staff/izsu/centre/konak/mass", "why", "kar yağışı", "day", "5")
	h.want("sign in first", a, 401, say("fault.staff.session_ended"))
	if len(h.sent) > 0 || strings.Contains(a.body, "yağış") {
		t.Error("the form was taken, or stands on the page in the clear")
	}
	a = h.post(c, "/staff/sign-in", "login", "mudur", "password", password, "next", hidden(a, "next"), "kept", hidden(a, "kept"))
	a = h.post(c, "/staff/sign-in/code", "state", hidden(a, "state"), "next", hidden(a, "next"), "kept", hidden(a, "kept"), "code", h.code(secret))
	h.want("go on", a, 200, say("staff.continue.go"))
	if hidden(a, "why") != "kar yağışı" || !strings.Contains(a.body, `action="/staff/izsu/centre/konak/mass"`) {
		t.Errorf("the form is not on the page:\n%s", a.body)
	}
	h.want("sent", h.post(c, "/staff/izsu/centre/konak/mass", "why", hidden(a, "why"), "day", hidden(a, "day")), 200, "done by Ayşe Kaya")
	// Another page's state is none.
	a = h.post(c, "/staff/sign-in/code", "state", "x", "kept", "x", "code", "1")
	h.want("a made-up state", a, 410, say("fault.staff.lapsed"))
}

func TestFresh(t *testing.T) {
	h := newHouse(t)
	c, secret := h.join(access.Manager, "izsu", "mudur")
	const path = "/staff/izsu/centre/konak/mass"
	h.want("fresh from sign-in", h.post(c, path, "why", "one"), 200, "done by")
	h.clock.pass(access.StepUp)
	a := h.post(c, path, "why", "kar yağışı", "_lang_of_theirs", "x")
	h.want("asked again", a, 200, say("staff.again.title"))
	if hidden(a, "why") != "kar yağışı" {
		t.Errorf("what was typed is lost:\n%s", a.body)
	}
	a = h.post(c, path, "why", "kar yağışı", "_again", "1", "_again_code", "000000")
	h.want("a wrong code", a, 422, say("fault.staff.code"))
	a = h.post(c, path, "why", hidden(a, "why"), "_again", "1", "_lang", "en")
	h.want("another language", a, 200, i18n.T(i18n.English, "staff.again.title"))
	if len(h.sent) != 1 {
		t.Fatalf("got %d deeds, want none since the first", len(h.sent))
	}
	a = h.post(c, path, "why", hidden(a, "why"), "_again", "1", "_again_code", h.code(secret))
	h.want("with the code", a, 200, "done by")
	if len(h.sent) != 2 || h.sent[1].Get("why") != "kar yağışı" || h.sent[1].Has("_again") || h.sent[1].Has("_again_code") {
		t.Errorf("got %v, want what was typed and nothing of the step-up", h.sent)
	}
	h.want("within five minutes", h.post(c, path, "why", "three"), 200, "done by")
}

// TestWalls asks for every page of this package as everybody else's staff.
func TestWalls(t *testing.T) {
	h := newHouse(t)
	admin := h.SignedIn(t, h.srv, access.Administrator, "izmir")
	manager := h.SignedIn(t, h.srv, access.Manager, "izsu", "konak")
	clerk := h.SignedIn(t, h.srv, access.Clerk, "izsu")
	routes := h.Staff.Routes()
	if len(routes) < 20 {
		t.Fatalf("got %d routes, want all", len(routes))
	}
	ask := func(c *http.Client, r access.Route, city string) answer {
		path := strings.NewReplacer("{city}", city, "{id}", "0176f000-0000-7000-8000-000000000000", "{$}", "").Replace(r.Pattern)
		if r.Method == "POST" {
			return h.post(c, path, "role", "clerk")
		}
		return h.get(c, path)
	}
	walked := 0
	for _, r := range routes {
		if !strings.Contains(r.Pattern, "{city}") {
			continue
		}
		walked++
		for _, city := range []string{"izsu", "izmir-desks", "all", "*", "nowhere", "%2a"} {
			if a := ask(admin, r, city); a.status != 404 {
				t.Errorf("%s %s in %s by another's administrator: got %d, want 404", r.Method, r.Pattern, city, a.status)
			}
		}
		if !access.Clerk.May(r.Action) {
			if a := ask(clerk, r, "izsu"); a.status != 404 {
				t.Errorf("%s %s by a clerk: got %d, want 404", r.Method, r.Pattern, a.status)
			}
		}
	}
	if walked < 10 {
		t.Errorf("walked %d routes, want all with a tenant", walked)
	}
	h.want("another centre", h.post(manager, "/staff/izsu/centre/bornova/mass", "a", "b"), 404, "")
	h.want("no such centre", h.post(manager, "/staff/izsu/centre/nowhere/mass", "a", "b"), 404, "")
	h.want("own centre", h.post(manager, "/staff/izsu/centre/konak/mass", "a", "b"), 200, "done")
}

func TestPeople(t *testing.T) {
	h := newHouse(t)
	c, _ := h.join(access.Administrator, "izsu", "yonetici")
	a := h.post(c, "/staff/izsu/people", "role", "")
	h.want("no role", a, 422, say("fault.staff.role"))
	a = h.post(c, "/staff/izsu/people", "role", "clerk", "centre", "konak")
	h.want("a link", a, 200, h.srv.URL+"/invite/izsu.")
	link := regexp.MustCompile(`/invite/[\w.-]+`).FindString(a.body)
	other := stafftest.Browser(t, h.srv)
	h.want("the link", h.get(other, link), 200, "konak")

	invite := hidden(a, "invite")
	h.wantGo("withdrawn", h.post(c, "/staff/izsu/people/withdraw", "invite", invite), "/staff/izsu/people")
	h.want("a withdrawn link", h.get(other, link), 410, say("fault.staff.invite_over"))

	clerk := h.Session(t, access.Clerk, "izsu", "konak")
	token := h.Token(t, access.Clerk, "izsu")
	browser := stafftest.Browser(t, h.srv, &http.Cookie{Name: "staff", Value: token, Path: "/"})
	h.want("a clerk at home", h.get(browser, "/staff/"), 200, "")
	se, _, err := h.Access.Session(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	a = h.post(c, "/staff/izsu/people/"+se.Account, "role", "manager", "centre", "bornova")
	h.want("a new role", a, 200, say("staff.person.done"))
	h.want("at their next request", h.get(browser, "/staff/"), 200, "/staff/izsu/centre/bornova/")
	h.wantGo("retired", h.post(c, "/staff/izsu/people/"+se.Account+"/retire"), "/staff/izsu/people")
	h.wantGo("their next request", h.get(browser, "/staff/account"), "/staff/sign-in?next=%2Fstaff%2Faccount")
	a = h.get(c, "/staff/izsu/people")
	h.want("the list", a, 200, say("staff.people.left"))
	if strings.Contains(a.body, "/people/"+se.Account) || !strings.Contains(a.body, "/people/"+clerk.Account) {
		t.Error("the list leads to who left, or not to who is here")
	}
	h.want("the audit", h.get(c, "/staff/izsu/audit"), 200, say("staff.did.staff.retire"))
}

func TestScreens(t *testing.T) {
	h := newHouse(t)
	c, _ := h.join(access.Manager, "izsu", "mudur", "konak")
	kiosk := stafftest.Browser(t, h.srv)
	h.wantGo("not enrolled", h.get(kiosk, "/screen/izsu/konak/kiosk"), "/screen/")
	a := h.post(c, "/staff/izsu/screens", "centre", "konak", "kind", "kiosk", "device", "")
	h.want("no name", a, 422, say("fault.staff.device_name"))
	a = h.post(c, "/staff/izsu/screens", "centre", "konak", "kind", "kiosk", "device", "kapı")
	m := regexp.MustCompile(`>(\d{4} \d{4})<`).FindStringSubmatch(a.body)
	if m == nil {
		t.Fatalf("no code on the page:\n%s", a.body)
	}
	h.want("a wrong code", h.post(kiosk, "/screen/", "code", "1234"), 422, say("fault.staff.device_code"))
	h.wantGo("enrolled", h.post(kiosk, "/screen/", "code", m[1]), "/screen/izsu/konak/kiosk")
	h.want("the kiosk", h.get(kiosk, "/screen/izsu/konak/kiosk"), 200, "kiosk kapı")
	for _, p := range []string{"/screen/izsu/bornova/kiosk", "/screen/izmir-desks/halkapinar/kiosk"} {
		h.want("another's page "+p, h.get(kiosk, p), 404, "")
	}
	a = h.get(c, "/staff/izsu/screens")
	h.want("the list", a, 200, say("staff.screens.works"))
	end := regexp.MustCompile(`/staff/izsu/screens/[0-9a-f-]+/end`).FindString(a.body)
	h.wantGo("sent away", h.post(c, end), "/staff/izsu/screens")
	h.wantGo("the kiosk's next request", h.get(kiosk, "/screen/izsu/konak/kiosk"), "/screen/")
}

func TestAccount(t *testing.T) {
	h := newHouse(t)
	c, _ := h.join(access.Clerk, "izsu", "ayse")
	h.want("a common password", h.post(c, "/staff/account/password", "password", "password1234"), 422, say("fault.staff.password_common"))
	h.want("a good one", h.post(c, "/staff/account/password", "password", "beş kuru fasulye"), 200, say("staff.account.done_others"))
	a := h.post(c, "/staff/account/codes")
	m := regexp.MustCompile(`<p class="t-copy">([A-Z2-7 ]+)</p>`).FindStringSubmatch(a.body)
	if m == nil {
		t.Fatalf("no key on the page:\n%s", a.body)
	}
	secret := strings.ReplaceAll(m[1], " ", "")
	h.clock.pass(time.Minute)
	a = h.post(c, "/staff/account/codes/keep", "state", hidden(a, "state"), "code", h.code(secret))
	h.want("codes on a new phone", a, 200, say("staff.account.done_others"))
	h.want("new recovery codes", h.post(c, "/staff/account/recovery"), 200, say("staff.recovery.once"))
	h.wantGo("a reload of it", h.get(c, "/staff/account/recovery?lang=en"), "/staff/account")

	h.clock.pass(time.Minute)
	other := stafftest.Browser(t, h.srv)
	a = h.post(other, "/staff/sign-in", "login", "ayse", "password", "beş kuru fasulye", "next", "/staff/")
	h.wantGo("signed in elsewhere", h.post(other, "/staff/sign-in/code", "state", hidden(a, "state"), "next", "/staff/", "code", h.code(secret)), "/staff/")
	h.wantGo("end the others", h.post(c, "/staff/account/sessions/end-others"), "/staff/account")
	h.wantGo("elsewhere", h.get(other, "/staff/account"), "/staff/sign-in?next=%2Fstaff%2Faccount")
	h.want("here", h.get(c, "/staff/account"), 200, "")
}
