// Package call is the call centre's one screen: who is on the line and what
// they have booked, what they call for and what to tell them, the next free
// places, a place held while they talk, and the code that is read out. Return
// moves the call one step on, so that from ringing to booked the hands stay on
// the keys.
//
// Everything a call has come to travels in its form: the server keeps nothing
// of a call but the place that is held, and no address holds a phone or a name.
package call

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"

	"turnike/internal/access"
	"turnike/internal/booking"
	"turnike/internal/fault"
	"turnike/internal/i18n"
	"turnike/internal/person"
	"turnike/internal/web/counter"
	"turnike/internal/web/httpx"
	"turnike/internal/web/staff"
	"turnike/internal/web/ui"
)

// Config is what the screen needs.
type Config struct {
	Staff *staff.Server
	// Visits gives a network's service and the way to open who comes.
	Visits func(network string) (*booking.Service, booking.Contacts, bool)
	Now    func() time.Time
}

// Server is the screen.
type Server struct{ cfg Config }

// New makes the screen.
func New(cfg Config) *Server { return &Server{cfg} }

const at = "/staff/{city}/call/{$}"

// Handler serves the screen. Mount it at /staff/{city}/call/.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET "+at, s.cfg.Staff.Page(access.Book, s.fresh))
	mux.Handle("POST "+at, s.cfg.Staff.Page(access.Book, s.step))
	mux.Handle("/", s.cfg.Staff.Site().NotFound())
	return s.cfg.Staff.Wrap(mux)
}

// Routes are the pages, for the test that walks them into foreign tenants.
func (s *Server) Routes() []access.Route {
	return []access.Route{{Method: "GET", Pattern: at, Action: access.Book}, {Method: "POST", Pattern: at, Action: access.Book}}
}

// Faults of a call.
var (
	ErrService = fault.New(fault.Invalid, "call.service") // none chosen
	ErrSlot    = fault.New(fault.Invalid, "call.slot")    // none chosen
	ErrWhere   = fault.New(fault.Invalid, "call.where")   // a waiting list is one centre's
	ErrNotHere = fault.New(fault.NotFound, "call.not_here")
	ErrNone    = fault.New(fault.Conflict, "call.none") // no place as asked for
)

// wanted is what a call asks of the calendar.
type wanted struct {
	service string
	matters int
	centre  string // "" for all
	day     string // "" for the soonest
	part    string // "am", "pm", "" for any
}

func (a wanted) key() string {
	return strings.Join([]string{a.service, itoa(a.matters), a.centre, a.day, a.part}, "|")
}

// call is how far a call has come, as its form carries it.
type call struct {
	page ui.Page
	path string
	svc  *booking.Service
	who  booking.Contacts
	net  *booking.Network
	se   access.Session
	now  time.Time

	id     string // of the call
	phone  string // as typed: a phone, or a visit's code
	idno   string // for who has no mobile
	want   wanted
	asked  string // what the places on the screen answer
	more   bool
	slot   string // the chosen place
	held   string // the visit that is held
	first  string
	last   string
	lang   string // the text message's
	note   string
	moving string // the visit that is moved

	caller   person.Phone
	visits   []booking.Visit
	known    bool // somebody was looked up
	offers   []booking.Slot
	hold     booking.Visit
	open     *booking.Opened
	dropping *booking.Visit // to be cancelled once that is confirmed
	done     *booking.Visit
	moved    bool
	said     string
	focus    string
	faults   fault.List
}

// newCall is an empty call. The session may be the whole network's or some
// centres'.
func (s *Server) newCall(r *http.Request, se access.Session) (*call, error) {
	svc, who, ok := s.cfg.Visits(r.PathValue("city"))
	if !ok {
		return nil, httpx.ErrNotFound
	}
	c := &call{svc: svc, who: who, net: svc.Network(), se: se, now: s.cfg.Now(), want: wanted{matters: 1}, lang: string(i18n.Turkish), focus: "phone"}
	c.path = "/staff/" + c.net.ID + "/call/"
	c.page = s.cfg.Staff.Frame(r, se, "call.title")
	c.page.FormID = "call"
	c.page.Scripts = append(c.page.Scripts, counter.ScriptPath())
	return c, nil
}

