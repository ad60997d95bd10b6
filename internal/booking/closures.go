package booking

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	ics "github.com/arran4/golang-ical"
)

// closuresMost is how many days one file may close: a hundred years of
// holidays are fewer.
const closuresMost = 2000

// ReadClosures reads days off from an iCalendar file, whose entries of whole
// days close those days, or from comma-separated lines of date, name and kind,
// where kind is "full" or "half_from_13:00" and a first line may name the
// columns. They come back as exceptions for all centres, to be looked at before
// they are made; whoever makes them adds who they are.
func ReadClosures(b []byte) ([]Exception, error) {
	var out []Exception
	var err error
	if bytes.Contains(b[:min(len(b), 200)], []byte("BEGIN:VCALENDAR")) {
		out, err = calendarClosures(b)
	} else {
		out, err = listedClosures(b)
	}
	if err != nil {
		return nil, err
	}
	if len(out) == 0 {
		return nil, errors.New("closures: no day in the file")
	}
	return out, nil
}

func calendarClosures(b []byte) ([]Exception, error) {
	c, err := ics.ParseCalendar(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("closures: %w", err)
	}
	var out []Exception
	for i, e := range c.Events() {
		if p := e.GetProperty(ics.ComponentPropertyDtStart); p == nil || len(p.Value) != len("20210513") {
			continue // an entry with an hour closes nothing
		}
		from, err := e.GetAllDayStartAt()
		if err != nil {
			return nil, fmt.Errorf("closures: entry %d: %w", i+1, err)
		}
		first := Date(from.Date())
		last := first
		if to, err := e.GetAllDayEndAt(); err == nil {
			last = max(first, Date(to.Date())-1) // the end is the day after (RFC 5545, 3.6.1)
		}
		if int(last-first)+len(out) >= closuresMost {
			return nil, fmt.Errorf("closures: entry %d: more than %d days", i+1, closuresMost)
		}
		why := ""
		if p := e.GetProperty(ics.ComponentPropertySummary); p != nil {
			why = p.Value
		}
		for d := first; d <= last; d++ {
			out = append(out, Exception{Day: d, To: 24 * 60, Closed: true, Why: why})
		}
	}
	return out, nil
}

func listedClosures(b []byte) ([]Exception, error) {
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))))
	r.FieldsPerRecord = -1
	var out []Exception
	for line := 1; ; line++ {
		rec, err := r.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("closures: %w", err)
		}
		d, err := ParseDay(strings.TrimSpace(rec[0]))
		if err != nil {
			if line == 1 {
				continue
			}
			return nil, fmt.Errorf("closures: line %d: %q is not a date such as 2021-05-13", line, rec[0])
		}
		if len(out) == closuresMost {
			return nil, fmt.Errorf("closures: more than %d days", closuresMost)
		}
		e := Exception{Day: d, To: 24 * 60, Closed: true}
		if len(rec) > 1 {
			e.Why = rec[1]
		}
		if kind, ok := strings.CutPrefix(strings.TrimSpace(rec[len(rec)-1]), "half_from_"); ok && len(rec) > 2 {
			if e.From, ok = parseClock(kind); !ok {
				return nil, fmt.Errorf("closures: line %d: from when?", line)
			}
		}
		out = append(out, e)
	}
}
