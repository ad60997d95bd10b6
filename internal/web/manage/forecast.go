package manage

import (
	"context"
	"net/http"

	"turnike/internal/booking"
	"turnike/internal/web/ui"
)

// pastDays is how far back a forecast learns, and tryWeeks how many of the
// last weeks it is tried on; foreseen is how many working days it shows.
const (
	pastDays = booking.LearnDays
	tryWeeks = 3
	foreseen = 10
)

// foretold is what a network's past says on a day. It is worked out once a day
// for all centres: the factors are common to them.
type foretold struct {
	day   booking.Day
	model *booking.Demand
	trial booking.Trial
	deeds []booking.Deed
}

func (s *Server) foretell(ctx context.Context, p place) (*foretold, error) {
	s.mu.Lock()
	f := s.foretold[p.net.ID]
	s.mu.Unlock()
	if f != nil && f.day == p.today {
		return f, nil
	}
	deeds, err := p.svc.Deeds(ctx, "", p.today-pastDays, pastDays)
	if err != nil {
		return nil, err
	}
	f = &foretold{p.today, p.net.LearnDemand(deeds, p.today), p.net.Try(deeds, p.today, tryWeeks), deeds}
	s.mu.Lock()
	s.foretold[p.net.ID] = f
	s.mu.Unlock()
	return f, nil
}

// dayAhead is one day foretold.
type dayAhead struct {
	day    booking.Day
	people booking.Estimate
	hours  [24]float64
}

func (s *Server) forecast(w http.ResponseWriter, r *http.Request, p place) error {
	f, err := s.foretell(r.Context(), p)
	if err != nil {
		return err
	}
	ex, revs, err := p.svc.Changed(r.Context(), p.centre.ID, p.today)
	if err != nil {
		return err
	}
	v := forecastView{page: s.frame(r, p, "manage.forecast.title"), p: p, f: f}
	v.page.Back = p.path
	for d := p.today; d < p.today+28 && len(v.days) < foreseen; d++ {
		if len(p.net.Plan(p.centre, d, ex, revs...)) == 0 {
			continue
		}
		x := dayAhead{day: d, people: f.model.Day(p.centre.ID, d)}
		for h := range x.hours {
			x.hours[h] = f.model.Hour(p.centre.ID, d, h, "").Mean
		}
		v.days = append(v.days, x)
	}
	v.missing = 1000 - f.model.Propose(p.centre, f.deeds, p.centre.Floor)[0].Show
	v.proposals = f.model.Propose(p.centre, f.deeds, p.net.FloorOn(p.centre, p.today, revs))
	for _, x := range v.proposals {
		if now, ok := p.net.OpeningOn(p.centre, x.Pool, p.today, revs); ok {
			v.standing = append(v.standing, now)
		}
	}
	return s.site().Render(w, r, http.StatusOK, forecastPage(v))
}

// acceptForecast shows what opening places by the forecast does, to be saved
// with one more press.
func (s *Server) acceptForecast(w http.ResponseWriter, r *http.Request, p place) error {
	if _, r2, err := s.site().Form(w, r); err != nil {
		return err
	} else {
		r = r2
	}
	f, err := s.foretell(r.Context(), p)
	if err != nil {
		return err
	}
	_, revs, err := p.svc.Changed(r.Context(), p.centre.ID, p.today)
	if err != nil {
		return err
	}
	ps := f.model.Propose(p.centre, f.deeds, p.net.FloorOn(p.centre, p.today, revs))
	return s.check(w, r, p, f.model.Revisions(ps, p.today, ui.T(r.Context(), "manage.forecast.why")), nil)
}
