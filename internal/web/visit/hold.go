package visit

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"turnike/internal/audit"
	"turnike/internal/booking"
	"turnike/internal/fault"
	"turnike/internal/i18n"
	"turnike/internal/notify"
	"turnike/internal/person"
	"turnike/internal/web/httpx"
	"turnike/internal/web/ui"
)

func itoa(n int) string { return strconv.Itoa(n) }

// stepNames name the steps of a booking.
func stepNames(ctx context.Context) []string {
	return []string{ui.T(ctx, "visit.step.what"), ui.T(ctx, "visit.step.when"), ui.T(ctx, "visit.step.who"), ui.T(ctx, "visit.step.code")}
}

// request reads which hour was pressed.
func (o *office) request(get func(string) string, c choice) (booking.Request, error) {
	r := booking.Request{Centre: get("centre"), Service: c.service, Matters: c.matters, Channel: booking.Web, Actor: audit.Citizen("web")}
	day, err := booking.ParseDay(get("day"))
	if err != nil {
		return r, err
	}
	unit, err := strconv.Atoi(get("unit"))
	if err != nil || unit < 0 || unit*o.net.Unit >= 24*60 {
		return r, booking.ErrClosed
	}
	r.Day, r.Unit = day, unit
	if len(get("_key")) == 36 {
		r.Key = get("_key")
	}
	return r, nil
}

// hold keeps the pressed hour for this browser and asks who comes.
func (s *Server) hold(w http.ResponseWriter, r *http.Request, o *office) error {
	typed, r, err := s.site.Form(w, r)
	if err != nil {
		return err
	}
	c, m, err := o.choice(typed.Get)
	if err != nil {
		return err
	}
	req, err := o.request(typed.Get, c)
	if err != nil && !typed.Switch {
		return err
	}
	carry := formOf(typed)
	if typed.Switch {
		return s.again(w, r, o, c, m, typed.Get("centre"), typed.Get("day"), nil, carry)
	}
	word, err := s.session(w, r)
	if err != nil {
		return err
	}
	req.Who = o.Proving.Session(word, string(i18n.From(r.Context())))
	v, err := o.Service.Choose(r.Context(), req)
	if err != nil {
		faults, err := shown(err)
		if err != nil {
			return err
		}
		return s.again(w, r, o, c, m, req.Centre, req.Day.String(), faults, carry)
	}
	if v.State == booking.Booked { // the same press, long ago
		return httpx.See(w, r, o.visitPath(v.ID, ""))
	}
	f := s.newWho(r, o, v)
	f.form = carry
	return s.site.Render(w, r, http.StatusOK, whoPage(f))
}

// again shows the hours once more, with what stood in the way of one.
func (s *Server) again(w http.ResponseWriter, r *http.Request, o *office, c choice, m *booking.Matter, centre, day string, faults fault.List, carry booking.Form) error {
	a, err := s.agenda(r, o, c, m, centre, day)
	if err != nil {
		return err
	}
	a.faults, a.carry, a.page.Failed = faults, carry, len(faults) > 0
	return s.site.Render(w, r, status(w, faults), hoursPage(a))
}

// formOf is who comes, as typed.
func formOf(typed httpx.Form) booking.Form {
	f := booking.Form{Name: typed.Get("name"), Phone: typed.Get("phone"), ID: typed.Get("id"), Other: typed.Ticked("other")}
	if f.Other {
		f.Name = typed.Get("visitor")
	}
	return f
}

// whoForm is the form for a held place as it is drawn.
type whoForm struct {
	page   ui.Page
	office *office
	visit  booking.Visit
	form   booking.Form
	faults fault.List
	left   time.Duration // until the place lapses
	moved  bool          // another window has changed the hour since
}

func (s *Server) newWho(r *http.Request, o *office, v booking.Visit) whoForm {
	f := whoForm{page: s.frame(r, o, "visit.who.title"), office: o, visit: v, left: v.HoldUntil.Sub(s.cfg.Now())}
	f.page.FormID = "form"
	f.page.Back = o.hoursPath(v, "")
	return f
}

// field is the name on the page of a field of the form: who books for somebody
// else types that name into another box.
func (f whoForm) wrong(ctx context.Context, field string) string {
	if field == "visitor" || field == "name" {
		if f.form.Other != (field == "visitor") {
			return ""
		}
		field = "name"
	}
	return ui.ProblemOf(ctx, f.faults, field)
}

func (f whoForm) problems(ctx context.Context) []ui.Problem {
	ps := ui.Problems(ctx, f.faults)
	for i := range ps {
		if ps[i].Field == "name" && f.form.Other {
			ps[i].Field = "visitor"
		}
	}
	return ps
}

