package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"turnike/internal/booking"
	"turnike/internal/storage"
	"turnike/internal/storage/sqlstore"
)

// CentreCmd looks at networks of service centres.
type CentreCmd struct {
	Check    CentreCheckCmd    `cmd:"" help:"Check a network's file and draw its week; says everything that is wrong at once."`
	Forecast CentreForecastCmd `cmd:"" help:"Print what the next days will bring at a centre, and how far to trust it."`
}

// CentreCheckCmd checks files.
type CentreCheckCmd struct {
	Files []string `arg:"" optional:"" type:"existingfile" help:"Files of networks (*.toml). None: the one that comes with Turnike."`
	JSON  bool     `help:"Print the findings as JSON."`
}

// Help is shown by turnike centre check --help.
func (CentreCheckCmd) Help() string {
	return `Example:
  turnike centre check izsu.toml
  turnike serve --centres .`
}

// networkFinding is one file's result.
type networkFinding struct {
	File     string   `json:"file"`
	Network  string   `json:"network,omitempty"`
	OK       bool     `json:"ok"`
	Wrong    []string `json:"wrong,omitempty"`
	Centres  int      `json:"centres,omitempty"`
	Services int      `json:"services,omitempty"`
	Counters int      `json:"counters,omitempty"`
	network  *booking.Network
}

// Run checks, draws, and fails where a file has something wrong.
func (c *CentreCheckCmd) Run(out io.Writer) error {
	var found []networkFinding
	note := func(file string, n *booking.Network, err error) {
		f := networkFinding{File: file, OK: err == nil, network: n}
		if err != nil {
			f.Wrong = strings.Split(err.Error(), "\n")
		} else {
			f.Network, f.Centres, f.Services = n.ID, len(n.Centres), len(n.Services)
			for i := range n.Centres {
				f.Counters += n.Centres[i].Desks
			}
		}
		found = append(found, f)
	}
	for _, file := range c.Files {
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		n, err := booking.ParseNetwork(b)
		note(file, n, err)
	}
	if len(c.Files) == 0 {
		n, err := booking.Shipped("izsu")
		note("izsu.toml", n, err)
	}
	ok := true
	for _, f := range found {
		ok = ok && f.OK
	}
	var err error
	if c.JSON {
		err = json.NewEncoder(out).Encode(found)
	} else {
		err = printNetworks(out, found)
	}
	if err == nil && !ok {
		err = errSaid
	}
	return err
}

func printNetworks(out io.Writer, found []networkFinding) error {
	for _, f := range found {
		if !f.OK {
			fmt.Fprintf(out, "not ok  %s\n", f.File)
			for _, w := range f.Wrong {
				fmt.Fprintf(out, "        - %s\n", w)
			}
			continue
		}
		fmt.Fprintf(out, "ok  %s  %s: %d centres, %d services, %d counters\n\n", f.File, f.Network, f.Centres, f.Services, f.Counters)
		if err := drawWeek(out, f.network); err != nil {
			return err
		}
	}
	return nil
}

// drawWeek draws the counters of all centres through a week without holidays,
// half an hour a sign: centres with the same week share a drawing.
func drawWeek(out io.Writer, n *booking.Network) error {
	from := booking.Date(2021, 3, 15) // a Monday in a week without a day off
	weeks := map[string][]string{}
	var order []string
	for i := range n.Centres {
		c := &n.Centres[i]
		for _, pool := range c.PoolIDs() {
			w := n.WeekOf(c, pool, from, nil)
			var b strings.Builder
			for d := range booking.Day(7) {
				day := from + d
				fmt.Fprintf(&b, "  %s ", day.Weekday().String()[:3])
				for m := 7 * 60; m < 19*60; m += 30 {
					b.WriteString(sign(w.At(day.Weekday(), m)))
				}
				fmt.Fprintf(&b, "  %s\n", booking.WriteShifts(w[day.Weekday()]))
			}
			if weeks[b.String()] == nil {
				order = append(order, b.String())
			}
			name := c.ID
			if len(c.PoolIDs()) > 1 {
				name += "/" + pool
			}
			weeks[b.String()] = append(weeks[b.String()], name)
		}
	}
	for _, w := range order {
		if _, err := fmt.Fprintf(out, "  %s\n      07  08  09  10  11  12  13  14  15  16  17  18\n%s\n", strings.Join(weeks[w], ", "), w); err != nil {
			return err
		}
	}
	return nil
}

