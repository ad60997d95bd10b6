package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"turnike/internal/demo"
	"turnike/internal/publish"
)

// DemoCmd is a whole city to try.
type DemoCmd struct {
	Check bool   `help:"Drive the whole job by itself in a scratch folder and print each step; exit status 1 where one fails."`
	Day   string `placeholder:"DATE" help:"Replay a day of İstanbul's taps through the gate, for instance 2021-01-15."`
	JSON  bool   `help:"With --check or --day: print the result as JSON."`

	DemoDayFlags `embed:""`

	Listen  string `default:"127.0.0.1:8080" help:"Address of the public site."`
	Outside string `default:"127.0.0.1:8090" help:"Address of the outside world's double."`
	Guide   string `default:"127.0.0.1:8070" help:"Address of the page that says what to try."`
	Dir     string `type:"path" help:"Keep everything in this folder; empty: a scratch folder that goes at the end."`
	DB      string `help:"postgres://... to run on PostgreSQL instead of the embedded database."`
	At      string `placeholder:"TIME" help:"Where the city's clock starts, as 2021-01-13T09:00; it is real time from then on."`
	Verbose bool   `short:"v" help:"Show the installation's log."`
}

// Help is shown by turnike demo --help.
func (DemoCmd) Help() string {
	return `Examples:
  turnike demo                                   try it in a browser
  turnike demo --check                           every city and document, by itself
  turnike demo --day 2021-01-15 --scale 0.01     a day of taps, drawn
  turnike demo --day 2021-01-15 --scale 0.01 --data ../shared/data   on real stations`
}

// Run does what the flags ask.
func (c *DemoCmd) Run(ctx context.Context, out io.Writer) error {
	if c.Day != "" {
		return c.runDay(ctx, out)
	}
	cfg := demo.Config{Dir: c.Dir, Listen: c.Listen, Outside: c.Outside, Guide: c.Guide, DB: c.DB, At: demo.Date()}
	if c.At != "" {
		at, err := time.ParseInLocation("2006-01-02T15:04", c.At, cfg.At.Location())
		if err != nil {
			return fmt.Errorf("--at: write for instance 2021-01-13T09:00")
		}
		cfg.At = at
	}
	if c.Verbose {
		cfg.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	} else {
		cfg.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	}
	if cfg.Dir == "" {
		dir, err := os.MkdirTemp("", "turnike-demo-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		cfg.Dir = dir
	}
	if c.Check {
		return c.check(ctx, out, cfg)
	}
	return demo.Start(ctx, cfg, func(w *demo.World) error {
		if err := w.Ready(ctx); err != nil {
			return nil // told to stop while starting
		}
		fmt.Fprintf(out, `
Turnike is running on this machine. Nothing here is real but the software.

  Begin here          %s/
  Public site         %s/
  Book a visit        %s/visit/izsu/
  SMS inbox           %s/inbox
  Make a HES code     %s/hes/make
  API                 %s/api/
  Follow with a gate  turnike gate --city istanbul --from %s/lists \
                      --list-secret %s

Try: hold card %s to the gate on the first page, move the clock to
15 January, hold it again, then pair it at %s/istanbul/pair .
Or open the kiosk, the counter and the display of a service centre there.
Stop with Ctrl-C.
`, w.Guide, w.Site, w.Site, w.SMSBox, w.SMSBox, w.Site, w.Site,
			filepath.Join(cfg.Dir, "keys", "list", "istanbul", publish.SecretFile), w.SampleCard("istanbul", 1), w.Site)
		return nil
	})
}

// check runs the self-drive on free ports.
func (c *DemoCmd) check(ctx context.Context, out io.Writer, cfg demo.Config) error {
	cfg.Listen, cfg.Outside, cfg.Guide = "127.0.0.1:0", "127.0.0.1:0", ""
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var steps []demo.Step
	start := time.Now()
	err := demo.Start(ctx, cfg, func(w *demo.World) error {
		defer stop()
		if err := w.Ready(ctx); err != nil {
			return err
		}
		if !c.JSON {
			fmt.Fprintf(out, "ready after %s\n", time.Since(start).Round(time.Millisecond))
		}
		steps = w.Check(ctx, func(s demo.Step) {
			if c.JSON {
				return
			}
			mark := "ok    "
			if !s.OK {
				mark = "NOT OK"
			}
			fmt.Fprintf(out, "%s  %-9s  %-82s %6d ms\n", mark, s.City, s.What, s.Millis)
			if s.Why != "" {
				fmt.Fprintf(out, "        %s\n", s.Why)
			}
		})
		return nil
	})
	if err != nil {
		return err
	}
	bad := 0
	for _, s := range steps {
		if !s.OK {
			bad++
		}
	}
	if c.JSON {
		if err := json.NewEncoder(out).Encode(steps); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(out, "%d steps, %d not ok, %s\n", len(steps), bad, time.Since(start).Round(100*time.Millisecond))
	}
	if bad > 0 {
		return errSaid
	}
	return nil
}
