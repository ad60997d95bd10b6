package main

import (
	"io"
	"os"

	"turnike/internal/bench"
	"turnike/internal/bench/list"
)

// BenchListCmd holds the signed list to its bars.
type BenchListCmd struct {
	Cards   uint32 `default:"34260087" help:"Cards issued."`
	Changes int    `default:"20000" help:"Cards changed in the measured delta."`
	Rounds  int    `default:"5" help:"Rounds of the timed figures."`
	Seed    uint64 `default:"1" help:"Seed of the made-up population."`
	Page    string `type:"path" placeholder:"FILE" help:"Draw the sizes beside other forms, as a page."`
}

// Bench measures and gives the report; progress goes to log.
func (c *BenchListCmd) Bench(log io.Writer) (bench.Report, error) {
	cfg := list.Config{Cards: c.Cards, Changes: c.Changes, Rounds: c.Rounds, Seed: c.Seed, Log: log}
	if c.Page == "" {
		return list.Run(cfg)
	}
	f, err := os.Create(c.Page)
	if err != nil {
		return bench.Report{}, err
	}
	cfg.Page = f
	r, err := list.Run(cfg)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return r, err
}
