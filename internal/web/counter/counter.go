// Package counter is what a clerk and a greeter work with: today's numbers of a
// centre on one screen, who is at the counter and what they came for, who is
// called next, who has arrived, and a printed number for who comes without an
// appointment.
//
// Names stay closed until somebody opens one, which is written down first. The
// pages work by buttons alone; with script they keep themselves up to date and
// take the function keys (F2 calls the next).
package counter

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"turnike/internal/access"
	"turnike/internal/booking"
	"turnike/internal/fault"
	"turnike/internal/web/httpx"
	"turnike/internal/web/staff"
	"turnike/internal/web/ui"
)

// Config is what the pages need.
type Config struct {
	Staff *staff.Server
	// Visits gives a network's service and the way to open who comes.
	Visits func(network string) (*booking.Service, booking.Contacts, bool)
	Now    func() time.Time
}

// Server is the pages.
type Server struct {
	cfg Config
}

// New makes the pages.
func New(cfg Config) *Server { return &Server{cfg} }

// page is a handler that knows whose day it is about.
type page func(w http.ResponseWriter, r *http.Request, p place) error

// place is the centre a page is about, and who looks.
type place struct {
	svc    *booking.Service
	who    booking.Contacts
	net    *booking.Network
	centre *booking.Centre
	staff  access.Session
	desk   desk
	path   string // of the clerk's screen
}

// row is one address of the pages.
type row struct {
	method, pattern string
	action          access.Action
	page            page
}

func (s *Server) rows() []row {
	const at = "/staff/{city}/queue/{centre}/"
	return []row{
		{"GET", at + "{$}", access.Queue, s.screen},
		{"GET", at + "live", access.Queue, s.live},
		{"POST", at + "act", access.Queue, s.act},
		{"GET", at + "desk", access.Queue, s.desks},
		{"POST", at + "desk", access.Queue, s.chooseDesk},
		{"GET", at + "arrivals", access.Queue, s.arrivals},
		{"POST", at + "arrivals", access.ReadPerson, s.search},
		{"GET", at + "visit/{visit}", access.ReadPerson, s.visit},
		{"POST", at + "visit/{visit}", access.ReadPerson, s.note},
		{"GET", at + "list", access.Queue, s.list},
		{"GET", at + "ticket/{number}", access.Queue, s.ticket},
	}
}

// Handler serves the pages. Mount it at /staff/{city}/queue/.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /staff/{city}/queue/{$}", s.cfg.Staff.Page(access.Queue, s.centres))
	for _, row := range s.rows() {
		mux.Handle(row.method+" "+row.pattern, s.cfg.Staff.Page(row.action, func(w http.ResponseWriter, r *http.Request, se access.Session) error {
			p, err := s.place(r, se)
			if err != nil {
				return err
			}
			if !se.Role.May(access.Queue) { // an agent may read people, and has no business here
				return httpx.ErrNotFound
			}
			return row.page(w, r, p)
		}))
	}
	mux.Handle("/", s.cfg.Staff.Site().NotFound())
	return s.cfg.Staff.Wrap(mux)
}

// Routes are the pages, for the test that walks them into foreign tenants.
func (s *Server) Routes() []access.Route {
	out := []access.Route{{Method: "GET", Pattern: "/staff/{city}/queue/{$}", Action: access.Queue}}
	for _, r := range s.rows() {
		out = append(out, access.Route{Method: r.method, Pattern: r.pattern, Action: r.action})
	}
	return out
}

// place is the centre of a path. Who may see it was settled before.
func (s *Server) place(r *http.Request, se access.Session) (place, error) {
	svc, who, ok := s.cfg.Visits(r.PathValue("city"))
	if !ok {
		return place{}, httpx.ErrNotFound
	}
	c, ok := svc.Network().CentreByID(r.PathValue("centre"))
	if !ok {
		return place{}, httpx.ErrNotFound
	}
	p := place{svc: svc, who: who, net: svc.Network(), centre: c, staff: se, path: path(svc.Network(), c)}
	p.desk = s.deskOf(r, p)
	return p, nil
}

func path(n *booking.Network, c *booking.Centre) string {
	return "/staff/" + n.ID + "/queue/" + c.ID + "/"
}

