package manage

import (
	"net/http"
	"strconv"
	"strings"

	"turnike/internal/booking"
	"turnike/internal/fault"
	"turnike/internal/web/httpx"
	"turnike/internal/web/ui"
)

// Faults of the forms.
var (
	errClock    = fault.New(fault.Invalid, "manage.clock")         // not an hour such as 08:30
	errDesks    = fault.New(fault.Invalid, "manage.desks")         // not a number of counters; Args: Most
	errWhat     = fault.New(fault.Invalid, "manage.what")          // nothing chosen
	errNoFile   = fault.New(fault.Invalid, "manage.no_file")       // no file, or an empty one
	errClosures = fault.New(fault.Invalid, "manage.closures_file") // not a calendar or list of days
	errManyDays = fault.New(fault.Invalid, "manage.many_days")     // more days than one file may close; Args: Most
	errNoDays   = fault.New(fault.Invalid, "manage.no_days")       // all its days are over
)

// changeForm is an absence or another exception as it is typed.
type changeForm struct {
	day      ui.Date
	from, to string
	what     string // fewer, more, closed, open
	desks    string
	pool     string
	why      string
}

func (s *Server) change(w http.ResponseWriter, r *http.Request, p place) error {
	d := p.today + 1
	if x, err := booking.ParseDay(r.URL.Query().Get("day")); err == nil && x >= p.today {
		d = x
	}
	return s.showChange(w, r, p, changeForm{day: dateOf("day", d)}, nil)
}

func (s *Server) showChange(w http.ResponseWriter, r *http.Request, p place, f changeForm, faults fault.List) error {
	v := changeView{page: s.frame(r, p, "manage.change.title"), p: p, f: f, faults: faults}
	v.page.FormID, v.page.Failed, v.page.Back = "change", len(faults) > 0, p.path
	return s.site().Render(w, r, statusOf(faults), changePage(v))
}

func statusOf(faults fault.List) int {
	if len(faults) > 0 {
		return http.StatusUnprocessableEntity
	}
	return http.StatusOK
}

func (s *Server) sendChange(w http.ResponseWriter, r *http.Request, p place) error {
	f, r, err := s.site().Form(w, r)
	if err != nil {
		return err
	}
	typed := changeForm{day: typedDate(f, "day"), from: f.Get("from"), to: f.Get("to"), what: f.Get("what"), desks: f.Get("desks"),
		pool: f.Get("pool"), why: f.Get("why")}
	if f.Switch {
		return s.showChange(w, r, p, typed, nil)
	}
	e, faults, err := p.exception(f, typed)
	if err != nil {
		return err
	}
	if len(faults) > 0 {
		return s.showChange(w, r, p, typed, faults)
	}
	return s.check(w, r, p, booking.Change{Exceptions: []booking.Exception{e}}, nil)
}

func (p place) exception(f httpx.Form, typed changeForm) (e booking.Exception, faults fault.List, err error) {
	e = booking.Exception{Centre: p.centre.ID, To: 24 * 60, Why: typed.why}
	if typed.pool != "" {
		e.Pool = p.poolOf(typed.pool)
	}
	if e.Day, err = readDate(f, "day"); err != nil {
		if err = note(&faults, "day", err); err != nil {
			return e, nil, err
		}
	} else if e.Day < p.today {
		faults = append(faults, booking.ErrPast.On("day"))
	}
	ok := true
	if typed.from != "" {
		if e.From, ok = readClock(typed.from); !ok {
			faults = append(faults, errClock.On("from"))
		}
	}
	if typed.to != "" {
		if e.To, ok = readClock(typed.to); !ok {
			faults = append(faults, errClock.On("to"))
		} else if e.To <= e.From {
			faults = append(faults, booking.ErrSpan.On("to"))
		}
	}
	n, nerr := strconv.Atoi(typed.desks)
	most := p.centre.Desks
	if e.Pool != "" {
		most = p.centre.DesksOf(e.Pool)
	}
	switch typed.what {
	case "fewer", "more":
		if nerr != nil || n < 1 || n > most {
			faults = append(faults, errDesks.On("desks").With("Most", most))
		}
		e.Desks = n
		if typed.what == "fewer" {
			e.Desks = -n
		}
	case "closed":
		e.Closed = true
	case "open":
		e.Open = true
	default:
		faults = append(faults, errWhat.On("what"))
	}
	if typed.why == "" {
		faults = append(faults, errWhy.On("why"))
	}
	return e, faults, nil
}

