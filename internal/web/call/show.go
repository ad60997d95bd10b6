package call

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"turnike/internal/booking"
	"turnike/internal/fault"
	"turnike/internal/i18n"
	"turnike/internal/web/ui"
)

// field is one line to be typed in; kind is "tel", "digits" or "".
type field struct {
	id, label, value, kind string
	max                    int
}

func (f field) inputType() string {
	if f.kind == "tel" {
		return "tel"
	}
	return "text"
}

func (f field) inputMode() string {
	if f.kind == "tel" {
		return "tel"
	}
	return "numeric"
}

// nth numbers the buttons of a group; the first carries the group's own id, so
// that an error's link finds it.
func nth(group string, i int) string {
	if i == 0 {
		return group
	}
	return group + "-" + strconv.Itoa(i+1)
}

func (c *call) service(ctx context.Context, id string) string {
	m, ok := c.net.ServiceByID(id)
	if !ok {
		return id
	}
	return m.Name.In(string(i18n.From(ctx)))
}

func (c *call) documents(ctx context.Context, id string) []string {
	var out []string
	if m, ok := c.net.ServiceByID(id); ok {
		for _, d := range m.Documents {
			out = append(out, d.In(string(i18n.From(ctx))))
		}
	}
	return out
}

// place is a centre by what callers know it by; centreName is its full name
// and address.
func (c *call) place(id string) string {
	if at, ok := c.net.CentreByID(id); ok {
		return label(*at)
	}
	return id
}

func (c *call) centreName(id string) string {
	at, ok := c.net.CentreByID(id)
	if !ok {
		return id
	}
	if at.Address != "" {
		return at.Name + ", " + at.Address
	}
	return at.Name
}

func (c *call) start(v booking.Visit) time.Time {
	from, _ := c.net.StartOf(v.Place)
	return from
}

// when is a place's day and hour as it is read out: near days by their name.
func (c *call) when(ctx context.Context, t time.Time) string {
	l, zone := i18n.From(ctx), c.net.Location()
	day, today := booking.DayOf(t, zone), booking.DayOf(c.now, zone)
	hour := l.Time(t.In(zone))
	switch day - today {
	case 0:
		return ui.T(ctx, "call.today") + " " + hour
	case 1:
		return ui.T(ctx, "call.tomorrow") + " " + hour
	}
	return shortDate(l, t.In(zone)) + " " + hour
}

// shortDate is a day without its year, which nobody asks on the telephone.
func shortDate(l i18n.Lang, t time.Time) string {
	d := strconv.Itoa(t.Day()) + " " + l.Month(t.Month())
	if l == i18n.Turkish {
		return d + " " + l.Weekday(t)
	}
	return l.Weekday(t) + " " + d
}

// left is how long the held place is kept, in seconds, and leftText in
// minutes and seconds.
func (c *call) left() string {
	return strconv.Itoa(int(c.hold.HoldUntil.Sub(c.now).Seconds()))
}

func (c *call) leftText() string {
	s := int(c.hold.HoldUntil.Sub(c.now).Seconds())
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// spoken is a code digit by digit, in two groups, as it is read out.
func (c *call) spoken(ctx context.Context, code booking.Code) string {
	var groups []string
	for part := range strings.FieldsSeq(code.String()) {
		var words []string
		for _, r := range part {
			words = append(words, ui.T(ctx, "call.digit."+string(r)))
		}
		groups = append(groups, strings.Join(words, " "))
	}
	return strings.Join(groups, ", ")
}

// lookOf is a button's weight: the one that comes next is the heavy one.
func (c *call) lookOf(do string) string {
	if c.next() == do {
		return ""
	}
	return "secondary"
}

// full tells whether no place was found, so that waiting for one is offered.
func (c *call) full() bool {
	return slices.ContainsFunc(c.faults, func(f *fault.Fault) bool { return errors.Is(f, ErrNone) || errors.Is(f, ErrWhere) })
}

func tone(s booking.State) ui.Tone {
	switch s {
	case booking.Booked, booking.Arrived:
		return ui.Good
	case booking.NoShow, booking.Cancelled:
		return ui.Warn
	}
	return ui.Plain
}

func (c *call) matterItems() []ui.Choice {
	var out []ui.Choice
	for m := 1; m <= c.net.Rules.MaxMatters; m++ {
		out = append(out, ui.Choice{Value: itoa(m), Label: itoa(m), Checked: m == c.want.matters})
	}
	return out
}

func (c *call) whereItems(ctx context.Context) []ui.Choice {
	out := []ui.Choice{{Label: ui.T(ctx, "call.where.all"), Checked: c.want.centre == ""}}
	for _, at := range byName(i18n.From(ctx), c.net.Centres) {
		if c.se.Sees(at.ID) {
			out = append(out, ui.Choice{Value: at.ID, Label: label(at), Checked: at.ID == c.want.centre})
		}
	}
	return out
}

func (c *call) dayItems(ctx context.Context) []ui.Choice {
	out := []ui.Choice{{Label: ui.T(ctx, "call.day.soonest"), Checked: c.want.day == ""}}
	l, zone := i18n.From(ctx), c.net.Location()
	today := booking.DayOf(c.now, zone)
	for d := today; d < today+booking.Day(c.net.Ahead()); d++ {
		out = append(out, ui.Choice{Value: d.String(), Label: shortDate(l, d.At(12*60, zone).In(zone)), Checked: d.String() == c.want.day})
	}
	return out
}

func (c *call) partItems(ctx context.Context) []ui.Choice {
	var out []ui.Choice
	for _, p := range []string{"", "am", "pm"} {
		key := "call.part.any"
		if p != "" {
			key = "call.part." + p
		}
		out = append(out, ui.Choice{Value: p, Label: ui.T(ctx, key), Checked: p == c.want.part})
	}
	return out
}

func (c *call) langItems() []ui.Choice {
	var out []ui.Choice
	for _, l := range i18n.Langs() {
		out = append(out, ui.Choice{Value: string(l), Label: l.Name(), Checked: string(l) == c.lang})
	}
	return out
}
