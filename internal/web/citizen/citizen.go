// Package citizen is the public site: a front page per city, the pairing form,
// the code, the receipt, what a holder may do with a paired card, and the pages
// that explain. It works without script, in three languages, and says the same
// whether a card, a phone or a person is known or not.
//
// A whole pairing is six requests: form, sheet, post, code page, post, receipt.
// What was typed travels in the posts alone; between pages the browser holds a
// token that says nothing about anyone.
package citizen

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"turnike/internal/city"
	"turnike/internal/i18n"
	"turnike/internal/pairing"
	"turnike/internal/web/assets"
	"turnike/internal/web/httpx"
	"turnike/internal/web/ui"
)

// Pairing is the part the pairing service plays here.
type Pairing interface {
	Begin(ctx context.Context, in pairing.Input) (pairing.View, error)
	Enter(ctx context.Context, city, token, typed string) (pairing.View, error)
	Resend(ctx context.Context, city, token string) (pairing.View, error)
	Look(ctx context.Context, city, token string) (pairing.View, error)
}

// Config is what the site needs; all of it but Log, TLS and Origins.
type Config struct {
	Pairing Pairing
	// Cities gives the cities of today; a revised one is seen at once.
	Cities func() city.Set
	Now    func() time.Time

	Log     *slog.Logger
	TLS     bool     // readers reach us over https
	Origins []string // further origins that may post to us
}

// Server is the public site.
type Server struct {
	cfg  Config
	site *httpx.Site
}

// New makes the site.
func New(cfg Config) (*Server, error) {
	s := &Server{cfg: cfg}
	site, err := httpx.New(httpx.Config{Log: cfg.Log, TLS: cfg.TLS, Origins: cfg.Origins, Frame: func(r *http.Request) ui.Page {
		if p, ok := s.cfg.Cities()[r.PathValue("city")]; ok {
			return s.frame(r, p, "")
		}
		return s.portalFrame(r, "")
	}})
	if err != nil {
		return nil, err
	}
	s.site = site
	return s, nil
}

// Handler serves the site and its sheet. Mount it at "/", under whatever is
// more particular.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	page := func(pattern string, h func(http.ResponseWriter, *http.Request) error) {
		mux.Handle(pattern, s.site.Page(h))
	}
	inCity := func(pattern string, h func(http.ResponseWriter, *http.Request, *city.Profile) error) {
		page(pattern, func(w http.ResponseWriter, r *http.Request) error {
			p, ok := s.cfg.Cities()[r.PathValue("city")]
			if !ok {
				return city.ErrNoCity
			}
			return h(w, r, p)
		})
	}

	page("GET /{$}", s.portal)
	inCity("GET /{city}/{$}", s.home)

	inCity("GET /{city}/pair", s.showForm(pairing.Pair))
	inCity("POST /{city}/pair", s.sendForm(pairing.Pair))
	inCity("GET /{city}/code", s.showCode)
	inCity("POST /{city}/code", s.sendCode)
	inCity("GET /{city}/done", s.done)

	for _, kind := range []pairing.Kind{pairing.Status, pairing.Renew, pairing.Move, pairing.Unpair} {
		inCity("GET /{city}/card/"+string(kind), s.showForm(kind))
		inCity("POST /{city}/card/"+string(kind), s.sendForm(kind))
	}

	inCity("GET /{city}/hes", s.info("hes.title", hesHelp))
	inCity("GET /{city}/desks", s.info("desks.title", desks))
	inCity("GET /{city}/privacy", s.info("privacy.title", privacy))
	inCity("GET /{city}/accessibility", s.info("access.title", accessibility))
	mux.Handle("/", s.site.NotFound())

	var themes []assets.Theme
	for _, p := range s.cfg.Cities() {
		themes = append(themes, theme(p))
	}
	all := http.NewServeMux()
	all.Handle(assets.Prefix, assets.Handler(themes...))
	all.Handle("/", s.site.Wrap(mux))
	return all
}

// theme is a city's colour; its file was checked, so a fault here means none.
func theme(p *city.Profile) assets.Theme {
	t, err := assets.NewTheme(p.Look.Color)
	if err != nil {
		return assets.Theme{}
	}
	return t
}

// path is an address within a city.
func path(p *city.Profile, page string) string { return "/" + p.ID + "/" + page }

// formPath is where the form of a kind stands.
func formPath(p *city.Profile, k pairing.Kind) string {
	if k == pairing.Pair {
		return path(p, "pair")
	}
	return path(p, "card/"+string(k))
}

// frame is the frame of a city's page; title is a key, or "" on the front page.
func (s *Server) frame(r *http.Request, p *city.Profile, title string) ui.Page {
	ctx := r.Context()
	l := i18n.From(ctx)
	f := ui.Page{
		Place: p.Name.In(string(l)), Home: path(p, ""), Theme: theme(p), Logo: p.Look.Logo,
		Motto: ui.T(ctx, "citizen.motto", "Card", p.CardName),
		Foot: []ui.Link{
			{Href: path(p, "desks"), Text: ui.T(ctx, "page.footer.help")},
			{Href: path(p, "privacy"), Text: ui.T(ctx, "page.footer.privacy")},
			{Href: path(p, "accessibility"), Text: ui.T(ctx, "page.footer.accessibility")},
		},
	}
	if title != "" {
		f.Title = ui.T(ctx, title)
	}
	return f
}

// portalFrame is the frame of pages that belong to no city.
func (s *Server) portalFrame(r *http.Request, title string) ui.Page {
	f := ui.Page{Place: "Turnike", Motto: ui.T(r.Context(), "portal.motto"), Home: "/"}
	if title != "" {
		f.Title = ui.T(r.Context(), title)
	}
	return f
}
