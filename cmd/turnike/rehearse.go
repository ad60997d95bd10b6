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

	"turnike/internal/booking"
	"turnike/internal/i18n"
	"turnike/internal/rehearse/centres"
	"turnike/statuslist"
)

// RehearseCmd plays what is to come.
type RehearseCmd struct {
	Centres RehearseCentresCmd `cmd:"" help:"A month of visits to service centres: who waits, how full the floor is, what the forecast is worth."`
}

// RehearseCentresCmd plays a month.
type RehearseCentresCmd struct {
	People  int     `default:"13000" help:"People in the month, with and without an appointment."`
	Network string  `type:"existingfile" placeholder:"FILE" help:"A network's file; the one that comes with Turnike if none."`
	From    string  `default:"2020-04-20" help:"First day."`
	Days    int     `default:"30" help:"Days, days off among them."`
	Walkins float64 `default:"0.1" help:"Share of people who come without an appointment."`
	Seed    uint64  `default:"1" help:"Another seed, another month."`
	Lang    string  `default:"tr" enum:"tr,en,ar" help:"Language of page and summary (tr, en, ar)."`
	Out     string  `default:"turnike-month.html" type:"path" help:"Where to put the drawn page."`
	JSON    bool    `help:"Print the result as one line of JSON."`
}

// Help is shown by turnike rehearse centres --help.
func (RehearseCentresCmd) Help() string {
	return `People book by the real service on a database of their own, come early, late or never, and are
called by the rules of the counters. The exit status is 1 where the floor limit is broken, fewer than
95 % of those on time are called within five minutes, or last week would have foretold better.
Takes some seconds.

Example:
  turnike rehearse centres --people 13000 --out month.html`
}

// Run plays, draws and prints.
func (c *RehearseCentresCmd) Run(ctx context.Context, out io.Writer) error {
	o := centres.Options{People: c.People, Days: c.Days, Walking: c.Walkins, Seed: c.Seed, Now: time.Now}
	var err error
	if o.From, err = booking.ParseDay(c.From); err != nil {
		return fmt.Errorf("--from: write for instance 2020-04-20")
	}
	if c.Network != "" {
		b, err := os.ReadFile(c.Network)
		if err != nil {
			return err
		}
		if o.Network, err = booking.ParseNetwork(b); err != nil {
			return err
		}
	}
	if o.Dir, err = os.MkdirTemp("", "turnike-month"); err != nil {
		return err
	}
	defer os.RemoveAll(o.Dir)
	bar := progressbar.NewOptions(c.People, progressbar.OptionSetWriter(os.Stderr), progressbar.OptionClearOnFinish())
	o.Step = func(done, _ int) { _ = bar.Set(done) }
	r, err := centres.Month(ctx, o)
	_ = bar.Finish()
	if err != nil {
		return err
	}
	lang, _ := i18n.Known(c.Lang)
	var page bytes.Buffer
	if err := centres.WritePage(ctx, &page, lang, r); err != nil {
		return err
	}
	if err := statuslist.WriteFile(c.Out, page.Bytes()); err != nil {
		return err
	}
	if c.JSON {
		err = json.NewEncoder(out).Encode(r)
	} else if err = centres.WriteText(ctx, out, lang, r); err == nil {
		_, err = fmt.Fprintln(out, c.Out)
	}
	if err == nil && !r.OK() {
		err = errSaid
	}
	return err
}
