// Package httpx is the ground every audience's pages stand on: the headers that
// keep a page from being framed, sniffed or scripted by others, the reader's
// language, forms of bounded size from our own pages only, cookies, zipped
// answers, and one wrapper that turns a handler's error into a page.
//
// A request passes through Wrap once, then through Page around its handler.
package httpx

import (
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/a-h/templ"

	"turnike/internal/fault"
	"turnike/internal/i18n"
	"turnike/internal/web/assets"
	"turnike/internal/web/ui"
)

// MaxBody is how much a form may carry, in bytes. The longest of ours is under
// two thousand with every field full.
const MaxBody = 32 << 10

// Faults of the transport, before a handler has seen anything.
var (
	ErrNotFound    = fault.New(fault.NotFound, "page.not_found")
	ErrCrossed     = fault.New(fault.Forbidden, "page.crossed")
	ErrTooLarge    = fault.New(fault.TooLarge, "body.too_large")
	ErrUnsupported = fault.New(fault.Unsupported, "body.unsupported")
	ErrBroken      = fault.New(fault.Invalid, "body.broken")
)

// Config is what a Site needs. The zero value serves plain HTTP on loopback.
type Config struct {
	Log *slog.Logger // nil: slog.Default()
	// TLS says that readers reach us over https, by our own listener or a
	// proxy's: cookies are then Secure and carry the __Host- prefix.
	TLS bool
	// Origins are further origins that may post to us, "https://kart.example".
	Origins []string
	// Frame gives the frame for an error page, which may have no city.
	Frame func(r *http.Request) ui.Page
	// Scripts allows script files of our own origin (staff pages with htmx).
	Scripts bool
}

// Site is the ground of one audience's pages. It is made once and is safe for
// concurrent use.
type Site struct {
	cfg    Config
	log    *slog.Logger
	cross  *http.CrossOriginProtection
	policy string
	oven   oven
}

// New makes a Site.
func New(cfg Config) (*Site, error) {
	s := &Site{cfg: cfg, log: cfg.Log, cross: http.NewCrossOriginProtection()}
	if s.log == nil {
		s.log = slog.Default()
	}
	for _, o := range cfg.Origins {
		if err := s.cross.AddTrustedOrigin(o); err != nil {
			return nil, err
		}
	}
	// The QR reader is a file of ours, so 'self' stands beside the digest of
	// the one script in the page.
	s.policy = strings.Join([]string{
		"default-src 'none'",
		"style-src 'self'",
		"script-src 'self' " + assets.ScriptHash(),
		"img-src 'self' data:",
		"media-src 'self' blob:",
		"connect-src 'self'",
		"form-action 'self'",
		"frame-ancestors 'none'",
		"base-uri 'none'",
	}, "; ")
	return s, nil
}

// Wrap puts next on this ground. It answers a post from another site with 403
// before next sees it.
func (s *Site) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", s.policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(self), otp-credentials=(self), geolocation=(), microphone=(), payment=(), interest-cohort=()")
		if s.cfg.TLS {
			h.Set("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
		}
		// Pages hold what somebody typed; nothing between us may keep them.
		h.Set("Cache-Control", "no-store")
		h.Set("Vary", "Accept-Encoding, Accept-Language, Cookie")

		z, done := zipped(w, r)
		defer done()
		r = r.WithContext(i18n.With(r.Context(), s.language(z, r)))
		if r.Body != nil {
			r.Body = http.MaxBytesReader(z, r.Body, bodyLimit(r))
		}
		if s.cross.Check(r) != nil {
			s.fail(z, r, ErrCrossed)
			return
		}
		next.ServeHTTP(z, r)
	})
}

// Page makes a handler of a function that may fail: what it returns is shown
// as the audience's error page and, where the fault is ours, logged in full.
func (s *Site) Page(h func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			s.fail(w, r, err)
		}
	})
}

// NotFound is the handler for paths nobody serves.
func (s *Site) NotFound() http.Handler {
	return s.Page(func(http.ResponseWriter, *http.Request) error { return ErrNotFound })
}

// Render writes a page. The status is sent only once the page is drawn, so a
// component that fails becomes an error page and never half a page.
func (s *Site) Render(w http.ResponseWriter, r *http.Request, status int, c templ.Component) error {
	b := templ.GetBuffer()
	defer templ.ReleaseBuffer(b)
	if err := c.Render(r.Context(), b); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", string(i18n.From(r.Context())))
	w.WriteHeader(status)
	_, err := w.Write(b.Bytes())
	if err != nil {
		return nil // the reader has gone; there is nobody to tell
	}
	return nil
}

// fail shows err. A fault speaks for itself; anything else is logged and shown
// as a reference number the reader can quote.
func (s *Site) fail(w http.ResponseWriter, r *http.Request, err error) {
	var tooBig *http.MaxBytesError
	if errors.As(err, &tooBig) {
		err = ErrTooLarge
	}
	page := ui.Page{Place: "Turnike", Home: "/"}
	if s.cfg.Frame != nil {
		page = s.cfg.Frame(r)
	}
	page.FormID, page.Back = "", ""
	trouble := ui.Trouble{Page: page, Faults: fault.Of(err), Status: http.StatusInternalServerError}
	if len(trouble.Faults) > 0 {
		f := trouble.Faults[0]
		trouble.Status = f.Kind.Status()
		if f.RetryAfter > 0 {
			RetryAfter(w, f.RetryAfter)
		}
	}
	if trouble.Status >= 500 {
		if trouble.Status == http.StatusInternalServerError {
			trouble.Reference = rand.Text()[:8]
			trouble.Faults = nil
		}
		s.log.LogAttrs(r.Context(), slog.LevelError, "page failed",
			slog.String("reference", trouble.Reference), slog.String("method", r.Method),
			slog.String("route", r.Pattern), slog.Int("status", trouble.Status), slog.String("error", err.Error()))
	}
	if rerr := s.Render(w, r, trouble.Status, ui.TroublePage(trouble)); rerr != nil {
		s.log.LogAttrs(r.Context(), slog.LevelError, "error page failed", slog.String("error", rerr.Error()))
		http.Error(w, http.StatusText(trouble.Status), trouble.Status)
	}
}

// language is what the reader reads: a ?lang= in the address, which is also
// remembered, else what was remembered, else what the browser says. A form
// that posts _lang is its handler's to notice: see Form.
func (s *Site) language(w http.ResponseWriter, r *http.Request) i18n.Lang {
	asked := ""
	if r.URL.RawQuery != "" {
		asked = r.URL.Query().Get("lang")
		if l, ok := i18n.Known(asked); ok {
			s.keepLanguage(w, l)
		}
	}
	kept, _ := s.Cookie(r, langCookie)
	return i18n.Parse(r.Header.Get("Accept-Language"), asked, kept)
}

func (s *Site) keepLanguage(w http.ResponseWriter, l i18n.Lang) {
	s.SetCookie(w, langCookie, string(l), 365*24*3600)
}

// withLang is r read in another language.
func withLang(r *http.Request, l i18n.Lang) *http.Request {
	return r.WithContext(i18n.With(r.Context(), l))
}
