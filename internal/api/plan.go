package api

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"turnike/internal/access"
	"turnike/internal/booking"
	"turnike/internal/fault"
	"turnike/internal/i18n"
	"turnike/internal/person"
)

// Plan is a centre's day as it stands.
type Plan struct {
	Centre     string         `json:"centre"`
	Day        string         `json:"day" format:"date"`
	Units      []PlanUnit     `json:"units" nullable:"false" doc:"By pool and time; the floor has no pool"`
	Exceptions []ExceptionRow `json:"exceptions" nullable:"false" doc:"That change this day"`
}

// PlanUnit is one unit of time of a pool or the floor.
type PlanUnit struct {
	Pool     string    `json:"pool,omitempty" doc:"Absent for the floor"`
	Start    time.Time `json:"start"`
	Counters int       `json:"counters" minimum:"0" doc:"Counters open, or people the floor takes"`
	Places   int       `json:"places" minimum:"0" doc:"Places let out"`
}

// ExceptionRow is a change to a day's plan.
type ExceptionRow struct {
	ID     string `json:"id" format:"uuid"`
	Centre string `json:"centre,omitempty" doc:"Absent for all"`
	Pool   string `json:"pool,omitempty" doc:"Absent for all"`
	Day    string `json:"day" format:"date"`
	From   string `json:"from" example:"08:30"`
	To     string `json:"to" example:"12:30"`
	Desks  int    `json:"desks" doc:"Counters more, or fewer where negative"`
	Closed bool   `json:"closed"`
	Open   bool   `json:"open" doc:"Worked in spite of a holiday"`
	Why    string `json:"why"`
}

// Effect is what a change to the plan comes to.
type Effect struct {
	Done   bool       `json:"done" doc:"False for a preview"`
	More   int        `json:"more" minimum:"0" doc:"Places that come"`
	Fewer  int        `json:"fewer" minimum:"0" doc:"Places that go"`
	Hit    []VisitRow `json:"hit" nullable:"false" doc:"Booked visits in hours that take fewer people then. Nobody is cancelled."`
	ToMove []string   `json:"to_move" nullable:"false" doc:"The fewest of them who would have to move, by id"`
	Seen   string     `json:"seen" doc:"Send it back to make exactly the change that was previewed" example:"3f5a9c0e12b47d88"`
}

// FiguresRow is what a span of days came to.
type FiguresRow struct {
	From        string         `json:"from" format:"date"`
	Days        int            `json:"days" minimum:"1"`
	Centre      string         `json:"centre,omitempty" doc:"Absent for all of the key's"`
	Visits      map[string]int `json:"visits" doc:"Appointments by how they ended"`
	ByService   map[string]int `json:"by_service"`
	ByChannel   map[string]int `json:"by_channel"`
	NoShowShare float64        `json:"no_show_share" minimum:"0" maximum:"100" doc:"Of a hundred whose day is over"`
	InTime      float64        `json:"in_time_share" minimum:"0" maximum:"100" doc:"Of a hundred who came in time for their hour, how many were called within five minutes of it"`
	Walkins     int            `json:"walkins" minimum:"0" doc:"Numbers given to who had no appointment"`
	Unserved    int            `json:"unserved" minimum:"0" doc:"Numbers that were never called"`
	WaitMedian  int            `json:"wait_median_seconds" minimum:"0" doc:"Of who had no appointment"`
	WaitMost    int            `json:"wait_most_seconds" minimum:"0" doc:"Four of five of them waited no longer"`
	WaitKept    float64        `json:"wait_kept_share" minimum:"0" maximum:"100" doc:"Of a hundred who were told a wait, how many waited no longer"`
}

