package api

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"turnike/internal/access"
	"turnike/internal/booking"
)

// What bodies carry, for the document.
type (
	shiftBody struct {
		From     string `json:"from" example:"08:30"`
		To       string `json:"to" example:"12:30"`
		Counters int    `json:"counters" minimum:"0"`
	}
	weekBody struct {
		Since   string                 `json:"since" format:"date" doc:"First day" example:"2021-03-22"`
		Until   string                 `json:"until,omitempty" format:"date" doc:"Last day; no end where absent"`
		Pool    string                 `json:"pool,omitempty" doc:"The centre's only one where absent"`
		Base    bool                   `json:"base,omitempty" doc:"Back to the plan of the centre's file; without week"`
		Week    map[string][]shiftBody `json:"week,omitempty" doc:"By day: mon, tue, wed, thu, fri, sat, sun. A day that is not here is closed."`
		Why     string                 `json:"why" maxLength:"200"`
		Preview bool                   `json:"preview,omitempty" doc:"Tell what it would do, and do nothing"`
		Seen    string                 `json:"seen,omitempty" doc:"seen of the preview; needed to do it"`
	}
	floorBody struct {
		Since   string `json:"since" format:"date" example:"2021-03-22"`
		Until   string `json:"until,omitempty" format:"date"`
		Base    bool   `json:"base,omitempty" doc:"Back to the limit of the centre's file"`
		Floor   int    `json:"floor,omitempty" minimum:"1" doc:"People on the floor at once"`
		Why     string `json:"why" maxLength:"200"`
		Preview bool   `json:"preview,omitempty"`
		Seen    string `json:"seen,omitempty"`
	}
)

// weekDays are the days of a week as bodies name them, from Sunday as Go counts.
func weekDays() []string { return []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} }

// weekRoutes change a centre's week and its floor limit from a day on.
func (s *server) weekRoutes(doc huma.API) {
	base := networkBase + "/centres/{centre}"
	type bodied struct {
		CentrePath
		RawBody []byte `contentType:"application/json"`
	}
	faults := keyFaults(ErrJSON, ErrTooLarge, ErrMedia, booking.ErrMeanwhile, ErrMissing.On("#/seen"))
	operation[weekBody](doc, needsKey(huma.Operation{
		OperationID: "change-week", Method: http.MethodPost, Path: base + "/week", Tags: []string{"plan"},
		Summary:     "Change a centre's week from a day on",
		Description: "How many counters are open when. First with `preview`, then with its `seen`, as for one day.",
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
		r.only(o, "#", "since", "until", "pool", "base", "week", "why", "preview", "seen")
		rev := r.revision(o, c, booking.Staffing)
		rev.Pool = r.choice(o, "#", "pool", c.PoolIDs()...)
		if ids := c.PoolIDs(); rev.Pool == "" && len(ids) == 1 {
			rev.Pool = ids[0]
		} else if rev.Pool == "" {
			r.need(o, "#", "pool")
		}
		if !rev.Base {
			r.need(o, "#", "week")
			rev.Week = r.week(o, v.Service.Network().Unit, c.DesksOf(rev.Pool))
		}
		return s.revise(ctx, v, &r, o, rev)
	}, map[string]any{"preview": map[string]any{"since": "2021-03-22", "why": "autumn", "preview": true,
		"week": map[string]any{"mon": []any{map[string]any{"from": "08:30", "to": "12:30", "counters": 3}}}}}, faults...)

	operation[floorBody](doc, needsKey(huma.Operation{
		OperationID: "change-floor", Method: http.MethodPost, Path: base + "/floor", Tags: []string{"plan"},
		Summary:     "Change how many people a centre's floor takes from a day on",
		Description: "First with `preview`, then with its `seen`.",
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
		r.only(o, "#", "since", "until", "base", "floor", "why", "preview", "seen")
		rev := r.revision(o, c, booking.Flooring)
		if rev.Floor = r.number(o, "#", "floor", 0); !rev.Base {
			r.need(o, "#", "floor")
		}
		return s.revise(ctx, v, &r, o, rev)
	}, map[string]any{"preview": map[string]any{"since": "2021-03-22", "floor": 3, "why": "distance", "preview": true}}, faults...)
}

// revision reads what revisions have in common.
func (r *reader) revision(o object, c *booking.Centre, k booking.RevisionKind) booking.Revision {
	r.need(o, "#", "since", "why")
	rev := booking.Revision{Centre: c.ID, Kind: k, Since: r.day(o, "#", "since"), Until: booking.NoEnd, Base: r.flag(o, "#", "base"), Why: r.text(o, "#", "why")}
	if _, sent := o.values["until"]; sent {
		rev.Until = r.day(o, "#", "until")
	}
	if len(r.faults) == 0 && (rev.Why == "" || len(rev.Why) > 800) {
		r.faults = append(r.faults, ErrMissing.On("#/why"))
	}
	return rev
}

func (s *server) revise(ctx context.Context, v Visits, r *reader, o object, rev booking.Revision) (*effectOut, error) {
	preview, seen := r.flag(o, "#", "preview"), r.text(o, "#", "seen")
	if !preview {
		r.need(o, "#", "seen")
	}
	if err := r.faults.Err(); err != nil {
		return nil, s.problem(ctx, err)
	}
	return s.change(ctx, v, booking.Change{Revisions: []booking.Revision{rev}}, preview, seen)
}

// week reads shifts by day, in whole units, at most so many counters, none over
// another.
func (r *reader) week(o object, unit, most int) (w booking.Week) {
	days := r.object(o, "#", "week")
	r.only(days, "#/week", weekDays()...)
	for d, name := range weekDays() {
		at := "#/week/" + name
		for i, x := range r.list(days, "#/week", name) {
			at := at + "/" + strconv.Itoa(i)
			r.only(x, at, "from", "to", "counters")
			r.need(x, at, "from", "to", "counters")
			sh := booking.Shift{From: r.clock(x, at, "from", 0), To: r.clock(x, at, "to", 0), Desks: r.number(x, at, "counters", 0)}
			if len(r.faults) == 0 && (sh.From >= sh.To || sh.From%unit != 0 || sh.To%unit != 0) {
				r.faults = append(r.faults, ErrClock.On(at))
			}
			if len(r.faults) == 0 && (sh.Desks < 0 || sh.Desks > most) {
				r.faults = append(r.faults, ErrDesk.On(at+"/counters"))
			}
			w[d] = append(w[d], sh)
		}
		slices.SortFunc(w[d], func(a, b booking.Shift) int { return cmp.Compare(a.From, b.From) })
		for i := 1; i < len(w[d]); i++ {
			if w[d][i].From < w[d][i-1].To {
				r.faults = append(r.faults, ErrClock.On(at))
				break
			}
		}
	}
	return w
}
