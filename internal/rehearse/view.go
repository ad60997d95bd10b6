package rehearse

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"turnike/internal/city"
	"turnike/internal/i18n"
	"turnike/internal/tap"
)

// topPlaces and topDistricts are how many rows people want to read.
const (
	topPlaces    = 15
	topDistricts = 20
)

// view is a result in one language: what the page and the terminal both show.
type view struct {
	*Result
	l    i18n.Lang
	city *city.Profile
	date string
}

func newView(l i18n.Lang, p *city.Profile, r *Result) (view, error) {
	day, err := time.ParseInLocation(time.DateOnly, r.Date, p.Location())
	if err != nil {
		return view{}, fmt.Errorf("date of a replayed day: %w", err)
	}
	return view{Result: r, l: l, city: p, date: l.DateWeekday(day)}, nil
}

func (v view) t(key string, args ...any) string { return i18n.T(v.l, key, args...) }
func (v view) n(n uint64) string                { return v.l.Number(int64(n)) }

func (v view) share(part, whole uint64) string {
	if whole == 0 {
		return ""
	}
	return v.l.Percent(float64(part)/float64(whole), 1)
}

func (v view) title() string { return v.t("day.title", "Date", v.date) }

func (v view) lead() []string {
	out := []string{
		v.t("day.lead", "City", v.city.Name.In(string(v.l)), "Taps", v.n(v.Day.Taps()), "Refused", v.n(v.Day.Refused),
			"Share", v.share(v.Day.Refused, v.Day.Taps()), "Cards", v.n(v.RefusedCards)),
		v.t("day.scale", "Scale", v.trim(v.Scale), "Issued", v.n(v.Base[0].Cards), "Active", v.n(v.Base[1].Cards)),
	}
	if v.Wrong == 0 {
		return append(out, v.t("day.wrong.none"))
	}
	return append(out, v.t("day.wrong.some", "Wrong", v.n(v.Wrong)))
}

// trim writes a number with as many digits as it needs, at most four.
func (v view) trim(f float64) string {
	digits := 0
	for digits < 4 && math.Abs(f*math.Pow10(digits)-math.Round(f*math.Pow10(digits))) > 1e-9 {
		digits++
	}
	return v.l.Decimal(f, digits)
}

// grid is a table: its caption, heads, which columns are figures, rows.
type grid struct {
	caption string
	heads   []string
	num     []int
	rows    [][]string
}

// namedTally is a row of taps.
type namedTally struct {
	name string
	tap.Tally
}

// tallies makes a table of taps. Where nobody rode at full fare it has no
// column for that.
func (v view) tallies(caption, first string, rows []namedTally) grid {
	g := grid{caption: caption, heads: []string{first, v.t("day.taps"), v.t("day.opened"), v.t("day.full_fare"), v.t("day.refused"), v.t("day.share")}}
	for _, r := range rows {
		g.rows = append(g.rows, []string{r.name, v.n(r.Taps()), v.n(r.Opened), v.n(r.FullFare), v.n(r.Refused), v.share(r.Refused, r.Taps())})
	}
	if v.Eve.FullFare+v.Day.FullFare == 0 {
		const fullFare = 3
		g.heads = slices.Delete(g.heads, fullFare, fullFare+1)
		for i, row := range g.rows {
			g.rows[i] = slices.Delete(row, fullFare, fullFare+1)
		}
	}
	for i := range g.heads[1:] {
		g.num = append(g.num, i+1)
	}
	return g
}

func (v view) hours() grid {
	var rows []namedTally
	for _, h := range v.Hours {
		rows = append(rows, namedTally{h.At.In(v.city.Location()).Format("02.01 15:04"), h.Tally})
	}
	return v.tallies(v.t("day.hours.title"), v.t("day.hours.hour"), rows)
}

func (v view) midnight() grid {
	var rows []namedTally
	if eve := len(v.Hours) - 24; eve > 0 {
		rows = append(rows, namedTally{v.t("day.midnight.before", "Hours", strconv.Itoa(eve)), v.Eve})
	}
	return v.tallies(v.t("day.midnight.title"), "", append(rows, namedTally{v.t("day.midnight.after"), v.Day}))
}

