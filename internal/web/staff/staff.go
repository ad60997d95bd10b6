// Package staff is the ground floor of every page for people who work here:
// invitation and sign-in, one's own account, people and screens, and the
// wrappers by which the counter, the call centre and the consoles ask for a
// signed-in reader (Page), a fresh proof (Fresh) or an enrolled device
// (Screen).
//
// The pages work without script but for passkeys, which a browser gives to
// script alone; a password with a one-time code is the way without.
package staff

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"turnike/internal/access"
	"turnike/internal/i18n"
	"turnike/internal/web/assets"
	"turnike/internal/web/httpx"
	"turnike/internal/web/ui"
)

// Access is the part the access service plays for the wrappers.
type Access interface {
	// Session is who a token belongs to; ok is false for nobody.
	Session(ctx context.Context, token string) (se access.Session, ok bool, err error)
	// Screen is the device a token belongs to.
	Screen(ctx context.Context, token string) (sc access.Screen, ok bool, err error)
}

// Config is what the pages need.
type Config struct {
	Access Access
	// Accounts is the same service, for the pages of this package; without it
	// there are only the wrappers.
	Accounts *access.Service
	Now      func() time.Time
	// Providers are the tenants' own sign-ins.
	Providers []Provider

	Log     *slog.Logger
	TLS     bool     // readers reach us over https
	Origins []string // further origins that may post to us
}

// Server is the staff's pages. It is safe for concurrent use.
type Server struct {
	cfg  Config
	site *httpx.Site

	mu    sync.Mutex
	known map[string]*outside // providers that answered, by tenant
}

// New makes the pages.
func New(cfg Config) (*Server, error) {
	s := &Server{cfg: cfg, known: map[string]*outside{}}
	site, err := httpx.New(httpx.Config{Log: cfg.Log, TLS: cfg.TLS, Origins: cfg.Origins, Frame: func(r *http.Request) ui.Page {
		return ui.Page{Place: "Turnike", Home: homePath, Staff: true}
	}})
	if err != nil {
		return nil, err
	}
	s.site = site
	return s, nil
}

// Cookies and addresses.
const (
	SessionCookie = "staff"
	knownCookie   = "known"
	ScreenCookie  = "screen"
	outsideCookie = "outside"

	homePath   = "/staff/"
	signInPath = "/staff/sign-in"
	screenPath = "/screen/"
)

// Site is the ground: Render, Form, SetCookie.
func (s *Server) Site() *httpx.Site { return s.site }

// Wrap puts a mux of staff or screen pages on the ground: headers, language,
// zipped answers, no posts from elsewhere. Once around everything.
func (s *Server) Wrap(h http.Handler) http.Handler { return s.site.Wrap(h) }

// row is one address of this package.
type row struct {
	access.Route
	h http.Handler
}

// rows are the pages that need a sign-in, in reading order.
func (s *Server) rows() []row {
	page := func(method, pattern string, a access.Action, h handler) row {
		return row{access.Route{Method: method, Pattern: pattern, Action: a}, s.Page(a, h)}
	}
	fresh := func(method, pattern string, a access.Action, h handler) row {
		return row{access.Route{Method: method, Pattern: pattern, Action: a}, s.Fresh(a, h)}
	}
	return []row{
		page("GET", "/staff/{$}", access.Own, s.home),
		page("GET", "/staff/{city}/{$}", access.Own, s.home),
		page("POST", "/staff/sign-out", access.Own, s.signOut),
		page("GET", "/staff/again", access.Own, s.again),
		page("POST", "/staff/again", access.Own, s.sendAgain),

		page("GET", "/staff/account", access.Own, s.account),
		fresh("POST", "/staff/account/passkey", access.Own, s.newPasskey),
		page("POST", "/staff/account/passkey/keep", access.Own, s.keepPasskey),
		fresh("POST", "/staff/account/passkey/drop", access.Own, s.dropPasskey),
		fresh("POST", "/staff/account/password", access.Own, s.password),
		fresh("POST", "/staff/account/codes", access.Own, s.newCodes),
		page("POST", "/staff/account/codes/keep", access.Own, s.keepCodes),
		fresh("POST", "/staff/account/recovery", access.Own, s.recovery),
		page("POST", "/staff/account/sessions/end", access.Own, s.endSession),
		page("POST", "/staff/account/sessions/end-others", access.Own, s.endOthers),

		page("GET", "/staff/{city}/people", access.Accounts, s.people),
		fresh("POST", "/staff/{city}/people", access.Accounts, s.invite),
		fresh("POST", "/staff/{city}/people/withdraw", access.Accounts, s.withdraw),
		page("GET", "/staff/{city}/people/{id}", access.Accounts, s.person),
		fresh("POST", "/staff/{city}/people/{id}", access.Accounts, s.changePerson),
		fresh("POST", "/staff/{city}/people/{id}/link", access.Accounts, s.newLink),
		fresh("POST", "/staff/{city}/people/{id}/retire", access.Accounts, s.retire),

		page("GET", "/staff/{city}/screens", access.Devices, s.screens),
		page("POST", "/staff/{city}/screens", access.Devices, s.makeScreen),
		page("POST", "/staff/{city}/screens/{id}/end", access.Devices, s.endScreen),

		page("GET", "/staff/{city}/audit", access.ReadAudit, s.audit),
	}
}