type (
	exceptionBody struct {
		Day     string `json:"day" format:"date" example:"2021-03-17"`
		From    string `json:"from,omitempty" doc:"All day where absent" example:"08:30"`
		To      string `json:"to,omitempty" example:"12:30"`
		Pool    string `json:"pool,omitempty"`
		Desks   int    `json:"desks,omitempty" minimum:"-100" maximum:"100"`
		Closed  bool   `json:"closed,omitempty"`
		Open    bool   `json:"open,omitempty"`
		Why     string `json:"why" maxLength:"200"`
		Preview bool   `json:"preview,omitempty" doc:"Tell what it would do, and do nothing"`
		Seen    string `json:"seen,omitempty" doc:"seen of the preview; needed to do it"`
	}
	dropBody struct {
		Preview bool   `json:"preview,omitempty"`
		Seen    string `json:"seen,omitempty"`
	}
	bookingBody struct {
		HoldBody
		Name    string `json:"name" maxLength:"400"`
		Phone   string `json:"phone" maxLength:"400"`
		ID      string `json:"id,omitempty" maxLength:"400"`
		Channel string `json:"channel,omitempty" enum:"call,api" doc:"call, the places protected for people who telephone, where absent"`
	}
)

func (s *server) planRoutes(doc huma.API) {
	base := networkBase + "/centres/{centre}"
	type dayIn struct {
		CentrePath
		Day string `query:"day" format:"date" doc:"Today where absent" example:"2021-03-17"`
	}
	type planOut struct{ Body Plan }
	operation[struct{}](doc, needsKey(huma.Operation{
		OperationID: "get-plan", Method: http.MethodGet, Path: base + "/plan", Tags: []string{"plan"},
		Summary: "See a centre's day as planned, with what changes it",
	}, access.Plan), "The plan", planExample(), func(ctx context.Context, in *dayIn) (*planOut, error) {
		v, c, err := s.at(ctx, in.CentrePath, access.Plan)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		n := v.Service.Network()
		day, err := dayOr(in.Day, booking.DayOf(s.cfg.Now(), n.Location()), "?day")
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		cells, err := v.Service.PlanOn(ctx, c.ID, day)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		ex, _, err := v.Service.Changed(ctx, c.ID, day)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		out := Plan{c.ID, day.String(), []PlanUnit{}, []ExceptionRow{}}
		for _, p := range cells {
			out.Units = append(out.Units, PlanUnit{p.Pool, n.Start(day, p.Unit).In(n.Location()), p.Desks, p.Places})
		}
		for _, e := range ex {
			if e.Day == day {
				out.Exceptions = append(out.Exceptions, ExceptionRow{e.ID, e.Centre, e.Pool, e.Day.String(), booking.Clock(e.From), booking.Clock(e.To), e.Desks, e.Closed, e.Open, e.Why})
			}
		}
		return &planOut{out}, nil
	}, nil, keyFaults(booking.ErrDay.On("?day"))...)

	type bodied struct {
		CentrePath
		RawBody []byte `contentType:"application/json"`
	}
	operation[exceptionBody](doc, needsKey(huma.Operation{
		OperationID: "change-day", Method: http.MethodPost, Path: base + "/exceptions", Tags: []string{"plan"},
		Summary: "Change a day's plan: fewer counters, more, closed, open on a holiday",
		Description: "First with `preview`: it tells whom the change would hit. Then with that answer's `seen`: where it would by now hit other people, " +
			"nothing is done. Nobody's visit is cancelled; those hit are asked by the manager.",
	}, access.Plan), "What it comes to", effectExample(), func(ctx context.Context, in *bodied) (*effectOut, error) {
		v, c, err := s.at(ctx, in.CentrePath, access.Plan)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		o, err := readObject(in.RawBody)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		var r reader
		r.only(o, "#", "day", "from", "to", "pool", "desks", "closed", "open", "why", "preview", "seen")
		r.need(o, "#", "day", "why")
		e := booking.Exception{Centre: c.ID, Pool: r.choice(o, "#", "pool", c.PoolIDs()...), Day: r.day(o, "#", "day"), From: r.clock(o, "#", "from", 0), To: r.clock(o, "#", "to", 24*60),
			Desks: r.number(o, "#", "desks", 0), Closed: r.flag(o, "#", "closed"), Open: r.flag(o, "#", "open"), Why: r.text(o, "#", "why"), Actor: actor(ctx).Ref}
		preview, seen := r.flag(o, "#", "preview"), r.text(o, "#", "seen")
		if len(r.faults) == 0 && (len(e.Why) > 800 || e.Why == "") {
			r.faults = append(r.faults, ErrMissing.On("#/why"))
		}
		if !preview {
			r.need(o, "#", "seen")
		}
		if err := r.faults.Err(); err != nil {
			return nil, s.problem(ctx, err)
		}
		return s.change(ctx, v, booking.Change{Exceptions: []booking.Exception{e}}, preview, seen)
	}, map[string]any{"preview": map[string]any{"day": "2021-03-17", "from": "13:30", "to": "17:00", "desks": -1, "why": "ill", "preview": true}},
		keyFaults(ErrJSON, ErrTooLarge, ErrMedia, booking.ErrMeanwhile, ErrMissing.On("#/seen"))...)

	s.weekRoutes(doc)
	type dropIn struct {
		CentrePath
		ID      string `path:"id" doc:"An exception's id" format:"uuid"`
		RawBody []byte `contentType:"application/json"`
	}
	operation[dropBody](doc, needsKey(huma.Operation{
		OperationID: "undo-change", Method: http.MethodPost, Path: base + "/exceptions/{id}/undo", Tags: []string{"plan"},
		Summary: "Take a change to a day's plan back", Description: "First with `preview`, then with its `seen`, as for the change itself.",
	}, access.Plan), "What it comes to", effectExample(), func(ctx context.Context, in *dropIn) (*effectOut, error) {
		v, c, err := s.at(ctx, in.CentrePath, access.Plan)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		o, err := readObject(in.RawBody)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		var r reader
		r.only(o, "#", "preview", "seen")
		preview, seen := r.flag(o, "#", "preview"), r.text(o, "#", "seen")
		if !preview {
			r.need(o, "#", "seen")
		}
		if err := r.faults.Err(); err != nil {
			return nil, s.problem(ctx, err)
		}
		ex, _, err := v.Service.Changed(ctx, c.ID, booking.DayOf(s.cfg.Now(), v.Service.Network().Location()))
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		// One that is for all centres is not one centre's to take back.
		if !slices.ContainsFunc(ex, func(e booking.Exception) bool { return e.ID == in.ID && e.Centre == c.ID }) {
			return nil, s.problem(ctx, ErrNoChange)
		}
		return s.change(ctx, v, booking.Change{Undo: []string{in.ID}}, preview, seen)
	}, map[string]any{"preview": map[string]any{"preview": true}}, keyFaults(ErrJSON, ErrTooLarge, ErrMedia, booking.ErrMeanwhile, ErrMissing.On("#/seen"))...)
	s.figureRoutes(doc)
	s.bookingRoutes(doc)
}

