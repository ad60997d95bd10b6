package api

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"turnike/internal/access"
	"turnike/internal/booking"
	"turnike/internal/fault"
	"turnike/internal/hook"
)

// Ticket is a number given out today.
type Ticket struct {
	Number  int        `json:"number" minimum:"1"`
	State   string     `json:"state" enum:"waiting,called,serving,parked,served,missed,left"`
	Service string     `json:"service"`
	Matters int        `json:"matters" minimum:"1"`
	Pool    string     `json:"pool" doc:"The group of counters that serves it"`
	Desk    string     `json:"desk,omitempty"`
	Visit   string     `json:"visit,omitempty" doc:"The appointment's id, of who has one"`
	Slot    *time.Time `json:"slot,omitempty" doc:"The appointment's hour"`
	Arrived time.Time  `json:"arrived"`
	Called  *time.Time `json:"called,omitempty"`
	Started *time.Time `json:"started,omitempty"`
	Ended   *time.Time `json:"ended,omitempty"`
	Wait    *WaitTold  `json:"wait,omitempty" doc:"What somebody without an appointment is told"`
}

// WaitTold is the wait a number is given with.
type WaitTold struct {
	Median int `json:"median_seconds" minimum:"0"`
	Most   int `json:"most_seconds" minimum:"0"`
}

// Tickets are today's numbers of a centre.
type Tickets struct {
	Centre  string   `json:"centre"`
	Day     string   `json:"day" format:"date"`
	Tickets []Ticket `json:"tickets" nullable:"false" doc:"By number"`
}

// VisitRow is a visit on a centre's list: without who comes, and without what
// opens it.
type VisitRow struct {
	ID       string    `json:"id" format:"uuid"`
	State    string    `json:"state" enum:"held,booked,arrived,done,no-show,cancelled,expired"`
	Start    time.Time `json:"start"`
	End      time.Time `json:"end"`
	Service  string    `json:"service"`
	Matters  int       `json:"matters" minimum:"1"`
	Pool     string    `json:"pool"`
	Channel  string    `json:"channel" enum:"web,api,call,desk,kiosk"`
	Sequence int       `json:"sequence" minimum:"0"`
}

// VisitRows are a centre's visits of a day.
type VisitRows struct {
	Centre string     `json:"centre"`
	Day    string     `json:"day" format:"date"`
	Visits []VisitRow `json:"visits" nullable:"false" doc:"By hour"`
}

type (
	arrivalBody struct {
		Visit string `json:"visit,omitempty" doc:"The visit's id, or"`
		Code  string `json:"code,omitempty" doc:"its eight digits"`
	}
	walkInBody struct {
		Service string `json:"service" example:"closing"`
		Matters int    `json:"matters,omitempty" minimum:"1"`
	}
	callBody struct {
		Desk string `json:"desk" doc:"The counter, as it is written over it" example:"3"`
		Pool string `json:"pool,omitempty" doc:"Whose line; the counter's own where absent"`
		// Short is for a quick counter.
		Short bool `json:"short,omitempty" doc:"Pass over who takes longer than one unit of time"`
	}
	actBody struct {
		Action  string `json:"action" enum:"recall,begin,another,finish,park,call,miss,leave,transfer"`
		Desk    string `json:"desk" example:"3"`
		Service string `json:"service,omitempty" doc:"Where a transfer goes"`
	}
	undoBody struct {
		Desk string `json:"desk" example:"3"`
	}
)

type ticketOut struct{ Body Ticket }

func ticketOf(n *booking.Network, t booking.Ticket) Ticket {
	at := func(t time.Time) *time.Time {
		if t.IsZero() {
			return nil
		}
		t = t.In(n.Location())
		return &t
	}
	return Ticket{Number: t.Number, State: t.State.String(), Service: t.Service, Matters: t.Matters, Pool: t.Pool, Desk: t.Desk,
		Visit: t.Visit, Slot: at(t.Slot), Arrived: t.Arrived.In(n.Location()), Called: at(t.Called), Started: at(t.Started), Ended: at(t.Ended)}
}

