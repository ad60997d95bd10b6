package rehearse

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Place is where taps fall: a station, a bus stop, or a whole district where
// no finer data were given. Its number as a stop is its position plus one.
type Place struct {
	Name     string `json:"name"`
	District string `json:"district,omitempty"`
	Mode     uint8  `json:"mode"`
}

// The kinds of place, which are also the modes the gate is asked with.
const (
	Anywhere uint8 = iota
	Rail
	Bus
)

// Map is every place of a city and how its taps are spread over them, by hour.
type Map struct {
	Places []Place
	// until[h] is, place by place, the sum of weights up to it.
	until [24][]float64
}

// Districts is the map without any data but the product's own: a place is a
// district, taken by its boardings.
func Districts() *Map {
	m := &Map{}
	var weights []float64
	for _, d := range districts {
		if d.Boardings > 0 {
			m.Places = append(m.Places, Place{Name: d.Name, District: d.Name})
			weights = append(weights, d.Boardings)
		}
	}
	for h := range m.until {
		m.until[h] = running(weights)
	}
	return m
}

func running(weights []float64) []float64 {
	out := make([]float64, len(weights))
	total := 0.0
	for i, w := range weights {
		total += w
		out[i] = total
	}
	return out
}

// pick gives the place a share of an hour's taps, 0 to 1, falls on.
func (m *Map) pick(hour int, share float64) int {
	u := m.until[hour]
	i, _ := slices.BinarySearch(u, share*u[len(u)-1])
	return min(i, len(u)-1)
}

// LoadMap reads a folder of open data: rail stations and bus stops with their
// positions, rail passengers by hour of the busiest districts, and filling
// centres, which tell a position's district.
func LoadMap(dir string) (*Map, error) {
	l := loader{dir: dir}
	l.centres()
	stations := l.stations()
	stops := l.stops()
	rail := l.rail()
	m := &Map{}
	if l.err != nil {
		return nil, fmt.Errorf("read places of %s: %w", dir, l.err)
	}
	m.spread(stations, stops, rail)
	return m, nil
}

// spread gives every place its weight in every hour. Rail: what the district's
// stations had, in equal parts. A district outside the busiest had less than
// any of them: its stations are given what a station has where stations have
// least, and together no more than half of the least district. Bus: what the
// district has beyond its rail, in equal parts over its stops, by the city's
// hours.
func (m *Map) spread(stations, stops []located, rail map[string][24]float64) {
	perDistrict := map[string][2]int{}
	for i, group := range [][]located{stations, stops} {
		for _, s := range group {
			n := perDistrict[s.district]
			n[i]++
			perDistrict[s.district] = n
		}
	}
	least, leastDay, leastStation := [24]float64{}, math.Inf(1), math.Inf(1)
	for key, d := range rail {
		day := sum(d[:])
		if n := perDistrict[key][0]; n > 0 {
			leastStation = min(leastStation, day/float64(n))
		}
		if day < leastDay {
			least, leastDay = d, day
		}
	}
	names := map[string]string{}
	boardings := map[string]float64{}
	for _, d := range districts {
		names[d.Key], boardings[d.Key] = d.Name, d.Boardings
	}
	railAt := func(district string, hour int) float64 {
		if d, ok := rail[district]; ok {
			return d[hour]
		}
		together := min(leastDay/2, leastStation*float64(perDistrict[district][0]))
		return least[hour] / leastDay * together
	}
	day := sum(weekday[:])
	weights := make([][24]float64, 0, len(stations)+len(stops))
	for _, s := range stations {
		m.Places = append(m.Places, Place{s.name, names[s.district], Rail})
		var w [24]float64
		for h := range w {
			w[h] = railAt(s.district, h) / float64(perDistrict[s.district][0])
		}
		weights = append(weights, w)
	}
	for _, s := range stops {
		m.Places = append(m.Places, Place{s.name, names[s.district], Bus})
		onRail := 0.0
		if perDistrict[s.district][0] > 0 {
			for h := range 24 {
				onRail += railAt(s.district, h)
			}
		}
		// A district the figures pass over, or with less than its rail alone
		// (they count working hours only), still has buses.
		bus := max(boardings[s.district]-onRail, boardings[s.district]/4, 5000)
		var w [24]float64
		for h := range w {
			w[h] = bus * weekday[h] / day / float64(perDistrict[s.district][1])
		}
		weights = append(weights, w)
	}
	for h := range m.until {
		column := make([]float64, len(weights))
		for i := range weights {
			column[i] = weights[i][h]
		}
		m.until[h] = running(column)
	}
}

// located is a stop with its position and district.
type located struct {
	name, district string
	lat, lon       float64
}

// loader reads the files; the first error stays.
type loader struct {
	dir   string
	err   error
	known []located // points whose district is known
}

