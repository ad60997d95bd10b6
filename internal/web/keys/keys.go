// Package keys is where staff give other machines a way in: keys for apps and
// scripts, webhooks with their log and replay, and calendar feeds for one's own
// calendar. What is secret is shown once, on the page that made it.
package keys

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"time"

	"turnike/internal/access"
	"turnike/internal/booking"
	"turnike/internal/fault"
	"turnike/internal/hook"
	"turnike/internal/i18n"
	"turnike/internal/web/httpx"
	"turnike/internal/web/staff"
	"turnike/internal/web/ui"
)

// Config is what the pages need; all of it but Base.
type Config struct {
	Staff *staff.Server
	Hooks *hook.Service
	// Visits is the booking service of a network; ok is false for none.
	Visits func(network string) (s *booking.Service, ok bool)
	Now    func() time.Time
	// Base is where people reach us, for a feed's address; empty for the host
	// that was asked.
	Base string
}

// Server is the pages.
type Server struct{ cfg Config }

// New makes them.
func New(cfg Config) *Server { return &Server{cfg} }

// FeedPath is where calendar feeds are read.
const FeedPath = "/feed/"

type handler = func(http.ResponseWriter, *http.Request, access.Session, place) error

// place is the tenant a page is about, with its centres.
type place struct {
	city   string
	visits *booking.Service
}

type row struct {
	access.Route
	h http.Handler
}

func (s *Server) rows() []row {
	within := func(h handler) func(http.ResponseWriter, *http.Request, access.Session) error {
		return func(w http.ResponseWriter, r *http.Request, se access.Session) error {
			p := place{city: r.PathValue("city")}
			var ok bool
			if p.visits, ok = s.cfg.Visits(p.city); !ok {
				return httpx.ErrNotFound // a tenant without centres
			}
			err := h(w, r, se, p)
			if errors.Is(err, hook.ErrUnknown) {
				return httpx.ErrNotFound
			}
			return err
		}
	}
	page := func(method, pattern string, a access.Action, h handler) row {
		return row{access.Route{Method: method, Pattern: pattern, Action: a}, s.cfg.Staff.Page(a, within(h))}
	}
	fresh := func(method, pattern string, a access.Action, h handler) row {
		return row{access.Route{Method: method, Pattern: pattern, Action: a}, s.cfg.Staff.Fresh(a, within(h))}
	}
	const base, one = "/staff/{city}/hooks", "/staff/{city}/hooks/{id}"
	return []row{
		page("GET", "/staff/{city}/keys", access.Keys, s.keys),
		fresh("POST", "/staff/{city}/keys", access.Keys, s.makeKey),
		page("POST", "/staff/{city}/keys/{id}/revoke", access.Keys, s.revokeKey),

		page("GET", base, access.Keys, s.hooks),
		fresh("POST", base, access.Keys, s.addHook),
		page("GET", one, access.Keys, s.hook),
		page("POST", one+"/test", access.Keys, s.deed(func(ctx context.Context, se access.Session, city, id string) error {
			return s.cfg.Hooks.Test(ctx, city, id, se.Actor())
		})),
		page("POST", one+"/pause", access.Keys, s.deed(func(ctx context.Context, se access.Session, city, id string) error {
			return s.cfg.Hooks.Switch(ctx, city, id, false, se.Actor())
		})),
		page("POST", one+"/resume", access.Keys, s.deed(func(ctx context.Context, se access.Session, city, id string) error {
			return s.cfg.Hooks.Switch(ctx, city, id, true, se.Actor())
		})),
		page("POST", one+"/replay", access.Keys, s.replay),
		fresh("POST", one+"/rotate", access.Keys, s.rotate),
		page("POST", one+"/remove", access.Keys, s.remove),

		page("GET", "/staff/{city}/feeds", access.ReadVisits, s.feeds),
		page("POST", "/staff/{city}/feeds", access.ReadVisits, s.makeFeed),
		page("POST", "/staff/{city}/feeds/{id}/revoke", access.ReadVisits, s.revokeFeed),
	}
}

