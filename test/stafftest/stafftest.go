// Package stafftest opens the staff's pages over a real database for the tests
// of other packages, with people and screens who are signed in.
package stafftest

import (
	"crypto/rand"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"turnike/internal/access"
	"turnike/internal/audit"
	"turnike/internal/city"
	"turnike/internal/storage"
	"turnike/internal/storage/sqlstore"
	"turnike/internal/vault"
	"turnike/internal/web/staff"
)

// World is people, screens and the pages they meet.
type World struct {
	Store  *sqlstore.Store
	Keys   *vault.Vault
	Access *access.Service
	Staff  *staff.Server
}

// Tenant is a tenant with centres of these ids.
func Tenant(id string, centres ...string) access.Tenant {
	t := access.Tenant{ID: id, Name: city.Text{"tr": id, "en": id, "ar": id}}
	for _, c := range centres {
		t.Centres = append(t.Centres, access.Place{ID: c, Name: c})
	}
	return t
}

// New opens a world of its own, in a folder that goes when the test ends.
func New(t testing.TB, now func() time.Time, tenants ...access.Tenant) *World {
	t.Helper()
	dir := t.TempDir()
	store, err := storage.Open(t.Context(), "sqlite:"+filepath.Join(dir, "rows.db"), true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	keys, err := vault.Open(t.Context(), vault.Config{Dir: filepath.Join(dir, "keys"), Stock: 20, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { keys.Close() })
	return Over(t, store, keys, now, tenants...)
}

// Over is New over a database and keys that a test has already.
func Over(t testing.TB, store *sqlstore.Store, keys *vault.Vault, now func() time.Time, tenants ...access.Tenant) *World {
	t.Helper()
	svc := access.New(access.Config{Store: sqlstore.As[access.Tx](store), Keys: keys,
		Tenants: func() []access.Tenant { return tenants }, Now: now})
	pages, err := staff.New(staff.Config{Access: svc, Accounts: svc, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return &World{store, keys, svc, pages}
}

// Token signs somebody new in and gives their session's token.
func (w *World) Token(t testing.TB, role access.Role, city string, centres ...string) string {
	t.Helper()
	claim := rand.Text()
	if _, err := w.Access.InviteBy(t.Context(), audit.System("test"), access.Invitation{City: city, Role: role, Centres: centres, Outside: claim}); err != nil {
		t.Fatal(err)
	}
	in, err := w.Access.Outside(t.Context(), city, claim, "Deniz Kaya")
	if err != nil {
		t.Fatal(err)
	}
	return in.Token
}

// Session is Token as the pages' handlers see it.
func (w *World) Session(t testing.TB, role access.Role, city string, centres ...string) access.Session {
	t.Helper()
	se, ok, err := w.Access.Session(t.Context(), w.Token(t, role, city, centres...))
	if err != nil || !ok {
		t.Fatalf("session: got %t, %v", ok, err)
	}
	return se
}

// SignedIn is a browser of somebody new, for a server's pages. It follows no
// redirects, so that a test sees where it is sent.
func (w *World) SignedIn(t testing.TB, srv *httptest.Server, role access.Role, city string, centres ...string) *http.Client {
	t.Helper()
	return Browser(t, srv, &http.Cookie{Name: "staff", Value: w.Token(t, role, city, centres...), Path: "/"})
}

// Enrolled is the browser of a screen that stands in a centre.
func (w *World) Enrolled(t testing.TB, srv *httptest.Server, city, centre, kind string) *http.Client {
	t.Helper()
	code, err := w.Access.MakeDevice(t.Context(), w.Session(t, access.Manager, city), city, centre, kind, "test")
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := w.Access.Enrol(t.Context(), code)
	if err != nil {
		t.Fatal(err)
	}
	return Browser(t, srv, &http.Cookie{Name: "screen", Value: token, Path: "/"})
}

// Browser is one that holds some cookies.
func Browser(t testing.TB, srv *httptest.Server, cookies ...*http.Cookie) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	jar.SetCookies(u, cookies)
	return &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}
