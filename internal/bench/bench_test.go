package bench

import (
	"bytes"
	"math"
	"strings"
	"testing"
)

func TestHolds(t *testing.T) {
	for _, c := range []struct {
		bound string
		v     float64
		want  bool
	}{
		{"<=1.01", 1.01, true}, {"<=1.01", 1.0101, false},
		{">=3", 3, true}, {">=3", 2.99, false},
		{"=0", 0, true}, {"=0", 1, false},
		{">= 0.2", 0.25, true}, {"<=1e3", 999, true},
		{">=3", math.NaN(), false},
	} {
		if got, err := Holds(c.bound, c.v); got != c.want || err != nil {
			t.Errorf("Holds(%q, %v): got %v, %v, want %v", c.bound, c.v, got, err, c.want)
		}
	}
	for _, bad := range []string{"", "3", "about 3", "<3", "<="} {
		if _, err := Holds(bad, 1); err == nil {
			t.Errorf("Holds(%q): got no error, want one", bad)
		}
	}
}

func TestReport(t *testing.T) {
	even, err := NewBar("even", ">=2", []float64{4, 1, 3, 2})
	if err != nil {
		t.Fatal(err)
	}
	if even.Median != 2.5 || even.Min != 1 || even.Max != 4 || !even.OK {
		t.Errorf("even: got %+v, want median 2.5 in 1..4, ok", even)
	}
	none, err := NewBar("none", "<=1", nil)
	if err != nil || none.OK {
		t.Errorf("a bar without rounds: got %+v, %v, want it missed", none, err)
	}
	r := Report{Bench: "pair", Bars: []Bar{even}}
	if !r.OK() {
		t.Errorf("all held: got missed")
	}
	r.Bars = append(r.Bars, none)
	if r.OK() {
		t.Errorf("one missed: got held")
	}
	var j, s bytes.Buffer
	if err := r.JSON(&j); err != nil {
		t.Fatal(err)
	}
	const want = `{"bench":"pair","bars":[{"name":"even","median":2.5,"min":1,"max":4,"bar":">=2","ok":true},`
	if !strings.HasPrefix(j.String(), want) {
		t.Errorf("json:\n got %s\nwant %s...", j.String(), want)
	}
	if err := r.Table(&s); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(s.String(), "missed") {
		t.Errorf("table: got\n%s\nwant a line that says missed", s.String())
	}
}
