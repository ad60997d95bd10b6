// Package bench is what the product's own measurements have in common: a bar
// that a figure is held to, rounds that set candidate and yardstick side by
// side, and a report for people and for scripts.
//
// A bar is nearly always a ratio to something run in the same process within
// the same round, because absolute rates on shared machines move threefold in
// an hour and ratios move by a third.
package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// Bar is one figure with what it is held to.
type Bar struct {
	Name   string  `json:"name"`
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	// Bar is the bound as it is read: "<=1.01", ">=3", "=0". The median is
	// held to it.
	Bar string `json:"bar"`
	OK  bool   `json:"ok"`
	// Note says what the figure rests on: rates seen, load average.
	Note string `json:"note,omitempty"`
}

// NewBar takes a figure's value in each round and the bound. A bar without
// rounds is missed: what was not measured is not held.
func NewBar(name, bound string, rounds []float64) (Bar, error) {
	b := Bar{Name: name, Bar: bound}
	if len(rounds) == 0 {
		b.Note = "not measured"
		return b, nil
	}
	r := slices.Sorted(slices.Values(rounds))
	b.Min, b.Max = r[0], r[len(r)-1]
	b.Median = r[len(r)/2]
	if len(r)%2 == 0 {
		b.Median = (r[len(r)/2-1] + r[len(r)/2]) / 2
	}
	ok, err := Holds(bound, b.Median)
	if err != nil {
		return Bar{}, fmt.Errorf("bar %s: %w", name, err)
	}
	b.OK = ok
	return b, nil
}

// Holds tells whether v keeps a bound: "<=", ">=" or "=" and a number.
func Holds(bound string, v float64) (bool, error) {
	op := strings.TrimRight(bound, "0123456789.+-eE ")
	limit, err := strconv.ParseFloat(strings.TrimSpace(bound[len(op):]), 64)
	if err != nil {
		return false, fmt.Errorf("bound %q has no number", bound)
	}
	if math.IsNaN(v) {
		return false, nil
	}
	switch strings.TrimSpace(op) {
	case "<=":
		return v <= limit, nil
	case ">=":
		return v >= limit, nil
	case "=":
		return v == limit, nil
	}
	return false, fmt.Errorf("bound %q has no comparison", bound)
}

// Report is the outcome of one bench. Its JSON is a contract with scripts.
type Report struct {
	Bench string `json:"bench"`
	Bars  []Bar  `json:"bars"`
}

// OK tells whether every bar is held; the command's exit status says the same.
func (r Report) OK() bool {
	return !slices.ContainsFunc(r.Bars, func(b Bar) bool { return !b.OK })
}

// JSON writes the report on one line.
func (r Report) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false) // bounds read "<=", not \u003c=
	if err := e.Encode(r); err != nil {
		return fmt.Errorf("write %s report: %w", r.Bench, err)
	}
	return nil
}

// Table writes the report for people.
func (r Report) Table(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "%s\tmedian\tmin\tmax\tbar\t\t\n", r.Bench)
	for _, b := range r.Bars {
		verdict := "ok"
		if !b.OK {
			verdict = "missed"
		}
		fmt.Fprintf(t, "%s\t%.4g\t%.4g\t%.4g\t%s\t%s\t\n", b.Name, b.Median, b.Min, b.Max, b.Bar, verdict)
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("write %s report: %w", r.Bench, err)
	}
	for _, b := range r.Bars {
		if b.Note != "" {
			fmt.Fprintf(w, "%s: %s\n", b.Name, b.Note)
		}
	}
	return nil
}
