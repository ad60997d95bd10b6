package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"turnike/internal/i18n"
	"turnike/internal/rehearse"
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
same riders set out without the rule and with it.`
}

// Run replays the day twice and draws the difference.
func (c *RulesTryCmd) Run(ctx context.Context, out io.Writer) error {
	if c.Day == "yesterday" {
		c.Day = time.Now().AddDate(0, 0, -1).Format(time.DateOnly)
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
	lang, _ := i18n.Known(c.Lang)
	var page bytes.Buffer
	if err := rehearse.WriteTrialPage(ctx, &page, lang, o.City, t); err != nil {
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
	if err := rehearse.WriteTrialText(out, lang, o.City, t); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "\n→ %s\n", c.Out)
	return err
}
