// Package booking keeps appointments (randevu): who comes to which counter at
// which quarter of an hour, so that nobody waits and no more people stand on
// the floor than there are cashiers.
//
// A place is a counter, not a row: each pool of counters has, for each day and
// unit of time, a cell with how many are planned and how many are taken, and
// each centre a floor cell above them. A booking takes one of every cell it
// spans in one transaction that holds the centre's day. A place that somebody
// holds while typing lapses by itself: the next booking on that day takes it
// back before it looks. What is remembered in memory (Board) may say "no",
// and only the database says "yes".
package booking

import (
	"fmt"
	"time"
)

// Day is a civil day in the network's zone, counted from 1 January 1970.
type Day int32

// DayOf is the day a moment falls on in a zone.
func DayOf(t time.Time, zone *time.Location) Day {
	y, m, d := t.In(zone).Date()
	return Date(y, m, d)
}

// Date is the day of a calendar date.
func Date(y int, m time.Month, d int) Day {
	return Day(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

// Midnight is when the day begins in a zone.
func (d Day) Midnight(zone *time.Location) time.Time {
	u := time.Unix(int64(d)*86400, 0).UTC()
	return time.Date(u.Year(), u.Month(), u.Day(), 0, 0, 0, 0, zone)
}

// At is a minute of the day, by the clock on the wall of a zone.
func (d Day) At(minute int, zone *time.Location) time.Time {
	u := time.Unix(int64(d)*86400, 0).UTC()
	return time.Date(u.Year(), u.Month(), u.Day(), 0, minute, 0, 0, zone)
}

// Weekday is the day of the week.
func (d Day) Weekday() time.Weekday { return time.Unix(int64(d)*86400, 0).UTC().Weekday() }

// String is the day as 2021-01-15.
func (d Day) String() string { return time.Unix(int64(d)*86400, 0).UTC().Format(time.DateOnly) }

// ParseDay reads a day as String writes it.
func ParseDay(s string) (Day, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return 0, ErrDay
	}
	return Day(t.Unix() / 86400), nil
}

// Clock is a minute of the day as 08:30.
func Clock(minute int) string { return fmt.Sprintf("%02d:%02d", minute/60, minute%60) }

// parseClock reads 08:30; 24:00 is the end of the day.
func parseClock(s string) (minute int, ok bool) {
	var h, m int
	if len(s) != 5 || s[2] != ':' {
		return 0, false
	}
	for i, c := range []byte(s) {
		if i != 2 && (c < '0' || c > '9') {
			return 0, false
		}
	}
	h, m = int(s[0]-'0')*10+int(s[1]-'0'), int(s[3]-'0')*10+int(s[4]-'0')
	if h > 24 || m > 59 || h == 24 && m > 0 {
		return 0, false
	}
	return h*60 + m, true
}
