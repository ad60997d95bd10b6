// Package manage is what a centre's manager and a network's operator work with:
// the week's counters, absences and days off, the floor limit, who is asked to
// move, what past days came to and what the next ones will bring.
//
// Every change goes one way: what was asked for is shown with what it does to
// people who are booked, and is saved only as it was shown. Nobody's booking is
// cancelled; whom a change leaves without a counter is asked by text message,
// with a place held for them. The pages work without script; with it the week
// is painted by dragging.
package manage

import (
	"net/http"
	"slices"
	"strconv"
	"sync"
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

	mu       sync.Mutex
	foretold map[string]*foretold // by network, for a day
}

// New makes the pages.
func New(cfg Config) *Server { return &Server{cfg: cfg, foretold: map[string]*foretold{}} }

// place is the centre a page is about, and who looks. centre is nil on the
// pages of a whole network.
type place struct {
	svc    *booking.Service
	net    *booking.Network
	centre *booking.Centre
	staff  access.Session
	today  booking.Day
	path   string // of the centre's pages, or the network's figures
}

type page func(w http.ResponseWriter, r *http.Request, p place) error

// row is one address of the pages.
type row struct {
	access.Route
	page  page
	fresh bool // asks for the second factor again
}

func (s *Server) rows() []row {
	const at, net = "/staff/{city}/centre/{centre}/", "/staff/{city}/figures"
	get := func(pattern string, a access.Action, h page) row {
		return row{access.Route{Method: "GET", Pattern: pattern, Action: a}, h, false}
	}
	post := func(pattern string, a access.Action, h page) row {
		return row{access.Route{Method: "POST", Pattern: pattern, Action: a}, h, false}
	}
	return []row{
		get(at+"{$}", access.Plan, s.overview),
		get(at+"week", access.Plan, s.week),
		post(at+"week", access.Plan, s.sendWeek),
		get(at+"week.xlsx", access.Plan, s.weekOut),
		post(at+"week.xlsx", access.Plan, s.weekIn),
		get(at+"change", access.Plan, s.change),
		post(at+"change", access.Plan, s.sendChange),
		get(at+"floor", access.Plan, s.floor),
		post(at+"floor", access.Plan, s.sendFloor),
		get(at+"closures", access.Plan, s.closures),
		post(at+"closures", access.Plan, s.sendClosures),
		post(at+"undo", access.Plan, s.undo),
		post(at+"save", access.Plan, s.save),
		{access.Route{Method: "POST", Pattern: at + "ask", Action: access.Mass}, s.saveAndAsk, true},
		get(at+"moves", access.Plan, s.moves),
		get(at+"forecast", access.Plan, s.forecast),
		post(at+"forecast", access.Plan, s.acceptForecast),
		get(net, access.Figures, s.figures),
		get(net+".csv", access.Figures, s.figuresCSV),
		get(net+".xlsx", access.Figures, s.figuresXLSX),
	}
}

