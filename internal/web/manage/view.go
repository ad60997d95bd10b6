package manage

import (
	"context"
	"strings"

	"turnike/internal/booking"
	"turnike/internal/fault"
	"turnike/internal/i18n"
	"turnike/internal/web/ui"
)

type overview struct {
	page ui.Page
	p    place
	days []dayLine
	ex   []booking.Exception
	revs []booking.Revision
	done string
}

type checkView struct {
	page   ui.Page
	p      place
	change booking.Change
	effect booking.Effect
	text   string
	faults fault.List
}

type movesView struct {
	page        ui.Page
	p           place
	list        []booking.Asked
	asked, none int
}

type weekView struct {
	page   ui.Page
	p      place
	f      weekForm
	faults fault.List
	read   bool // the fields come out of a spreadsheet
}

type changeView struct {
	page   ui.Page
	p      place
	f      changeForm
	faults fault.List
}

type floorView struct {
	page   ui.Page
	p      place
	f      floorForm
	faults fault.List
}

type closuresView struct {
	page   ui.Page
	p      place
	all    bool // may close all centres
	faults fault.List
}

type figuresView struct {
	page  ui.Page
	p     place
	x     period
	deeds []booking.Deed
	total booking.Tally
}

type forecastView struct {
	page      ui.Page
	p         place
	f         *foretold
	days      []dayAhead
	missing   int // of a thousand
	proposals []booking.Proposal
	standing  []booking.Revision
}

// when is a day with its weekday, in the reader's words.
func when(ctx context.Context, p place, day booking.Day) string {
	return i18n.From(ctx).DateWeekday(day.Midnight(p.net.Location()))
}

// span is what days a revision is for.
func span(ctx context.Context, p place, since, until booking.Day) string {
	switch {
	case until == booking.NoEnd:
		return ui.T(ctx, "manage.span.from", "Day", when(ctx, p, since))
	case since == until:
		return when(ctx, p, since)
	}
	return ui.T(ctx, "manage.span.both", "From", when(ctx, p, since), "To", when(ctx, p, until))
}

// tellException says what an exception does.
func tellException(ctx context.Context, e booking.Exception) string {
	var parts []string
	switch {
	case e.Closed:
		parts = append(parts, ui.T(ctx, "manage.is.closed"))
	case e.Open:
		parts = append(parts, ui.T(ctx, "manage.is.open"))
	}
	switch {
	case e.Desks < 0:
		parts = append(parts, ui.N(ctx, "manage.is.fewer", -e.Desks))
	case e.Desks > 0:
		parts = append(parts, ui.N(ctx, "manage.is.more", e.Desks))
	}
	if e.From > 0 || e.To < 24*60 {
		parts = append(parts, booking.Clock(e.From)+"–"+booking.Clock(e.To))
	}
	if e.Centre == "" {
		parts = append(parts, ui.T(ctx, "manage.is.everywhere"))
	}
	return strings.Join(parts, " · ")
}

// tellRevision says what a revision does.
func tellRevision(ctx context.Context, p place, r booking.Revision) string {
	switch {
	case r.Base:
		return ui.T(ctx, "manage.is.base")
	case r.Kind == booking.Flooring:
		return ui.N(ctx, "manage.is.floor", r.Floor)
	case r.Kind == booking.Opening:
		return ui.T(ctx, "manage.is.opening", "Show", i18n.From(ctx).Percent(float64(r.Show)/1000, 0), "Walk", i18n.From(ctx).Percent(float64(r.Walk)/100, 0))
	}
	var parts []string
	for _, d := range order {
		if len(r.Week[d]) > 0 {
			parts = append(parts, ui.T(ctx, "manage.day."+dayCodes[d])+" "+booking.WriteShifts(r.Week[d]))
		}
	}
	if len(parts) == 0 {
		return ui.T(ctx, "manage.is.closed")
	}
	return strings.Join(parts, " · ")
}

// hour is a place's day and hour.
func hour(ctx context.Context, p place, at booking.Place) string {
	from, _ := p.net.StartOf(at)
	l := i18n.From(ctx)
	return l.DateWeekday(from.In(p.net.Location())) + " " + l.Time(from.In(p.net.Location()))
}

