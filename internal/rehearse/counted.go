package rehearse

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"time"

	"turnike/gate"
	"turnike/internal/card"
	"turnike/internal/city"
	"turnike/internal/tap"
	"turnike/statuslist"
)

// TryCounted tries a rule on what the city's validators counted on a real day:
// with is the city with the rule, counts and attempts are the day's. Nobody's
// rides are known or needed: it says how many taps the rule refuses, at which
// hour and stop and of which class, and cannot say of how many people.
func TryCounted(p, with *city.Profile, rule string, day time.Time, counts []tap.Count, attempts []tap.Attempt) *Trial {
	known := with.Known(day)
	under := tap.Under(counts, attempts, func(c card.Class, at time.Time) gate.Decision {
		return decided(known, statuslist.Status{Class: statuslist.Class(c)}, at.In(with.Location()))
	})
	return &Trial{rule, countedDay(p, day, counts), countedDay(p, day, under)}
}

// DayHours are the hours since 1970 that a city's day has, the last not among
// them.
func DayHours(p *city.Profile, day time.Time) (from, to int64) {
	y, m, d := day.In(p.Location()).Date()
	begin := time.Date(y, m, d, 0, 0, 0, 0, p.Location())
	return begin.Unix() / 3600, begin.AddDate(0, 0, 1).Unix() / 3600
}

func countedDay(p *city.Profile, day time.Time, counts []tap.Count) *Result {
	f := tap.Sum(counts)
	r := &Result{City: p.ID, Date: day.In(p.Location()).Format(time.DateOnly), DayType: "counted", Day: f.All, Counts: counts}
	for _, hour := range slices.Sorted(maps.Keys(f.ByHour)) {
		r.Hours = append(r.Hours, HourRow{At: time.Unix(hour*3600, 0), Tally: f.ByHour[hour]})
	}
	for _, c := range slices.Sorted(maps.Keys(f.ByClass)) {
		r.Causes = append(r.Causes, Cause{Key: c.String(), Taps: f.ByClass[c].Taps(), Refused: f.ByClass[c].Refused})
	}
	if f.Unissued.Taps() > 0 {
		r.Causes = append(r.Causes, Cause{Key: "unissued", Taps: f.Unissued.Taps(), Refused: f.Unissued.Refused})
	}
	for stop, t := range f.ByStop {
		r.EveryPlace = append(r.EveryPlace, PlaceRow{Place: Place{Name: strconv.FormatUint(uint64(stop), 10), Mode: Rail}, Taps: t.Taps(), Refused: t.Refused})
	}
	slices.SortFunc(r.EveryPlace, func(a, b PlaceRow) int {
		return cmp.Or(cmp.Compare(b.Refused, a.Refused), cmp.Compare(a.Name, b.Name))
	})
	r.Places = r.EveryPlace[:min(topPlaces, len(r.EveryPlace))]
	return r
}
