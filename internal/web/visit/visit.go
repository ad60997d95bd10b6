// Package visit is where people book an hour at a counter, for themselves or
// for a relative, and where the link in their text message leads: which matter,
// which centre, which hour, who, a code by SMS, and it stands. A place is held
// from the moment an hour is pressed, so that nobody fills a form in for nothing.
//
// It works without script, in three languages. What is full is answered from
// memory. Nothing on these pages tells whether a phone or a person has visits:
// that goes by SMS to the phone it concerns.
package visit

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"

	"turnike/internal/booking"
	"turnike/internal/fault"
	"turnike/internal/i18n"
	"turnike/internal/web/assets"
	"turnike/internal/web/httpx"
	"turnike/internal/web/ui"
)

// ErrNoNetwork is given for an address of no network of centres.
var ErrNoNetwork = fault.New(fault.NotFound, "visit.no_network")

// Network is one organisation's centres as the pages need them.
type Network struct {
	Service *booking.Service
	Proving booking.Proving
	// Home is where a visitor comes from and goes back to, the city's own page;
	// empty: the list of networks.
	Home ui.Link
}

// Config is what the pages need; all of it but Log, TLS and Origins.
type Config struct {
	Networks []Network // in the order in which they are listed
	Now      func() time.Time

	Log     *slog.Logger
	TLS     bool     // readers reach us over https
	Origins []string // further origins that may post to us
}

// office is a network with what is worked out of it once.
type office struct {
	Network
	net   *booking.Network
	chart *chart
	theme assets.Theme
	links booking.Links
}

// Server is the pages.
type Server struct {
	cfg     Config
	site    *httpx.Site
	offices map[string]*office
	order   []*office
}

// New makes the pages.
func New(cfg Config) (*Server, error) {
	s := &Server{cfg: cfg, offices: map[string]*office{}}
	for _, n := range cfg.Networks {
		net := n.Service.Network()
		theme, err := assets.NewTheme(net.Color)
		if err != nil {
			return nil, err
		}
		o := &office{Network: n, net: net, chart: newChart(net), theme: theme, links: n.Proving.Contacts.Links()}
		s.offices[net.ID] = o
		s.order = append(s.order, o)
	}
	site, err := httpx.New(httpx.Config{Log: cfg.Log, TLS: cfg.TLS, Origins: cfg.Origins, Frame: func(r *http.Request) ui.Page {
		if o, ok := s.offices[r.PathValue("network")]; ok {
			return s.frame(r, o, "")
		}
		return s.plainFrame(r, "")
	}})
	if err != nil {
		return nil, err
	}
	s.site = site
	return s, nil
}

// Handler serves the pages below /visit/. The sheet they ask for is served by
// assets.Handler.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	page := func(pattern string, h func(http.ResponseWriter, *http.Request, *office) error) {
		method, path, _ := strings.Cut(pattern, " ")
		mux.Handle(method+" /visit/{network}/"+path, s.site.Page(func(w http.ResponseWriter, r *http.Request) error {
			o, ok := s.offices[r.PathValue("network")]
			if !ok {
				return ErrNoNetwork
			}
			return h(w, r, o)
		}))
	}
	mux.Handle("GET /visit/{$}", s.site.Page(s.portal))

	// A new visit.
	page("GET {$}", s.front)
	page("GET centres", s.centres)
	page("GET at/{centre}", s.hours)
	page("POST hold", s.hold)
	page("GET h/{token}", s.showWho)
	page("POST h/{token}", s.sendWho)
	page("GET h/{token}/code", s.showCode)
	page("POST h/{token}/code", s.sendCode)

	// Where all is full.
	page("GET wait", s.showWait)
	page("POST wait", s.sendWait)
	page("GET w/{token}/code", s.showCode)
	page("POST w/{token}/code", s.sendCode)

	// A visit there is.
	page("GET find", s.showFind)
	page("POST find", s.sendFind)
	page("GET v/{token}", s.showVisit)
	page("POST v/{token}/confirm", s.confirm)
	page("POST v/{token}/accept", s.accept)
	page("POST v/{token}/take", s.takeOffer)
	page("POST v/{token}/keep", s.keepHour)
	page("GET v/{token}/cancel", s.askCancel)
	page("POST v/{token}/cancel", s.cancel)
	page("POST v/{token}/move", s.move)
	page("POST v/{token}/sooner", s.sooner)
	page("GET v/{token}/randevu.ics", s.calendar)

	mux.Handle("/visit/", s.site.NotFound())
	return s.site.Wrap(mux)
}

// Themes are the colours the pages come in, for assets.Handler.
func (s *Server) Themes() []assets.Theme {
	var ts []assets.Theme
	for _, o := range s.order {
		ts = append(ts, o.theme)
	}
	return ts
}

// path is an address within a network.
func (o *office) path(page string) string { return "/visit/" + o.net.ID + "/" + page }

func (o *office) visitPath(id, page string) string {
	p := o.path("v/" + o.links.Token(id))
	if page != "" {
		p += "/" + page
	}
	return p
}

func (o *office) holdPath(id, page string) string { return o.path("h/" + o.links.Token(id) + page) }
func (o *office) waitPath(id, page string) string { return o.path("w/" + o.links.Token(id) + page) }

func (o *office) at(t time.Time) time.Time { return t.In(o.net.Location()) }

func (o *office) today(now time.Time) booking.Day { return booking.DayOf(now, o.net.Location()) }

