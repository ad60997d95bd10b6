package city

import (
	"time"

	"turnike/internal/i18n"
)

// Holiday is a day on which public offices are closed.
type Holiday struct {
	Key  string // of its name in the catalogues, below "holiday."
	Half bool   // from 13:00 only
}

// Name is what the holiday is called.
func (h Holiday) Name(l i18n.Lang) string { return i18n.T(l, "holiday."+h.Key) }

// fixed are the holidays of Law 2429 on National Holidays that stand on a date
// of every year. 15 July is one since 2016 (Law 6752).
var fixed = map[[2]int]Holiday{
	{1, 1}:   {Key: "new_year"},
	{4, 23}:  {Key: "sovereignty"},
	{5, 1}:   {Key: "labour"},
	{5, 19}:  {Key: "ataturk"},
	{7, 15}:  {Key: "democracy"},
	{8, 30}:  {Key: "victory"},
	{10, 28}: {Key: "republic", Half: true},
	{10, 29}: {Key: "republic"},
}

// The first days of the two religious holidays, three and four days long, each
// with the afternoon before. They follow the moon, so they are a table: as
// computed for Türkiye by vacanza/holidays (Diyanet's calendar), 2019 to 2027.
var (
	ramazan = map[int][2]int{2019: {6, 4}, 2020: {5, 24}, 2021: {5, 13}, 2022: {5, 2}, 2023: {4, 21}, 2024: {4, 10},
		2025: {3, 30}, 2026: {3, 20}, 2027: {3, 9}}
	kurban = map[int][2]int{2019: {8, 11}, 2020: {7, 31}, 2021: {7, 20}, 2022: {7, 9}, 2023: {6, 28}, 2024: {6, 16},
		2025: {6, 6}, 2026: {5, 27}, 2027: {5, 16}}
)

// Holidays known run from the first year to the last, included.
const (
	FirstHolidayYear = 2019
	LastHolidayYear  = 2027
)

// HolidayOn tells whether a calendar day, at its midnight in any zone, is a
// public holiday. Where two fall together the religious one names the day; a
// whole day goes before a half.
func HolidayOn(day time.Time) (Holiday, bool) {
	y, m, d := day.Date()
	date := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	h, ok := fixed[[2]int{int(m), d}]
	for _, feast := range []struct {
		first map[int][2]int
		days  int
		key   string
	}{{ramazan, 3, "ramazan"}, {kurban, 4, "kurban"}} {
		f, known := feast.first[y]
		if !known {
			continue
		}
		first := time.Date(y, time.Month(f[0]), f[1], 0, 0, 0, 0, time.UTC)
		switch n := int(date.Sub(first).Hours() / 24); {
		case n >= 0 && n < feast.days:
			return Holiday{Key: feast.key}, true
		case n == -1 && !ok:
			h, ok = Holiday{Key: feast.key, Half: true}, true
		}
	}
	return h, ok
}
