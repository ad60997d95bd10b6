package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"turnike/internal/app"
	"turnike/internal/city"
	"turnike/internal/pairing"
	"turnike/internal/publish"
	"turnike/internal/vault"
)

// CityChipsCmd takes in a city's issued chips.
type CityChipsCmd struct {
	app.Config `embed:""`
	City       string `required:"" help:"The city, whose file says chips = true."`
	Province   int    `help:"Plate code, for a portal of many provinces."`
	File       string `arg:"" type:"existingfile" help:"Ids, one a line, as the city's cards are numbered."`
}

// Help is shown by turnike city chips --help.
func (CityChipsCmd) Help() string {
	return `The ids are not kept: eight bytes of each under the city's key are, beside the
keys of its list. Give the file again with further ids when more are issued, and start
the server again.

Example:
  turnike city chips --city bursa issued.txt`
}

// Run reads the file.
func (c *CityChipsCmd) Run(ctx context.Context, out io.Writer) error {
	set, err := city.Shipped()
	if c.Cities != "" {
		set, err = city.LoadFS(os.DirFS(c.Cities))
	}
	if err != nil {
		return err
	}
	p, ok := set[c.City]
	if !ok {
		return fmt.Errorf("--city: no city %q here", c.City)
	}
	if c.Keys == "" {
		c.Keys = filepath.Clean(c.Data) + "-keys"
	}
	keys, err := vault.Open(ctx, vault.Config{Dir: c.Keys, Passphrase: c.KeyPassphrase})
	if err != nil {
		return err
	}
	defer keys.Close()
	key, err := pairing.TagKey(keys, p.ID, c.Province)
	if err != nil {
		return err
	}
	f, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer f.Close()
	n, err := publish.AddChips(filepath.Join(c.Keys, "list"), p, key, f)
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	fmt.Fprintf(out, "%s: %d chips issued\n", p.ID, n)
	return nil
}
