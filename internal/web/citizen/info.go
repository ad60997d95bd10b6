package citizen

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"turnike/internal/city"
	"turnike/internal/i18n"
	"turnike/internal/web/ui"
)

// portal is the front page of an installation: which city's card is it?
func (s *Server) portal(w http.ResponseWriter, r *http.Request) error {
	set := s.cfg.Cities()
	var cities, general []*city.Profile
	for _, id := range set.IDs() {
		if p := set[id]; p.Plate == 0 {
			general = append(general, p)
		} else {
			cities = append(cities, p)
		}
	}
	return s.site.Render(w, r, http.StatusOK, portalPage(s.portalFrame(r, "portal.title"), cities, general))
}

// front is a city's front page as it is drawn.
type front struct {
	page     ui.Page
	city     *city.Profile
	deadline string // the line about it, "" where there is none
	passed   bool
	rules    []string // what the boards decided, in words
}

func (s *Server) home(w http.ResponseWriter, r *http.Request, p *city.Profile) error {
	ctx, now := r.Context(), s.cfg.Now()
	l := i18n.From(ctx)
	f := front{page: s.frame(r, p, ""), city: p}
	f.deadline, f.passed = deadline(ctx, p, now)
	for _, d := range p.Known(now) {
		over := !d.Until.IsZero() && !d.Until.After(now)
		if t := d.Text.In(string(l)); t != "" && !over && !slices.Contains(f.rules, t) {
			f.rules = append(f.rules, ui.T(ctx, "citizen.rule", "Date", l.Date(d.From.In(p.Location())), "Text", t))
		}
	}
	key := bakedHome{p, f.deadline, strings.Join(f.rules, "\n")}
	return s.site.RenderBaked(w, r, key, "", func(string) templ.Component { return homePage(f) })
}

// bakedHome names a front page by what it says: its countdown changes by the
// minute or by the hour.
type bakedHome struct {
	city            *city.Profile
	deadline, rules string
}

// deadline is the line about when unpaired cards stop. The decision names the
// first moment they do; people are told the last day they do not.
func deadline(ctx context.Context, p *city.Profile, now time.Time) (text string, passed bool) {
	from, ok := p.Deadline(now)
	if !ok {
		return "", false
	}
	l := i18n.From(ctx)
	if !now.Before(from) {
		return ui.T(ctx, "countdown.passed", "Date", l.Date(from.In(p.Location()))), true
	}
	last := from.Add(-time.Second).In(p.Location())
	return ui.T(ctx, "countdown.left", "Span", l.Span(from.Sub(now)), "Date", l.DateWeekday(last)), false
}

// needs are the things to have at hand, by what the form asks.
func needs(ctx context.Context, p *city.Profile) []string {
	var list []string
	for _, n := range []struct{ field, key string }{{"card", "citizen.need.card"}, {"id", "citizen.need.id"}, {"hes", "citizen.need.hes"}, {"phone", "citizen.need.phone"}} {
		if p.Asks(n.field) {
			list = append(list, ui.T(ctx, n.key))
		}
	}
	return list
}

// bakedInfo names a page that only explains.
type bakedInfo struct {
	city  *city.Profile
	title string
}

// info serves a page that only explains.
func (s *Server) info(title string, draw func(ui.Page, *city.Profile) templ.Component) func(http.ResponseWriter, *http.Request, *city.Profile) error {
	return func(w http.ResponseWriter, r *http.Request, p *city.Profile) error {
		page := s.frame(r, p, title)
		page.Back = path(p, "")
		return s.site.RenderBaked(w, r, bakedInfo{p, title}, "", func(string) templ.Component { return draw(page, p) })
	}
}

// deskGroups are the places of the directory, staffed desks first, then kiosks,
// each in the order of the city's file; a group nobody is in is left out.
func deskGroups(p *city.Profile) [][]city.Desk {
	var groups [][]city.Desk
	for _, kind := range []string{"desk", "kiosk"} {
		of := slices.DeleteFunc(slices.Clone(p.Desks), func(d city.Desk) bool { return d.Kind != kind })
		if len(of) > 0 {
			groups = append(groups, of)
		}
	}
	return groups
}
