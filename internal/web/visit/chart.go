package visit

import (
	"math"
	"strconv"
	"strings"

	"turnike/internal/booking"
)

// point is a place on a map, x to the east and y to the south, in the map's own
// units.
type point struct{ x, y float64 }

// chart is the drawn map of a network: a cell for each centre, true to its
// position, within the outline of the province. It is worked out once.
type chart struct {
	id      string // of its outline, within a page
	viewBox string
	land    string // the outline, which the cells are cut along
	cells   []cell
	frame   string // where the close-up is taken from, as a rectangle's path; only on the large map
	closeUp *chart // of the middle, where centres lie too close to be touched
}

// cell is what of the land is nearer to a centre than to any other.
type cell struct {
	centre string
	name   string
	d      string // an SVG path
	x, y   string // where the name stands
	label  bool
}

// izmir is the outline of the province by latitude and longitude, drawn by
// hand from the known places of its capes, bays and towns: enough to know it
// by, and no survey.
var izmir = [][2]float64{
	{39.18, 26.79}, {39.08, 26.87}, {39.02, 26.81}, {38.96, 26.80}, {38.93, 26.86}, {38.94, 26.94}, {38.93, 27.03},
	{38.87, 27.05}, {38.83, 26.96}, {38.77, 26.90}, {38.75, 26.83}, {38.72, 26.73}, {38.66, 26.74}, {38.62, 26.80},
	{38.55, 26.80}, {38.50, 26.85}, {38.46, 26.95}, {38.44, 27.02}, {38.463, 27.07}, {38.452, 27.10}, {38.462, 27.15},
	{38.450, 27.17}, {38.438, 27.15}, {38.420, 27.125}, {38.402, 27.08}, {38.412, 27.03}, {38.400, 26.98}, {38.380, 26.88},
	{38.365, 26.78}, {38.42, 26.74}, {38.43, 26.70}, {38.36, 26.68}, {38.33, 26.64}, {38.42, 26.58}, {38.52, 26.63},
	{38.64, 26.51}, {38.69, 26.42}, {38.66, 26.36}, {38.55, 26.38}, {38.45, 26.42}, {38.38, 26.48}, {38.32, 26.40},
	{38.37, 26.32}, {38.33, 26.27}, {38.27, 26.23}, {38.22, 26.38}, {38.19, 26.52}, {38.11, 26.60}, {38.17, 26.68},
	{38.19, 26.78}, {38.12, 26.82}, {38.02, 26.88}, {38.06, 27.01}, {38.00, 27.13}, {37.95, 27.26}, {37.89, 27.27},
	{37.88, 27.33}, {37.90, 27.48}, {37.98, 27.65}, {37.96, 27.85}, {38.05, 28.05}, {38.00, 28.25}, {38.05, 28.42},
	{38.20, 28.47}, {38.30, 28.35}, {38.37, 28.12}, {38.40, 27.90}, {38.42, 27.70}, {38.52, 27.55}, {38.55, 27.35},
	{38.57, 27.20}, {38.66, 27.16}, {38.75, 27.22}, {38.88, 27.22}, {38.95, 27.37}, {39.03, 27.50}, {39.15, 27.55},
	{39.28, 27.45}, {39.35, 27.30}, {39.36, 27.10}, {39.30, 26.95},
}

// outlines are those we have, by plate code of the province.
var outlines = map[int][][2]float64{35: izmir}

// shore is a further place of a district, by its centre's id: water does not
// part people on a map of distances, so a shore opposite is claimed by hand.
type shore struct {
	centre   string
	lat, lon float64
}

// shores are those of the gulf of İzmir, where the delta in the north would
// fall to the towns in the south.
var shores = map[int][]shore{35: {{"cigli", 38.475, 26.92}, {"cigli", 38.45, 27.01}, {"menemen", 38.56, 26.87}, {"foca", 38.62, 26.80}, {"karsiyaka", 38.455, 27.09}}}

// The large map's width, and the middle of İzmir that is shown again close up.
const (
	chartWidth = 420.0
	closeSouth = 38.335
	closeNorth = 38.545
	closeWest  = 26.80
	closeEast  = 27.31
)

// view turns latitude and longitude into a map's units.
type view struct{ west, north, scale, shrink float64 }

func newView(south, north, west, east float64) (v view, width, height float64) {
	shrink := math.Cos((south + north) / 2 * math.Pi / 180)
	v = view{west: west, north: north, shrink: shrink, scale: chartWidth / ((east - west) * shrink)}
	return v, chartWidth, (north - south) * v.scale
}

func (v view) at(lat, lon float64) point {
	return point{(lon - v.west) * v.shrink * v.scale, (v.north - lat) * v.scale}
}