// hoursPath is the page of hours that a visit was chosen on.
func (o *office) hoursPath(v booking.Visit, move string) string {
	c := choice{service: v.Service, matters: v.Matters, move: move}
	return o.path("at/" + v.Place.Centre + "?" + c.query("day", v.Place.Day.String()))
}

// held reads the place that is held under the address's token.
func (s *Server) held(r *http.Request, o *office) (booking.Visit, error) {
	id, err := o.id(r)
	if err != nil {
		return booking.Visit{}, err
	}
	return o.Service.Visit(r.Context(), id)
}

// lapsed tells whether a place is no longer kept.
func (s *Server) lapsed(v booking.Visit) bool {
	return v.State == booking.Expired || v.State == booking.Cancelled || v.State == booking.Held && !v.HoldUntil.After(s.cfg.Now())
}

// showWho is the form for who comes back to it. What was typed is shown again
// only to the browser that holds the place.
func (s *Server) showWho(w http.ResponseWriter, r *http.Request, o *office) error {
	v, err := s.held(r, o)
	if err != nil {
		return err
	}
	if v.State == booking.Booked {
		return httpx.See(w, r, o.visitPath(v.ID, ""))
	}
	if s.lapsed(v) {
		return s.overdue(w, r, o, v, booking.Form{})
	}
	f := s.newWho(r, o, v)
	if word, ok := s.site.Cookie(r, sessionCookie); ok && o.Proving.Session(word, "").Holder == v.Holder {
		if look, err := o.Proving.Look(r.Context(), v.ID); err == nil {
			f.form = look.Form
		}
	}
	return s.site.Render(w, r, http.StatusOK, whoPage(f))
}

// overdue shows the day again when a place was not kept in time, with what was
// typed on its way to another hour.
func (s *Server) overdue(w http.ResponseWriter, r *http.Request, o *office, v booking.Visit, carry booking.Form) error {
	c := choice{service: v.Service, matters: v.Matters}
	m, ok := o.net.ServiceByID(v.Service)
	if !ok {
		return booking.ErrNoCentre
	}
	return s.again(w, r, o, c, m, v.Place.Centre, v.Place.Day.String(), fault.Of(booking.ErrLapsed), carry)
}

// sendWho takes who comes and sends the code. Where the place has lapsed
// meanwhile and is free still, it is taken anew without a word.
func (s *Server) sendWho(w http.ResponseWriter, r *http.Request, o *office) error {
	typed, r, err := s.site.Form(w, r)
	if err != nil {
		return err
	}
	v, err := s.held(r, o)
	if err != nil {
		return err
	}
	form := formOf(typed)
	if v.State == booking.Booked {
		return httpx.See(w, r, o.visitPath(v.ID, ""))
	}
	if s.lapsed(v) && !typed.Switch {
		if v, err = s.retake(w, r, o, v); err != nil {
			if _, err := shown(err); err != nil {
				return err
			}
			old, err := s.held(r, o)
			if err != nil {
				return err
			}
			return s.overdue(w, r, o, old, form)
		}
	}
	f := s.newWho(r, o, v)
	f.form = form
	if typed.Switch {
		return s.site.Render(w, r, http.StatusOK, whoPage(f))
	}
	// Another window may have changed the hour since this page was drawn.
	if at := typed.Get("_at"); at != "" && at != stamp(v) {
		f.moved = true
		return s.site.Render(w, r, http.StatusConflict, whoPage(f))
	}
	if err := o.Proving.Ask(r.Context(), v.ID, form, i18n.From(r.Context())); err != nil {
		if errors.Is(err, booking.ErrEnded) { // proven already; the code page knows
			return httpx.See(w, r, o.holdPath(v.ID, "/code"))
		}
		faults, err := shown(err)
		if err != nil {
			return err
		}
		f.faults, f.page.Failed = faults, true
		return s.site.Render(w, r, status(w, faults), whoPage(f))
	}
	look, err := o.Proving.Look(r.Context(), v.ID)
	if err != nil {
		return err
	}
	return s.site.Render(w, r, http.StatusOK, codePage(s.newCode(r, o, look)))
}

// stamp is the hour a form was drawn for.
func stamp(v booking.Visit) string {
	return v.Place.Centre + " " + v.Place.Day.String() + " " + itoa(v.Place.Unit)
}

// retake holds a lapsed place once more, where it is still to be had.
func (s *Server) retake(w http.ResponseWriter, r *http.Request, o *office, v booking.Visit) (booking.Visit, error) {
	word, err := s.session(w, r)
	if err != nil {
		return v, err
	}
	return o.Service.Choose(r.Context(), booking.Request{Centre: v.Place.Centre, Service: v.Service, Matters: v.Matters, Day: v.Place.Day,
		Unit: v.Place.Unit, Channel: booking.Web, Actor: audit.Citizen("web"), Who: o.Proving.Session(word, string(i18n.From(r.Context())))})
}