// readClock reads 08:30, 8.30 and 8:30.
func readClock(s string) (minute int, ok bool) {
	h, m, found := strings.Cut(strings.ReplaceAll(s, ".", ":"), ":")
	hours, errH := strconv.Atoi(h)
	minutes, errM := strconv.Atoi(m)
	if !found || errH != nil || errM != nil || len(m) != 2 || hours < 0 || hours > 24 || minutes < 0 || minutes > 59 || hours == 24 && minutes > 0 {
		return 0, false
	}
	return hours*60 + minutes, true
}

// floorForm is a floor limit as it is typed.
type floorForm struct {
	people string
	since  ui.Date
	why    string
}

func (s *Server) floor(w http.ResponseWriter, r *http.Request, p place) error {
	_, revs, err := p.svc.Changed(r.Context(), p.centre.ID, p.today)
	if err != nil {
		return err
	}
	now := p.net.FloorOn(p.centre, p.today, revs)
	return s.showFloor(w, r, p, floorForm{people: strconv.Itoa(now), since: dateOf("since", p.today)}, nil)
}

func (s *Server) showFloor(w http.ResponseWriter, r *http.Request, p place, f floorForm, faults fault.List) error {
	v := floorView{page: s.frame(r, p, "manage.floor.title"), p: p, f: f, faults: faults}
	v.page.FormID, v.page.Failed, v.page.Back = "floor", len(faults) > 0, p.path
	return s.site().Render(w, r, statusOf(faults), floorPage(v))
}

func (s *Server) sendFloor(w http.ResponseWriter, r *http.Request, p place) error {
	f, r, err := s.site().Form(w, r)
	if err != nil {
		return err
	}
	typed := floorForm{people: f.Get("people"), since: typedDate(f, "since"), why: f.Get("why")}
	if f.Switch {
		return s.showFloor(w, r, p, typed, nil)
	}
	var faults fault.List
	rev := booking.Revision{Centre: p.centre.ID, Kind: booking.Flooring, Until: booking.NoEnd, Why: typed.why}
	most := 10 * p.centre.Desks
	if rev.Floor, err = strconv.Atoi(typed.people); err != nil || rev.Floor < 1 || rev.Floor > most {
		faults = append(faults, booking.ErrFloorRange.On("people").With("Most", most))
	}
	if rev.Since, err = readDate(f, "since"); err != nil {
		if err = note(&faults, "since", err); err != nil {
			return err
		}
	} else if rev.Since < p.today {
		faults = append(faults, booking.ErrSpan.On("since"))
	}
	if typed.why == "" {
		faults = append(faults, errWhy.On("why"))
	}
	if len(faults) > 0 {
		return s.showFloor(w, r, p, typed, faults)
	}
	return s.check(w, r, p, booking.Change{Revisions: []booking.Revision{rev}}, nil)
}

// closuresMost is how many days to come one file may close; the form that
// saves them stays within what a form may carry.
const closuresMost = 60

func (s *Server) closures(w http.ResponseWriter, r *http.Request, p place) error {
	return s.showClosures(w, r, p, nil)
}

func (s *Server) showClosures(w http.ResponseWriter, r *http.Request, p place, faults fault.List) error {
	v := closuresView{page: s.frame(r, p, "manage.closures.title"), p: p, all: len(p.staff.Centres) == 0, faults: faults}
	v.page.Failed, v.page.Back = len(faults) > 0, p.path
	return s.site().Render(w, r, statusOf(faults), closuresPage(v))
}

// sendClosures reads days off from a calendar or a list, and shows what they
// do before any is saved.
func (s *Server) sendClosures(w http.ResponseWriter, r *http.Request, p place) error {
	f, file, r, err := s.site().Upload(w, r, "file")
	if err != nil {
		return err
	}
	if len(file) == 0 {
		return s.showClosures(w, r, p, fault.List{errNoFile.On("file")})
	}
	days, err := booking.ReadClosures(file)
	if err != nil {
		return s.showClosures(w, r, p, fault.List{errClosures.On("file")})
	}
	var c booking.Change
	for _, e := range days {
		if e.Day < p.today {
			continue
		}
		e.Why = clip(e.Why, 120)
		if f.Get("where") != "all" || len(p.staff.Centres) > 0 {
			e.Centre = p.centre.ID
		}
		c.Exceptions = append(c.Exceptions, e)
	}
	switch {
	case len(c.Exceptions) == 0:
		return s.showClosures(w, r, p, fault.List{errNoDays.On("file")})
	case len(c.Exceptions) > closuresMost:
		return s.showClosures(w, r, p, fault.List{errManyDays.On("file").With("Most", closuresMost)})
	}
	return s.check(w, r, p, c, nil)
}

// clip shortens what comes out of a file.
func clip(s string, most int) string {
	r := []rune(strings.TrimSpace(s))
	return string(r[:min(most, len(r))])
}
