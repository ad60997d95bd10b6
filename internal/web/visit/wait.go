package visit

import (
	"context"
	"net/http"
	"strconv"

	"turnike/internal/audit"
	"turnike/internal/booking"
	"turnike/internal/fault"
	"turnike/internal/i18n"
	"turnike/internal/web/httpx"
	"turnike/internal/web/ui"
)

// waitForm asks who wants to be told when a place becomes free.
type waitForm struct {
	page   ui.Page
	office *office
	centre *booking.Centre
	matter *booking.Matter
	choice choice
	key    string // names the claim: one form, one claim
	span   string // days to come
	form   booking.Form
	faults fault.List
}

// spans are how many days to come one may wait for.
func spans() []string { return []string{"3", "7", "14"} }

func (f waitForm) wrong(ctx context.Context, field string) string {
	return ui.ProblemOf(ctx, f.faults, field)
}

func (s *Server) newWait(r *http.Request, o *office, get func(string) string) (waitForm, error) {
	c, m, err := o.choice(get)
	if err != nil {
		return waitForm{}, err
	}
	at, ok := o.net.CentreByID(get("centre"))
	if !ok {
		return waitForm{}, booking.ErrNoCentre
	}
	f := waitForm{page: s.frame(r, o, "visit.wait.title"), office: o, centre: at, matter: m, choice: c, span: "7"}
	f.page.FormID = "form"
	f.page.Back = o.path("at/" + at.ID + "?" + c.query())
	return f, nil
}

func (s *Server) showWait(w http.ResponseWriter, r *http.Request, o *office) error {
	f, err := s.newWait(r, o, r.URL.Query().Get)
	if err != nil {
		return err
	}
	f.key = o.links.Token(o.Proving.NewClaimID())
	return s.site.Render(w, r, http.StatusOK, waitPage(f))
}

// sendWait takes who waits and sends the code.
func (s *Server) sendWait(w http.ResponseWriter, r *http.Request, o *office) error {
	typed, r, err := s.site.Form(w, r)
	if err != nil {
		return err
	}
	f, err := s.newWait(r, o, typed.Get)
	if err != nil {
		return err
	}
	f.key, f.form = typed.Get("_key"), formOf(typed)
	for _, n := range spans() {
		if typed.Get("span") == n {
			f.span = n
		}
	}
	id, ok := o.links.ID(f.key)
	if !ok {
		id = o.Proving.NewClaimID()
		f.key = o.links.Token(id)
	}
	if typed.Switch {
		return s.site.Render(w, r, http.StatusOK, waitPage(f))
	}
	today := o.today(s.cfg.Now())
	days, err := strconv.Atoi(f.span)
	if err != nil {
		return err
	}
	err = o.Proving.AskWait(r.Context(), id, booking.Request{Centre: f.centre.ID, Service: f.choice.service, Matters: f.choice.matters,
		Day: today, Channel: booking.Web, Actor: audit.Citizen("web")}, today+booking.Day(days), f.form, i18n.From(r.Context()))
	if err != nil {
		faults, err := shown(err)
		if err != nil {
			return err
		}
		f.faults, f.page.Failed = faults, true
		return s.site.Render(w, r, status(w, faults), waitPage(f))
	}
	return httpx.See(w, r, o.waitPath(id, "/code"))
}
