package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"turnike/internal/city"
	"turnike/internal/i18n"
	"turnike/internal/rehearse"
	"turnike/internal/storage"
	"turnike/internal/storage/sqlstore"
	"turnike/internal/tap"
	"turnike/statuslist"
)

// RulesCmd looks at rules before they are in force.
type RulesCmd struct {
	Try RulesTryCmd `cmd:"" help:"Say what a rule would have done on a day: who is refused, where, at what hour."`
}

// RulesTryCmd tries one decision on a day of İstanbul's ridership.
type RulesTryCmd struct {
	Day        string   `default:"yesterday" placeholder:"DATE" help:"The day to try it on, as 2021-01-15."`
	Class      []string `required:"" placeholder:"CLASS" help:"Classes the rule is for: unpaired, paired, paired_65, paired_under_20, exempt."`
	Hours      []string `placeholder:"FROM-TO" help:"Only within these hours, as 10:00-14:00."`
	Outcome    string   `default:"refuse" enum:"refuse,full_fare,ride" help:"What the gate then does: refuse, full_fare, ride."`
	Supersedes string   `placeholder:"ID" help:"The decision of the city's file that it takes the place of."`
	JSON       bool     `help:"Print the trial as JSON."`

	FromDB string `placeholder:"WHERE" help:"Try it on what the city's validators counted that day instead of a made-up day: the installation's data folder, or postgres://..."`
	City   string `default:"istanbul" help:"The city, with --from-db."`
	Cities string `env:"TURNIKE_CITIES" type:"path" help:"Folder of city files (*.toml). Empty: the cities that come with Turnike."`

	Scale  float64 `default:"0.01" help:"Size of the city; 1 is all 34,260,087 cards."`
	Data   string  `type:"existingdir" placeholder:"DIR" help:"Folder of open data; taps then fall on real stations and stops."`
	Seed   uint64  `default:"1" help:"Another seed, another day of riders."`
	Paired float64 `default:"0.55" help:"Share of active cards paired when the day begins."`
	Out    string  `default:"turnike-rule.html" type:"path" help:"Where to put the drawn report."`
	Lang   string  `default:"tr" enum:"tr,en,ar" help:"Language of report and summary (tr, en, ar)."`
}

// Help is shown by turnike rules try --help.
func (RulesTryCmd) Help() string {
	return `Example: riders of 65 and over kept out of the rush hours
  turnike rules try --day 2021-01-14 --class paired_65 --hours 07:00-09:00,17:00-19:00

Riders and cards are made up in the city's proportions; the hours are real. The
same riders set out without the rule and with it.

With --from-db it is tried on yesterday's real taps, as the validators counted them:
  turnike rules try --from-db turnike-data --city istanbul --class paired_65 --hours 10:00-14:00`
}

// Run replays the day twice and draws the difference.
func (c *RulesTryCmd) Run(ctx context.Context, out io.Writer) error {
	if c.Day == "yesterday" {
		c.Day = time.Now().AddDate(0, 0, -1).Format(time.DateOnly)
	}
	if c.FromDB != "" {
		return c.tryCounted(ctx, out)
	}
	f := DemoDayFlags{Scale: c.Scale, Data: c.Data, Seed: c.Seed, Boardings: rehearse.DefaultBoardings, Paired: c.Paired, Stopped: 100_000, AtGate: 0.2}
	o, err := f.options(c.Day)
	if err != nil {
		return err
	}
	with, text, err := rehearse.WithRule(o.City, rehearse.Rule{
		Classes: c.Class, Hours: c.Hours, Outcome: c.Outcome, Supersedes: c.Supersedes, From: o.Date,
	})
	if err != nil {
		return err
	}
	stop := showProgress(&o, c.Day)
	t, err := rehearse.Try(ctx, o, with, text)
	stop()
	if err != nil {
		return err
	}
	return c.show(ctx, out, o.City, t)
}

// tryCounted tries the rule on a day's real figures.
func (c *RulesTryCmd) tryCounted(ctx context.Context, out io.Writer) error {
	set, err := city.Shipped()
	if c.Cities != "" {
		set, err = city.LoadFS(os.DirFS(c.Cities))
	}
	if err != nil {
		return err
	}
	p, ok := set[c.City]
	if !ok {
		return fmt.Errorf("--city: no city %q here", c.City)
	}
	day, err := time.ParseInLocation(time.DateOnly, c.Day, p.Location())
	if err != nil {
		return fmt.Errorf("--day: %q is no date; write it as 2021-01-15", c.Day)
	}
	with, text, err := rehearse.WithRule(p, rehearse.Rule{
		Classes: c.Class, Hours: c.Hours, Outcome: c.Outcome, Supersedes: c.Supersedes, From: day,
	})
	if err != nil {
		return err
	}
	where := installation{Data: c.FromDB}
	if strings.Contains(c.FromDB, "://") {
		where.DB = c.FromDB
	}
	s, err := storage.Open(ctx, where.rows(), false)
	if err != nil {
		return err
	}
	defer s.Close()
	from, to := rehearse.DayHours(p, day)
	var counts []tap.Count
	var attempts []tap.Attempt
	err = s.View(ctx, func(tx *sqlstore.Tx) error {
		if counts, err = tx.TapCounts(ctx, p.ID, from, to); err != nil {
			return err
		}
		attempts, err = tx.TapAttempts(ctx, p.ID, time.Unix(from*3600, 0), time.Unix(to*3600, 0))
		return err
	})
	if err != nil {
		return err
	}
	if len(counts) == 0 {
		return fmt.Errorf("no validator of %s has handed in a tap of %s", p.ID, c.Day)
	}
	return c.show(ctx, out, p, rehearse.TryCounted(p, with, text, day, counts, attempts))
}

// show draws a trial and prints it.
func (c *RulesTryCmd) show(ctx context.Context, out io.Writer, p *city.Profile, t *rehearse.Trial) error {
	lang, _ := i18n.Known(c.Lang)
	var page bytes.Buffer
	if err := rehearse.WriteTrialPage(ctx, &page, lang, p, t); err != nil {
		return err
	}
	if err := statuslist.WriteFile(c.Out, page.Bytes()); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	if c.JSON {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		return enc.Encode(t)
	}
	if err := rehearse.WriteTrialText(out, lang, p, t); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\n→ %s\n", c.Out)
	return err
}