// centres is the way in: the centres somebody works at; one alone is gone to
// at once.
func (s *Server) centres(w http.ResponseWriter, r *http.Request, se access.Session) error {
	svc, _, ok := s.cfg.Visits(r.PathValue("city"))
	if !ok {
		return httpx.ErrNotFound
	}
	var list []*booking.Centre
	for i := range svc.Network().Centres {
		if c := &svc.Network().Centres[i]; se.Sees(c.ID) {
			list = append(list, c)
		}
	}
	if len(list) == 1 {
		return httpx.See(w, r, path(svc.Network(), list[0]))
	}
	f := s.cfg.Staff.Frame(r, se, "counter.centres.title")
	return s.cfg.Staff.Site().Render(w, r, http.StatusOK, centresPage(f, svc.Network(), list))
}

// desk is the counter somebody sits at today.
type desk struct {
	booking.Counter
	Quick bool // serves short matters only
}

const deskCookie = "counter"

// deskOf reads the counter that was chosen today at this centre; none where it
// is not one of today's.
func (s *Server) deskOf(r *http.Request, p place) desk {
	v, _ := s.cfg.Staff.Site().Cookie(r, deskCookie)
	parts := strings.Split(v, "/")
	if len(parts) != 5 || parts[0] != p.net.ID || parts[1] != p.centre.ID || parts[2] != s.today(p).String() {
		return desk{}
	}
	for _, c := range p.centre.Counters() {
		if c.Name == parts[3] {
			return desk{c, parts[4] == "quick"}
		}
	}
	return desk{}
}

func (s *Server) keepDesk(w http.ResponseWriter, p place, d desk) {
	kind := "all"
	if d.Quick {
		kind = "quick"
	}
	s.cfg.Staff.Site().SetCookie(w, deskCookie, strings.Join([]string{p.net.ID, p.centre.ID, s.today(p).String(), d.Name, kind}, "/"), 24*3600)
}

func (s *Server) today(p place) booking.Day { return booking.DayOf(s.cfg.Now(), p.net.Location()) }

func (s *Server) desks(w http.ResponseWriter, r *http.Request, p place) error {
	return s.showDesks(w, r, p, http.StatusOK, nil)
}

func (s *Server) showDesks(w http.ResponseWriter, r *http.Request, p place, status int, faults fault.List) error {
	ts, _, err := p.svc.Tickets(r.Context(), p.centre.ID)
	if err != nil {
		return err
	}
	v := deskView{page: s.frame(r, p, "counter.desk.title"), p: p, faults: faults, busy: map[string]int{}}
	v.page.FormID = "desk-form"
	v.page.Failed = len(faults) > 0
	for _, t := range ts {
		if t.State == booking.Called || t.State == booking.Serving {
			v.busy[t.Desk] = t.Number
		}
	}
	return s.cfg.Staff.Site().Render(w, r, status, desksPage(v))
}

// ErrNoDesk is given where no counter was chosen.
var ErrNoDesk = fault.New(fault.Invalid, "counter.no_desk")

func (s *Server) chooseDesk(w http.ResponseWriter, r *http.Request, p place) error {
	f, r, err := s.cfg.Staff.Site().Form(w, r)
	if err != nil {
		return err
	}
	if f.Get("desk") != "" || f.Switch {
		p.desk = desk{Quick: f.Ticked("quick")}
	}
	for _, c := range p.centre.Counters() {
		if c.Name == f.Get("desk") {
			p.desk.Counter = c
		}
	}
	if f.Switch {
		return s.showDesks(w, r, p, http.StatusOK, nil)
	}
	if p.desk.Name == "" || f.Get("desk") == "" {
		return s.showDesks(w, r, p, http.StatusUnprocessableEntity, fault.List{ErrNoDesk.On("desk")})
	}
	s.keepDesk(w, p, p.desk)
	return httpx.See(w, r, p.path)
}

// frame is the frame of a centre's page.
func (s *Server) frame(r *http.Request, p place, title string) ui.Page {
	f := s.cfg.Staff.Frame(r, p.staff, title)
	f.Scripts = append(f.Scripts, ScriptPath())
	return f
}

// faults are what a deed came to where somebody should be told in words; an
// error of ours comes back as err.
func faults(err error) (fault.List, error) {
	if list := fault.Of(err); len(list) > 0 {
		return list, nil
	}
	return nil, err
}

// number reads a number of the day.
func number(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && n > 0
}

// ticketOf finds a number of today.
func ticketOf(ts []booking.Ticket, n int) (booking.Ticket, error) {
	i := slices.IndexFunc(ts, func(t booking.Ticket) bool { return t.Number == n })
	if i < 0 {
		return booking.Ticket{}, booking.ErrNoTicket
	}
	return ts[i], nil
}

// nothing tells a fault that is no more than "there is none".
func nothing(err error) bool { return errors.Is(err, booking.ErrNoUndo) }
