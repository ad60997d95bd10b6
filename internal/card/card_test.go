package card

import (
	"testing"
	"time"
)

func TestStatusOf(t *testing.T) {
	stop := func(k ReasonKind, until int32) Reason { return Reason{Kind: k, UntilDay: until, Provenance: "test"} }
	for _, c := range []struct {
		name    string
		class   Class
		reasons []Reason
		want    Status
	}{
		{"nothing against it", Paired, nil, Status{Paired, 0}},
		{"isolation until a day", Paired, []Reason{stop(Isolation, 18650)}, Status{Paired, 18650}},
		{"the latest end wins", Paired65, []Reason{stop(Isolation, 18650), stop(Lapsed, 18700), stop(Isolation, 18640)}, Status{Paired65, 18700}},
		{"without an end, until lifted", Paired, []Reason{stop(Lost, 0), stop(Isolation, 18650)}, Status{Paired, NoEnd}},
		{"replaced is for good", Exempt, []Reason{stop(Isolation, 18650), stop(Replaced, 0), stop(Lost, 0)}, Status{Dead, 0}},
		{"an unpaired card can be stopped too", Unpaired, []Reason{stop(Blocked, 0)}, Status{Unpaired, NoEnd}},
	} {
		if got := StatusOf(c.class, c.reasons); got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
		// The order in which causes came does not matter.
		for i, j := 0, len(c.reasons)-1; i < j; i, j = i+1, j-1 {
			c.reasons[i], c.reasons[j] = c.reasons[j], c.reasons[i]
		}
		if got := StatusOf(c.class, c.reasons); got != c.want {
			t.Errorf("%s, the other way about: got %+v, want %+v", c.name, got, c.want)
		}
	}
}

// TestDayOf: a day is the city's, and Türkiye is three hours ahead.
func TestDayOf(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Istanbul")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		at   time.Time
		want int32
	}{
		{time.Date(1970, 1, 1, 12, 0, 0, 0, zone), 0},
		{time.Date(1970, 1, 1, 1, 0, 0, 0, zone), 0}, // 31 December in UTC
		{time.Date(2021, 1, 14, 23, 59, 59, 0, zone), 18641},
		{time.Date(2021, 1, 15, 0, 0, 0, 0, zone), 18642},
		{time.Date(2021, 1, 14, 21, 0, 0, 0, time.UTC), 18642},
		{time.Date(2021, 1, 14, 20, 59, 59, 0, time.UTC), 18641},
		{time.Date(1969, 12, 31, 12, 0, 0, 0, zone), -1},
	} {
		if got := DayOf(c.at, zone); got != c.want {
			t.Errorf("%v: got %d, want %d", c.at, got, c.want)
		}
	}
}

func TestNumber(t *testing.T) {
	for _, c := range []struct {
		digits string
		value  uint64
		ok     bool
		last   string
	}{
		{"3400000000001234", 3400000000001234, true, "1234"},
		{"0000000000000007", 7, true, "0007"},
		{"9999999999999999999", 9999999999999999999, true, "9999"},
		{"12345678901234567890", 0, false, "7890"},
		{"123", 123, true, "123"},
		{"", 0, false, ""},
	} {
		n := NewNumber(1, c.digits)
		if v, ok := n.Value(); v != c.value || ok != c.ok {
			t.Errorf("%s: got %d %v, want %d %v", c.digits, v, ok, c.value, c.ok)
		}
		if got := n.Last4(); got != c.last {
			t.Errorf("%s: got last %q, want %q", c.digits, got, c.last)
		}
	}
}

func TestClassNames(t *testing.T) {
	seen := map[string]bool{}
	for c := Class(0); c < ClassEnd; c++ {
		s := c.String()
		if got, ok := ClassOf(s); !ok || got != c || seen[s] {
			t.Errorf("%d is %q: got %v %v, want a name of its own", c, s, got, ok)
		}
		seen[s] = true
	}
	if _, ok := ClassOf("reserved"); ok || ClassEnd.String() != "reserved" {
		t.Errorf("past the end: got %q", ClassEnd)
	}
}
