package citizen

import (
	"context"
	"errors"
	"net/http"
	"time"

	"turnike/internal/city"
	"turnike/internal/fault"
	"turnike/internal/i18n"
	"turnike/internal/pairing"
	"turnike/internal/web/httpx"
	"turnike/internal/web/ui"
)

// requestCookie holds the token of the request its holder is in the middle of.
// It goes when the browser closes.
const requestCookie = "request"

// current is the request the browser is in the middle of.
func (s *Server) current(r *http.Request, p *city.Profile) (pairing.View, error) {
	token, _ := s.site.Cookie(r, requestCookie)
	return s.cfg.Pairing.Look(r.Context(), p.ID, token)
}

// next leads to the page a request is at.
func (s *Server) next(w http.ResponseWriter, r *http.Request, p *city.Profile, v pairing.View) error {
	s.site.SetCookie(w, requestCookie, v.Token, 0)
	return httpx.See(w, r, nextPath(p, v))
}

func nextPath(p *city.Profile, v pairing.View) string {
	switch v.Stage {
	case pairing.StageCode:
		return path(p, "code")
	case pairing.StageAmend:
		return formPath(p, v.Kind) + "?again"
	}
	return path(p, "done")
}

// stepNames name the three steps of everything a citizen does here.
func stepNames(ctx context.Context) []string {
	return []string{ui.T(ctx, "pair.step.form"), ui.T(ctx, "pair.step.code"), ui.T(ctx, "pair.step.done")}
}

// codeForm is the code page as it is drawn.
type codeForm struct {
	page   ui.Page
	city   *city.Profile
	view   pairing.View
	value  string
	faults fault.List
	resent bool
	wait   time.Duration // until another code may be asked for; 0 = now
}

func (s *Server) newCode(r *http.Request, p *city.Profile, v pairing.View) codeForm {
	f := codeForm{city: p, view: v, page: s.frame(r, p, "code.title")}
	f.page.FormID = "form"
	if wait := v.ResendAt.Sub(s.cfg.Now()); wait > 0 {
		f.wait = wait
	}
	return f
}

func (s *Server) showCode(w http.ResponseWriter, r *http.Request, p *city.Profile) error {
	v, err := s.current(r, p)
	if err != nil {
		return err
	}
	if err := over(v); err != nil {
		return err
	}
	if v.Stage != pairing.StageCode {
		return httpx.See(w, r, nextPath(p, v))
	}
	f := s.newCode(r, p, v)
	f.resent = r.URL.Query().Has("sent")
	return s.site.Render(w, r, http.StatusOK, codePage(f))
}

// sendCode takes a code, or the wish for another one.
func (s *Server) sendCode(w http.ResponseWriter, r *http.Request, p *city.Profile) error {
	typed, r, err := s.site.Form(w, r)
	if err != nil {
		return err
	}
	// The page's own token goes first: another tab may have begun since.
	token := typed.Get("_request")
	if token == "" {
		token, _ = s.site.Cookie(r, requestCookie)
	}
	if typed.Switch {
		v, err := s.cfg.Pairing.Look(r.Context(), p.ID, token)
		if err != nil {
			return err
		}
		f := s.newCode(r, p, v)
		f.value = typed.Get("code")
		return s.site.Render(w, r, http.StatusOK, codePage(f))
	}
	var v pairing.View
	if typed.Ticked("again") {
		if v, err = s.cfg.Pairing.Resend(r.Context(), p.ID, token); err == nil && v.Stage == pairing.StageCode {
			s.site.SetCookie(w, requestCookie, v.Token, 0)
			return httpx.See(w, r, path(p, "code")+"?sent")
		}
	} else {
		v, err = s.cfg.Pairing.Enter(r.Context(), p.ID, token, typed.Get("code"))
	}
	if err == nil {
		return s.next(w, r, p, v)
	}
	faults := fault.Of(err)
	if len(faults) == 0 || errors.Is(err, pairing.ErrNoRequest) || errors.Is(err, pairing.ErrCodeDead) || errors.Is(err, pairing.ErrLapsed) {
		return err
	}
	v, lerr := s.cfg.Pairing.Look(r.Context(), p.ID, token)
	if lerr != nil {
		return lerr
	}
	f := s.newCode(r, p, v)
	f.faults, f.page.Failed, f.value = faults, true, typed.Get("code")
	if wait := faults[0].RetryAfter; wait > 0 {
		httpx.RetryAfter(w, wait)
	}
	return s.site.Render(w, r, faults[0].Kind.Status(), codePage(f))
}

// over is the fault a request ended with, if it cannot go on.
func over(v pairing.View) error {
	switch v.Stage {
	case pairing.StageDead:
		return pairing.ErrCodeDead
	case pairing.StageLapsed:
		return pairing.ErrLapsed
	}
	return nil
}

// done is the receipt. It says the same whatever became of the request; what
// did become of it goes by SMS to whom it concerns.
func (s *Server) done(w http.ResponseWriter, r *http.Request, p *city.Profile) error {
	v, err := s.current(r, p)
	if err != nil {
		return err
	}
	if err := over(v); err != nil {
		return err
	}
	if v.Stage != pairing.StageReceived {
		return httpx.See(w, r, nextPath(p, v))
	}
	return s.site.Render(w, r, http.StatusOK, donePage(s.frame(r, p, "done.title."+string(v.Kind)), p, v))
}

// at writes when a request was made, by the city's clock.
func at(ctx context.Context, p *city.Profile, t time.Time) string {
	return i18n.From(ctx).DateTime(t.In(p.Location()))
}

// receipt is what the receipt shows: enough to recognise the request by, and
// nothing that would tell a passer-by who made it.
func receipt(ctx context.Context, p *city.Profile, v pairing.View) []ui.Row {
	rows := []ui.Row{{Key: ui.T(ctx, "done.what"), Value: ui.T(ctx, "kind.title."+string(v.Kind))}}
	if v.Card != "" {
		rows = append(rows, ui.Row{Key: ui.T(ctx, "done.card"), Value: p.CardName + " ···· " + v.Card})
	}
	if v.Phone != "" {
		rows = append(rows, ui.Row{Key: ui.T(ctx, "done.phone"), Value: v.Phone, LTR: true})
	}
	return append(rows, ui.Row{Key: ui.T(ctx, "done.at"), Value: at(ctx, p, v.At)})
}