// at finds the centre a key works at.
func (s *server) at(ctx context.Context, in CentrePath, a access.Action) (Visits, *booking.Centre, error) {
	if _, err := s.visits(in.Network); err != nil {
		return Visits{}, nil, err
	}
	if _, err := s.key(ctx, in.Network, a, in.Centre); err != nil {
		return Visits{}, nil, err
	}
	return s.centre(in.Network, in.Centre)
}

// keyFaults are what an operation with a key may always answer.
func keyFaults(more ...*fault.Fault) []*fault.Fault {
	return append([]*fault.Fault{hook.ErrKeyWrong, hook.ErrMayNot, ErrNoNetwork, hook.ErrTooFast.After(time.Second), errBusy}, more...)
}

func (s *server) counterRoutes(doc huma.API) {
	base := networkBase + "/centres/{centre}"
	type rows struct{ Body VisitRows }
	type dayIn struct {
		CentrePath
		Day string `query:"day" format:"date" doc:"Today where absent" example:"2021-03-17"`
	}
	operation[struct{}](doc, needsKey(huma.Operation{
		OperationID: "list-visits", Method: http.MethodGet, Path: base + "/visits", Tags: []string{"counter"},
		Summary: "List a centre's visits of a day, without names",
	}, access.ReadVisits), "The list", visitRowsExample(), func(ctx context.Context, in *dayIn) (*rows, error) {
		v, c, err := s.at(ctx, in.CentrePath, access.ReadVisits)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		n := v.Service.Network()
		day, err := dayOr(in.Day, booking.DayOf(s.cfg.Now(), n.Location()), "?day")
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		vs, err := v.Service.OnDay(ctx, c.ID, day)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		out := VisitRows{c.ID, day.String(), []VisitRow{}}
		for _, x := range vs {
			out.Visits = append(out.Visits, rowOf(n, x))
		}
		return &rows{out}, nil
	}, nil, keyFaults(booking.ErrDay.On("?day"))...)

	type list struct{ Body Tickets }
	operation[struct{}](doc, needsKey(huma.Operation{
		OperationID: "list-tickets", Method: http.MethodGet, Path: base + "/tickets", Tags: []string{"counter"},
		Summary: "List today's numbers",
	}, access.Queue), "The numbers", ticketsExample(), func(ctx context.Context, in *CentrePath) (*list, error) {
		v, c, err := s.at(ctx, *in, access.Queue)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		ts, _, err := v.Service.Tickets(ctx, c.ID)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		n := v.Service.Network()
		out := Tickets{c.ID, booking.DayOf(s.cfg.Now(), n.Location()).String(), []Ticket{}}
		for _, t := range ts {
			out.Tickets = append(out.Tickets, ticketOf(n, t))
		}
		return &list{out}, nil
	}, nil, keyFaults()...)

	type bodied struct {
		CentrePath
		RawBody []byte `contentType:"application/json"`
	}
	body := []*fault.Fault{ErrJSON, ErrTooLarge, ErrMedia, ErrMissing.On("#/desk"), booking.ErrState.With("state", "served")}
	operation[arrivalBody](doc, needsKey(huma.Operation{
		OperationID: "check-in", Method: http.MethodPost, Path: base + "/arrivals", Tags: []string{"counter"},
		Summary:     "Check somebody in who has an appointment today",
		Description: "Gives the number they wait with. Who checks in twice keeps the number.",
	}, access.Queue), "The number", ticketExample(), func(ctx context.Context, in *bodied) (*ticketOut, error) {
		v, c, err := s.at(ctx, in.CentrePath, access.Queue)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		x, err := s.theirVisit(ctx, v, c, in.RawBody)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		t, err := v.Service.CheckIn(ctx, x.ID, actor(ctx))
		return s.showTicket(ctx, v, t, err)
	}, map[string]any{"code": map[string]any{"code": "4830 1126"}}, keyFaults(body...)...)

	operation[arrivalBody](doc, needsKey(huma.Operation{
		OperationID: "undo-check-in", Method: http.MethodPost, Path: base + "/arrivals/undo", Tags: []string{"counter"},
		Summary: "Take back that somebody has come", Description: "Within five minutes, before they were called. They keep the number.",
	}, access.Queue), "The visit, expected again", visitRowsExampleOne(), func(ctx context.Context, in *bodied) (*rowOut, error) {
		v, c, err := s.at(ctx, in.CentrePath, access.Queue)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		x, err := s.theirVisit(ctx, v, c, in.RawBody)
		if err == nil {
			x, err = v.Service.Unarrive(ctx, x.ID, actor(ctx))
		}
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return &rowOut{rowOf(v.Service.Network(), x)}, nil
	}, map[string]any{"visit": map[string]any{"visit": "0178429a-3434-70aa-9741-e274c95b771a"}}, keyFaults(body...)...)

	operation[walkInBody](doc, needsKey(huma.Operation{
		OperationID: "take-number", Method: http.MethodPost, Path: base + "/tickets", Tags: []string{"counter"},
		Summary:       "Give a number to somebody without an appointment",
		Description:   "Each call gives a number; send it once. Numbers rise by one through the day.",
		DefaultStatus: http.StatusCreated,
	}, access.Queue), "The number, with the wait to tell", ticketExample(), func(ctx context.Context, in *bodied) (*ticketOut, error) {
		v, c, err := s.at(ctx, in.CentrePath, access.Queue)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		o, err := readObject(in.RawBody)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		var r reader
		r.only(o, "#", "service", "matters")
		r.need(o, "#", "service")
		service, matters := r.text(o, "#", "service"), r.number(o, "#", "matters", 1)
		if err := r.faults.Err(); err != nil {
			return nil, s.problem(ctx, err)
		}
		t, wait, err := v.Service.WalkIn(ctx, c.ID, service, matters, actor(ctx))
		out, err := s.showTicket(ctx, v, t, onMatters(err))
		if err == nil {
			out.Body.Wait = &WaitTold{int(wait.Median / time.Second), int(wait.Most / time.Second)}
		}
		return out, err
	}, map[string]any{"closing": map[string]any{"service": "closing"}}, keyFaults(body...)...)

	operation[callBody](doc, needsKey(huma.Operation{
		OperationID: "call-next", Method: http.MethodPost, Path: base + "/calls", Tags: []string{"counter"},
		Summary:     "Call whoever is next to a counter",
		Description: "Appointments in their window first, and after some of them one without; never more people on the floor than it takes.",
	}, access.Queue), "The number called", ticketExample(), func(ctx context.Context, in *bodied) (*ticketOut, error) {
		v, c, err := s.at(ctx, in.CentrePath, access.Queue)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		o, err := readObject(in.RawBody)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		var r reader
		r.only(o, "#", "desk", "pool", "short")
		short := r.flag(o, "#", "short")
		desk, pool := r.desk(o, c), r.choice(o, "#", "pool", c.PoolIDs()...)
		if err := r.faults.Err(); err != nil {
			return nil, s.problem(ctx, err)
		}
		if pool == "" {
			pool = poolOf(c, desk)
		}
		call := v.Service.CallNext
		if short {
			call = v.Service.CallShort
		}
		t, err := call(ctx, c.ID, pool, desk, actor(ctx))
		return s.showTicket(ctx, v, t, err)
	}, map[string]any{"third": map[string]any{"desk": "3"}}, keyFaults(body...)...)

	type actIn struct {
		CentrePath
		Number  string `path:"number" pattern:"^[0-9]+$" doc:"A number of today" example:"17"`
		RawBody []byte `contentType:"application/json"`
	}
	operation[actBody](doc, needsKey(huma.Operation{
		OperationID: "act-on-ticket", Method: http.MethodPost, Path: base + "/tickets/{number}", Tags: []string{"counter"},
		Summary: "Do something with a number",
		Description: "`recall` calls it once more, `begin` and `finish` serve it, `another` counts one more matter, `park` sets it aside and keeps it, `call` calls it out of turn, " +
			"`miss` and `leave` end it unserved, `transfer` sends it to who does another service.",
	}, access.Queue), "The number as it stands now", ticketExample(), func(ctx context.Context, in *actIn) (*ticketOut, error) {
		v, c, err := s.at(ctx, in.CentrePath, access.Queue)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		o, err := readObject(in.RawBody)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		var r reader
		r.only(o, "#", "action", "desk", "service")
		r.need(o, "#", "action")
		action := r.choice(o, "#", "action", "recall", "begin", "another", "finish", "park", "call", "miss", "leave", "transfer")
		desk, service := r.desk(o, c), r.text(o, "#", "service")
		if action == "transfer" {
			r.need(o, "#", "service")
		}
		if err := r.faults.Err(); err != nil {
			return nil, s.problem(ctx, err)
		}
		number, err := strconv.Atoi(in.Number)
		if err != nil {
			return nil, s.problem(ctx, booking.ErrNoTicket)
		}
		if action == "another" {
			t, err := v.Service.AnotherMatter(ctx, c.ID, number, desk, actor(ctx))
			return s.showTicket(ctx, v, t, err)
		}
		t, err := v.Service.Act(ctx, c.ID, number, booking.Action(action), desk, service, actor(ctx))
		return s.showTicket(ctx, v, t, err)
	}, map[string]any{"finish": map[string]any{"action": "finish", "desk": "3"}}, keyFaults(body...)...)

	operation[undoBody](doc, needsKey(huma.Operation{
		OperationID: "undo", Method: http.MethodPost, Path: base + "/undo", Tags: []string{"counter"},
		Summary: "Take back the last thing a counter did", Description: "Within five minutes, unless the number has moved on.",
	}, access.Queue), "The number as it was", ticketExample(), func(ctx context.Context, in *bodied) (*ticketOut, error) {
		v, c, err := s.at(ctx, in.CentrePath, access.Queue)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		o, err := readObject(in.RawBody)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		var r reader
		r.only(o, "#", "desk")
		desk := r.desk(o, c)
		if err := r.faults.Err(); err != nil {
			return nil, s.problem(ctx, err)
		}
		t, err := v.Service.Undo(ctx, c.ID, desk, actor(ctx))
		return s.showTicket(ctx, v, t, err)
	}, map[string]any{"third": map[string]any{"desk": "3"}}, keyFaults(body...)...)
}

