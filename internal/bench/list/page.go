package list

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"html/template"
	"io"
	"math"

	"turnike/statuslist"
)

// size is how long one mix is in the forms there are, in bytes.
type size struct {
	Mix   string
	Bound float64
	Forms []form
}

type form struct {
	Name  string
	Bytes float64
	// Note says what the figure is where it is not a measured exact form.
	Note string
}

func (s size) String() string {
	out := fmt.Sprintf("%-45s bound %9.0f", s.Mix, s.Bound)
	for _, f := range s.Forms {
		out += fmt.Sprintf(", %s %.0f (%.3f)", f.Name, f.Bytes, f.Bytes/s.Bound)
	}
	return out
}

// beside gives the sizes of other forms of a list that tells two states
// apart. Lists of more states have none: those forms cannot say them.
func beside(pop []statuslist.Status, m mix) ([]form, error) {
	if len(m.p) != 1 {
		return nil, nil
	}
	bitmap := make([]byte, (len(pop)+7)/8)
	listed := 0
	for i, s := range pop {
		if s.Class == 1 {
			bitmap[i/8] |= 1 << (i % 8)
			listed++
		}
	}
	var packed bytes.Buffer
	w, err := zlib.NewWriterLevel(&packed, zlib.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(bitmap); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	rare := min(listed, len(pop)-listed)
	return []form{
		{"zlib", float64(packed.Len()), "Token Status List of one bit"},
		{"Roaring", float64(roaringSize(pop)), "by its published layout"},
		{"Bloom cascade", cascadeSize(rare, len(pop)-rare), "computed"},
		{"fuse filter 8", float64(rare) * 1.13, "computed; wrong for one card in 256"},
	}, nil
}

// roaringSize is the length of a Roaring bitmap in its portable form: per
// 65,536 positions the shortest of a sorted array, a bitmap and runs.
func roaringSize(pop []statuslist.Status) int {
	const container = 1 << 16
	size := 8
	for from := 0; from < len(pop); from += container {
		n, runs, in := 0, 0, false
		for _, s := range pop[from:min(from+container, len(pop))] {
			set := s.Class == 1
			if set {
				n++
				if !in {
					runs++
				}
			}
			in = set
		}
		if n > 0 {
			size += 8 + min(2*n, 8192, 2+4*runs)
		}
	}
	return size
}

// cascadeSize is what a cascade of Bloom filters comes to: the first tuned to
// the two sets, each later one holding what the one before got wrong at even
// chance (Larisch and others, CRLite, 2017).
func cascadeSize(in, out int) (size float64) {
	const bitsPerHalving = 1 / math.Ln2
	a, b := float64(in), float64(out)
	p := min(0.5, a*math.Sqrt(0.5)/b)
	for a > 1 {
		size += a * bitsPerHalving * math.Log2(1/p) / 8
		a, b = b*p, a
		p = 0.5
	}
	return size
}

// draw sets the sizes of each mix against the bound, as one file of HTML.
func draw(w io.Writer, sizes []size) error {
	type bar struct {
		form
		X, Y, Width float64
		Ratio       string
	}
	type chart struct {
		Mix    string
		Bound  float64
		Bars   []bar
		Height float64
		BoundX float64
	}
	const left, unit, row = 130.0, 200.0, 26.0 // the bound is one unit wide
	var charts []chart
	for _, s := range sizes {
		c := chart{Mix: s.Mix, Bound: s.Bound, BoundX: left + unit, Height: row*float64(len(s.Forms)) + 8}
		for i, f := range s.Forms {
			ratio := f.Bytes / s.Bound
			c.Bars = append(c.Bars, bar{form: f, X: left, Y: 4 + row*float64(i), Width: unit * min(ratio, 2.6), Ratio: fmt.Sprintf("%.3f", ratio)})
		}
		charts = append(charts, c)
	}
	if err := page.Execute(w, charts); err != nil {
		return fmt.Errorf("draw sizes: %w", err)
	}
	return nil
}

var page = template.Must(template.New("sizes").Funcs(template.FuncMap{
	"add": func(a, b float64) float64 { return a + b },
}).Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Size of the card list against the information bound</title>
<style>
body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b;background:#fff}
svg{width:100%;height:auto}svg text{font:13px system-ui,sans-serif;fill:currentColor}
.us{fill:#0b6e4f}.other{fill:#b9c4cc}.bound{stroke:#b3261e;stroke-width:1.5;stroke-dasharray:4 3}
@media (prefers-color-scheme:dark){body{background:#111;color:#eee}.other{fill:#56626b}.us{fill:#3fbf92}}
table{border-collapse:collapse}td,th{padding:.1rem .8rem .1rem 0;text-align:left}:is(td,th):nth-child(2),:is(td,th):nth-child(3){text-align:right}
</style></head><body>
<h1>Size of the card list against the information bound</h1>
<p>The dashed line is the least any exact form can take that knows how many cards are in which state. Bars past 2.6 times the bound are cut off.</p>
{{range .}}<h2>{{.Mix}}</h2>
<svg viewBox="0 0 760 {{.Height}}" role="img" aria-label="{{.Mix}}: bytes by form, as in the table below">
{{range $i, $b := .Bars}}<text x="0" y="{{add .Y 16}}">{{.Name}}</text><rect class="{{if $i}}other{{else}}us{{end}}" x="{{.X}}" y="{{.Y}}" width="{{.Width}}" height="20" rx="2"/><text x="{{add (add .X .Width) 6}}" y="{{add .Y 16}}">{{.Ratio}}</text>
{{end}}<line class="bound" x1="{{.BoundX}}" x2="{{.BoundX}}" y1="0" y2="{{.Height}}"/></svg>
<table><tr><th>form</th><th>bytes</th><th>times the bound of {{printf "%.0f" .Bound}}</th><th></th></tr>
{{range .Bars}}<tr><td>{{.Name}}</td><td>{{printf "%.0f" .Bytes}}</td><td>{{.Ratio}}</td><td>{{.Note}}</td></tr>
{{end}}</table>
{{end}}</body></html>
`))
