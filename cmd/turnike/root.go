package main

import (
	"fmt"
	"io"
	"path/filepath"
	"time"

	"turnike/internal/publish"
)

// RootCmd replaces list keys.
type RootCmd struct {
	Draft   RootDraftCmd   `cmd:"" help:"Make a new list key and a draft of the root that names it."`
	Sign    RootSignCmd    `cmd:"" help:"Sign a draft with a holder's key, on any machine."`
	Install RootInstallCmd `cmd:"" help:"Take a draft that enough holders signed into use."`
}

// Help is shown by turnike root --help.
func (RootCmd) Help() string {
	return `Once a year, or at once with --revoke when a list key was stolen:

  turnike root draft --city izmir --keys turnike-data-keys --revoke
  turnike root sign root.draft root-holder-1.key     (the first holder)
  turnike root sign root.draft root-holder-3.key     (the second)
  turnike root install --city izmir --keys turnike-data-keys

Then start the server again. Gates follow by themselves; with --revoke they refuse
from then on what the old key signed, however new it says it is.`
}

// RootDraftCmd makes a draft.
type RootDraftCmd struct {
	City   string `required:"" help:"The city."`
	Keys   string `default:"turnike-data-keys" help:"Folder of the keys."`
	Revoke bool   `help:"Name the keys so far no more."`
}

// Run drafts.
func (c *RootDraftCmd) Run(out io.Writer) error {
	path, err := publish.DraftRoot(filepath.Join(c.Keys, "list"), c.City, time.Now(), c.Revoke)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: to be signed by the holders\n", path)
	return nil
}

// RootSignCmd signs a draft.
type RootSignCmd struct {
	Draft string `arg:"" type:"existingfile" help:"The draft."`
	Key   string `arg:"" type:"existingfile" help:"The holder's key."`
}

// Run signs.
func (c *RootSignCmd) Run() error { return publish.SignRoot(c.Draft, c.Key) }

// RootInstallCmd installs a draft.
type RootInstallCmd struct {
	City string `required:"" help:"The city."`
	Keys string `default:"turnike-data-keys" help:"Folder of the keys."`
}

// Run installs.
func (c *RootInstallCmd) Run(out io.Writer) error {
	v, err := publish.InstallRoot(filepath.Join(c.Keys, "list"), c.City)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: root %d is in use; start the server again\n", c.City, v)
	return nil
}
