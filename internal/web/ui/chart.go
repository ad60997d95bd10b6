package ui

import (
	"context"
	"math"
	"slices"
	"strconv"
	"strings"

	"turnike/internal/i18n"
)

// Chart is a small drawing of figures: bars beside each other or lines, drawn
// on the server so that it needs no script and prints.
type Chart struct {
	Title  string
	Labels []string // along the bottom, one per value
	Series []Series // at most four; more cannot be told apart
	Lines  bool     // lines instead of bars
	// Percent says that values are shares, 0.24 for 24 %.
	Percent bool
	// Head names the bottom axis in the table.
	Head string
}

// Series is one named row of figures.
type Series struct {
	Name   string
	Values []float64
}

type (
	axisLine struct{ x1, x2, y, tx, ty, label string }
	tick     struct{ x, y, label string }
	bar      struct{ class, x, y, w, h string }
	line     struct{ class, points string }
	drawing  struct {
		viewBox string
		axis    []axisLine
		ticks   []tick
		bars    []bar
		lines   []line
		heads   []string
		numeric []int
		rows    [][]string
	}
)

// The drawing's measures, in units of its viewBox.
const (
	chartW, chartH               = 480.0, 260.0
	padLeft, padTop, padB, padRt = 84.0, 12.0, 34.0, 8.0
	tickRoom                     = 44.0 // width a label at the bottom needs
)

// lay works out where everything goes.
func (c Chart) lay(ctx context.Context) drawing {
	l := i18n.From(ctx)
	write := func(v float64) string {
		switch {
		case c.Percent:
			return l.Percent(v, 0)
		case v == math.Trunc(v):
			return l.Number(int64(v))
		}
		return l.Decimal(v, 1)
	}
	top := 0.0
	for _, s := range c.Series {
		for _, v := range s.Values {
			top = max(top, v)
		}
	}
	step := niceStep(top / 4)
	top = step * max(1, math.Ceil(top/step-1e-9))
	w, h := chartW-padLeft-padRt, chartH-padTop-padB
	y := func(v float64) float64 { return padTop + h - h*max(0, v)/top }

	d := drawing{viewBox: "0 0 " + num(chartW) + " " + num(chartH), heads: []string{c.Head}}
	for v := 0.0; v <= top+step/2; v += step {
		d.axis = append(d.axis, axisLine{num(padLeft), num(chartW - padRt), num(y(v)), num(padLeft - 8), num(y(v) + 5), write(v)})
	}
	n := len(c.Labels)
	if n == 0 {
		return d
	}
	slot := w / float64(n)
	every := max(1, int(math.Ceil(tickRoom/slot)))
	for i, label := range c.Labels {
		if i%every == 0 {
			d.ticks = append(d.ticks, tick{num(padLeft + slot*(float64(i)+0.5)), num(chartH - 10), label})
		}
		row := []string{label}
		for _, s := range c.Series {
			if i < len(s.Values) {
				row = append(row, write(s.Values[i]))
			} else {
				row = append(row, "")
			}
		}
		d.rows = append(d.rows, row)
	}
	for k, s := range c.Series {
		d.heads = append(d.heads, s.Name)
		d.numeric = append(d.numeric, k+1)
		var points []string
		for i, v := range s.Values[:min(n, len(s.Values))] {
			if c.Lines {
				points = append(points, num(padLeft+slot*(float64(i)+0.5))+","+num(y(v)))
				continue
			}
			bw := slot * 0.8 / float64(len(c.Series))
			x := padLeft + slot*float64(i) + slot*0.1 + bw*float64(k)
			d.bars = append(d.bars, bar{seriesClass(k), num(x), num(y(v)), num(bw), num(padTop + h - y(v))})
		}
		if c.Lines {
			d.lines = append(d.lines, line{seriesClass(k), strings.Join(points, " ")})
		}
	}
	return d
}

// niceStep rounds a step up to 1, 2, 2.5 or 5 times a power of ten.
func niceStep(s float64) float64 {
	if s <= 0 || math.IsNaN(s) || math.IsInf(s, 0) {
		return 1
	}
	p := math.Pow(10, math.Floor(math.Log10(s)))
	for _, m := range []float64{1, 2, 2.5, 5} {
		if s <= m*p*(1+1e-9) {
			return m * p
		}
	}
	return 10 * p
}

func num(f float64) string { return strconv.FormatFloat(math.Round(f*10)/10, 'f', -1, 64) }

func seriesClass(i int) string { return "t-s" + strconv.Itoa(i%4) }

func isNum(cols []int, i int) bool { return slices.Contains(cols, i) }
