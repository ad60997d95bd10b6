package main

import (
	"context"
	"io"
	"os"
	"time"

	"turnike/internal/bench/book"
)

// BenchBookRun runs the appointments' bench and prints it.
type BenchBookRun struct {
	Dir     string        `type:"path" help:"Where the databases go: the disk that is measured. Empty: the temporary folder."`
	Racers  int           `default:"10000" help:"People who want one of a tenth as many places."`
	Rounds  int           `default:"5" help:"Rounds."`
	Clients int           `default:"512" help:"Callers at once in the hot hour."`
	Span    time.Duration `default:"1500ms" help:"Length of each timed part."`
	Seed    uint64        `default:"1" help:"Seed of the made-up people."`
	JSON    bool          `help:"Print the bars as one line of JSON."`
}

// Help is shown by turnike bench book --help.
func (BenchBookRun) Help() string {
	return `Takes about two minutes. No place may be sold twice or left unsold, also where two people
in five let theirs lapse; bookings of one hour are set beside a bare fdatasync.

Example:
  turnike bench book --json`
}

// Run measures; the exit status is 1 where a bar is missed.
func (c *BenchBookRun) Run(ctx context.Context, out io.Writer) error {
	r, err := book.Run(ctx, book.Config{Dir: c.Dir, Racers: c.Racers, Rounds: c.Rounds, Clients: c.Clients, Span: c.Span,
		Seed: c.Seed, Log: os.Stderr})
	if err != nil {
		return err
	}
	return printBars(out, r, c.JSON)
}
