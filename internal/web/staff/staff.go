// Package staff is the ground floor of every page for people who work here:
// invitation and sign-in, one's own account, people and screens, and the
// wrappers by which the counter, the call centre and the consoles ask for a
// signed-in reader (Page), a fresh proof (Fresh) or an enrolled device
// (Screen).
package staff

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"turnike/internal/access"
	"turnike/internal/web/httpx"
	"turnike/internal/web/ui"
)

// Access is the part the access service plays here.
type Access interface {
	// Session is who a token belongs to; ok is false for nobody.
	Session(ctx context.Context, token string) (se access.Session, ok bool, err error)
	// Screen is the device a token belongs to.
	Screen(ctx context.Context, token string) (sc access.Screen, ok bool, err error)
}

// Config is what the pages need; all of it but Log, TLS and Origins.
type Config struct {
	Access Access
	Now    func() time.Time

	Log     *slog.Logger
	TLS     bool     // readers reach us over https
	Origins []string // further origins that may post to us
}

// Server is the staff's pages.
type Server struct {
	cfg  Config
	site *httpx.Site
}

// New makes the pages.
func New(cfg Config) (*Server, error) {
	s := &Server{cfg: cfg}
	site, err := httpx.New(httpx.Config{Log: cfg.Log, TLS: cfg.TLS, Origins: cfg.Origins, Frame: func(r *http.Request) ui.Page {
		return ui.Page{Place: "Turnike", Home: "/staff/"}
	}})
	if err != nil {
		return nil, err
	}
	s.site = site
	return s, nil
}

const (
	sessionCookie = "staff"
	screenCookie  = "screen"
)

// Site is the ground: Render, Form, SetCookie.
func (s *Server) Site() *httpx.Site { return s.site }

// Wrap puts a mux of staff or screen pages on the ground: headers, language,
// zipped answers, no posts from elsewhere. Once around everything.
func (s *Server) Wrap(h http.Handler) http.Handler { return s.site.Wrap(h) }

// Handler serves what is under /staff/ that is sign-in, account, people and
// screens, and /screen/ for enrolment. It is wrapped already.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", s.site.NotFound())
	return s.Wrap(mux)
}

// Routes are the pages of this package that need a sign-in.
func (s *Server) Routes() []access.Route { return nil }

// Page wraps a page that needs a sign-in. Who is not signed in is sent to do
// so and back; whose role may not, or who belongs to another {city} or
// {centre} than the path's, is told that there is no such page.
func (s *Server) Page(a access.Action, h func(http.ResponseWriter, *http.Request, access.Session) error) http.Handler {
	return s.site.Page(func(w http.ResponseWriter, r *http.Request) error {
		se, ok, err := s.session(r)
		if err != nil {
			return err
		}
		if !ok {
			return httpx.See(w, r, signInPath+"?next="+url.QueryEscape(r.URL.Path))
		}
		if !allowed(se, a, r) {
			return httpx.ErrNotFound
		}
		return h(w, r, se)
	})
}

const signInPath = "/staff/sign-in"

// allowed holds a session to the path it asks for.
func allowed(se access.Session, a access.Action, r *http.Request) bool {
	city := r.PathValue("city")
	if city == "" {
		city = se.City
	}
	return se.May(a, city, r.PathValue("centre"))
}

// Fresh is Page for what touches many people at once: it asks for the second
// factor again where the last proof is older than access.StepUp.
func (s *Server) Fresh(a access.Action, h func(http.ResponseWriter, *http.Request, access.Session) error) http.Handler {
	return s.Page(a, h)
}

// Screen wraps a page of an enrolled device of a kind. A browser that is none
// is sent to enrolment; {city} and {centre} of the path must be the device's
// own.
func (s *Server) Screen(kind string, h func(http.ResponseWriter, *http.Request, access.Screen) error) http.Handler {
	return s.site.Page(func(w http.ResponseWriter, r *http.Request) error {
		token, ok := s.site.Cookie(r, screenCookie)
		if !ok {
			return httpx.See(w, r, "/screen/")
		}
		sc, ok, err := s.cfg.Access.Screen(r.Context(), token)
		if err != nil {
			return err
		}
		if !ok {
			s.site.DropCookie(w, screenCookie)
			return httpx.See(w, r, "/screen/")
		}
		if sc.Kind != kind || r.PathValue("city") != sc.City || r.PathValue("centre") != sc.Centre {
			return httpx.ErrNotFound
		}
		return h(w, r, sc)
	})
}

// session reads the cookie.
func (s *Server) session(r *http.Request) (access.Session, bool, error) {
	token, ok := s.site.Cookie(r, sessionCookie)
	if !ok {
		return access.Session{}, false, nil
	}
	return s.cfg.Access.Session(r.Context(), token)
}

// Frame is the frame of a signed-in page: place, who is signed in, the ways
// onward that the role has, and the way out. titleKey is a catalogue key.
func (s *Server) Frame(r *http.Request, se access.Session, titleKey string) ui.Page {
	ctx := r.Context()
	p := ui.Page{Place: "Turnike", Home: "/staff/", Wide: true, Staff: true}
	if titleKey != "" {
		p.Title = ui.T(ctx, titleKey)
	}
	return p
}