// frame is the frame of a network's page; title is a key, or "" on its front.
func (s *Server) frame(r *http.Request, o *office, title string) ui.Page {
	ctx := r.Context()
	f := ui.Page{Place: o.net.Name.In(string(i18n.From(ctx))), Motto: ui.T(ctx, "visit.motto"), Home: o.path(""), Theme: o.theme}
	if o.Home.Href != "" {
		f.Foot = append(f.Foot, ui.Link{Href: o.Home.Href, Text: ui.T(ctx, "visit.foot.city")})
	}
	f.Foot = append(f.Foot, ui.Link{Href: o.path("find"), Text: ui.T(ctx, "visit.find.door")})
	if title != "" {
		f.Title = ui.T(ctx, title)
	}
	return f
}

// plainFrame is the frame of pages that belong to no network.
func (s *Server) plainFrame(r *http.Request, title string) ui.Page {
	f := ui.Page{Place: "Turnike", Motto: ui.T(r.Context(), "visit.motto"), Home: "/visit/"}
	if title != "" {
		f.Title = ui.T(r.Context(), title)
	}
	return f
}

// portal lists the networks.
func (s *Server) portal(w http.ResponseWriter, r *http.Request) error {
	return s.site.Render(w, r, http.StatusOK, portalPage(s.plainFrame(r, "visit.portal.title"), s.order))
}

// choice is what somebody has chosen so far; it travels in the address and
// says nothing of them.
type choice struct {
	service string
	matters int
	near    string // the district they live in, by its centre's id
	move    string // token of the visit that is to be moved
}

// read takes a choice from an address or a form.
func (o *office) choice(get func(string) string) (c choice, m *booking.Matter, err error) {
	c = choice{service: get("service"), near: get("near"), move: get("move"), matters: 1}
	if n := get("matters"); len(n) == 1 && n[0] >= '1' && n[0] <= '9' {
		c.matters = int(n[0] - '0')
	}
	if len(o.net.Services) == 1 && c.service == "" {
		c.service = o.net.Services[0].ID
	}
	m, ok := o.net.ServiceByID(c.service)
	if !ok {
		return c, nil, booking.ErrNoCentre
	}
	if c.matters > o.net.Rules.MaxMatters {
		return c, nil, booking.ErrMatters
	}
	if _, ok := o.net.CentreByID(c.near); !ok {
		c.near = ""
	}
	if _, ok := o.links.ID(c.move); !ok {
		c.move = ""
	}
	return c, m, nil
}

// query is a choice as it stands in an address; more comes in pairs.
func (c choice) query(more ...string) string {
	q := url.Values{"service": {c.service}}
	if c.matters > 1 {
		q.Set("matters", string(rune('0'+c.matters)))
	}
	if c.near != "" {
		q.Set("near", c.near)
	}
	if c.move != "" {
		q.Set("move", c.move)
	}
	for i := 0; i+1 < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	return q.Encode()
}

func newKey() (string, error) {
	id, err := uuid.NewV4()
	return id.String(), err
}

// sessionCookie holds the browser's random word, by which the place it holds is
// known. It goes when the browser closes.
const sessionCookie = "visit"

// session is the browser's word; it is given one where it has none.
func (s *Server) session(w http.ResponseWriter, r *http.Request) (string, error) {
	if word, ok := s.site.Cookie(r, sessionCookie); ok && len(word) == 36 {
		return word, nil
	}
	word, err := newKey()
	if err != nil {
		return "", err
	}
	s.site.SetCookie(w, sessionCookie, word, 0)
	return word, nil
}

// id is the visit or claim that the address is about.
func (o *office) id(r *http.Request) (string, error) {
	id, ok := o.links.ID(r.PathValue("token"))
	if !ok {
		return "", booking.ErrNoVisit
	}
	return id, nil
}

// shown are the faults of an error that a page shows beside its fields; the
// others end the page.
func shown(err error) (fault.List, error) {
	faults := fault.Of(err)
	if len(faults) == 0 || errors.Is(err, booking.ErrNoVisit) || errors.Is(err, booking.ErrNoCentre) {
		return nil, err
	}
	return faults, nil
}

// status is an answer's by its first fault, with how long to wait where it says.
func status(w http.ResponseWriter, faults fault.List) int {
	if len(faults) == 0 {
		return http.StatusOK
	}
	if wait := faults[0].RetryAfter; wait > 0 && faults[0].Kind != fault.Conflict {
		httpx.RetryAfter(w, wait)
	}
	return faults[0].Kind.Status()
}

// matters are the choices of how many matters one visit is for.
func (o *office) matters(c choice) []ui.Choice {
	var cs []ui.Choice
	for n := 1; n <= o.net.Rules.MaxMatters; n++ {
		v := string(rune('0' + n))
		cs = append(cs, ui.Choice{Value: v, Label: v, Checked: n == c.matters})
	}
	return cs
}

// districts are the choices of where somebody lives, by the centres' own, in
// the order of the file.
func (o *office) districts(empty string, c choice) []ui.Choice {
	cs := []ui.Choice{{Label: empty}}
	for _, at := range o.net.Centres {
		if at.Lat != 0 {
			cs = append(cs, ui.Choice{Value: at.ID, Label: place(at), Checked: at.ID == c.near})
		}
	}
	return slices.Clip(cs)
}

// place is a centre by its district, or by its own name where it has none.
func place(c booking.Centre) string {
	if c.District != "" {
		return c.District
	}
	return c.Name
}