// turnsAtMidnight tells whether a decision of the city begins with the day.
func (v view) turnsAtMidnight() bool {
	return slices.ContainsFunc(v.city.Decisions, func(d city.Decision) bool {
		return d.From.In(v.city.Location()).Format("2006-01-02 15:04:05") == v.Date+" 00:00:00"
	})
}

func (v view) cause(key string) string { return v.t("day.cause." + key) }

func (v view) causes() grid {
	g := grid{v.t("day.causes.title"), []string{v.t("day.cause.head"), v.t("day.taps"), v.t("day.refused"), v.t("day.share"), v.t("day.cards")}, []int{1, 2, 3, 4}, nil}
	for _, c := range v.Causes {
		if c.Taps > 0 {
			g.rows = append(g.rows, []string{v.cause(c.Key), v.n(c.Taps), v.n(c.Refused), v.share(c.Refused, c.Taps), v.n(c.Cards)})
		}
	}
	return g
}

func (v view) placeRows(rows []PlaceRow, most int, withDistrict bool) (out [][]string) {
	for _, p := range rows[:min(most, len(rows))] {
		name := p.Name
		switch p.Mode {
		case Rail:
			name += " (" + v.t("day.mode.rail") + ")"
		case Bus:
			name += " (" + v.t("day.mode.bus") + ")"
		}
		row := []string{name}
		if withDistrict {
			row = append(row, p.District)
		}
		out = append(out, append(row, v.n(p.Taps), v.n(p.Refused), v.share(p.Refused, p.Taps)))
	}
	return out
}

// places is empty where a place is a district: then there is nothing finer.
func (v view) places() grid {
	g := grid{v.t("day.places.title"), []string{v.t("day.places.head"), v.t("day.districts.head"), v.t("day.taps"), v.t("day.refused"), v.t("day.share")}, []int{2, 3, 4}, nil}
	if len(v.Places) > 0 && v.Places[0].Mode != Anywhere {
		g.rows = v.placeRows(v.Places, topPlaces, true)
	}
	return g
}

func (v view) districts() grid {
	return grid{v.t("day.districts.title"), []string{v.t("day.districts.head"), v.t("day.taps"), v.t("day.refused"), v.t("day.share")},
		[]int{1, 2, 3}, v.placeRows(v.Districts, topDistricts, false)}
}

func (v view) base() grid {
	g := grid{v.t("day.base.title"), []string{v.t("day.base.head"), v.t("day.base.cards"), v.t("day.base.personalised"), v.t("day.share")}, []int{1, 2, 3}, nil}
	here := v.Scale != 1
	if here {
		g.heads, g.num = append(g.heads, v.t("day.base.here"), v.t("day.base.personalised")), append(g.num, 4, 5)
	}
	for i, b := range Base(1) {
		row := []string{v.t("day.base." + b.Key), v.n(b.Cards), v.n(b.Personalised), v.l.Percent(b.Share, 0)}
		if here {
			row = append(row, v.n(v.Base[i].Cards), v.n(v.Base[i].Personalised))
		}
		g.rows = append(g.rows, row)
	}
	return g
}

func (v view) listed() grid {
	g := grid{v.t("day.list.title"), []string{v.t("day.cause.head"), v.t("day.cards")}, []int{1}, nil}
	for _, l := range v.Listed {
		name := v.cause(l.Class)
		if l.Stopped {
			name = v.t("day.list.stopped", "Class", name)
		}
		g.rows = append(g.rows, []string{name, v.n(l.Cards)})
	}
	return g
}