// Routes are the pages of this package that need a sign-in.
func (s *Server) Routes() []access.Route {
	var all []access.Route
	for _, r := range s.rows() {
		all = append(all, r.Route)
	}
	return all
}

// Handler serves /staff/ (what is not another package's), /invite/ and
// /screen/ (enrolment), and the sheets. It is wrapped already.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, r := range s.rows() {
		mux.Handle(r.Method+" "+r.Pattern, r.h)
		if r.Method == http.MethodPost && strings.HasPrefix(r.Pattern, "/staff/account/") {
			// A reader may reload what a post answered, or read it in another
			// language.
			mux.Handle("GET "+r.Pattern, s.Page(access.Own, s.toAccount))
		}
	}
	open := func(pattern string, h func(http.ResponseWriter, *http.Request) error) {
		mux.Handle(pattern, s.site.Page(h))
	}
	open("GET "+signInPath, s.signIn)
	open("POST "+signInPath, s.sendSignIn)
	open("POST "+signInPath+"/code", s.sendCode)
	open("POST "+signInPath+"/passkey", s.sendPasskey)
	open("GET "+signInPath+"/outside/{tenant}", s.goOutside)
	open("GET "+signInPath+"/back", s.backFromOutside)
	open("GET "+signInPath+"/code", s.signIn)
	open("GET "+signInPath+"/passkey", s.signIn)
	open("GET /invite/{token}", s.offer)
	open("GET /invite/{token}/code", s.toOffer)
	open("GET /invite/{token}/passkey", s.toOffer)
	open("POST /invite/{token}", s.sendOffer)
	open("POST /invite/{token}/code", s.acceptCode)
	open("POST /invite/{token}/passkey", s.acceptPasskey)
	open("GET "+screenPath+"{$}", s.enrol)
	open("POST "+screenPath+"{$}", s.sendEnrol)
	mux.Handle("/", s.site.NotFound())

	all := http.NewServeMux()
	all.Handle(assets.Prefix, assets.Handler())
	all.HandleFunc("GET "+scriptPath(), serveScript)
	all.Handle("/", s.Wrap(mux))
	return all
}

type handler = func(http.ResponseWriter, *http.Request, access.Session) error

// Page wraps a page that needs a sign-in. Who is not signed in is sent to do
// so and back, with what they posted; whose role may not, or who belongs to
// another {city} or {centre} than the path's, is told that there is no such
// page.
func (s *Server) Page(a access.Action, h func(http.ResponseWriter, *http.Request, access.Session) error) http.Handler {
	return s.site.Page(func(w http.ResponseWriter, r *http.Request) error {
		se, ok, err := s.session(r)
		if err != nil {
			return err
		}
		if !ok {
			if r.Method == http.MethodPost && r.URL.Path != "/staff/sign-out" {
				return s.keepAndSignIn(w, r)
			}
			next := r.URL.Path
			if r.Method == http.MethodPost {
				next = homePath
			}
			return httpx.See(w, r, signInPath+"?next="+url.QueryEscape(next))
		}
		if !s.allowed(se, a, r) {
			return httpx.ErrNotFound
		}
		return h(w, r, se)
	})
}

// allowed holds a session to the path it asks for.
func (s *Server) allowed(se access.Session, a access.Action, r *http.Request) bool {
	city, centre := r.PathValue("city"), r.PathValue("centre")
	if city == "" {
		city = se.City
	}
	if city == "all" && se.City == access.Everywhere {
		city = access.Everywhere // the installation's own people
	}
	if s.cfg.Accounts != nil && city != access.Everywhere {
		t, ok := s.cfg.Accounts.Tenant(city)
		if !ok || centre != "" && !t.Has(centre) {
			return false
		}
	}
	return se.May(a, city, centre)
}

// tenantOf is the tenant a page is about.
func tenantOf(r *http.Request, se access.Session) string {
	switch city := r.PathValue("city"); city {
	case "":
		return se.City
	case "all":
		return access.Everywhere
	default:
		return city
	}
}

// pathCity is a tenant in an address.
func pathCity(city string) string {
	if city == access.Everywhere {
		return "all"
	}
	return city
}

// Screen wraps a page of an enrolled device of a kind. A browser that is none
// is sent to enrolment; {city} and {centre} of the path must be the device's
// own.
func (s *Server) Screen(kind string, h func(http.ResponseWriter, *http.Request, access.Screen) error) http.Handler {
	return s.site.Page(func(w http.ResponseWriter, r *http.Request) error {
		token, ok := s.site.Cookie(r, ScreenCookie)
		if !ok {
			return httpx.See(w, r, screenPath)
		}
		sc, ok, err := s.cfg.Access.Screen(r.Context(), token)
		if err != nil {
			return err
		}
		if !ok {
			s.site.DropCookie(w, ScreenCookie)
			return httpx.See(w, r, screenPath)
		}
		if sc.Kind != kind || r.PathValue("city") != sc.City || r.PathValue("centre") != sc.Centre {
			return httpx.ErrNotFound
		}
		return h(w, r, sc)
	})
}

