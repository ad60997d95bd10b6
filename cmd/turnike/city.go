package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"turnike/internal/city"
)

// CityCmd looks at city files.
type CityCmd struct {
	Check CityCheckCmd `cmd:"" help:"Check city files; says everything that is wrong at once."`
	Show  CityShowCmd  `cmd:"" help:"Print a shipped city's file, to begin a new one from."`
	Chips CityChipsCmd `cmd:"" help:"Take in the ids of the chips a city issued, where it has no ranges of them."`
}

// CityCheckCmd checks files.
type CityCheckCmd struct {
	Files []string `arg:"" optional:"" type:"existingfile" help:"City files (*.toml). None: the cities that come with Turnike."`
	JSON  bool     `help:"Print the findings as JSON."`
}

// Help is shown by turnike city check --help.
func (CityCheckCmd) Help() string {
	return `Example:
  turnike city show izmir > bursa.toml
  (edit it) && turnike city check bursa.toml
  turnike serve --cities .`
}

// finding is one file's result.
type finding struct {
	File  string   `json:"file"`
	City  string   `json:"city,omitempty"`
	OK    bool     `json:"ok"`
	Wrong []string `json:"wrong,omitempty"`
	Cards uint32   `json:"issued_cards,omitempty"`
	Until string   `json:"deadline,omitempty"`
}

// Run checks, and fails where a file has something wrong.
func (c *CityCheckCmd) Run(out io.Writer) error {
	var found []finding
	ok := true
	note := func(file string, p *city.Profile, err error) {
		f := finding{File: file, OK: err == nil}
		if err != nil {
			ok = false
			f.Wrong = strings.Split(err.Error(), "\n")
		} else {
			f.City, f.Cards = p.ID, p.Ranges().Len()
			if at, dated := p.Deadline(time.Now()); dated {
				f.Until = at.Format("2006-01-02 15:04")
			}
		}
		found = append(found, f)
	}
	for _, file := range c.Files {
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		p, err := city.Parse(b)
		note(file, p, err)
	}
	if len(c.Files) == 0 {
		set, err := city.Shipped()
		if err != nil {
			return err
		}
		for _, id := range set.IDs() {
			note(id+".toml", set[id], nil)
		}
	}
	if c.JSON {
		if err := json.NewEncoder(out).Encode(found); err != nil {
			return err
		}
	} else {
		tw := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
		for _, f := range found {
			if f.OK {
				fmt.Fprintf(tw, "ok\t%s\t%s\t%d cards in ranges\tdeadline %s\n", f.File, f.City, f.Cards, f.Until)
				continue
			}
			fmt.Fprintf(tw, "not ok\t%s\n", f.File)
			for _, w := range f.Wrong {
				fmt.Fprintf(tw, "\t- %s\n", w)
			}
		}
		if err := tw.Flush(); err != nil {
			return err
		}
	}
	if !ok {
		return errSaid
	}
	return nil
}

// CityShowCmd prints a shipped file.
type CityShowCmd struct {
	ID string `arg:"" help:"Id of a shipped city: istanbul, izmir, gaziantep, antalya, turkiye."`
}

// Run prints it as it is, comments and all.
func (c *CityShowCmd) Run(out io.Writer) error {
	set, err := city.Shipped()
	if err != nil {
		return err
	}
	p, ok := set[c.ID]
	if !ok {
		return fmt.Errorf("%s: not shipped; there are %s", c.ID, strings.Join(set.IDs(), ", "))
	}
	_, err = io.WriteString(out, p.Source())
	return err
}
