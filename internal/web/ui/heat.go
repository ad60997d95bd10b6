package ui

import (
	"context"
	"strconv"

	"turnike/internal/i18n"
)

// Heat is a drawing of counts in rows and columns: the darker the more. Its
// numbers stand in the cells, and below as a table.
type Heat struct {
	Title  string
	Head   string // names the rows in the table
	Rows   []string
	Cols   []string
	Values [][]float64 // by row
}

type heatCell struct{ x, y, w, h, tx, ty, shade, text string }

type heatText struct{ x, y, text string }

type heatDrawing struct {
	viewBox    string
	cells      []heatCell
	rows, cols []heatText
	heads      []string
	numeric    []int
	table      [][]string
}

// lay works out where everything goes.
func (h Heat) lay(ctx context.Context) heatDrawing {
	l := i18n.From(ctx)
	const left, top, cw, ch = 96.0, 24.0, 46.0, 30.0
	// Never narrower than a Chart, or its letters would be larger than that one's.
	d := heatDrawing{viewBox: "0 0 " + num(max(chartW, left+cw*float64(len(h.Cols)))) + " " + num(top+ch*float64(len(h.Rows))), heads: append([]string{h.Head}, h.Cols...)}
	most := 0.0
	for _, row := range h.Values {
		for _, v := range row {
			most = max(most, v)
		}
	}
	for i, c := range h.Cols {
		d.cols = append(d.cols, heatText{num(left + cw*(float64(i)+0.5)), num(top - 8), c})
		d.numeric = append(d.numeric, i+1)
	}
	for y, name := range h.Rows {
		d.rows = append(d.rows, heatText{num(left - 8), num(top + ch*(float64(y)+0.5) + 5), name})
		line := []string{name}
		for x, v := range h.Values[y] {
			shade := 0.0
			if most > 0 {
				shade = 0.55 * v / most // never so dark that the number on it cannot be read
			}
			digits := 0
			if v != float64(int(v)) && v < 10 {
				digits = 1
			}
			text := l.Decimal(v, digits)
			line = append(line, text)
			d.cells = append(d.cells, heatCell{num(left + cw*float64(x) + 1), num(top + ch*float64(y) + 1), num(cw - 2), num(ch - 2),
				num(left + cw*(float64(x)+0.5)), num(top + ch*(float64(y)+0.5) + 5), num2(shade), text})
		}
		d.table = append(d.table, line)
	}
	return d
}

// num2 is a share with two digits, as SVG reads it.
func num2(f float64) string { return strconv.FormatFloat(f, 'f', 2, 64) }