// codeForm is the code page as it is drawn.
type codeForm struct {
	page   ui.Page
	office *office
	claim  booking.ClaimView
	action string // where the code goes; also the page's own address
	change string // back to the form
	value  string
	faults fault.List
	resent bool
	wait   time.Duration // until another code may be asked for; 0 = now
	row    string        // what the code is for, in a line
}

func (s *Server) newCode(r *http.Request, o *office, claim booking.ClaimView) codeForm {
	ctx := r.Context()
	f := codeForm{page: s.frame(r, o, "code.title"), office: o, claim: claim}
	f.page.FormID = "form"
	if wait := claim.ResendAt.Sub(s.cfg.Now()); wait > 0 {
		f.wait = wait
	}
	if claim.Kind == booking.ClaimWait {
		f.action = o.waitPath(claim.ID, "/code")
		f.change = o.path("wait?" + choice{service: claim.Wait.Service, matters: claim.Wait.Matters}.query("centre", claim.Wait.Centre))
		if at, ok := o.net.CentreByID(claim.Wait.Centre); ok {
			f.row = ui.T(ctx, "visit.wait.row", "Centre", at.Name)
		}
		return f
	}
	f.action, f.change = o.holdPath(claim.ID, "/code"), o.holdPath(claim.ID, "")
	if v, err := o.Service.Visit(ctx, claim.ID); err == nil {
		f.row = s.when(ctx, o, v)
	}
	return f
}

// when is where and when a visit is, in a line.
func (s *Server) when(ctx context.Context, o *office, v booking.Visit) string {
	l := i18n.From(ctx)
	start, _ := o.net.StartOf(v.Place)
	name := v.Place.Centre
	if at, ok := o.net.CentreByID(name); ok {
		name = at.Name
	}
	return name + ", " + l.DateWeekday(o.at(start)) + " " + l.Time(o.at(start))
}

func (s *Server) showCode(w http.ResponseWriter, r *http.Request, o *office) error {
	id, err := o.id(r)
	if err != nil {
		return err
	}
	claim, err := o.Proving.Look(r.Context(), id)
	if err != nil {
		return err
	}
	f := s.newCode(r, o, claim)
	f.resent = r.URL.Query().Has("sent")
	return s.site.Render(w, r, http.StatusOK, codePage(f))
}

// sendCode takes a code, or the wish for another.
func (s *Server) sendCode(w http.ResponseWriter, r *http.Request, o *office) error {
	typed, r, err := s.site.Form(w, r)
	if err != nil {
		return err
	}
	id, err := o.id(r)
	if err != nil {
		return err
	}
	claim, err := o.Proving.Look(r.Context(), id)
	if err != nil {
		return err
	}
	f := s.newCode(r, o, claim)
	f.value = typed.Get("code")
	if typed.Switch {
		return s.site.Render(w, r, http.StatusOK, codePage(f))
	}
	if typed.Ticked("again") {
		if err = o.Proving.Again(r.Context(), id); err == nil {
			return httpx.See(w, r, f.action+"?sent")
		}
	} else {
		got, eerr := o.Proving.Enter(r.Context(), id, f.value, audit.Citizen("web"))
		switch {
		case eerr == nil && got.Kind == booking.ClaimPlace:
			return httpx.See(w, r, o.visitPath(got.Visit.ID, "")+"?new")
		case eerr == nil:
			return s.site.Render(w, r, http.StatusOK, waitingPage(s.frame(r, o, "visit.waiting.title"), o, got.Wait))
		case errors.Is(eerr, booking.ErrTwice), errors.Is(eerr, booking.ErrMany), errors.Is(eerr, booking.ErrCalm):
			page := s.frame(r, o, "visit.standing.title")
			page.Failed = true
			return s.site.Render(w, r, http.StatusConflict, standingPage(page, s, o, fault.Of(eerr), got.Open))
		}
		err = eerr
	}
	if errors.Is(err, booking.ErrLapsed) {
		if v, verr := o.Service.Visit(r.Context(), id); verr == nil {
			return s.overdue(w, r, o, v, claim.Form)
		}
	}
	faults, ferr := shown(err)
	if ferr != nil || errors.Is(err, notify.ErrCodeDead) {
		return err
	}
	if look, lerr := o.Proving.Look(r.Context(), id); lerr == nil {
		f.claim = look
		if wait := look.ResendAt.Sub(s.cfg.Now()); wait > 0 {
			f.wait = wait
		}
	}
	f.faults, f.page.Failed = faults, true
	return s.site.Render(w, r, status(w, faults), codePage(f))
}

// initials is a name as its own link shows it to whoever looks over a shoulder.
func initials(r person.Record) string {
	name := r.First.String()
	if l := r.Last.String(); l != "" {
		name += " " + l
	}
	return name
}
