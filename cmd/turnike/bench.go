package main

import (
	"context"
	"io"
	"os"
	"time"

	"turnike/internal/bench"
	"turnike/internal/bench/pair"
	"turnike/internal/storage/storagetest/pgtest"
)

// BenchCmd measures the product on this machine.
type BenchCmd struct {
	List BenchListRun `cmd:"" help:"The signed list: size against entropy, decisions, publishing, loading."`
	Tap  BenchTapRun  `cmd:"" help:"Taps: decided over the network beside an empty answer, taken in beside a bulk load."`
	Pair BenchPairRun `cmd:"" help:"A pairing with all its rows: on SQLite, on a slow disk, on PostgreSQL, over HTTP."`
	Book BenchBookRun `cmd:"" help:"Appointments: no place sold twice or lost, a hot hour, all days on one page, waits kept."`
}

// BenchListRun runs the list's bench and prints it.
type BenchListRun struct {
	BenchListCmd `embed:""`
	JSON         bool `help:"Print the bars as one line of JSON."`
}

// Run measures; the exit status is 1 where a bar is missed.
func (c *BenchListRun) Run(out io.Writer) error {
	r, err := c.Bench(os.Stderr)
	if err != nil {
		return err
	}
	return printBars(out, r, c.JSON)
}

// printBars prints a report and fails where a bar is missed.
func printBars(out io.Writer, r bench.Report, asJSON bool) error {
	var err error
	if asJSON {
		err = r.JSON(out)
	} else {
		err = r.Table(out)
	}
	if err != nil {
		return err
	}
	if !r.OK() {
		return errSaid
	}
	return nil
}

// BenchPairRun runs the pairing bench and prints it.
type BenchPairRun struct {
	Dir      string        `type:"path" help:"Where the files go: the disk that is measured. Empty: the temporary folder."`
	Postgres string        `help:"postgres://... of an empty database. Empty: a cluster of its own, where PostgreSQL is installed."`
	Rounds   int           `default:"5" help:"Rounds."`
	Preload  int           `default:"500000" help:"Pairings the store holds before."`
	Waiters  int           `default:"512" help:"Callers at once in the store's rounds."`
	Span     time.Duration `default:"1500ms" help:"Length of each measurement."`
	Seed     uint64        `default:"1" help:"Seed of the made-up people."`
	JSON     bool          `help:"Print the bars as one line of JSON."`
}

// Help is shown by turnike bench pair --help.
func (BenchPairRun) Help() string {
	return `Takes about three minutes. Every figure is a ratio to a yardstick of the same round:
a bare fdatasync, one transaction for each request, a JSON echo.

Example:
  turnike bench pair --json`
}

// Run measures; the exit status is 1 where a bar is missed.
func (c *BenchPairRun) Run(ctx context.Context, out io.Writer) error {
	roomy() // as serve
	if c.Postgres == "" {
		// Where PostgreSQL is installed, a cluster of our own for as long as it
		// takes; where it is not, its bar says so and is missed.
		dir, err := os.MkdirTemp(c.Dir, "turnike-bench-pg")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		if pg, err := pgtest.New(dir); err == nil {
			defer pg.Stop()
			if c.Postgres, err = pg.NewDatabase(); err != nil {
				return err
			}
		}
	}
	bars, err := pair.Store(ctx, pair.Config{Dir: c.Dir, Postgres: c.Postgres, Rounds: c.Rounds, Preload: c.Preload,
		Waiters: c.Waiters, Span: c.Span, Seed: c.Seed, Progress: os.Stderr})
	if err != nil {
		return err
	}
	return printBars(out, bench.Report{Bench: "pair", Bars: bars}, c.JSON)
}
