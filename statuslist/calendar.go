package statuslist

import "time"

// Calendar is the tables of rules a gate holds, made ready to be asked at
// every tap: it allocates nothing and does not change.
type Calendar struct {
	tables []*table // by effective time, ascending
}

type table struct {
	rules *Rules
	from  int64
	zone  []shift
	rows  [Classes][]Rule // those that speak of a class
}

type shift struct{ at, offset int64 }

// NewCalendar makes a calendar of tables.
func NewCalendar(rules []*Rules) *Calendar {
	c := new(Calendar)
	for _, r := range rules {
		t := &table{rules: r, from: r.EffectiveFrom.Unix()}
		for _, z := range r.Zone {
			t.zone = append(t.zone, shift{z.At.Unix(), int64(z.Offset / time.Second)})
		}
		for class := range t.rows {
			for _, row := range r.Rows {
				if row.covers(Class(class)) {
					t.rows[class] = append(t.rows[class], row)
				}
			}
		}
		i := len(c.tables)
		for i > 0 && c.tables[i-1].from > t.from {
			i--
		}
		c.tables = append(c.tables[:i], append([]*table{t}, c.tables[i:]...)...)
	}
	return c
}

func (c *Calendar) inForce(unix int64) *table {
	for i := len(c.tables) - 1; i >= 0; i-- {
		if c.tables[i].from <= unix || i == 0 {
			return c.tables[i]
		}
	}
	return nil
}

func (t *table) local(unix int64) (today Day, weekday, minute int) {
	offset := t.zone[0].offset
	for i := len(t.zone) - 1; i > 0; i-- {
		if unix >= t.zone[i].at {
			offset = t.zone[i].offset
			break
		}
	}
	return localTime(offset, unix)
}

// Outcome is what the table in force gives a status at a Unix second, and
// whether it is a stop that made it so.
func (c *Calendar) Outcome(s Status, unix int64, mode uint8) (o Outcome, stopped bool) {
	t := c.inForce(unix)
	if t == nil {
		return Undecided, false
	}
	class := s.Class % Classes
	rows := t.rows[class]
	if s.StopUntil == 0 && len(rows) == 0 {
		return t.rules.Default[class], false // whatever the hour: most taps
	}
	today, weekday, minute := t.local(unix)
	if s.Stopped(today) {
		return t.rules.Stopped, true
	}
	for i := range rows {
		if rows[i].fits(today, weekday, minute, mode) {
			return rows[i].Outcome, false
		}
	}
	return t.rules.Default[class], false
}

// Stale is what the table in force gives a status once the list is too old.
func (c *Calendar) Stale(s Status, unix int64) (o Outcome, stopped bool) {
	t := c.inForce(unix)
	if t == nil {
		return Undecided, false
	}
	if today, _, _ := t.local(unix); s.Stopped(today) {
		return t.rules.StaleStopped, true
	}
	return t.rules.Stale[s.Class%Classes], false
}

// Ages are the list ages at which a device shows amber and raises an alarm.
func (c *Calendar) Ages(unix int64) (amber, alarm time.Duration) {
	if t := c.inForce(unix); t != nil {
		return t.rules.Amber, t.rules.Alarm
	}
	return 0, 0
}
