package centres

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"

	"turnike/internal/booking"
	"turnike/internal/i18n"
	"turnike/internal/web/assets"
	"turnike/internal/web/ui"
)

// WritePage draws a month as one HTML file that needs nothing beside it: it
// can be mailed, kept and printed.
func WritePage(ctx context.Context, w io.Writer, l i18n.Lang, r *Result) error {
	return monthPage(r).Render(i18n.With(ctx, l), w)
}

// sheet is the style of a page on its own.
func sheet(l i18n.Lang) string {
	return "<style>" + assets.Sheet(assets.Theme{}, l) + "</style>"
}

// WriteText prints a month in some lines.
func WriteText(ctx context.Context, w io.Writer, l i18n.Lang, r *Result) error {
	ctx = i18n.With(ctx, l)
	if _, err := fmt.Fprintln(w, ui.T(ctx, "month.title", "Network", r.net.Name.In(string(l)))); err != nil {
		return err
	}
	for _, s := range r.lead(ctx) {
		if _, err := fmt.Fprintln(w, "  "+s); err != nil {
			return err
		}
	}
	return nil
}

// lead says in sentences what came of the month.
func (r *Result) lead(ctx context.Context) []string {
	l := i18n.From(ctx)
	n := func(k int) string { return l.Number(int64(k)) }
	return []string{
		ui.T(ctx, "month.people", "People", n(r.People), "Days", n(r.Days), "Centres", n(r.Centres), "Counters", n(r.Counters), "Booked", n(r.Booked), "Walkins", n(r.Walkins)),
		ui.T(ctx, "month.came", "Early", n(r.Early), "Late", n(r.Late), "Never", n(r.Never)),
		ui.T(ctx, "month.in_time", "InTime", n(r.InTime), "OnTime", n(r.OnTime), "Share", l.Percent(r.InTimeShare(), 1)),
		ui.T(ctx, "month.floor", "Days", n(r.FloorDays), "Broken", n(r.FloorBroken)),
		ui.T(ctx, "month.walk", "Median", l.Decimal(r.WalkMedian, 0), "Most", l.Decimal(r.WalkMost, 0), "Kept", l.Percent(booking.Share(r.Kept, r.Shown), 0)),
		ui.T(ctx, "month.busy", "Busy", l.Percent(r.Busy, 0), "Unserved", n(r.Unserved), "Turned", n(r.Turned), "Wrong", n(r.Wrong)),
		ui.T(ctx, "month.forecast", "Day", l.Percent(r.Trial.Day, 1), "Same", l.Percent(r.Trial.Same, 1), "Hour", l.Percent(r.Trial.Hour, 0), "SameH", l.Percent(r.Trial.SameH, 0), "Missed", l.Percent(r.Trial.Missed, 1), "SameM", l.Percent(r.Trial.SameM, 1)),
	}
}

// byFives draws a count by minutes before and after the hour.
func byFives(ctx context.Context, title string, counts map[int]int) ui.Chart {
	c := ui.Chart{Title: title, Head: ui.T(ctx, "month.minutes"), Series: []ui.Series{{Name: ui.T(ctx, "month.persons")}}}
	keys := slices.Sorted(maps.Keys(counts))
	if len(keys) == 0 {
		return c
	}
	for k := keys[0]; k <= keys[len(keys)-1]; k += 5 {
		c.Labels = append(c.Labels, fmt.Sprintf("%+d", k))
		c.Series[0].Values = append(c.Series[0].Values, float64(counts[k]))
	}
	return c
}

func (r *Result) days(ctx context.Context) ui.Chart {
	c := ui.Chart{Title: ui.T(ctx, "month.days"), Head: ui.T(ctx, "month.day"), Series: []ui.Series{
		{Name: ui.T(ctx, "month.day.came")}, {Name: ui.T(ctx, "month.day.never")}, {Name: ui.T(ctx, "month.day.walk")}}}
	for _, t := range booking.Tallied(r.Deeds, func(d booking.Deed) string { return d.Day.String() }) {
		c.Labels = append(c.Labels, t.Key[8:]+"."+t.Key[5:7])
		for i, n := range []int{t.Came, t.Missed, t.Walkins} {
			c.Series[i].Values = append(c.Series[i].Values, float64(n))
		}
	}
	return c
}

func (r *Result) floors(ctx context.Context) ui.Chart {
	c := ui.Chart{Title: ui.T(ctx, "month.floors"), Head: ui.T(ctx, "month.hour"), Percent: true, Series: []ui.Series{{Name: ui.T(ctx, "month.fullest")}}}
	for h, f := range r.Full {
		if f > 0 {
			c.Labels = append(c.Labels, fmt.Sprintf("%02d", h))
			c.Series[0].Values = append(c.Series[0].Values, f)
		}
	}
	return c
}

func (r *Result) centres(ctx context.Context) (heads []string, rows [][]string) {
	l := i18n.From(ctx)
	for _, k := range []string{"centre", "counters", "persons", "day.never", "centre.in_time", "centre.wait"} {
		heads = append(heads, ui.T(ctx, "month."+k))
	}
	for _, t := range booking.Tallied(r.Deeds, func(d booking.Deed) string { return d.Centre }) {
		c, ok := r.net.CentreByID(t.Key)
		if !ok {
			continue
		}
		rows = append(rows, []string{c.Name, l.Number(int64(c.Desks)), l.Number(int64(t.Booked + t.Walkins)), l.Percent(t.NoShows(), 0),
			l.Percent(booking.Share(t.InTime, t.OnTime), 1), l.Decimal(t.Wait(0.8).Minutes(), 0)})
	}
	return heads, rows
}
