package rehearse

import (
	"math"
	"strconv"
)

// stack is a day's hours as columns: opened below, full fare, refused on top,
// with a line where the deadline falls.
type stack struct {
	axis  []axisLine
	bars  []bar
	ticks []mark
	line  *mark
}

type (
	axisLine struct{ y, textY, label string }
	mark     struct{ x, label string }
	bar      struct{ class, x, y, w, h string }
)

// The drawing's measures, in units of its viewBox.
const (
	stackW, stackH = 720.0, 320.0
	stackLeft      = 84.0
	stackTop       = 26.0
	stackFoot      = 34.0
)

// The series' colours, by the names of the style sheet.
const (
	openedClass   = "t-s0"
	fullFareClass = "t-s3"
	refusedClass  = "t-s1"
)

func (v view) stack() stack {
	var s stack
	most := 1.0
	for _, h := range v.Hours {
		most = math.Max(most, float64(h.Taps()))
	}
	step := niceStep(most / 4)
	top := step * math.Ceil(most/step)
	height := stackH - stackTop - stackFoot
	y := func(n float64) float64 { return stackTop + height*(1-n/top) }
	for n := 0.0; n <= top; n += step {
		s.axis = append(s.axis, axisLine{units(y(n)), units(y(n) + 5), v.l.Number(int64(n))})
	}
	slot := (stackW - stackLeft - 8) / float64(max(1, len(v.Hours)))
	for i, h := range v.Hours {
		x := stackLeft + slot*float64(i)
		at := h.At.In(v.city.Location())
		if at.Hour()%3 == 0 {
			s.ticks = append(s.ticks, mark{units(x + slot/2), at.Format("15")})
		}
		if at.Hour() == 0 && i > 0 {
			label := v.t("day.hours.midnight")
			if v.Deadline != nil && v.Deadline.Equal(h.At) {
				label = v.t("day.hours.deadline")
			}
			s.line = &mark{units(x), label}
		}
		below := 0.0
		for _, part := range []struct {
			class string
			taps  uint64
		}{{openedClass, h.Opened}, {fullFareClass, h.FullFare}, {refusedClass, h.Refused}} {
			if part.taps == 0 {
				continue
			}
			n := float64(part.taps)
			s.bars = append(s.bars, bar{part.class, units(x + slot*0.1), units(y(below + n)), units(slot * 0.8), units(y(below) - y(below+n))})
			below += n
		}
	}
	return s
}

// strip is one row of a table drawn as a bar: how much of it was refused, on
// the scale of the longest.
type strip struct{ taps, refused string }

func stripOf(taps, refused, most uint64) strip {
	w := func(n uint64) string { return units(200 * float64(n) / float64(max(1, most))) }
	return strip{w(taps), w(refused)}
}

// strips draws rows of places.
func strips(rows []PlaceRow, n int) []strip {
	most := uint64(0)
	for _, r := range rows {
		most = max(most, r.Taps)
	}
	out := make([]strip, 0, n)
	for _, r := range rows[:min(n, len(rows))] {
		out = append(out, stripOf(r.Taps, r.Refused, most))
	}
	return out
}

func (v view) causeStrips() (out []strip) {
	most := uint64(0)
	for _, c := range v.Causes {
		most = max(most, c.Taps)
	}
	for _, c := range v.Causes {
		if c.Taps > 0 {
			out = append(out, stripOf(c.Taps, c.Refused, most))
		}
	}
	return out
}

// niceStep rounds up to 1, 2, 2.5 or 5 times a power of ten, at least 1.
func niceStep(s float64) float64 {
	p := math.Pow(10, math.Floor(math.Log10(math.Max(s, 1))))
	for _, m := range []float64{1, 2, 2.5, 5} {
		if s <= m*p {
			return math.Ceil(m * p)
		}
	}
	return 10 * p
}

func units(f float64) string { return strconv.FormatFloat(math.Round(f*10)/10, 'f', -1, 64) }
