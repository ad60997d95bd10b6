package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"

	"turnike/internal/city"
	"turnike/internal/i18n"
	"turnike/internal/rehearse"
	"turnike/statuslist"
)

// DemoDayFlags say how a day is replayed.
type DemoDayFlags struct {
	Scale     float64 `default:"0.01" help:"With --day: size of the city; 1 is all 34,260,087 cards."`
	Data      string  `type:"existingdir" placeholder:"DIR" help:"With --day: folder of open data; taps then fall on real stations and stops."`
	Seed      uint64  `default:"1" help:"With --day: another seed, another day of riders."`
	Out       string  `default:"turnike-day.html" type:"path" help:"With --day: where to put the drawn report."`
	Lang      string  `default:"tr" enum:"tr,en,ar" help:"With --day: language of report and summary (tr, en, ar)."`
	Boardings float64 `default:"3570000" help:"With --day: boardings of a full-size weekday."`
	Paired    float64 `default:"0.55" help:"With --day: share of active cards paired when the replay begins."`
	Stopped   int64   `default:"100000" help:"With --day: stopped cards in a full-size city."`
	AtGate    float64 `default:"0.2" help:"With --day: share of riders refused as unpaired who pair on the phone there and then."`
	Eve       int     `default:"4" help:"With --day: hours before midnight to begin at."`
}

// options turns flags into a replay of İstanbul.
func (f DemoDayFlags) options(day string) (rehearse.Options, error) {
	set, err := city.Shipped()
	if err != nil {
		return rehearse.Options{}, err
	}
	o := rehearse.Options{
		City: set["istanbul"], Scale: f.Scale, Seed: f.Seed, Boardings: f.Boardings,
		Paired: f.Paired, Stopped: orNone(f.Stopped), PairAtGate: orNone(f.AtGate), Eve: orNone(f.Eve),
	}
	if o.Date, err = time.ParseInLocation(time.DateOnly, day, o.City.Location()); err != nil {
		return o, fmt.Errorf("--day: write for instance 2021-01-15")
	}
	if f.Data != "" {
		if o.Map, err = rehearse.LoadMap(f.Data); err != nil {
			return o, err
		}
	}
	return o, nil
}

// orNone tells a zero that was asked for from one that means the default.
func orNone[T int | int64 | float64](v T) T {
	if v == 0 {
		return -1
	}
	return v
}

// runDay replays the day, prints what came of it and draws it.
func (c *DemoCmd) runDay(ctx context.Context, out io.Writer) error {
	o, err := c.options(c.Day)
	if err != nil {
		return err
	}
	stop := showProgress(&o, c.Day)
	r, err := rehearse.Day(ctx, o)
	stop()
	if err != nil {
		return err
	}
	lang, _ := i18n.Known(c.Lang)
	var page bytes.Buffer
	if err := rehearse.WritePage(ctx, &page, lang, o.City, r); err != nil {
		return err
	}
	if err := statuslist.WriteFile(c.Out, page.Bytes()); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	if c.JSON {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		err = enc.Encode(r)
	} else if err = rehearse.WriteText(out, lang, o.City, r); err == nil {
		_, err = fmt.Fprintf(out, "\n→ %s\n", c.Out)
	}
	if err == nil && r.Wrong > 0 {
		return errSaid
	}
	return err
}

// showProgress draws how far a replay is on a terminal and nothing elsewhere;
// stop takes the drawing away.
func showProgress(o *rehearse.Options, what string) (stop func()) {
	if info, err := os.Stderr.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return func() {}
	}
	const steps = 1000
	bar := progressbar.NewOptions(steps,
		progressbar.OptionSetWriter(os.Stderr), progressbar.OptionSetDescription(what),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(),
		progressbar.OptionSetPredictTime(true), progressbar.OptionSetWidth(40),
	)
	_ = bar.RenderBlank() // a bar that cannot be drawn is no reason to stop
	o.Progress = func(done float64) { _ = bar.Set(int(done * steps)) }
	return func() { _ = bar.Finish() }
}
