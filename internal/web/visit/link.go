package visit

import (
	"context"
	"errors"
	"net/http"
	"time"

	"turnike/internal/audit"
	"turnike/internal/booking"
	"turnike/internal/fault"
	"turnike/internal/i18n"
	"turnike/internal/person"
	"turnike/internal/web/httpx"
	"turnike/internal/web/ui"
)

// card is a visit's page as it is drawn.
type card struct {
	page   ui.Page
	office *office
	visit  booking.Visit
	centre *booking.Centre
	matter *booking.Matter
	name   string // masked
	phone  string // masked
	fresh  bool   // booked a moment ago
	said   string // what was done a moment ago: "moved", "confirmed", "wait"
	faults fault.List
	// confirmBy is when the visit must be confirmed; zero where nobody asks.
	confirmBy time.Time
	left      time.Duration  // of an offer
	asked     *booking.Asked // whether another hour would do, nil where nobody asked
	now       time.Time
}

func (c card) to(page string) string { return c.office.visitPath(c.visit.ID, page) }

// offered is a place from the waiting list that waits for a word.
func (c card) offered() bool {
	return c.visit.State == booking.Held && c.visit.Wait != "" && c.left > 0
}

// changes tells whether the visit can be moved and cancelled still.
func (c card) changes() bool {
	start, _ := c.office.net.StartOf(c.visit.Place)
	return c.visit.State == booking.Booked && start.After(c.now)
}

func (c card) start() time.Time {
	t, _ := c.office.net.StartOf(c.visit.Place)
	return c.office.at(t)
}

// visit reads the visit the address is about; its link opens until the day
// after.
func (s *Server) visit(r *http.Request, o *office) (booking.Visit, error) {
	id, err := o.id(r)
	if err != nil {
		return booking.Visit{}, err
	}
	v, err := o.Service.Visit(r.Context(), id)
	if err != nil {
		return v, err
	}
	// A place that a browser holds is nobody's yet: it has no page.
	if o.net.LinkOver(v, s.cfg.Now()) || v.Phone.IsZero() {
		return v, booking.ErrNoVisit
	}
	return v, nil
}

func (s *Server) newCard(r *http.Request, o *office, v booking.Visit) (card, error) {
	c := card{page: s.frame(r, o, "visit.card.title"), office: o, visit: v, now: s.cfg.Now(), left: v.HoldUntil.Sub(s.cfg.Now())}
	c.centre, _ = o.net.CentreByID(v.Place.Centre)
	c.matter, _ = o.net.ServiceByID(v.Service)
	if c.centre == nil || c.matter == nil {
		return c, booking.ErrNoVisit
	}
	rec, err := o.Proving.Contacts.Open(r.Context(), v)
	switch {
	case err == nil:
		c.name, c.phone = initials(rec), rec.Phone.String()
	case !errors.Is(err, person.ErrErased):
		return c, err
	}
	if c.asked, err = s.moving(r.Context(), o, v); err != nil {
		return c, err
	}
	if by, ok := o.Service.ConfirmBy(v); ok && v.State == booking.Booked && !v.Confirmed {
		c.confirmBy = by
	}
	return c, nil
}

func (s *Server) showVisit(w http.ResponseWriter, r *http.Request, o *office) error {
	v, err := s.visit(r, o)
	if err != nil {
		return err
	}
	c, err := s.newCard(r, o, v)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	c.fresh = q.Has("new") && v.State == booking.Booked
	for _, k := range []string{"moved", "confirmed", "wait", "kept"} {
		if q.Has(k) {
			c.said = k
		}
	}
	if c.fresh {
		c.page.Title = ui.T(r.Context(), "visit.booked.title")
	}
	return s.site.Render(w, r, http.StatusOK, cardPage(c))
}

// act does something with a visit and shows its page again, with what stood in
// the way where something did.
func (s *Server) act(w http.ResponseWriter, r *http.Request, o *office, do func(context.Context, booking.Visit) (booking.Visit, string, error)) error {
	typed, r, err := s.site.Form(w, r)
	if err != nil {
		return err
	}
	v, err := s.visit(r, o)
	if err != nil {
		return err
	}
	if typed.Switch {
		return httpx.See(w, r, o.visitPath(v.ID, ""))
	}
	after, said, err := do(r.Context(), v)
	if err != nil {
		faults, err := shown(err)
		if err != nil {
			return err
		}
		if now, verr := o.Service.Visit(r.Context(), v.ID); verr == nil {
			v = now
		}
		c, err := s.newCard(r, o, v)
		if err != nil {
			return err
		}
		c.faults, c.page.Failed = faults, true
		return s.site.Render(w, r, status(w, faults), cardPage(c))
	}
	to := o.visitPath(after.ID, "")
	if said != "" {
		to += "?" + said
	}
	return httpx.See(w, r, to)
}

// confirm is the word that one will come.
func (s *Server) confirm(w http.ResponseWriter, r *http.Request, o *office) error {
	return s.act(w, r, o, func(ctx context.Context, v booking.Visit) (booking.Visit, string, error) {
		v, err := o.Service.Promise(ctx, v.ID, audit.Citizen("web"))
		return v, "confirmed", err
	})
}

// accept takes a place that was offered from the waiting list.
func (s *Server) accept(w http.ResponseWriter, r *http.Request, o *office) error {
	return s.act(w, r, o, func(ctx context.Context, v booking.Visit) (booking.Visit, string, error) {
		v, err := o.Service.Accept(ctx, v.ID, audit.Citizen("web"))
		return v, "new", err
	})
}

