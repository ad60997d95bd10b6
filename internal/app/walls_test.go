package app_test

import (
	"crypto/rand"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"turnike/internal/access"
	"turnike/internal/audit"
)

// signedIn is the cookie of somebody new who works somewhere.
func (w *world) signedIn(role access.Role, city string, centres ...string) *http.Cookie {
	w.t.Helper()
	claim := rand.Text()
	if _, err := w.app.Access().InviteBy(w.t.Context(), audit.System("test"), access.Invitation{City: city, Role: role, Centres: centres, Outside: claim}); err != nil {
		w.t.Fatal(err)
	}
	in, err := w.app.Access().Outside(w.t.Context(), city, claim, "Deniz")
	if err != nil {
		w.t.Fatal(err)
	}
	return &http.Cookie{Name: "staff", Value: in.Token}
}

// asked is the status of a route's page for somebody.
func (w *world) asked(method, path string, who *http.Cookie) (status int, location string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.site+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	if method != http.MethodGet {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Body = io.NopCloser(strings.NewReader("a=b"))
	}
	if who != nil {
		r.AddCookie(who)
	}
	resp, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, resp.Header.Get("Location")
}

// wild is a part of a pattern that any value fills.
var wild = regexp.MustCompile(`\{[a-z]+(\.\.\.)?\}`)

// TestWalls walks every page that needs a sign-in, as it is mounted, in three
// ways: into a foreign tenant and a foreign centre, where it must not exist
// (404); in one's own tenant with a role that may not, likewise; and signed
// out, where it leads to the sign-in and says nothing.
func TestWalls(t *testing.T) {
	w := newWorld(t)
	// Of each role somebody of another tenant, and of the same one but of
	// another centre.
	foreign, elsewhere, own := map[access.Role]*http.Cookie{}, map[access.Role]*http.Cookie{}, map[access.Role]*http.Cookie{}
	for _, r := range access.Roles() {
		foreign[r] = w.signedIn(r, "izmir-desks")
		elsewhere[r] = w.signedIn(r, "izsu", "konak")
		own[r] = w.signedIn(r, "izsu")
	}
	routes := w.app.StaffRoutes()
	tenant, centre := 0, 0
	for _, route := range routes {
		path := strings.NewReplacer("{city}", "izsu", "{centre}", "bornova", "{$}", "").Replace(route.Pattern)
		path = wild.ReplaceAllString(path, "0176f000-0000-7000-8000-000000000000")
		what := route.Method + " " + route.Pattern
		if !strings.HasPrefix(path, "/staff/") {
			t.Errorf("%s: a page for staff stands outside /staff/", what)
		}
		if status, location := w.asked(route.Method, path, nil); status != http.StatusUnauthorized && !(status == http.StatusSeeOther && strings.HasPrefix(location, "/staff/sign-in")) {
			t.Errorf("%s signed out: got %d to %q, want the sign-in", what, status, location)
		}
		if !strings.Contains(route.Pattern, "{city}") && !strings.Contains(route.Pattern, "/izsu/") {
			continue
		}
		tenant++
		for r, who := range foreign {
			if status, _ := w.asked(route.Method, path, who); status != http.StatusNotFound {
				t.Errorf("%s by a %s of another tenant: got %d, want 404", what, r, status)
			}
		}
		for r, who := range own {
			if r.May(route.Action) {
				continue
			}
			if status, _ := w.asked(route.Method, path, who); status != http.StatusNotFound {
				t.Errorf("%s by a %s, who may not: got %d, want 404", what, r, status)
			}
		}
		if !strings.Contains(route.Pattern, "{centre}") {
			continue
		}
		centre++
		for r, who := range elsewhere {
			if status, _ := w.asked(route.Method, path, who); status != http.StatusNotFound {
				t.Errorf("%s by a %s of another centre: got %d, want 404", what, r, status)
			}
		}
		nowhere := strings.Replace(strings.Replace(route.Pattern, "{city}", "izsu", 1), "{centre}", "no-such-centre", 1)
		if status, _ := w.asked(route.Method, wild.ReplaceAllString(strings.Replace(nowhere, "{$}", "", 1), "1"), own[access.Manager]); status != http.StatusNotFound {
			t.Errorf("%s in a centre that is not there: got %d, want 404", what, status)
		}
	}
	t.Logf("walked %d routes, %d of a tenant, %d of a centre", len(routes), tenant, centre)
	if len(routes) < 40 || tenant < 25 || centre < 5 {
		t.Errorf("walked %d routes, %d of a tenant, %d of a centre: want those of every audience", len(routes), tenant, centre)
	}
}

// TestFirstAdministrator: the link works while nobody administers, and is not
// made again afterwards.
func TestFirstAdministrator(t *testing.T) {
	w := newWorld(t)
	path, err := w.app.FirstAdministrator(t.Context())
	if err != nil || path == "" {
		t.Fatalf("got %q, %v; want a path", path, err)
	}
	if status, _ := w.asked("GET", path, nil); status != http.StatusOK {
		t.Errorf("%s: got %d, want the invitation", "the link", status)
	}
	w.signedIn(access.Administrator, access.Everywhere)
	if path, err := w.app.FirstAdministrator(t.Context()); err != nil || path != "" {
		t.Errorf("with an administrator: got %q, %v; want none", path, err)
	}
}