type rowOut struct{ Body VisitRow }

func rowOf(n *booking.Network, x booking.Visit) VisitRow {
	from, to := n.StartOf(x.Place)
	return VisitRow{x.ID, x.State.String(), from.In(n.Location()), to.In(n.Location()), x.Service, x.Matters, x.Place.Pool, string(x.Channel), x.Sequence}
}

// theirVisit is a centre's visit that a body names by its id or its digits.
// Another centre's is as good as none.
func (s *server) theirVisit(ctx context.Context, v Visits, c *booking.Centre, raw []byte) (x booking.Visit, err error) {
	o, err := readObject(raw)
	if err != nil {
		return x, err
	}
	var r reader
	r.only(o, "#", "visit", "code")
	id, digits := r.text(o, "#", "visit"), r.text(o, "#", "code")
	if id == "" && digits == "" && len(r.faults) == 0 {
		r.faults = append(r.faults, ErrMissing.On("#/code"))
	}
	if err := r.faults.Err(); err != nil {
		return x, err
	}
	if id != "" {
		x, err = v.Service.Visit(ctx, id)
	} else if code, ok := booking.ParseCode(digits); ok {
		x, err = v.Service.ByCode(ctx, code)
	} else {
		err = booking.ErrNoVisit
	}
	if err == nil && x.Place.Centre != c.ID {
		err = booking.ErrNoVisit
	}
	return x, err
}

func (s *server) showTicket(ctx context.Context, v Visits, t booking.Ticket, err error) (*ticketOut, error) {
	if err != nil {
		return nil, s.problem(ctx, err)
	}
	return &ticketOut{ticketOf(v.Service.Network(), t)}, nil
}

// desk is a counter of a centre.
func (r *reader) desk(o object, c *booking.Centre) string {
	r.need(o, "#", "desk")
	n := len(r.faults)
	d := r.text(o, "#", "desk")
	if len(r.faults) == n && !slices.ContainsFunc(c.Counters(), func(x booking.Counter) bool { return x.Name == d }) {
		r.faults = append(r.faults, ErrDesk.On("#/desk"))
	}
	return d
}

// poolOf is the line a counter calls from.
func poolOf(c *booking.Centre, desk string) string {
	for _, x := range c.Counters() {
		if x.Name == desk {
			return x.Pool
		}
	}
	return ""
}
