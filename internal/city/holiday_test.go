package city

import (
	"testing"
	"time"
)

func TestHolidays(t *testing.T) {
	for _, c := range []struct {
		day  string
		want Holiday
		ok   bool
	}{
		{"2021-01-01", Holiday{Key: "new_year"}, true},
		{"2021-05-12", Holiday{Key: "ramazan", Half: true}, true},
		{"2021-05-15", Holiday{Key: "ramazan"}, true},
		{"2021-05-16", Holiday{}, false},
		{"2021-07-15", Holiday{Key: "democracy"}, true},
		{"2021-07-19", Holiday{Key: "kurban", Half: true}, true},
		{"2021-07-23", Holiday{Key: "kurban"}, true},
		{"2021-10-28", Holiday{Key: "republic", Half: true}, true},
		{"2023-04-23", Holiday{Key: "ramazan"}, true}, // and the children's day
		{"2022-05-01", Holiday{Key: "labour"}, true},  // whole, though an eve as well
		{"2021-01-15", Holiday{}, false},
	} {
		d, err := time.Parse(time.DateOnly, c.day)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := HolidayOn(d); got != c.want || ok != c.ok {
			t.Errorf("%s: got %+v %v, want %+v %v", c.day, got, ok, c.want, c.ok)
		}
	}
	// Each year has 8.5 days of fixed holidays and 8 of feasts, less those
	// that fall together.
	for y := FirstHolidayYear; y <= LastHolidayYear; y++ {
		n := 0
		for d := time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC); d.Year() == y; d = d.AddDate(0, 0, 1) {
			if _, ok := HolidayOn(d); ok {
				n++
			}
		}
		if n < 14 || n > 17 {
			t.Errorf("%d: got %d days with a holiday, want 14 to 17", y, n)
		}
	}
}

func TestDistricts(t *testing.T) {
	for plate, want := range map[int]int{34: 39, 35: 30} {
		sum := 0
		for _, d := range Districts(plate) {
			sum += d.Population
		}
		if got := len(Districts(plate)); got != want || sum < 4_000_000 {
			t.Errorf("plate %d: got %d districts with %d people, want %d with millions", plate, got, sum, want)
		}
	}
	for name, want := range map[string]bool{"Karşıyaka": true, "karsiyaka": true, "ÇİĞLİ": true, "Kadıköy": false} {
		if got := HasDistrict(35, name); got != want {
			t.Errorf("İzmir has %s: got %v, want %v", name, got, want)
		}
	}
}