// newChart is a network's map, nil where we have no outline of its province, or
// a centre is not the only one of its district.
func newChart(n *booking.Network) *chart {
	outline := outlines[n.Plate]
	if outline == nil || len(n.Centres) < 3 {
		return nil
	}
	seen := map[string]bool{}
	for _, c := range n.Centres {
		if c.District == "" || seen[c.District] || c.Lat == 0 {
			return nil
		}
		seen[c.District] = true
	}
	south, north, west, east := 90.0, -90.0, 180.0, -180.0
	for _, p := range outline {
		south, north = min(south, p[0]), max(north, p[0])
		west, east = min(west, p[1]), max(east, p[1])
	}
	const margin = 0.02
	inside := func(c booking.Centre) bool {
		return c.Lat > closeSouth && c.Lat < closeNorth && c.Lon > closeWest && c.Lon < closeEast
	}
	v, width, height := newView(south-margin, north+margin, west-margin, east+margin)
	large := draw(n, outline, v, width, height, func(c booking.Centre) bool { return !inside(c) })
	a, b := v.at(closeNorth, closeWest), v.at(closeSouth, closeEast)
	large.id = "land"
	large.frame = path([]point{a, {b.x, a.y}, b, {a.x, b.y}})
	cv, cw, ch := newView(closeSouth, closeNorth, closeWest, closeEast)
	large.closeUp = draw(n, outline, cv, cw, ch, inside)
	large.closeUp.id = "gulf"
	return large
}

// site is a place a cell is drawn around.
type site struct {
	centre string
	at     point
}

// draw cuts the land into what is nearest to each centre.
func draw(n *booking.Network, outline [][2]float64, v view, width, height float64, label func(booking.Centre) bool) *chart {
	c := &chart{viewBox: "0 0 " + num(width) + " " + num(height)}
	var land []point
	for _, p := range outline {
		land = append(land, v.at(p[0], p[1]))
	}
	// What lies outside the window is cut off first, so that a close-up does
	// not carry the whole province.
	land = cut(land, func(p point) float64 { return p.x })
	land = cut(land, func(p point) float64 { return width - p.x })
	land = cut(land, func(p point) float64 { return p.y })
	land = cut(land, func(p point) float64 { return height - p.y })
	c.land = path(land)
	var sites []site
	for _, at := range n.Centres {
		sites = append(sites, site{at.ID, v.at(at.Lat, at.Lon)})
	}
	for _, sh := range shores[n.Plate] {
		sites = append(sites, site{sh.centre, v.at(sh.lat, sh.lon)})
	}
	for _, at := range n.Centres {
		out := cell{centre: at.ID, name: at.District}
		here := v.at(at.Lat, at.Lon)
		for _, own := range sites {
			if own.centre != at.ID {
				continue
			}
			shape := land
			for _, other := range sites {
				if other.centre == at.ID {
					continue
				}
				mx, my := (own.at.x+other.at.x)/2, (own.at.y+other.at.y)/2
				shape = cut(shape, func(p point) float64 {
					return (p.x-mx)*(own.at.x-other.at.x) + (p.y-my)*(own.at.y-other.at.y)
				})
			}
			if len(shape) < 3 {
				continue
			}
			if out.d == "" {
				// Between the town and the middle of its land there is room.
				m := middle(shape)
				out.x, out.y = num((here.x+2*m.x)/3), num((here.y+2*m.y)/3+4)
				out.label = here.x > 0 && here.x < width && here.y > 0 && here.y < height && label(at)
			}
			out.d += path(shape)
		}
		if out.d != "" {
			c.cells = append(c.cells, out)
		}
	}
	return c
}

// middle is a shape's centre of gravity.
func middle(shape []point) point {
	var area, x, y float64
	for i, p := range shape {
		q := shape[(i+1)%len(shape)]
		k := p.x*q.y - q.x*p.y
		area += k
		x += (p.x + q.x) * k
		y += (p.y + q.y) * k
	}
	if area == 0 {
		return shape[0]
	}
	return point{x / (3 * area), y / (3 * area)}
}

// cut keeps the part of a shape on which side is not negative (Sutherland and
// Hodgman). A shape with bays may come out with a seam along the cut, which lies
// in the water: the page cuts along the outline once more.
func cut(shape []point, side func(point) float64) []point {
	var out []point
	for i, p := range shape {
		q := shape[(i+1)%len(shape)]
		a, b := side(p), side(q)
		if a >= 0 {
			out = append(out, p)
		}
		if a >= 0 != (b >= 0) {
			t := a / (a - b)
			out = append(out, point{p.x + (q.x-p.x)*t, p.y + (q.y-p.y)*t})
		}
	}
	return out
}

func path(shape []point) string {
	var b strings.Builder
	for i, p := range shape {
		b.WriteByte("ML"[min(i, 1)])
		b.WriteString(num(p.x) + " " + num(p.y))
	}
	return b.String() + "z"
}

// num writes a length with half a unit's precision.
func num(f float64) string { return strconv.FormatFloat(math.Round(f*2)/2, 'f', -1, 64) }

// kilometres is how far two places are apart, as a bird flies.
func kilometres(a, b *booking.Centre) float64 {
	const degree = 111.2
	x := (a.Lon - b.Lon) * math.Cos((a.Lat+b.Lat)/2*math.Pi/180) * degree
	y := (a.Lat - b.Lat) * degree
	return math.Hypot(x, y)
}
