package counter

import (
	"context"
	"strconv"
	"strings"
	"time"

	"turnike/internal/i18n"
	"turnike/internal/web/ui"
)

// items are the counters to sit at, with what each serves where they differ
// and who is at it now.
func (v deskView) items(ctx context.Context) []ui.Choice {
	var out []ui.Choice
	for _, c := range v.p.centre.Counters() {
		item := ui.Choice{Value: c.Name, Label: ui.T(ctx, "counter.at", "Desk", c.Name), Checked: c.Name == v.p.desk.Name}
		var hints []string
		if len(v.p.centre.PoolIDs()) > 1 {
			for _, id := range v.p.services() {
				if pool, _ := v.p.centre.PoolFor(id); pool == c.Pool {
					hints = append(hints, v.p.service(ctx, id))
				}
			}
			hints = []string{strings.Join(hints, ", ")}
		}
		if n := v.busy[c.Name]; n > 0 {
			hints = append(hints, ui.T(ctx, "counter.desk.busy", "Number", strconv.Itoa(n)))
		}
		item.Hint = strings.Join(hints, " · ")
		out = append(out, item)
	}
	return out
}

// accessKey is the letter of a deed where the browser has such keys; only the
// deeds with a key of their own have one, or two buttons would share it.
func accessKey(do, key string) string {
	if key == "" {
		return ""
	}
	return map[string]string{"next": "n", "begin": "b", "finish": "f", "recall": "r", "park": "p", "miss": "m", "undo": "u"}[do]
}

// title is what the browser's tab shows: how many wait.
func (v view) title(ctx context.Context) string {
	return "(" + strconv.Itoa(v.waiting()) + ") " + ui.T(ctx, "counter.at", "Desk", v.p.desk.Name) + " – " + v.p.centre.Name
}

// span is how long ago something was, in words.
func (v view) span(ctx context.Context, since time.Time) string {
	return i18n.From(ctx).Span(v.now.Sub(since))
}

// back is where the way on from a printed number leads.
func (v ticketView) back() string {
	if v.from == "arrivals" {
		return v.p.path + "arrivals"
	}
	return v.p.path
}

// rows are what is known of an appointment.
func (v visitView) rows(ctx context.Context) []ui.Row {
	o := v.o
	rows := []ui.Row{}
	if !o.Erased {
		rows = append(rows, ui.Row{Key: ui.T(ctx, "counter.visit.name"), Value: fullName(o)})
		if !o.Person.Phone.IsZero() {
			// Masked: its end is enough to know somebody by.
			rows = append(rows, ui.Row{Key: ui.T(ctx, "counter.visit.phone"), Value: o.Person.Phone.String(), LTR: true})
		}
	}
	start, _ := v.p.net.StartOf(o.Visit.Place)
	l := i18n.From(ctx)
	rows = append(rows,
		ui.Row{Key: ui.T(ctx, "counter.visit.hour"), Value: l.DateShort(start.In(v.p.net.Location())) + " " + v.p.hours(o.Visit), LTR: true},
		ui.Row{Key: ui.T(ctx, "counter.visit.service"), Value: v.p.service(ctx, o.Visit.Service)},
		ui.Row{Key: ui.T(ctx, "counter.visit.matters"), Value: strconv.Itoa(o.Visit.Matters), LTR: true},
		ui.Row{Key: ui.T(ctx, "counter.visit.code"), Value: o.Visit.Code.String(), LTR: true},
		ui.Row{Key: ui.T(ctx, "counter.visit.state"), Value: ui.T(ctx, "counter.visit.state."+o.Visit.State.String())})
	if v.number > 0 {
		rows = append(rows, ui.Row{Key: ui.T(ctx, "counter.head.number"), Value: strconv.Itoa(v.number), LTR: true})
	}
	return rows
}