// Handler serves the pages. Mount it at /staff/{city}/centre/, at
// /staff/{city}/figures and its two files, and at /staff/script/week.js.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /staff/{city}/centre/{$}", s.cfg.Staff.Page(access.Plan, s.centres))
	mux.Handle("GET "+ScriptPath, Script())
	for _, row := range s.rows() {
		wrap := s.cfg.Staff.Page
		if row.fresh {
			wrap = s.cfg.Staff.Fresh
		}
		mux.Handle(row.Method+" "+row.Pattern, wrap(row.Action, func(w http.ResponseWriter, r *http.Request, se access.Session) error {
			p, err := s.place(r, se)
			if err != nil {
				return err
			}
			if row.Action == access.Mass && !se.Role.May(access.Plan) {
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
	out := []access.Route{{Method: "GET", Pattern: "/staff/{city}/centre/{$}", Action: access.Plan}}
	for _, r := range s.rows() {
		out = append(out, r.Route)
	}
	return out
}

// place is what a path names. Who may see it was settled before.
func (s *Server) place(r *http.Request, se access.Session) (place, error) {
	svc, _, ok := s.cfg.Visits(r.PathValue("city"))
	if !ok {
		return place{}, httpx.ErrNotFound
	}
	n := svc.Network()
	p := place{svc: svc, net: n, staff: se, today: booking.DayOf(s.cfg.Now(), n.Location()), path: "/staff/" + n.ID + "/figures"}
	if id := r.PathValue("centre"); id != "" {
		if p.centre, ok = n.CentreByID(id); !ok {
			return place{}, httpx.ErrNotFound
		}
		p.path = path(n, p.centre)
	}
	return p, nil
}

func path(n *booking.Network, c *booking.Centre) string {
	return "/staff/" + n.ID + "/centre/" + c.ID + "/"
}

func (s *Server) site() *httpx.Site { return s.cfg.Staff.Site() }

// frame is a centre's page in its frame.
func (s *Server) frame(r *http.Request, p place, titleKey string) ui.Page {
	f := s.cfg.Staff.Frame(r, p.staff, titleKey)
	f.Wide = true
	return f
}

// centres is the way in.
func (s *Server) centres(w http.ResponseWriter, r *http.Request, se access.Session) error {
	svc, _, ok := s.cfg.Visits(r.PathValue("city"))
	if !ok {
		return httpx.ErrNotFound
	}
	n := svc.Network()
	var list []*booking.Centre
	for i := range n.Centres {
		if c := &n.Centres[i]; se.Sees(c.ID) {
			list = append(list, c)
		}
	}
	if len(list) == 1 {
		return httpx.See(w, r, path(n, list[0]))
	}
	f := s.cfg.Staff.Frame(r, se, "manage.centres.title")
	return s.site().Render(w, r, http.StatusOK, centresPage(f, n, list))
}

// daysAhead are the days an overview shows.
const daysAhead = 14

// dayLine is one day of the overview.
type dayLine struct {
	day            booking.Day
	desks          int // the most at once
	places, booked int
	over           int // people more than places, in the worst quarter of an hour
	why            string
}

func (s *Server) overview(w http.ResponseWriter, r *http.Request, p place) error {
	ex, revs, err := p.svc.Changed(r.Context(), p.centre.ID, p.today)
	if err != nil {
		return err
	}
	v := overview{page: s.frame(r, p, "manage.title"), p: p, ex: ex, revs: revs}
	for d := p.today; d < p.today+daysAhead; d++ {
		l := dayLine{day: d}
		plan, full := p.net.Plan(p.centre, d, ex, revs...), map[booking.PlanCell]int{}
		for _, c := range plan {
			if c.Pool == "" {
				l.desks = max(l.desks, c.Desks)
			} else {
				l.places += c.Places
				full[booking.PlanCell{Pool: c.Pool, Unit: c.Unit}] = c.Places
			}
		}
		visits, err := p.svc.OnDay(r.Context(), p.centre.ID, d)
		if err != nil {
			return err
		}
		for _, x := range visits {
			if x.State != booking.Booked && x.State != booking.Arrived {
				continue
			}
			l.booked += x.Place.Units
			for u := x.Place.Unit; u < x.Place.Unit+x.Place.Units; u++ {
				full[booking.PlanCell{Pool: x.Place.Pool, Unit: u}]--
			}
		}
		for _, left := range full {
			l.over = max(l.over, -left)
		}
		if i := slices.IndexFunc(ex, func(e booking.Exception) bool { return e.Day == d }); i >= 0 {
			l.why = ex[i].Why
		}
		v.days = append(v.days, l)
	}
	v.done = r.URL.Query().Get("done")
	return s.site().Render(w, r, http.StatusOK, overviewPage(v))
}

// readDate reads a day in three boxes.
func readDate(f httpx.Form, id string) (booking.Day, error) {
	y, errY := strconv.Atoi(f.Get(id + "_year"))
	m, errM := strconv.Atoi(f.Get(id + "_month"))
	d, errD := strconv.Atoi(f.Get(id + "_day"))
	if errY != nil || errM != nil || errD != nil || y < 2000 || y > 2200 || m < 1 || m > 12 || d < 1 || d > 31 {
		return 0, booking.ErrDay.On(id)
	}
	day := booking.Date(y, time.Month(m), d)
	if t := day.Midnight(time.UTC); t.Day() != d {
		return 0, booking.ErrDay.On(id)
	}
	return day, nil
}

// dateOf is a day in three boxes, as it is shown first.
func dateOf(id string, day booking.Day) ui.Date {
	t := day.Midnight(time.UTC)
	return ui.Date{ID: id, Day: strconv.Itoa(t.Day()), Month: strconv.Itoa(int(t.Month())), Year: strconv.Itoa(t.Year())}
}

// typedDate is a day in three boxes as it was typed.
func typedDate(f httpx.Form, id string) ui.Date {
	return ui.Date{ID: id, Day: f.Get(id + "_day"), Month: f.Get(id + "_month"), Year: f.Get(id + "_year")}
}

// note puts a fault on its field; anything else is ours.
func note(l *fault.List, field string, err error) error { return l.Add(field, err) }
