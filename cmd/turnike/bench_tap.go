package main

import (
	"context"
	"io"
	"os"

	"turnike/internal/bench"
	"turnike/internal/bench/tap"
	"turnike/internal/storage/storagetest/pgtest"
)

// BenchTapRun measures taps and prints the bars.
type BenchTapRun struct {
	Dir      string `type:"path" help:"Where the databases go: the disk that is measured. Empty: the temporary folder."`
	Postgres string `help:"postgres://... of an empty database. Empty: a cluster of its own, where PostgreSQL is installed."`
	Cards    uint32 `default:"1000000" help:"Cards in the list."`
	Clients  int    `default:"64" help:"Validators asking at once."`
	Devices  int    `default:"2000" help:"Devices that hand in a batch each round."`
	Hours    int    `default:"6" help:"Hours they were away, which a batch then covers."`
	Callers  int    `default:"1024" help:"Batches being taken in at once."`
	Rounds   int    `default:"7" help:"Rounds of candidate and yardstick, taken in turn."`
	Seed     uint64 `default:"1" help:"Seed of the made-up taps."`
	JSON     bool   `help:"Print the bars as one line of JSON."`
}

// Help is shown by turnike bench tap --help.
func (BenchTapRun) Help() string {
	return `Takes about half a minute. Two questions: what a decision asked over the network costs
beside an empty answer, and how taking in signed batches, each answered when it is on
disk, compares with loading the same rows in bulk (COPY on PostgreSQL).

Example:
  turnike bench tap --json`
}

// Run measures; the exit status is 1 where a bar is missed.
func (c *BenchTapRun) Run(ctx context.Context, out io.Writer) error {
	online, err := tap.Online(tap.Config{Cards: c.Cards, Clients: c.Clients, Rounds: c.Rounds, Seed: c.Seed})
	if err != nil {
		return err
	}
	if c.Postgres == "" {
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
	ingest, err := tap.Ingest(ctx, tap.IngestConfig{Dir: c.Dir, Postgres: c.Postgres, Devices: c.Devices, Hours: c.Hours, Callers: c.Callers,
		Rounds: c.Rounds, Seed: c.Seed, Progress: os.Stderr})
	if err != nil {
		return err
	}
	return printBars(out, bench.Report{Bench: "tap", Bars: append([]bench.Bar{online}, ingest...)}, c.JSON)
}