func (p place) service(ctx context.Context, id string) string {
	if m, ok := p.net.ServiceByID(id); ok {
		return m.Name.In(string(i18n.From(ctx)))
	}
	return id
}

func (p place) centreName(id string) string {
	if c, ok := p.net.CentreByID(id); ok {
		return c.Name
	}
	return id
}

// hit are the rows of those a change leaves without a counter; nobody's name
// is needed to see how many they are and when.
func (v checkView) move() map[string]bool {
	m := map[string]bool{}
	for _, x := range v.effect.ToMove() {
		m[x.ID] = true
	}
	return m
}

func tone(a booking.Answer) ui.Tone {
	switch a {
	case booking.AnswerAccepted, booking.AnswerOther, booking.AnswerGone:
		return ui.Good
	case booking.AnswerKept, booking.AnswerSilent:
		return ui.Warn
	}
	return ui.Plain
}

// answers counts what people said.
func (v movesView) answers() map[booking.Answer]int {
	m := map[booking.Answer]int{}
	for _, x := range v.list {
		m[x.Answer]++
	}
	return m
}

func (v figuresView) days(ctx context.Context) ui.Chart {
	c := ui.Chart{Title: ui.T(ctx, "manage.figures.by_day"), Head: ui.T(ctx, "manage.figures.day"), Lines: true, Series: []ui.Series{
		{Name: ui.T(ctx, "manage.figures.booked")}, {Name: ui.T(ctx, "manage.figures.came")}, {Name: ui.T(ctx, "manage.figures.walkins")}}}
	for _, t := range v.by(byDay) {
		c.Labels = append(c.Labels, t.Key[8:]+"."+t.Key[5:7])
		for i, n := range []int{t.Booked, t.Came, t.Walkins} {
			c.Series[i].Values = append(c.Series[i].Values, float64(n))
		}
	}
	return c
}

func (v figuresView) waits(ctx context.Context) ui.Chart {
	c := ui.Chart{Title: ui.T(ctx, "manage.figures.waits_by_hour"), Head: ui.T(ctx, "manage.figures.hour"), Series: []ui.Series{
		{Name: ui.T(ctx, "manage.figures.median")}, {Name: ui.T(ctx, "manage.figures.p80")}}}
	for _, t := range v.by(byHour) {
		c.Labels = append(c.Labels, t.Key+":00")
		c.Series[0].Values = append(c.Series[0].Values, t.Wait(0.5).Minutes())
		c.Series[1].Values = append(c.Series[1].Values, t.Wait(0.8).Minutes())
	}
	return c
}

func (v forecastView) chart(ctx context.Context) ui.Chart {
	c := ui.Chart{Title: ui.T(ctx, "manage.forecast.days"), Head: ui.T(ctx, "manage.figures.day"), Series: []ui.Series{
		{Name: ui.T(ctx, "manage.forecast.low")}, {Name: ui.T(ctx, "manage.forecast.mean")}, {Name: ui.T(ctx, "manage.forecast.high")}}}
	for _, d := range v.days {
		t := d.day.String()
		c.Labels = append(c.Labels, t[8:]+"."+t[5:7])
		for i, x := range []float64{d.people.Low, d.people.Mean, d.people.High} {
			c.Series[i].Values = append(c.Series[i].Values, x)
		}
	}
	return c
}

func (v forecastView) heat(ctx context.Context) ui.Heat {
	h := ui.Heat{Title: ui.T(ctx, "manage.forecast.hours"), Head: ui.T(ctx, "manage.figures.day")}
	first, last := 24, -1
	for _, d := range v.days {
		for k, x := range d.hours {
			if x >= 0.5 {
				first, last = min(first, k), max(last, k)
			}
		}
	}
	for k := first; k <= last; k++ {
		h.Cols = append(h.Cols, booking.Clock(k * 60)[:2])
	}
	for _, d := range v.days {
		t := d.day.String()
		h.Rows = append(h.Rows, t[8:]+"."+t[5:7])
		h.Values = append(h.Values, d.hours[min(first, last+1):last+1])
	}
	return h
}

// more tells whether any pool is to let out more places than it has counters.
func (v forecastView) more() bool {
	for _, x := range v.proposals {
		if x.Places > x.Desks {
			return true
		}
	}
	return false
}
