package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"turnike/internal/app"
	"turnike/internal/city"
	"turnike/internal/pairing"
	"turnike/internal/publish"
	"turnike/internal/vault"
)

// KitCmd writes what a city's devices are born with.
type KitCmd struct {
	app.Config `embed:""`
	City       string `required:"" help:"The city whose devices these are."`
	Province   int    `help:"Plate code, for a device of the portal of many provinces."`
	To         string `required:"" type:"path" help:"Folder to write to; it must not exist."`
}

// Help is shown by turnike kit --help.
func (KitCmd) Help() string {
	return `Writes the first root file, its fingerprint and, for a city with cards that have
no ranges, the tag key; and where the city seals its list, as it does unless told not
to, the list's secret. The last two are secrets: carry them to the devices and nowhere
else. token-list.bearer is for partners: with it they read the same list as an IETF
Token Status List.

Example:
  turnike kit --city antalya --to /media/stick/antalya
  turnike gate --city antalya --from https://kart.example/lists \
    --root-key root-1 --tag-key tag.key --list-secret list.secret`
}

// Run writes.
func (c *KitCmd) Run(ctx context.Context, out io.Writer) error {
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
	if _, named := city.Province(c.Province); p.Plate == 0 && !named {
		return fmt.Errorf("--province: %s serves many provinces; name one by its plate code", c.City)
	}
	if c.Keys == "" {
		c.Keys = filepath.Clean(c.Data) + "-keys"
	}
	if _, err := os.Stat(filepath.Join(c.Keys, vault.KeyFile)); err != nil {
		return fmt.Errorf("%w; run turnike serve once, or name its --keys", err)
	}
	keys, err := vault.Open(ctx, vault.Config{Dir: c.Keys, Passphrase: c.KeyPassphrase})
	if err != nil {
		return err
	}
	defer keys.Close()
	anchor, err := publish.Anchor(filepath.Join(c.Keys, "list"), p.ID, time.Now())
	if err != nil {
		return err
	}
	if err := os.Mkdir(c.To, 0o700); err != nil {
		return err
	}
	root, err := os.ReadFile(filepath.Join(c.Keys, "list", p.ID, "root-1"))
	if err != nil {
		return err
	}
	files := map[string][]byte{"root-1": root, "fingerprint": []byte(anchor.Fingerprint + "\n")}
	for _, s := range p.Schemes {
		if s.Tagged || s.Chips {
			files["tag.key"] = pairing.TagSecret(keys, p.ID, c.Province)
		}
	}
	secret, err := os.ReadFile(filepath.Join(c.Keys, "list", p.ID, publish.SecretFile))
	if err == nil {
		files[publish.SecretFile] = secret
		files["token-list.bearer"] = []byte(publish.Bearer(secret) + "\n")
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(c.To, name), b, 0o600); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "%s: %d files in %s, fingerprint %s\n", p.ID, len(files), c.To, anchor.Fingerprint)
	return nil
}