func (v view) machine() grid {
	m := v.Machine
	unit := func(key string, f float64, digits int) string {
		return v.t("day.machine."+key, "Value", v.l.Decimal(f, digits))
	}
	return grid{v.t("day.machine.title"), []string{v.t("day.machine.head"), v.t("day.machine.value")}, []int{1}, [][]string{
		{v.t("day.machine.total"), unit("seconds", m.TotalS, 1)},
		{v.t("day.machine.prepare"), unit("seconds", m.PrepareS, 1)},
		{v.t("day.machine.decisions"), v.n(m.Decisions)},
		{v.t("day.machine.decide"), unit("nanos", m.NsEach, 0)},
		{v.t("day.machine.rate"), v.n(uint64(m.PerSecond))},
		{v.t("day.machine.publish", "Count", v.n(uint64(m.Publishes))), unit("millis", m.PublishMedian*1e3, 1) + " / " + unit("millis", m.PublishMax*1e3, 1)},
		{v.t("day.machine.update"), unit("millis", m.UpdateMedian*1e3, 1)},
		{v.t("day.machine.full"), unit("megabytes", float64(m.FullBytes)/1e6, 2)},
		{v.t("day.machine.memory"), unit("megabytes", float64(m.PeakBytes)/1e6, 0)},
	}}
}

func (v view) assumed() grid {
	a := v.Assumed
	return grid{v.t("day.assumed.title"), []string{v.t("day.assumed.head"), v.t("day.machine.value")}, []int{1}, [][]string{
		{v.t("day.assumed.boardings"), v.n(uint64(a.Boardings))},
		{v.t("day.assumed.paired"), v.l.Percent(a.Paired, 0)},
		{v.t("day.assumed.stopped"), v.n(a.Stopped)},
		{v.t("day.assumed.pair_at_gate"), v.l.Percent(a.PairAtGate, 0)},
		{v.t("day.assumed.rides"), v.l.Decimal(a.RidesEach, 1)},
		{v.t("day.assumed.minors"), v.l.Percent(a.Minors, 0)},
		{v.t("day.assumed.seniors"), v.l.Percent(a.Seniors, 0)},
	}}
}

func (v view) gateNote() string {
	return v.t("day.gate.note", "Paired", v.n(v.PairedAtGate), "Opened", v.n(v.Reopened))
}

// WriteText writes a result for a terminal.
func WriteText(w io.Writer, l i18n.Lang, p *city.Profile, r *Result) error {
	v, err := newView(l, p, r)
	if err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s\n\n", v.title())
	for _, s := range v.lead() {
		fmt.Fprintf(&b, "%s\n", s)
	}
	v.drawHours(&b)
	for _, g := range []grid{v.midnight(), v.causes(), v.places(), v.districts(), v.base(), v.machine(), v.assumed()} {
		g.text(&b)
	}
	fmt.Fprintf(&b, "\n%s\n%s\n", v.gateNote(), v.t("day.assumed.everyone"))
	_, err = io.WriteString(w, b.String())
	return err
}

// drawHours draws each hour as a line: what opened, then what was refused.
func (v view) drawHours(b *strings.Builder) {
	const width = 48
	most := uint64(1)
	for _, h := range v.Hours {
		most = max(most, h.Taps())
	}
	fmt.Fprintf(b, "\n%s   █ %s  ▒ %s  ░ %s\n", v.t("day.hours.title"), v.t("day.opened"), v.t("day.full_fare"), v.t("day.refused"))
	for i, h := range v.Hours {
		if i > 0 && h.At.In(v.city.Location()).Hour() == 0 {
			fmt.Fprintf(b, "  ----- %s\n", v.t("day.hours.midnight"))
		}
		part := func(n uint64) int { return int(math.Round(float64(n) / float64(most) * width)) }
		line := strings.Repeat("█", part(h.Opened)) + strings.Repeat("▒", part(h.FullFare)) + strings.Repeat("░", part(h.Refused))
		fmt.Fprintf(b, "  %s %s %s\n", v.l.Time(h.At.In(v.city.Location())), line, v.n(h.Taps()))
	}
}

func (g grid) text(b *strings.Builder) {
	if len(g.rows) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n", g.caption)
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{g.heads}, g.rows...) {
		fmt.Fprintf(t, "  %s\n", strings.Join(row, "\t"))
	}
	t.Flush() // into a builder, which does not fail
}

func (g grid) isNum(i int) bool { return slices.Contains(g.num, i) }