// askCancel asks once.
func (s *Server) askCancel(w http.ResponseWriter, r *http.Request, o *office) error {
	v, err := s.visit(r, o)
	if err != nil {
		return err
	}
	c, err := s.newCard(r, o, v)
	if err != nil {
		return err
	}
	if !c.changes() && !c.offered() {
		return httpx.See(w, r, c.to(""))
	}
	c.page.Title, c.page.Back = ui.T(r.Context(), "visit.cancel.title"), c.to("")
	return s.site.Render(w, r, http.StatusOK, cancelPage(c))
}

func (s *Server) cancel(w http.ResponseWriter, r *http.Request, o *office) error {
	return s.act(w, r, o, func(ctx context.Context, v booking.Visit) (booking.Visit, string, error) {
		v, err := o.Service.Cancel(ctx, v.ID, audit.Citizen("web"))
		return v, "", err
	})
}

// move takes another hour for a visit; where it is taken meanwhile, the visit
// stands and the hours are shown again.
func (s *Server) move(w http.ResponseWriter, r *http.Request, o *office) error {
	typed, r, err := s.site.Form(w, r)
	if err != nil {
		return err
	}
	v, err := s.visit(r, o)
	if err != nil {
		return err
	}
	c, m, err := o.choice(func(name string) string {
		switch name {
		case "service":
			return v.Service
		case "matters":
			return itoa(v.Matters)
		case "move":
			return r.PathValue("token")
		}
		return typed.Get(name)
	})
	if err != nil {
		return err
	}
	if typed.Switch {
		return s.again(w, r, o, c, m, typed.Get("centre"), typed.Get("day"), nil, booking.Form{})
	}
	req, err := o.request(typed.Get, c)
	if err == nil {
		v, err = o.Service.Move(r.Context(), v.ID, req.Centre, req.Day, req.Unit, booking.Web, audit.Citizen("web"))
	}
	if err != nil {
		faults, err := shown(err)
		if err != nil {
			return err
		}
		return s.again(w, r, o, c, m, typed.Get("centre"), typed.Get("day"), faults, booking.Form{})
	}
	return httpx.See(w, r, o.visitPath(v.ID, "")+"?moved")
}

// sooner puts who has a visit on the list for an earlier hour at its centre.
func (s *Server) sooner(w http.ResponseWriter, r *http.Request, o *office) error {
	return s.act(w, r, o, func(ctx context.Context, v booking.Visit) (booking.Visit, string, error) {
		rec, err := o.Proving.Contacts.Open(ctx, v)
		if err != nil {
			return v, "", err
		}
		l, _ := i18n.Known(v.Lang)
		who, err := o.Proving.Contacts.Who(ctx, rec, l)
		if err != nil {
			return v, "", err
		}
		_, err = o.Service.JoinWait(ctx, booking.Request{Centre: v.Place.Centre, Service: v.Service, Matters: v.Matters,
			Day: o.today(s.cfg.Now()), Channel: booking.Web, Actor: audit.Citizen("web"), Who: who}, v.Place.Day)
		return v, "wait", err
	})
}

// calendar is a visit for the reader's own calendar; of a cancelled one, what
// takes its entry away.
func (s *Server) calendar(w http.ResponseWriter, r *http.Request, o *office) error {
	v, err := s.visit(r, o)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/calendar; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="randevu.ics"`)
	_, _ = w.Write(o.net.Calendar(v, i18n.From(r.Context()))) // the reader has gone; there is nobody to tell
	return nil
}

// findForm asks for the digits of a visit and the end of its phone.
type findForm struct {
	page   ui.Page
	office *office
	code   string
	phone  string
	faults fault.List
	sent   bool
}

func (s *Server) newFind(r *http.Request, o *office) findForm {
	f := findForm{page: s.frame(r, o, "visit.find.title"), office: o}
	f.page.FormID, f.page.Back = "form", o.path("")
	return f
}

func (s *Server) showFind(w http.ResponseWriter, r *http.Request, o *office) error {
	f := s.newFind(r, o)
	if f.sent = r.URL.Query().Has("sent"); f.sent {
		f.page.FormID, f.page.Query = "", "sent"
	}
	return s.site.Render(w, r, http.StatusOK, findPage(f))
}

// errPhoneEnd is given for less than the last four digits.
var errPhoneEnd = fault.New(fault.Invalid, "visit.phone_end")

// sendFind sends the link where digits and phone belong together, and says the
// same where they do not.
func (s *Server) sendFind(w http.ResponseWriter, r *http.Request, o *office) error {
	typed, r, err := s.site.Form(w, r)
	if err != nil {
		return err
	}
	f := s.newFind(r, o)
	f.code, f.phone = typed.Get("code"), typed.Get("phone")
	if typed.Switch {
		return s.site.Render(w, r, http.StatusOK, findPage(f))
	}
	code, ok := booking.ParseCode(f.code)
	if !ok {
		f.faults = append(f.faults, errVisitCode.On("code"))
	}
	end := person.Digits(f.phone)
	if len(end) < 4 || len(end) > 12 {
		f.faults = append(f.faults, errPhoneEnd.On("phone"))
	}
	if len(f.faults) > 0 {
		f.page.Failed = true
		return s.site.Render(w, r, http.StatusUnprocessableEntity, findPage(f))
	}
	if err := o.Proving.Find(r.Context(), code, end[len(end)-4:]); err != nil {
		return err
	}
	return httpx.See(w, r, o.path("find")+"?sent")
}

// errVisitCode is given for what is not eight digits.
var errVisitCode = fault.New(fault.Invalid, "visit.code")
