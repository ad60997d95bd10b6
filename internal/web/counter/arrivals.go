package counter

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"turnike/internal/booking"
	"turnike/internal/fault"
	"turnike/internal/i18n"
	"turnike/internal/web/httpx"
	"turnike/internal/web/ui"
)

// arrivalView is the greeter's page: who is looked for, who was found, and the
// matters a number can be given for.
type arrivalView struct {
	page    ui.Page
	p       place
	query   string
	asked   bool
	found   []booking.Opened
	more    bool
	tickets []booking.Ticket // of today
	due     []booking.Visit
	said    string
	given   int // the number somebody was given just now
	faults  fault.List
}

// number is the number somebody has who arrived.
func (v arrivalView) number(id string) int {
	if i := slices.IndexFunc(v.tickets, func(t booking.Ticket) bool { return t.Visit == id }); i >= 0 {
		return v.tickets[i].Number
	}
	return 0
}

func (s *Server) arrivals(w http.ResponseWriter, r *http.Request, p place) error {
	v := arrivalView{said: s.said(r, p)}
	if q := r.URL.Query(); v.said != "" && q.Get("did") == "arrive" {
		v.given, _ = number(q.Get("n"))
	}
	return s.showArrivals(w, r, p, v)
}

func (s *Server) showArrivals(w http.ResponseWriter, r *http.Request, p place, v arrivalView) error {
	var err error
	if v.tickets, v.due, err = p.svc.Tickets(r.Context(), p.centre.ID); err != nil {
		return err
	}
	v.p, v.page = p, s.frame(r, p, "counter.arrivals.title")
	v.page.FormID, v.page.Failed = "find", len(v.faults) > 0
	status := http.StatusOK
	if len(v.faults) > 0 {
		status = v.faults[0].Kind.Status()
	}
	return s.cfg.Staff.Site().Render(w, r, status, arrivalsPage(v))
}

// search finds somebody among today's appointments. What is looked for may be
// a name, so it comes in the body and stays out of addresses.
func (s *Server) search(w http.ResponseWriter, r *http.Request, p place) error {
	f, r, err := s.cfg.Staff.Site().Form(w, r)
	if err != nil {
		return err
	}
	v := arrivalView{query: f.Get("query")}
	if f.Switch && v.query == "" {
		return s.showArrivals(w, r, p, v)
	}
	v.found, v.more, err = p.svc.FindToday(r.Context(), p.who, p.centre.ID, v.query, booking.Look{Actor: p.staff.Actor(), Why: "arrival"})
	if err != nil {
		list, err := faults(err)
		if err != nil {
			return err
		}
		v.faults = fault.List{list[0].On("query")}
	}
	v.asked = err == nil && len(v.faults) == 0
	return s.showArrivals(w, r, p, v)
}

// listView is a whole day by the hour.
type listView struct {
	arrivalView
	visits []booking.Visit
	date   time.Time
}

func (v listView) day(ctx context.Context) string {
	return i18n.From(ctx).DateWeekday(v.date.In(v.p.net.Location()))
}

func (s *Server) list(w http.ResponseWriter, r *http.Request, p place) error {
	v := listView{arrivalView: arrivalView{p: p, page: s.frame(r, p, "counter.list.title")}}
	v.page.Back = p.path
	day := s.today(p)
	visits, err := p.svc.OnDay(r.Context(), p.centre.ID, day)
	if err != nil {
		return err
	}
	v.visits = slices.DeleteFunc(visits, func(b booking.Visit) bool { return b.State == booking.Held })
	if v.tickets, v.due, err = p.svc.Tickets(r.Context(), p.centre.ID); err != nil {
		return err
	}
	v.date = day.At(12*60, p.net.Location())
	return s.cfg.Staff.Site().Render(w, r, http.StatusOK, listPage(v))
}

// visitView is one appointment opened.
type visitView struct {
	page   ui.Page
	p      place
	o      booking.Opened
	number int
	text   string // of a note that was refused
	faults fault.List
}

// visit opens who comes to an appointment at this centre.
func (s *Server) visit(w http.ResponseWriter, r *http.Request, p place) error {
	return s.showVisit(w, r, p, visitView{})
}

func (s *Server) showVisit(w http.ResponseWriter, r *http.Request, p place, v visitView) error {
	id := r.PathValue("visit")
	if err := s.here(r.Context(), p, id); err != nil {
		return err
	}
	var err error
	if v.o, err = p.svc.OpenVisit(r.Context(), p.who, id, booking.Look{Actor: p.staff.Actor(), Why: "counter"}); err != nil {
		return err
	}
	ts, _, err := p.svc.Tickets(r.Context(), p.centre.ID)
	if err != nil {
		return err
	}
	v.number = arrivalView{tickets: ts}.number(id)
	v.p, v.page = p, s.frame(r, p, "counter.visit.title")
	v.page.Back, v.page.FormID, v.page.Failed = p.path, "note", len(v.faults) > 0
	status := http.StatusOK
	if len(v.faults) > 0 {
		status = v.faults[0].Kind.Status()
	}
	return s.cfg.Staff.Site().Render(w, r, status, visitPage(v))
}

// note leaves a note on an appointment.
func (s *Server) note(w http.ResponseWriter, r *http.Request, p place) error {
	f, r, err := s.cfg.Staff.Site().Form(w, r)
	if err != nil {
		return err
	}
	id := r.PathValue("visit")
	if err := s.here(r.Context(), p, id); err != nil {
		return err
	}
	if !f.Switch {
		err := p.svc.Remark(r.Context(), p.who, id, f.Get("note"), p.staff.Actor())
		if err == nil {
			return httpx.See(w, r, p.path+"visit/"+id)
		}
		list, err := faults(err)
		if err != nil {
			return err
		}
		return s.showVisit(w, r, p, visitView{text: f.Get("note"), faults: fault.List{list[0].On("note")}})
	}
	return s.showVisit(w, r, p, visitView{text: f.Get("note")})
}

// hours are an appointment's, on the centre's clock.
func (p place) hours(v booking.Visit) string {
	from, to := p.net.StartOf(v.Place)
	return p.hour(from) + "–" + p.hour(to)
}

// start is when an appointment begins.
func (p place) start(v booking.Visit) string {
	from, _ := p.net.StartOf(v.Place)
	return p.hour(from)
}

func itoa(n int) string { return strconv.Itoa(n) }