// sign is so many counters in two letters.
func sign(desks int) string {
	if desks == 0 {
		return " ·"
	}
	return fmt.Sprintf("%2d", desks)
}

// CentreForecastCmd foretells a centre's days from an installation's past.
type CentreForecastCmd struct {
	DB      string `default:"sqlite:turnike-data/turnike.db" help:"The installation's database, as for serve." env:"TURNIKE_DB"`
	Network string `type:"existingfile" placeholder:"FILE" help:"The network's file; the one that comes with Turnike if none."`
	Centre  string `arg:"" help:"The centre's id."`
	Days    int    `default:"14" help:"Days ahead."`
	JSON    bool   `help:"Print as one line of JSON."`
}

// Help is shown by turnike centre forecast --help.
func (CentreForecastCmd) Help() string {
	return `Only reads. Example:
  turnike centre forecast konak --db sqlite:turnike-data/turnike.db`
}

// foretoldDay is one line of the forecast.
type foretoldDay struct {
	Day    string  `json:"day"`
	People float64 `json:"people"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

// Run learns and prints.
func (c *CentreForecastCmd) Run(ctx context.Context, out io.Writer) error {
	n, err := booking.Shipped("izsu")
	if c.Network != "" {
		var b []byte
		if b, err = os.ReadFile(c.Network); err == nil {
			n, err = booking.ParseNetwork(b)
		}
	}
	if err != nil {
		return err
	}
	at, ok := n.CentreByID(c.Centre)
	if !ok {
		return fmt.Errorf("%s: the network %s has no such centre", c.Centre, n.ID)
	}
	store, err := storage.Open(ctx, c.DB, false)
	if err != nil {
		return err
	}
	defer store.Close()
	svc := booking.New(booking.Config{Store: sqlstore.As[booking.Tx](store), Network: n, Now: time.Now})
	today := booking.DayOf(time.Now(), n.Location())
	deeds, err := svc.Deeds(ctx, "", today-booking.LearnDays, booking.LearnDays)
	if err != nil {
		return err
	}
	m, trial := n.LearnDemand(deeds, today), n.Try(deeds, today, 3)
	var days []foretoldDay
	for d := today; d < today+booking.Day(c.Days); d++ {
		if e := m.Day(at.ID, d); e.Mean > 0 {
			days = append(days, foretoldDay{d.String(), e.Mean, e.Low, e.High})
		}
	}
	proposals := m.Propose(at, deeds, at.Floor)
	if c.JSON {
		return json.NewEncoder(out).Encode(map[string]any{"centre": at.ID, "learned_days": m.Days(), "days": days, "trial": trial, "places": proposals})
	}
	fmt.Fprintf(out, "%s: learned from %d working days\n", at.Name, m.Days())
	tw := tabwriter.NewWriter(out, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "day\tpeople\tfrom\tto\t")
	for _, d := range days {
		fmt.Fprintf(tw, "%s\t%.0f\t%.0f\t%.0f\t\n", d.Day, d.People, d.Low, d.High)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "a day was %.0f %% off on the last weeks, last week's same day %.0f %%; %.0f %% lay in the range\n", 100*trial.Day, 100*trial.Same, 100*trial.Inside)
	for _, p := range proposals {
		fmt.Fprintf(out, "%s: %d places for %d counters, %d %% kept for people without an appointment\n", p.Pool, p.Places, p.Desks, p.Walk)
	}
	return nil
}
