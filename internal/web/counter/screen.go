package counter

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"turnike/internal/access"
	"turnike/internal/booking"
	"turnike/internal/fault"
	"turnike/internal/i18n"
	"turnike/internal/web/httpx"
	"turnike/internal/web/ui"
)

// view is the clerk's screen at a moment.
type view struct {
	page   ui.Page
	p      place
	now    time.Time
	mine   *booking.Ticket // called to the reader's counter, or served at it
	next   []booking.Ticket
	parked []booking.Ticket
	due    []booking.Visit
	others []booking.Ticket // called or served at other counters
	over   map[booking.TicketState]int
	undo   string // what undo would take back
	said   string // what was just done
	room   int    // how many people the floor takes today
	faults fault.List
}

// look reads the screen.
func (s *Server) look(ctx context.Context, r *http.Request, p place) (view, error) {
	v := view{p: p, now: s.cfg.Now(), over: map[booking.TicketState]int{}, page: s.frame(r, p, "counter.title")}
	ts, due, err := p.svc.Tickets(ctx, p.centre.ID)
	if err != nil {
		return view{}, err
	}
	for _, t := range ts {
		switch {
		case t.State >= booking.Served:
			v.over[t.State]++
		case t.State == booking.Parked:
			v.parked = append(v.parked, t)
		case t.State == booking.Called || t.State == booking.Serving:
			if t.Desk == p.desk.Name {
				v.mine = &t
			} else {
				v.others = append(v.others, t)
			}
		}
	}
	pools := p.centre.PoolIDs()
	// The reader's own line comes first.
	slices.SortStableFunc(pools, func(a, b string) int { return cmp.Compare(v.far(a), v.far(b)) })
	for _, pool := range pools {
		for _, n := range p.net.Order(ts, pool, v.now) {
			t, err := ticketOf(ts, n)
			if err != nil {
				return view{}, err
			}
			v.next = append(v.next, t)
		}
	}
	v.due = due
	if v.room, err = p.svc.Room(ctx, p.centre.ID); err != nil {
		return view{}, err
	}
	is, again, err := p.svc.Last(ctx, p.centre.ID, p.desk.Name)
	if err != nil && !nothing(err) {
		return view{}, err
	}
	if err == nil {
		v.undo = ui.T(ctx, "counter.undo.what", "Number", strconv.Itoa(is.Number),
			"Is", ui.T(ctx, stateKey(is.State)), "Was", ui.T(ctx, stateKey(again.State)))
		if is.State == again.State { // a matter more, another call
			v.undo = ui.T(ctx, "counter.undo.same", "Number", strconv.Itoa(is.Number))
		}
	}
	return v, nil
}

func (v view) far(pool string) int {
	if pool == v.p.desk.Pool {
		return 0
	}
	return 1
}

// waiting are those the reader's counter may call next.
func (v view) waiting() (n int) {
	for _, t := range v.next {
		if t.Pool == v.p.desk.Pool && (!v.p.desk.Quick || v.p.net.Short(t.Service, t.Matters)) {
			n++
		}
	}
	return n
}

// floor is how many people are at counters or on the way to them.
func (v view) floor() int {
	n := len(v.others)
	if v.mine != nil {
		n++
	}
	return n
}

// waited is how long a number has stood in line.
func (v view) waited(t booking.Ticket) time.Duration { return v.now.Sub(t.Arrived) }

// late tells an appointment whose time has run out.
func (v view) late(b booking.Visit) bool {
	start, _ := v.p.net.StartOf(b.Place)
	return v.now.After(start.Add(time.Duration(v.p.net.Rules.LateMinutes) * time.Minute))
}

func stateKey(s booking.TicketState) string { return "counter.state." + s.String() }

func (s *Server) screen(w http.ResponseWriter, r *http.Request, p place) error {
	if p.desk.Name == "" {
		return httpx.See(w, r, p.path+"desk")
	}
	v, err := s.look(r.Context(), r, p)
	if err != nil {
		return err
	}
	v.said = s.said(r, p)
	return s.cfg.Staff.Site().Render(w, r, http.StatusOK, screenPage(v))
}

