package booking

import (
	"fmt"
	"strings"
	"time"

	"turnike/internal/city"
	"turnike/internal/i18n"
)

// Pairing is the matter people come to a city's help desks with.
const Pairing = "pairing"

// HelpDesks are a city's help desks as a network, so that a visit to one is
// booked and called like any other: stations where somebody pairs a card face
// to face. Each counts as one counter in its hours, every day.
func HelpDesks(p *city.Profile) (*Network, error) {
	n := &Network{ID: p.ID + "-desks", Name: city.Text{}, Plate: p.Plate, Zone: p.Zone, Phone: p.Helpline, Site: p.Site, Color: p.Look.Color, Unit: 10,
		Rules: Rules{HorizonDays: 7, HoldMinutes: 10, OfferMinutes: 30, RestMinutes: 10, MaxOpen: 2, MaxMatters: 3,
			ReminderHours: 3, EarlyMinutes: 10, LateMinutes: 10, WalkAfter: 2, WalkAfterMinutes: 15}}
	name := city.Text{}
	for _, l := range i18n.Langs() {
		name[string(l)] = i18n.T(l, "visit.pairing", "Card", p.CardName)
		n.Name[string(l)] = i18n.T(l, "visit.desks.name", "City", p.Name.In(string(l)))
	}
	n.Services = []Matter{{ID: Pairing, Name: name, Minutes: 10}}
	for _, d := range p.Desks {
		if d.Kind != "desk" {
			continue
		}
		from, to, ok := strings.Cut(d.Hours, "-")
		if !ok {
			return nil, fmt.Errorf("help desk %s: hours %q", d.ID, d.Hours)
		}
		n.Centres = append(n.Centres, Centre{ID: d.ID, Name: d.Name, Lat: d.Lat, Lon: d.Lon, Desks: 1,
			Bands: []Band{{Days: "mon-sun", From: strings.TrimSpace(from), To: strings.TrimSpace(to)}}})
	}
	if errs := n.check(); len(errs) > 0 {
		return nil, fmt.Errorf("help desks of %s: %w", p.ID, errs[0])
	}
	return n, nil
}

// Opens is when a centre's first counter of a day opens and its last closes;
// ok is false for a day on which it is closed.
func (n *Network) Opens(c *Centre, day Day, exceptions []Exception) (from, to time.Time, ok bool) {
	for _, p := range n.Plan(c, day, exceptions) {
		start, end := n.Start(day, p.Unit), n.Start(day, p.Unit+1)
		if !ok || start.Before(from) {
			from = start
		}
		if end.After(to) {
			to = end
		}
		ok = true
	}
	return from, to, ok
}