type effectOut struct{ Body Effect }

// change previews a change, or makes the one that was previewed.
func (s *server) change(ctx context.Context, v Visits, c booking.Change, preview bool, seen string) (*effectOut, error) {
	var e booking.Effect
	var err error
	if preview {
		e, err = v.Service.Preview(ctx, c)
	} else {
		e, err = v.Service.Apply(ctx, c, seen, actor(ctx))
	}
	if err != nil {
		return nil, s.problem(ctx, err)
	}
	return &effectOut{effectOf(v.Service.Network(), e, !preview)}, nil
}

func effectOf(n *booking.Network, e booking.Effect, done bool) Effect {
	out := Effect{Done: done, More: e.More, Fewer: e.Fewer, Hit: []VisitRow{}, ToMove: []string{}, Seen: e.Seen}
	for _, x := range e.Hit() {
		out.Hit = append(out.Hit, rowOf(n, x))
	}
	for _, x := range e.ToMove() {
		out.ToMove = append(out.ToMove, x.ID)
	}
	return out
}

func (s *server) figureRoutes(doc huma.API) {
	type in struct {
		NetworkPath
		Centre string `query:"centre" doc:"One centre; all of the key's where absent" example:"konak"`
		From   string `query:"from" format:"date" doc:"First day; six days ago where absent" example:"2021-03-01"`
		Days   int    `query:"days" default:"7" minimum:"1" maximum:"92"`
	}
	type out struct{ Body FiguresRow }
	operation[struct{}](doc, needsKey(huma.Operation{
		OperationID: "get-figures", Method: http.MethodGet, Path: networkBase + "/figures", Tags: []string{"plan"},
		Summary: "See what some days came to: visits, no-shows, waits",
	}, access.Figures), "The figures", figuresExample(), func(ctx context.Context, in *in) (*out, error) {
		v, err := s.visits(in.Network)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		k, err := s.key(ctx, in.Network, access.Figures, in.Centre)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		n := v.Service.Network()
		from, err := dayOr(in.From, booking.DayOf(s.cfg.Now(), n.Location())-6, "?from")
		if err == nil && (in.Days < 1 || in.Days > 92) {
			err = ErrQuery.On("?days")
		}
		centres := []string{in.Centre}
		if in.Centre == "" && len(k.Centres) > 0 {
			centres = k.Centres
		} else if _, ok := n.CentreByID(in.Centre); !ok && in.Centre != "" && err == nil {
			err = errNoCentre.On("?centre")
		}
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		d := FiguresRow{From: from.String(), Days: in.Days, Centre: in.Centre, Visits: map[string]int{}, ByService: map[string]int{}, ByChannel: map[string]int{}}
		var all booking.Figures
		all.Visits = map[booking.State]int{}
		for _, c := range centres {
			f, err := v.Service.Figures(ctx, c, from, in.Days)
			if err != nil {
				return nil, s.problem(ctx, err)
			}
			for st, c := range f.Visits {
				d.Visits[st.String()] += c
				all.Visits[st] += c
			}
			for id, c := range f.ByService {
				d.ByService[id] += c
			}
			for ch, c := range f.ByChannel {
				d.ByChannel[string(ch)] += c
			}
			all.Queue.Add(f.Queue)
		}
		d.NoShowShare = all.NoShows()
		q := all.Queue
		d.InTime, d.WaitKept, d.Walkins, d.Unserved = share(q.InTime, q.Appointments), share(q.Kept, q.Shown), q.Walkins, q.Unserved
		d.WaitMedian, d.WaitMost = secondsAt(q.Wait, 50), secondsAt(q.Wait, 80)
		return &out{d}, nil
	}, nil, keyFaults(ErrQuery.On("?days"))...)
}