// Routes are the pages that need a sign-in, for the test of tenant walls.
func (s *Server) Routes() []access.Route {
	var all []access.Route
	for _, r := range s.rows() {
		all = append(all, r.Route)
	}
	return all
}

// Mount puts the pages into a mux, on the staff's ground, and the feeds beside
// them.
func (s *Server) Mount(mux *http.ServeMux) {
	for _, r := range s.rows() {
		mux.Handle(r.Method+" "+r.Pattern, s.cfg.Staff.Wrap(r.h))
	}
	mux.HandleFunc("GET "+FeedPath+"{file}", s.feed)
}

// view is what the pages have in common.
type view struct {
	ui.Page
	City   string
	Net    *booking.Network
	Faults fault.List
	Zone   *time.Location
}

func (s *Server) view(r *http.Request, se access.Session, p place, titleKey, form string) view {
	v := view{Page: s.cfg.Staff.Frame(r, se, titleKey), City: p.city, Net: p.visits.Network(), Zone: p.visits.Network().Location()}
	v.FormID = form
	return v
}

// fail takes faults for the page's own summary; what is none is returned.
func (v *view) fail(err error) error {
	l := fault.Of(err)
	if len(l) == 0 || l[0].Kind == fault.NotFound || l[0].Kind.Status() >= 500 {
		return err
	}
	v.Faults, v.Failed = l, true
	return nil
}

func (v view) status() int {
	if len(v.Faults) == 0 {
		return http.StatusOK
	}
	return v.Faults[0].Kind.Status()
}

func (v view) said(ctx context.Context, field string) string {
	return ui.ProblemOf(ctx, v.Faults, field)
}

// moment is a time as the page writes it.
func (v view) moment(ctx context.Context, t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return i18n.From(ctx).DateTime(t.In(v.Zone))
}

// keysView is the keys of a tenant and the form for another.
type keysView struct {
	view
	Keys    []hook.Key
	Token   string // of the one just made
	Name    string
	Rate    string
	Scopes  []string
	Centres []string
}

func (s *Server) keys(w http.ResponseWriter, r *http.Request, se access.Session, p place) error {
	return s.showKeys(w, r, keysView{view: s.view(r, se, p, "keys.title", "key")})
}

func (s *Server) showKeys(w http.ResponseWriter, r *http.Request, v keysView) error {
	var err error
	if v.Keys, err = s.cfg.Hooks.Keys(r.Context(), v.City); err != nil {
		return err
	}
	return s.cfg.Staff.Site().Render(w, r, v.status(), keysPage(v))
}

func (s *Server) makeKey(w http.ResponseWriter, r *http.Request, se access.Session, p place) error {
	f, r, err := s.cfg.Staff.Site().Form(w, r)
	if err != nil {
		return err
	}
	v := keysView{view: s.view(r, se, p, "keys.title", "key"), Name: f.Get("name"), Rate: f.Get("rate"), Scopes: f.All("scopes"), Centres: f.All("centres")}
	if f.Switch {
		return s.showKeys(w, r, v)
	}
	k := hook.Key{City: p.city, Name: v.Name, Centres: v.Centres, Rate: number(v.Rate)}
	for _, a := range v.Scopes {
		k.Scopes = append(k.Scopes, access.Action(a))
	}
	// Whoever has some centres gives a key to none but those.
	if len(se.Centres) > 0 {
		if len(k.Centres) == 0 {
			k.Centres = se.Centres
		}
		for _, c := range k.Centres {
			if !se.Sees(c) {
				return httpx.ErrNotFound
			}
		}
	}
	_, token, err := s.cfg.Hooks.MakeKey(r.Context(), k, se.Actor())
	if err != nil {
		if err := v.fail(err); err != nil {
			return err
		}
		return s.showKeys(w, r, v)
	}
	v = keysView{view: v.view, Token: token}
	return s.showKeys(w, r, v)
}