// live is the part of the screen that changes by itself.
func (s *Server) live(w http.ResponseWriter, r *http.Request, p place) error {
	if p.desk.Name == "" {
		return httpx.See(w, r, p.path+"desk")
	}
	v, err := s.look(r.Context(), r, p)
	if err != nil {
		return err
	}
	return s.cfg.Staff.Site().Render(w, r, http.StatusOK, livePart(v))
}

// did are the deeds of which the screen says that they are done; their
// sentences stand below counter.did.
var did = []string{"next", "recall", "begin", "finish", "park", "call", "miss", "leave", "transfer", "another", "undo", "arrive", "unarrive"}

// said is what the address says was just done to which number: nothing of it
// is about anybody.
func (s *Server) said(r *http.Request, p place) string {
	q := r.URL.Query()
	n, ok := number(q.Get("n"))
	if !slices.Contains(did, q.Get("did")) || !ok && q.Get("did") != "unarrive" {
		return ""
	}
	return ui.T(r.Context(), "counter.did."+q.Get("did"), "Number", strconv.Itoa(n), "Desk", p.desk.Name)
}

// act does what a button says. What cannot be done any more, because another
// counter was quicker, is said in words above the screen as it is now.
func (s *Server) act(w http.ResponseWriter, r *http.Request, p place) error {
	f, r, err := s.cfg.Staff.Site().Form(w, r)
	if err != nil {
		return err
	}
	back := p.path
	if f.Get("from") == "arrivals" {
		back += "arrivals"
	} else if p.desk.Name == "" {
		return httpx.See(w, r, p.path+"desk")
	}
	if f.Switch {
		return httpx.See(w, r, back)
	}
	done, t, err := s.do(r.Context(), p, f)
	if err == nil {
		if done == "walk" {
			return httpx.See(w, r, p.path+"ticket/"+strconv.Itoa(t.Number)+"?new="+f.Get("from"))
		}
		return httpx.See(w, r, back+"?did="+done+"&n="+strconv.Itoa(t.Number))
	}
	list, err := faults(err)
	if err != nil {
		return err
	}
	if f.Get("from") == "arrivals" {
		return s.showArrivals(w, r, p, arrivalView{faults: list})
	}
	v, err := s.look(r.Context(), r, p)
	if err != nil {
		return err
	}
	v.faults, v.page.Failed = list, true
	return s.cfg.Staff.Site().Render(w, r, list[0].Kind.Status(), screenPage(v))
}

// ErrDeed is given for a button that is none of ours.
var ErrDeed = fault.New(fault.Invalid, "counter.deed")

// do does one deed and names it.
func (s *Server) do(ctx context.Context, p place, f httpx.Form) (string, booking.Ticket, error) {
	a, svc, centre := p.staff.Actor(), p.svc, p.centre.ID
	n, _ := number(f.Get("number"))
	what := f.Get("do")
	switch what {
	case "next":
		if n > 0 { // finish who is here first, with the same press
			if _, err := svc.Act(ctx, centre, n, booking.Finish, p.desk.Name, "", a); err != nil {
				return "", booking.Ticket{}, err
			}
		}
		call := svc.CallNext
		if p.desk.Quick {
			call = svc.CallShort
		}
		t, err := call(ctx, centre, p.desk.Pool, p.desk.Name, a)
		if n > 0 && errors.Is(err, booking.ErrNobody) { // finished, and nobody waits: that is no failure
			return "finish", booking.Ticket{Number: n}, nil
		}
		return what, t, err
	case "recall", "begin", "finish", "park", "call", "miss", "leave", "transfer":
		t, err := svc.Act(ctx, centre, n, booking.Action(what), p.desk.Name, f.Get("service"), a)
		return what, t, err
	case "another":
		t, err := svc.AnotherMatter(ctx, centre, n, p.desk.Name, a)
		return what, t, err
	case "undo":
		t, err := svc.Undo(ctx, centre, p.desk.Name, a)
		return what, t, err
	case "arrive":
		if err := s.here(ctx, p, f.Get("visit")); err != nil {
			return "", booking.Ticket{}, err
		}
		t, err := svc.CheckIn(ctx, f.Get("visit"), a)
		return what, t, err
	case "unarrive":
		if err := s.here(ctx, p, f.Get("visit")); err != nil {
			return "", booking.Ticket{}, err
		}
		_, err := svc.Unarrive(ctx, f.Get("visit"), a)
		return what, booking.Ticket{}, err
	case "walk":
		matters := 1
		if m, ok := number(f.Get("matters")); ok {
			matters = m
		}
		t, _, err := svc.WalkIn(ctx, centre, f.Get("service"), matters, a)
		return what, t, err
	}
	return "", booking.Ticket{}, ErrDeed
}

