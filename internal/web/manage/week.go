package manage

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"time"

	"turnike/internal/booking"
	"turnike/internal/fault"
	"turnike/internal/web/httpx"
	"turnike/internal/web/ui"
)

//go:embed week.js
var weekScript string

// ScriptPath is where the script that paints a week is served.
const ScriptPath = "/staff/script/week.js"

// Script serves it. Browsers ask whether it has changed.
func Script() http.Handler {
	sum := sha256.Sum256([]byte(weekScript))
	tag := `"` + hex.EncodeToString(sum[:8]) + `"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = w.Write([]byte(weekScript)) // the reader has gone; there is nobody to tell
	})
}

// order is the days of a week as people here read them.
var order = [7]time.Weekday{1, 2, 3, 4, 5, 6, 0}

func dayField(d time.Weekday) string { return "d" + strconv.Itoa(int(d)) }

// weekForm is a week as it stands in the fields.
type weekForm struct {
	pool  string
	days  [7]string // by time.Weekday
	since ui.Date
	until ui.Date
	why   string
}

// weekFrom fills the form with what holds from a day on.
func (s *Server) weekFrom(r *http.Request, p place, pool string, from booking.Day) (weekForm, error) {
	_, revs, err := p.svc.Changed(r.Context(), p.centre.ID, from)
	if err != nil {
		return weekForm{}, err
	}
	f := weekForm{pool: pool, since: dateOf("since", from), until: ui.Date{ID: "until"}}
	for d, shifts := range p.net.WeekOf(p.centre, pool, from, revs) {
		f.days[d] = booking.WriteShifts(shifts)
	}
	return f, nil
}

// poolOf is the pool a request names, or the first.
func (p place) poolOf(id string) string {
	ids := p.centre.PoolIDs()
	if slices.Contains(ids, id) {
		return id
	}
	return ids[0]
}

func (s *Server) week(w http.ResponseWriter, r *http.Request, p place) error {
	from := p.today + 1
	if d, err := booking.ParseDay(r.URL.Query().Get("since")); err == nil && d >= p.today {
		from = d
	}
	f, err := s.weekFrom(r, p, p.poolOf(r.URL.Query().Get("pool")), from)
	if err != nil {
		return err
	}
	return s.showWeek(w, r, p, f, nil)
}

func (s *Server) showWeek(w http.ResponseWriter, r *http.Request, p place, f weekForm, faults fault.List) error {
	v := weekView{page: s.frame(r, p, "manage.week.title"), p: p, f: f, faults: faults}
	v.page.FormID, v.page.Failed, v.page.Back = "week", len(faults) > 0, p.path
	v.page.Scripts = append(v.page.Scripts, ScriptPath)
	status := http.StatusOK
	if len(faults) > 0 {
		status = http.StatusUnprocessableEntity
	}
	return s.site().Render(w, r, status, weekPage(v))
}

// sendWeek reads the fields and shows what the new week does.
func (s *Server) sendWeek(w http.ResponseWriter, r *http.Request, p place) error {
	f, r, err := s.site().Form(w, r)
	if err != nil {
		return err
	}
	typed := weekForm{pool: p.poolOf(f.Get("pool")), since: typedDate(f, "since"), until: typedDate(f, "until"), why: f.Get("why")}
	for _, d := range order {
		typed.days[d] = f.Get(dayField(d))
	}
	if f.Switch {
		return s.showWeek(w, r, p, typed, nil)
	}
	c, faults, err := s.weekChange(p, f, typed)
	if err != nil {
		return err
	}
	if len(faults) > 0 {
		return s.showWeek(w, r, p, typed, faults)
	}
	return s.check(w, r, p, c, nil)
}

func (s *Server) weekChange(p place, f httpx.Form, typed weekForm) (c booking.Change, faults fault.List, err error) {
	rev := booking.Revision{Centre: p.centre.ID, Pool: typed.pool, Kind: booking.Staffing, Until: booking.NoEnd, Why: typed.why,
		Base: f.Get("base") != ""}
	for _, d := range order {
		shifts, err := booking.ReadShifts(typed.days[d], p.net.Unit, p.centre.DesksOf(typed.pool))
		if err := note(&faults, dayField(d), err); err != nil {
			return c, nil, err
		}
		rev.Week[d] = shifts
	}
	if rev.Base {
		rev.Week, faults = booking.Week{}, nil
	}
	if rev.Since, err = readDate(f, "since"); err != nil {
		err = note(&faults, "since", err)
	} else if rev.Since < p.today {
		faults = append(faults, booking.ErrSpan.On("since"))
	}
	if typed.until.Day+typed.until.Month+typed.until.Year != "" {
		var e error
		if rev.Until, e = readDate(f, "until"); e != nil {
			err = note(&faults, "until", e)
		} else if rev.Until < rev.Since {
			faults = append(faults, booking.ErrSpan.On("until"))
		}
	}
	if rev.Why == "" {
		faults = append(faults, errWhy.On("why"))
	}
	return booking.Change{Revisions: []booking.Revision{rev}}, faults, err
}

// errWhy: whoever changes other people's days says why; the audit keeps it.
var errWhy = fault.New(fault.Invalid, "manage.why")

// cell is a quarter of an hour of the drawn week.
type cell struct {
	minute, desks int
}

// grid is the drawn week: the hours that any day works, with one more on each
// side to paint into.
func (v weekView) grid() (rows map[time.Weekday][]cell, hours []int) {
	first, last := 8*60, 17*60
	var week booking.Week
	for _, d := range order {
		shifts, err := booking.ReadShifts(v.f.days[d], v.p.net.Unit, v.p.centre.DesksOf(v.f.pool))
		if err != nil {
			continue // drawn empty; the field says what is wrong
		}
		week[d] = shifts
		for _, x := range shifts {
			first, last = min(first, x.From), max(last, x.To)
		}
	}
	first, last = max(0, first/60*60-60), min(24*60, (last+59)/60*60+60)
	rows = map[time.Weekday][]cell{}
	for _, d := range order {
		for m := first; m < last; m += v.p.net.Unit {
			rows[d] = append(rows[d], cell{m, week.At(d, m)})
		}
	}
	for h := first / 60; h < last/60; h++ {
		hours = append(hours, h)
	}
	return rows, hours
}

// shade is a class by how many of the counters work: m-0 for none to m-5 for
// all.
func shade(desks, of int) string {
	if desks == 0 || of == 0 {
		return "m-0"
	}
	return "m-" + strconv.Itoa(max(1, (desks*5+of-1)/of))
}