// session reads the cookie.
func (s *Server) session(r *http.Request) (access.Session, bool, error) {
	token, ok := s.site.Cookie(r, SessionCookie)
	if !ok {
		return access.Session{}, false, nil
	}
	return s.cfg.Access.Session(r.Context(), token)
}

// enter keeps a new session and the browser's mark.
func (s *Server) enter(w http.ResponseWriter, in access.In) {
	s.site.SetCookie(w, SessionCookie, in.Token, 0)
	s.site.SetCookie(w, knownCookie, in.Known, 365*24*3600)
}

// Sit keeps the counter somebody has chosen for today.
func (s *Server) Sit(ctx context.Context, se access.Session, desk string) error {
	if s.cfg.Accounts == nil {
		return errors.New("staff: no accounts to keep a counter with")
	}
	return s.cfg.Accounts.Sit(ctx, se, desk)
}

// rp is the site a reader has in the address bar. A browser gives a passkey
// to no other host than the one it was made for, whatever Host says here.
func (s *Server) rp(r *http.Request) access.RP {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	return access.RP{Host: host, Origin: s.origin(r)}
}

func (s *Server) origin(r *http.Request) string {
	if s.cfg.TLS {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// Frame is the frame of a signed-in page: place, who is signed in, the ways
// onward that the role has, and the way out. titleKey is a catalogue key.
func (s *Server) Frame(r *http.Request, se access.Session, titleKey string) ui.Page {
	ctx := r.Context()
	city := tenantOf(r, se)
	p := ui.Page{Place: s.placeName(r, city), Home: homePath, Wide: true, Staff: true,
		Who: se.Name + " · " + ui.T(ctx, "staff.role."+string(se.Role))}
	if titleKey != "" {
		p.Title = ui.T(ctx, titleKey)
	}
	p.Motto = ui.T(ctx, "staff.motto")
	p.Nav = s.nav(r, se, city)
	return p
}

// placeName is what a tenant is called.
func (s *Server) placeName(r *http.Request, city string) string {
	if s.cfg.Accounts != nil {
		if t, ok := s.cfg.Accounts.Tenant(city); ok {
			return t.Name.In(string(i18n.From(r.Context())))
		}
	}
	return "Turnike"
}

// nav are the ways onward that a role has. Pages of one centre are among them
// where it is clear which.
func (s *Server) nav(r *http.Request, se access.Session, city string) []ui.NavLink {
	var all []ui.NavLink
	add := func(path, key string) {
		here := r.URL.Path == path || path != homePath && strings.HasPrefix(r.URL.Path, strings.TrimSuffix(path, "/")+"/")
		all = append(all, ui.NavLink{Link: ui.Link{Href: path, Text: ui.T(r.Context(), key)}, Here: here})
	}
	add(homePath, "staff.nav.home")
	if city != access.Everywhere {
		for _, d := range s.ways(r, se, city) {
			add(d.path, d.key)
		}
	} else if se.City == access.Everywhere {
		add("/staff/all/people", "staff.nav.people")
	}
	add("/staff/account", "staff.nav.account")
	return all
}

// way is a page that a role has.
type way struct{ path, key string }

// ways are a tenant's pages that somebody may open.
func (s *Server) ways(r *http.Request, se access.Session, city string) []way {
	centre := r.PathValue("centre")
	if centre == "" && len(se.Centres) == 1 {
		centre = se.Centres[0]
	}
	if s.cfg.Accounts != nil && centre == "" {
		if t, ok := s.cfg.Accounts.Tenant(city); ok && len(t.Centres) == 1 {
			centre = t.Centres[0].ID
		}
	}
	var all []way
	add := func(a access.Action, path, key string) {
		if se.May(a, city, "") {
			all = append(all, way{"/staff/" + city + path, key})
		}
	}
	if centre != "" {
		add(access.Queue, "/queue/"+centre+"/", "staff.nav.queue")
	}
	if s.hasCentres(city) {
		add(access.Book, "/call/", "staff.nav.call")
	}
	if centre != "" {
		add(access.Plan, "/centre/"+centre+"/", "staff.nav.centre")
	}
	if s.hasCentres(city) {
		add(access.Figures, "/figures", "staff.nav.figures")
	}
	add(access.Accounts, "/people", "staff.nav.people")
	if s.hasCentres(city) {
		add(access.Devices, "/screens", "staff.nav.screens")
		add(access.Keys, "/keys", "staff.nav.keys")
		add(access.ReadVisits, "/feeds", "staff.nav.feeds")
	}
	add(access.ReadAudit, "/audit", "staff.nav.audit")
	return all
}

func (s *Server) hasCentres(city string) bool {
	if s.cfg.Accounts == nil {
		return true
	}
	t, ok := s.cfg.Accounts.Tenant(city)
	return ok && len(t.Centres) > 0
}