// rows calls f with every row of a file, its fields by the names of the header.
func (l *loader) rows(name string, f func(field func(string) string)) {
	if l.err != nil {
		return
	}
	file, err := os.Open(filepath.Join(l.dir, name))
	if err != nil {
		l.err = err
		return
	}
	defer file.Close()
	r := csv.NewReader(file)
	head, err := r.Read()
	if err != nil {
		l.err = fmt.Errorf("%s: %w", name, err)
		return
	}
	column := map[string]int{}
	for i, h := range head {
		column[strings.TrimPrefix(h, "\ufeff")] = i
	}
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			l.err = fmt.Errorf("%s: %w", name, err)
			return
		}
		f(func(field string) string {
			i, ok := column[field]
			if !ok {
				l.fail(name, r, fmt.Errorf("no column %q", field))
				return ""
			}
			return row[i]
		})
		if l.err != nil {
			return
		}
	}
}

func (l *loader) fail(name string, r *csv.Reader, err error) {
	if err == nil || l.err != nil {
		return
	}
	line := 0
	if r != nil {
		line, _ = r.FieldPos(0)
	}
	l.err = fmt.Errorf("%s:%d: %w", name, line, err)
}

func (l *loader) number(name, s string) float64 {
	v, err := strconv.ParseFloat(s, 64)
	if err == nil && !(v >= 0 && v < 1e9) { // NaN neither
		err = fmt.Errorf("number %s", s)
	}
	l.fail(name, nil, err)
	return v
}

func (l *loader) centres() {
	const name = "istanbulkart_filling_centres_2021.csv"
	l.rows(name, func(f func(string) string) {
		l.known = append(l.known, located{district: districtKey(f("district")), lat: l.number(name, f("lat")), lon: l.number(name, f("lon"))})
	})
	if l.err == nil && len(l.known) == 0 {
		l.err = fmt.Errorf("%s: no rows", name)
		return
	}
	slices.SortFunc(l.known, func(a, b located) int { return cmp.Compare(a.lat, b.lat) })
}

// districtAt is the district of the nearest filling centre: there are thousands
// of them, one in every other street. A degree of longitude is 0.755 of one of
// latitude at 41° north.
func (l *loader) districtAt(lat, lon float64) string {
	best, at := -1.0, ""
	try := func(c located) (far bool) {
		dy, dx := c.lat-lat, (c.lon-lon)*0.755
		if best >= 0 && dy*dy > best {
			return true
		}
		if d := dy*dy + dx*dx; best < 0 || d < best {
			best, at = d, c.district
		}
		return false
	}
	mid, _ := slices.BinarySearchFunc(l.known, lat, func(c located, lat float64) int { return cmp.Compare(c.lat, lat) })
	for i := mid; i < len(l.known) && !try(l.known[i]); i++ {
	}
	for i := mid - 1; i >= 0 && !try(l.known[i]); i-- {
	}
	return at
}

// stations reads each station once, though several lines may meet in it.
func (l *loader) stations() []located {
	const name = "istanbul_rail_stations.csv"
	var out []located
	seen := map[string]bool{}
	l.rows(name, func(f func(string) string) {
		s := located{name: f("station"), lat: l.number(name, f("lat")), lon: l.number(name, f("lon"))}
		s.district = l.districtAt(s.lat, s.lon)
		if key := s.name + "|" + s.district; !seen[key] {
			seen[key] = true
			out = append(out, s)
		}
	})
	return out
}

func (l *loader) stops() []located {
	const name = "istanbul_bus_stops.csv"
	var out []located
	l.rows(name, func(f func(string) string) {
		s := located{name: f("name"), lat: l.number(name, f("lat")), lon: l.number(name, f("lon"))}
		if to := f("direction"); to != "" {
			s.name += " → " + to
		}
		s.district = l.districtAt(s.lat, s.lon)
		out = append(out, s)
	})
	return out
}

// rail reads the districts' rail passengers by hour, of the year the hourly
// shape is of.
func (l *loader) rail() map[string][24]float64 {
	const name = "istanbul_rail_hourly_by_district.csv"
	out := map[string][24]float64{}
	l.rows(name, func(f func(string) string) {
		if f("year") != "2023" {
			return
		}
		hour, err := strconv.Atoi(f("hour"))
		if err == nil && (hour < 0 || hour > 23) {
			err = fmt.Errorf("hour %d", hour)
		}
		if err != nil {
			l.fail(name, nil, err)
			return
		}
		key := districtKey(f("district"))
		d := out[key]
		d[hour] = l.number(name, f("avg_weekday_rail_passengers"))
		out[key] = d
	})
	return out
}

var plain = strings.NewReplacer("Ç", "C", "Ğ", "G", "İ", "I", "Ö", "O", "Ş", "S", "Ü", "U", "Â", "A",
	"ç", "C", "ğ", "G", "ı", "I", "i", "I", "ö", "O", "ş", "S", "ü", "U", "â", "A")

// districtKey writes a district's name in the capitals of the tables.
func districtKey(s string) string { return strings.ToUpper(plain.Replace(strings.TrimSpace(s))) }
