package rehearse

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"turnike/internal/city"
	"turnike/internal/i18n"
)

// trialView is a trial in one language.
type trialView struct {
	view   // of the day with the rule
	before view
	rule   string
}

func newTrialView(l i18n.Lang, p *city.Profile, t *Trial) (trialView, error) {
	after, err := newView(l, p, t.After)
	if err != nil {
		return trialView{}, err
	}
	before := after
	before.Result = t.Before
	return trialView{after, before, t.Rule}, nil
}

// counted tells a real day's figures from a replayed one: those have no scale.
func (v view) counted() bool { return v.Scale == 0 }

func (v trialView) title() string { return v.t("day.rule.title", "Date", v.date) }

func (v trialView) lead() []string {
	between := func(a, b uint64) string { return v.n(max(a, b) - min(a, b)) }
	if v.counted() {
		return []string{
			v.t("day.counted.lead", "Taps", v.n(v.Day.Taps()), "Before", v.n(v.before.Day.Refused), "After", v.n(v.Day.Refused),
				"More", between(v.before.Day.Refused, v.Day.Refused)),
			v.t("day.counted.about"),
		}
	}
	out := []string{v.t("day.rule.lead",
		"Before", v.n(v.before.Day.Refused), "After", v.n(v.Day.Refused), "More", between(v.before.Day.Refused, v.Day.Refused),
		"Cards", between(v.before.RefusedCards, v.RefusedCards))}
	return append(out, v.view.lead()[1:]...)
}

func (v trialView) grid(caption, head string, rows []change, most int, name func(string) string) grid {
	g := grid{caption, []string{head, v.t("day.rule.without"), v.t("day.rule.with"), v.t("day.rule.change")}, []int{1, 2, 3}, nil}
	for _, c := range rows[:min(most, len(rows))] {
		sign, d := "+", c.after-c.before
		if c.before > c.after {
			sign, d = "−", c.before-c.after
		}
		g.rows = append(g.rows, []string{name(c.name), v.n(c.before), v.n(c.after), sign + v.n(d)})
	}
	return g
}

func (v trialView) byClass() grid {
	rows := changes(v.before.Causes, v.Causes, func(c Cause) string { return c.Key }, func(c Cause) uint64 { return c.Refused })
	return v.grid(v.t("day.causes.title"), v.t("day.cause.head"), rows, len(rows), v.cause)
}

func refusedAt(p PlaceRow) uint64 { return p.Refused }

func same(s string) string { return s }

func (v trialView) byDistrict() grid {
	if v.counted() {
		return grid{}
	}
	rows := changes(v.before.Districts, v.Districts, func(p PlaceRow) string { return p.District }, refusedAt)
	return v.grid(v.t("day.districts.title"), v.t("day.districts.head"), rows, topDistricts, same)
}

func (v trialView) byPlace() grid {
	if len(v.Places) == 0 || v.Places[0].Mode == Anywhere {
		return grid{}
	}
	rows := changes(v.before.EveryPlace, v.EveryPlace, func(p PlaceRow) string { return strings.TrimSuffix(p.Name+" · "+p.District, " · ") }, refusedAt)
	return v.grid(v.t("day.places.title"), v.t("day.places.head"), rows, topPlaces, same)
}

func (v trialView) byHour() grid {
	key := func(h HourRow) string { return h.At.In(v.city.Location()).Format("02.01 15:04") }
	rows := changes(v.before.Hours, v.Hours, key, func(h HourRow) uint64 { return h.Refused })
	slices.SortFunc(rows, func(a, b change) int { return strings.Compare(a.name, b.name) })
	return v.grid(v.t("day.hours.title"), v.t("day.hours.hour"), rows, len(rows), same)
}

// WriteTrialText writes a trial for a terminal.
func WriteTrialText(w io.Writer, l i18n.Lang, p *city.Profile, t *Trial) error {
	v, err := newTrialView(l, p, t)
	if err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s\n\n%s\n", v.title(), v.rule)
	for _, s := range v.lead() {
		fmt.Fprintf(&b, "%s\n", s)
	}
	v.drawHours(&b)
	grids := []grid{v.byClass(), v.byDistrict(), v.byPlace()}
	if !v.counted() {
		grids = append(grids, v.assumed())
	}
	for _, g := range grids {
		g.text(&b)
	}
	if !v.counted() {
		fmt.Fprintf(&b, "\n%s\n", v.t("day.assumed.everyone"))
	}
	_, err = io.WriteString(w, b.String())
	return err
}

// WriteTrialPage writes a trial as one HTML file that stands alone.
func WriteTrialPage(ctx context.Context, w io.Writer, l i18n.Lang, p *city.Profile, t *Trial) error {
	v, err := newTrialView(l, p, t)
	if err != nil {
		return err
	}
	return trialPage(v).Render(i18n.With(ctx, l), w)
}
