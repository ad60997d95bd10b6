package city

import (
	"slices"
	"time"

	"turnike/internal/card"
	"turnike/internal/person"
	"turnike/statuslist"
)

// Known are the decisions announced by a moment that no decision announced by
// then supersedes. What a later board decides changes nothing about what was
// known before.
func (p *Profile) Known(now time.Time) []Decision {
	gone := map[string]bool{}
	for _, d := range p.Decisions {
		if d.Supersedes != "" && !d.Announced.After(now) {
			gone[d.Supersedes] = true
		}
	}
	var known []Decision
	for _, d := range p.Decisions {
		if !d.Announced.After(now) && !gone[d.ID] {
			known = append(known, d)
		}
	}
	return known
}

// Deadline is when unpaired cards stop opening gates, as known at a moment; ok
// is false where no such decision stands.
func (p *Profile) Deadline(now time.Time) (at time.Time, ok bool) {
	for _, d := range p.Known(now) {
		if d.Outcome != "refuse" || !slices.Contains(d.Classes, card.Unpaired.String()) || len(d.Hours) > 0 {
			continue
		}
		if !d.Until.IsZero() && !d.Until.After(now) {
			continue
		}
		if !ok || d.From.Before(at) {
			at, ok = d.From, true
		}
	}
	return at, ok
}

var outcomes = map[string]statuslist.Outcome{"ride": statuslist.Ride, "full_fare": statuslist.FullFare, "refuse": statuslist.Refuse}

// RuleTables are the tables of rules to send ahead, as known at a moment: one
// for now and one for each instant to come at which a decision begins or ends,
// so that nothing has to be sent when it does.
func (p *Profile) RuleTables(now time.Time) []*statuslist.Rules {
	known := p.Known(now)
	starts := []time.Time{time.Date(2015, 1, 1, 0, 0, 0, 0, p.zone)} // before any decision
	for _, d := range known {
		for _, t := range []time.Time{d.From, d.Until} {
			if t.After(now) {
				starts = append(starts, t)
			} else if !t.IsZero() && t.After(starts[0]) {
				starts[0] = t // the table of now began with the last change before it
			}
		}
	}
	slices.SortFunc(starts, time.Time.Compare)
	starts = slices.CompactFunc(starts, time.Time.Equal)
	tables := make([]*statuslist.Rules, 0, len(starts))
	for _, at := range starts {
		tables = append(tables, p.table(known, at, now))
	}
	return tables
}

func (p *Profile) table(known []Decision, at, now time.Time) *statuslist.Rules {
	t := &statuslist.Rules{
		EffectiveFrom: at.UTC().Truncate(time.Second),
		Zone:          statuslist.ZoneTable(p.zone, time.Date(2015, 1, 1, 0, 0, 0, 0, p.zone), time.Date(now.Year()+3, 1, 1, 0, 0, 0, 0, p.zone)),
		Stopped:       statuslist.Refuse,
		StaleStopped:  outcomes[p.Gate.StaleStopped],
		Amber:         time.Duration(p.Gate.AmberHours) * time.Hour,
		Alarm:         time.Duration(p.Gate.AlarmHours) * time.Hour,
	}
	for c := range t.Default {
		t.Default[c], t.Stale[c] = statuslist.Ride, outcomes[p.Gate.StalePaired]
	}
	t.Stale[card.Unpaired] = outcomes[p.Gate.StaleUnpaired]
	t.Default[card.Dead], t.Stale[card.Dead] = statuslist.Refuse, statuslist.Refuse
	// The newest decision stands first, so that it wins where two overlap.
	for _, d := range slices.Backward(known) {
		if d.From.After(at) || !d.Until.IsZero() && !d.Until.After(at) {
			continue
		}
		var classes []statuslist.Class
		for _, name := range d.Classes {
			if c, ok := card.ClassOf(name); ok {
				classes = append(classes, statuslist.Class(c))
			}
		}
		row := statuslist.Rule{Classes: statuslist.ClassSet(classes...), Outcome: outcomes[d.Outcome]}
		if len(d.Hours) == 0 {
			t.Rows = append(t.Rows, row)
		}
		for _, h := range d.Hours {
			row.Start, row.End, _ = parseHours(h) // checked when the file was read
			if row.End == 24*60 {
				row.End = 0
			}
			t.Rows = append(t.Rows, row)
		}
	}
	return t
}

// Senior and Minor are the ages the bands turn at: 65 and over, under 20
// (circulars of the Ministry of Interior, 2020).
const (
	Senior = 65
	Minor  = 20
)

// ClassOf is the class of a paired card whose holder was born on a date, on a
// day; next is the first day on which it changes by itself, zero if never.
func (p *Profile) ClassOf(b person.Birth, day time.Time) (c card.Class, next time.Time) {
	if !p.Rules.AgeBands || b.IsZero() {
		return card.Paired, time.Time{}
	}
	y, m, d := b.RevealParts()
	turn := func(age int) time.Time { return time.Date(y+age, time.Month(m), d, 0, 0, 0, 0, p.zone) }
	switch age := b.AgeOn(day.In(p.zone)); {
	case age >= Senior:
		return card.Paired65, time.Time{}
	case age < Minor:
		return card.Paired20, turn(Minor)
	default:
		return card.Paired, turn(Senior)
	}
}