// fresh is the screen before the phone rings.
func (s *Server) fresh(w http.ResponseWriter, r *http.Request, se access.Session) error {
	c, err := s.newCall(r, se)
	if err != nil {
		return err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	c.id = id.String()
	return s.cfg.Staff.Site().Render(w, r, http.StatusOK, callPage(c))
}

// step takes the form as it was sent and moves the call on.
func (s *Server) step(w http.ResponseWriter, r *http.Request, se access.Session) error {
	f, r, err := s.cfg.Staff.Site().Form(w, r)
	if err != nil {
		return err
	}
	c, err := s.newCall(r, se)
	if err != nil {
		return err
	}
	c.read(f)
	ctx := r.Context()
	do, arg, _ := strings.Cut(f.Get("do"), ":")
	if f.Switch {
		do = "look"
	}
	err = c.do(ctx, do, arg)
	if list := fault.Of(err); len(list) > 0 {
		c.faults, err = list, nil
	}
	if err == nil {
		err = c.fill(ctx)
	}
	if err != nil {
		return err
	}
	status := http.StatusOK
	if len(c.faults) > 0 {
		status, c.page.Failed = c.faults[0].Kind.Status(), true
		if c.faults[0].Field != "" {
			c.focus = c.faults[0].Field
		}
	}
	return s.cfg.Staff.Site().Render(w, r, status, callPage(c))
}

// read takes the form's fields.
func (c *call) read(f httpx.Form) {
	c.id = f.Get("call")
	if _, err := uuid.FromString(c.id); err != nil {
		c.id = uuid.Nil.String()
	}
	c.phone, c.idno = f.Get("phone"), f.Get("idno")
	c.want = wanted{f.Get("service"), 1, f.Get("where"), f.Get("day"), f.Get("part")}
	for m := 1; m <= c.net.Rules.MaxMatters; m++ {
		if f.Get("matters") == itoa(m) {
			c.want.matters = m
		}
	}
	c.asked, c.more, c.slot, c.held = f.Get("asked"), f.Get("more") != "", f.Get("slot"), f.Get("held")
	c.first, c.last, c.note, c.moving = f.Get("first"), f.Get("last"), f.Get("note"), f.Get("moving")
	if l, ok := i18n.Known(f.Get("sms")); ok {
		c.lang = string(l)
	}
}

// do is one step. Return alone ("") is the step that comes next.
func (c *call) do(ctx context.Context, do, arg string) error {
	if do == "" {
		do = c.next()
	}
	switch do {
	case "find":
		c.focus = "service"
		return c.lookUp(ctx)
	case "offers":
		c.slot, c.focus = "", "slot"
		return c.offer()
	case "more":
		c.more, c.focus = true, "slot"
		return c.offer()
	case "hold":
		return c.take(ctx)
	case "release":
		return c.release(ctx)
	case "book":
		return c.book(ctx)
	case "move":
		return c.beginMove(ctx, arg)
	case "stay":
		c.moving, c.slot, c.asked, c.focus = "", "", "", "service"
		return nil
	case "wait":
		return c.wait(ctx)
	case "drop", "dropped":
		return c.drop(ctx, arg, do == "dropped")
	case "open", "remark":
		return c.look(ctx, arg, do == "remark")
	}
	return nil
}

// next is the step Return takes.
func (c *call) next() string {
	switch {
	case c.held != "":
		return "book"
	case c.slot != "" && c.asked == c.want.key():
		return "hold"
	case c.want.service != "":
		return "offers"
	}
	return "find"
}

// lookUp finds out what the caller has booked.
func (c *call) lookUp(ctx context.Context) error {
	if c.phone == "" && c.idno != "" {
		_, err := person.ParseTCKN(c.idno)
		return on(err, "idno")
	}
	if _, ok := booking.ParseCode(c.phone); ok {
		return nil // fill looks it up
	}
	_, err := person.ParsePhone(c.phone)
	return on(err, "phone")
}

// on gives a fault the field it belongs to.
func on(err error, field string) error {
	if list := fault.Of(err); len(list) > 0 {
		return fault.List{list[0].On(field)}
	}
	return err
}

// lookAs is how staff's reading of the caller's visits is written down.
func (c *call) lookAs() booking.Look { return booking.Look{Actor: c.se.Actor(), Why: "call"} }

// fill reads what the screen shows beside the form: the caller's visits, the
// places, the held one. A typed phone that is wrong shows nothing.
func (c *call) fill(ctx context.Context) error {
	if code, ok := booking.ParseCode(c.phone); ok {
		v, err := c.svc.ByCode(ctx, code)
		if err != nil {
			list := fault.Of(err)
			if len(list) == 0 {
				return err
			}
			if len(c.faults) == 0 && c.said == "" { // not where it was cancelled just now
				c.faults = fault.List{list[0].On("phone")}
			}
			return nil
		}
		if c.se.Sees(v.Place.Centre) {
			if v, err = c.svc.Glance(ctx, v.ID, c.lookAs()); err != nil {
				return err
			}
			c.visits, c.known = []booking.Visit{v}, true
		}
	} else if p, err := person.ParsePhone(c.phone); err == nil {
		c.caller, c.known = p, true
		visits, err := c.svc.Caller(ctx, c.who, p, c.lookAs())
		if err != nil {
			return err
		}
		c.visits = slices.DeleteFunc(visits, func(v booking.Visit) bool { return !c.se.Sees(v.Place.Centre) })
	}
	if c.asked != "" && c.asked == c.want.key() && c.offers == nil && c.done == nil && c.held == "" {
		if err := c.offer(); err != nil && len(c.faults) == 0 {
			c.faults = fault.Of(err)
		}
	}
	if c.held != "" && c.done == nil {
		v, err := c.svc.Visit(ctx, c.held)
		if err != nil || v.State != booking.Held || !v.HoldUntil.After(c.now) {
			c.held, c.slot = "", ""
			if len(c.faults) == 0 {
				c.faults = fault.List{booking.ErrLapsed}
			}
			return c.offer()
		}
		c.hold = v
	}
	return nil
}
