package main

import (
	"io"
	"os"

	"turnike/internal/bench"
)

// BenchCmd measures the product on this machine.
type BenchCmd struct {
	List BenchListRun `cmd:"" help:"The signed list: size against entropy, decisions, publishing, loading."`
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
