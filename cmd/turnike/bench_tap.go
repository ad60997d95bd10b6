package main

import (
	"io"

	"turnike/internal/bench"
	"turnike/internal/bench/tap"
)

// BenchTapCmd measures a tap decided over the network.
type BenchTapCmd struct {
	Cards   uint32 `default:"1000000" help:"Cards in the list."`
	Clients int    `default:"64" help:"Validators asking at once."`
	Rounds  int    `default:"7" help:"Rounds of decisions and empty answers, taken in turn."`
}

// Bench measures and gives the report.
func (c *BenchTapCmd) Bench(io.Writer) (bench.Report, error) {
	bar, err := tap.Online(tap.Config{Cards: c.Cards, Clients: c.Clients, Rounds: c.Rounds})
	return bench.Report{Bench: "tap", Bars: []bench.Bar{bar}}, err
}

// BenchTapRun runs the tap's bench and prints it.
type BenchTapRun struct {
	BenchTapCmd `embed:""`
	JSON        bool `help:"Print the bars as one line of JSON."`
}

// Run measures; the exit status is 1 where a bar is missed.
func (c *BenchTapRun) Run(out io.Writer) error {
	r, err := c.Bench(io.Discard)
	if err != nil {
		return err
	}
	return printBars(out, r, c.JSON)
}