// number is what a field says, -1 for what is no number and 0 for nothing.
func number(text string) int {
	if text == "" {
		return 0
	}
	n := 0
	for _, c := range []byte(text) {
		if c < '0' || c > '9' || n > 1_000_000 {
			return -1
		}
		n = n*10 + int(c-'0')
	}
	return n
}

func (s *Server) revokeKey(w http.ResponseWriter, r *http.Request, se access.Session, p place) error {
	if err := s.cfg.Hooks.RevokeKey(r.Context(), p.city, r.PathValue("id"), se.Actor()); err != nil {
		return err
	}
	return httpx.See(w, r, "/staff/"+p.city+"/keys")
}

// feedsView is somebody's calendar feeds.
type feedsView struct {
	view
	Feeds   []hook.Feed
	Address string // of the one just made
	Centre  string
	Sees    func(centre string) bool
}

func (s *Server) feeds(w http.ResponseWriter, r *http.Request, se access.Session, p place) error {
	return s.showFeeds(w, r, se, feedsView{view: s.view(r, se, p, "feeds.title", "feed")})
}

func (s *Server) showFeeds(w http.ResponseWriter, r *http.Request, se access.Session, v feedsView) error {
	var err error
	if v.Feeds, err = s.cfg.Hooks.Feeds(r.Context(), v.City, se.Account); err != nil {
		return err
	}
	v.Sees = se.Sees
	return s.cfg.Staff.Site().Render(w, r, v.status(), feedsPage(v))
}

func (s *Server) makeFeed(w http.ResponseWriter, r *http.Request, se access.Session, p place) error {
	f, r, err := s.cfg.Staff.Site().Form(w, r)
	if err != nil {
		return err
	}
	v := feedsView{view: s.view(r, se, p, "feeds.title", "feed"), Centre: f.Get("centre")}
	if f.Switch {
		return s.showFeeds(w, r, se, v)
	}
	if !se.Sees(v.Centre) {
		return httpx.ErrNotFound
	}
	_, token, err := s.cfg.Hooks.MakeFeed(r.Context(), hook.Feed{City: p.city, Account: se.Account, Centre: v.Centre, Lang: string(i18n.From(r.Context()))}, se.Actor())
	if err != nil {
		if err := v.fail(err); err != nil {
			return err
		}
		return s.showFeeds(w, r, se, v)
	}
	base := s.cfg.Base
	if base == "" {
		base = "http://" + r.Host
	}
	v.Address = base + FeedPath + token + ".ics"
	return s.showFeeds(w, r, se, v)
}

func (s *Server) revokeFeed(w http.ResponseWriter, r *http.Request, se access.Session, p place) error {
	if err := s.cfg.Hooks.RevokeFeed(r.Context(), p.city, r.PathValue("id"), se.Account, se.Actor()); err != nil {
		return err
	}
	return httpx.See(w, r, "/staff/"+p.city+"/feeds")
}

// feed is read by somebody's calendar program.
func (s *Server) feed(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "private, no-cache")
	h.Set("X-Robots-Tag", "noindex")
	token, ok := strings.CutSuffix(r.PathValue("file"), ".ics")
	if !ok {
		http.NotFound(w, r)
		return
	}
	f, err := s.cfg.Hooks.OpenFeed(r.Context(), token)
	var file []byte
	if err == nil {
		visits, ok := s.cfg.Visits(f.City)
		if !ok {
			err = hook.ErrUnknown
		} else {
			file, err = s.cfg.Hooks.Calendar(r.Context(), f, visits)
		}
	}
	switch {
	case errors.Is(err, hook.ErrUnknown):
		http.NotFound(w, r)
		return
	case err != nil:
		http.Error(w, "", http.StatusServiceUnavailable)
		return
	}
	sum := sha256.Sum256(file)
	tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	h.Set("ETag", tag)
	if strings.Contains(r.Header.Get("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", "text/calendar; charset=utf-8")
	_, _ = w.Write(file)
}