// here holds a visit to the centre of the page: another centre's clerk has no
// business with it.
func (s *Server) here(ctx context.Context, p place, id string) error {
	v, err := p.svc.Visit(ctx, id)
	if err != nil {
		return err
	}
	if v.Place.Centre != p.centre.ID {
		return booking.ErrNoVisit
	}
	return nil
}

// ticket is the printed number.
func (s *Server) ticket(w http.ResponseWriter, r *http.Request, p place) error {
	n, ok := number(r.PathValue("number"))
	if !ok {
		return httpx.ErrNotFound
	}
	ts, _, err := p.svc.Tickets(r.Context(), p.centre.ID)
	if err != nil {
		return err
	}
	t, err := ticketOf(ts, n)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	v := ticketView{page: s.frame(r, p, "counter.ticket.title"), p: p, t: t, from: q.Get("new"), print: q.Has("new")}
	for _, o := range ts {
		if o.Pool == t.Pool && o.State == booking.InQueue && o.Number != n {
			v.ahead++
		}
	}
	if t.State == booking.InQueue {
		wait, err := p.svc.Expect(r.Context(), p.centre.ID, t.Service, n)
		if err != nil {
			return err
		}
		v.from1, v.to = max(1, minutes(wait.Median)), max(1, minutes(max(wait.Most, t.Shown)))
	}
	return s.cfg.Staff.Site().Render(w, r, http.StatusOK, ticketPage(v))
}

type ticketView struct {
	page      ui.Page
	p         place
	t         booking.Ticket
	from      string // "arrivals", or "" for the clerk's screen
	print     bool   // just given out
	ahead     int
	from1, to int // minutes to wait
}

func minutes(d time.Duration) int { return int((d + time.Minute - 1) / time.Minute) }

// service is a matter's name in the reader's language.
func (p place) service(ctx context.Context, id string) string { return serviceName(ctx, p.net, id) }

func serviceName(ctx context.Context, n *booking.Network, id string) string {
	m, ok := n.ServiceByID(id)
	if !ok {
		return id
	}
	return m.Name.In(string(i18n.From(ctx)))
}

// services are the matters a centre offers, in the file's order.
func (p place) services() []string {
	var out []string
	for i := range p.net.Services {
		if _, ok := p.centre.PoolFor(p.net.Services[i].ID); ok {
			out = append(out, p.net.Services[i].ID)
		}
	}
	return out
}

// documents are what somebody brings for a matter.
func (p place) documents(ctx context.Context, id string) []string {
	var out []string
	if m, ok := p.net.ServiceByID(id); ok {
		for _, d := range m.Documents {
			out = append(out, d.In(string(i18n.From(ctx))))
		}
	}
	return out
}

// hour is a moment on the centre's clock.
func (p place) hour(t time.Time) string { return t.In(p.net.Location()).Format("15:04") }

// may tells whether the reader may open names.
func (p place) may() bool { return p.staff.Role.May(access.ReadPerson) }