func (s *server) bookingRoutes(doc huma.API) {
	type bookIn struct {
		NetworkPath
		Key     string `header:"Idempotency-Key" required:"true" doc:"Made by you for this booking; 16 to 200 printable ASCII characters." example:"\"018f6b2e-1c9a-7d3e-9b2a-5f0c7e1d4a68\""`
		RawBody []byte `contentType:"application/json"`
	}
	operation[bookingBody](doc, needsKey(huma.Operation{
		OperationID: "book-for-caller", Method: http.MethodPost, Path: networkBase + "/bookings", Tags: []string{"counter"},
		Summary:       "Book for somebody on the telephone",
		Description:   "Without a code: the agent knows whom they speak to. The text message goes by itself.",
		DefaultStatus: http.StatusCreated,
	}, access.Book), "The visit", visitExample("booked"), func(ctx context.Context, in *bookIn) (*visitOut, error) {
		v, err := s.visits(in.Network)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		k, err := s.key(ctx, in.Network, access.Book, "")
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		key, err := longKey(in.Key)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		o, err := readObject(in.RawBody)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		var r reader
		n := v.Service.Network()
		r.only(o, "#", "centre", "service", "matters", "start", "lang", "name", "phone", "id", "channel")
		r.need(o, "#", "centre", "service", "start")
		q := booking.Request{Centre: r.text(o, "#", "centre"), Service: r.text(o, "#", "service"), Matters: r.number(o, "#", "matters", 1),
			Channel: booking.Channel(cmp.Or(r.choice(o, "#", "channel", "call", "api"), "call")), Actor: k.Actor(), Key: "key " + k.ID + " " + key}
		form, lang := r.who(o), r.lang(ctx, o)
		if text := r.text(o, "#", "start"); text != "" {
			var serr error
			if q.Day, q.Unit, serr = start(n, text); serr != nil {
				r.faults = append(r.faults, fault.Of(serr)...)
			}
		}
		if err := r.faults.Err(); err != nil {
			return nil, s.problem(ctx, err)
		}
		if !k.Sees(q.Centre) {
			return nil, s.problem(ctx, errNoCentre)
		}
		rec, err := form.Parse(n)
		if err != nil {
			return nil, s.problem(ctx, onBody(err))
		}
		x, err := s.bookFor(ctx, v, q, rec, lang)
		return s.showVisit(ctx, v, x, onMatters(err))
	}, bookingExamples(),
		keyFaults(ErrKeyMissing.On(":Idempotency-Key"), ErrTooLarge, ErrMedia, booking.ErrFull, person.ErrPhoneShape.On("#/phone"))...)

	type bodied struct {
		NetworkPath
		ID      string `path:"id" doc:"A visit's id" format:"uuid"`
		RawBody []byte `contentType:"application/json"`
	}
	// theirs finds a visit at a centre of the key's.
	theirs := func(ctx context.Context, in *bodied) (Visits, booking.Visit, error) {
		v, err := s.visits(in.Network)
		if err != nil {
			return v, booking.Visit{}, err
		}
		k, err := s.key(ctx, in.Network, access.Book, "")
		if err != nil {
			return v, booking.Visit{}, err
		}
		x, err := v.Service.Visit(ctx, in.ID)
		if err == nil && !k.Sees(x.Place.Centre) {
			err = booking.ErrNoVisit
		}
		return v, x, err
	}
	operation[placeBody](doc, needsKey(huma.Operation{
		OperationID: "move-booking", Method: http.MethodPost, Path: networkBase + "/bookings/{id}/move", Tags: []string{"counter"},
		Summary: "Move a caller's visit",
	}, access.Book), "The visit at its new place", visitExample("booked"), func(ctx context.Context, in *bodied) (*visitOut, error) {
		v, x, err := theirs(ctx, in)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		centre, day, unit, err := readPlace(v.Service.Network(), in.RawBody)
		if err == nil {
			if _, kerr := s.key(ctx, in.Network, access.Book, centre); kerr != nil {
				err = kerr
			}
		}
		if err == nil {
			x, err = v.Service.Move(ctx, x.ID, centre, day, unit, booking.Call, actor(ctx))
		}
		return s.showVisit(ctx, v, x, err)
	}, map[string]any{"bornova": map[string]any{"centre": "bornova", "start": "2021-03-18T10:15:00+03:00"}},
		keyFaults(ErrJSON, ErrTooLarge, ErrMedia, booking.ErrFull, booking.ErrLapsed, ErrSlot.On("#/start"))...)

	operation[noBody](doc, needsKey(huma.Operation{
		OperationID: "cancel-booking", Method: http.MethodPost, Path: networkBase + "/bookings/{id}/cancel", Tags: []string{"counter"},
		Summary: "Cancel a caller's visit",
	}, access.Book), "The visit as it stands now", visitExample("cancelled"), func(ctx context.Context, in *bodied) (*visitOut, error) {
		if err := readNothing(in.RawBody); err != nil {
			return nil, s.problem(ctx, err)
		}
		v, x, err := theirs(ctx, in)
		if err == nil {
			x, err = v.Service.Cancel(ctx, x.ID, actor(ctx))
		}
		return s.showVisit(ctx, v, x, err)
	}, map[string]any{"none": map[string]any{}}, keyFaults(ErrJSON, ErrTooLarge, ErrMedia, booking.ErrEnded, ErrNoField.On("#"))...)
}

// bookFor books for somebody who is known. A second sending under one key finds
// the first, also where the person's sealed record would differ.
func (s *server) bookFor(ctx context.Context, v Visits, q booking.Request, rec person.Record, l i18n.Lang) (booking.Visit, error) {
	var err error
	if q.Who, err = v.Contacts.Who(ctx, rec, l); err != nil {
		return booking.Visit{}, err
	}
	return v.Service.Book(ctx, q)
}

// share is how many of a hundred, 0 of none.
func share(n, of int) float64 {
	if of == 0 {
		return 0
	}
	return 100 * float64(n) / float64(of)
}

// secondsAt is the wait that so many of a hundred do not exceed.
func secondsAt(sorted []time.Duration, percent int) int {
	if len(sorted) == 0 {
		return 0
	}
	return int(sorted[(len(sorted)-1)*percent/100] / time.Second)
}
