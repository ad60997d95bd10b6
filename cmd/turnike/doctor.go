package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"turnike/internal/app"
	"turnike/internal/city"
	"turnike/internal/storage"
	"turnike/internal/vault"
)

// DoctorCmd looks an installation over without changing it.
type DoctorCmd struct {
	app.Config `embed:""`
	JSON       bool `help:"Print the findings as JSON."`
}

// Help is shown by turnike doctor --help.
func (DoctorCmd) Help() string {
	return `Give it the flags, environment or file that serve gets.

Example:
  turnike doctor --config /etc/turnike/turnike.toml`
}

// diagnosis is one finding.
type diagnosis struct {
	What string `json:"what"`
	OK   bool   `json:"ok"`
	Say  string `json:"say"`
}

// Run looks, and fails where something must be mended.
func (c *DoctorCmd) Run(ctx context.Context, out io.Writer) error {
	if c.Keys == "" {
		c.Keys = filepath.Clean(c.Data) + "-keys"
	}
	var found []diagnosis
	look := func(what string, f func() (string, error)) {
		say, err := f()
		d := diagnosis{What: what, OK: err == nil, Say: say}
		if err != nil {
			d.Say = err.Error()
		}
		found = append(found, d)
	}
	look("cities", c.lookCities)
	look("data folder", func() (string, error) { return lookFolder(c.Data) })
	look("database", func() (string, error) { return c.lookDatabase(ctx) })
	look("keys", func() (string, error) { return c.lookKeys(ctx) })
	look("health ministry", func() (string, error) { return reach(ctx, c.HES.URL, "codes are not checked: give --hes-url") })
	look("identity register", func() (string, error) { return reach(ctx, c.NVI.URL, "names are not checked: give --nvi-url") })
	look("SMS gateway", func() (string, error) {
		if c.SMS.Driver == "" {
			return "", errors.New("no text message leaves: give --sms-driver")
		}
		if c.SMS.URL == "" {
			return c.SMS.Driver + " at its own address", nil
		}
		return reach(ctx, c.SMS.URL, "")
	})
	look("interior ministry", func() (string, error) {
		if c.Interior.URL == "" {
			return "refused rides are reported to nobody: no --interior-url", nil
		}
		return reach(ctx, c.Interior.URL, "")
	})
	look("clock", func() (string, error) {
		if y := time.Now().Year(); y < 2020 || y > 2100 {
			return "", fmt.Errorf("the year is %d: set the clock; lists signed by it would be refused", y)
		}
		return time.Now().Format(time.RFC3339), nil
	})
	ok := true
	for _, d := range found {
		ok = ok && d.OK
	}
	if c.JSON {
		if err := json.NewEncoder(out).Encode(found); err != nil {
			return err
		}
	} else {
		for _, d := range found {
			mark := "ok    "
			if !d.OK {
				mark = "mend  "
			}
			fmt.Fprintf(out, "%s%-18s %s\n", mark, d.What, d.Say)
		}
	}
	if !ok {
		return errSaid
	}
	return nil
}

func (c *DoctorCmd) lookCities() (string, error) {
	set, err := city.Shipped()
	if c.Cities != "" {
		set, err = city.LoadFS(os.DirFS(c.Cities))
	}
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d cities", len(set)), nil
}

func lookFolder(dir string) (string, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return "", fmt.Errorf("%s: %w; turnike serve makes it", dir, err)
	}
	free := st.Bavail * uint64(st.Bsize) >> 20
	if free < 1024 {
		return "", fmt.Errorf("%d MB free; a full disk refuses pairings: make room", free)
	}
	return fmt.Sprintf("%d MB free", free), nil
}

func (c *DoctorCmd) lookDatabase(ctx context.Context) (string, error) {
	dsn := c.DB
	if dsn == "" {
		path := filepath.Join(c.Data, "turnike.db")
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("%w; turnike serve makes it", err)
		}
		dsn = "sqlite:" + path
	}
	s, err := storage.Open(ctx, dsn, false)
	if err != nil {
		return "", err
	}
	defer s.Close()
	return "opens, settings are safe, schema is current", s.Ready(ctx)
}

func (c *DoctorCmd) lookKeys(ctx context.Context) (string, error) {
	if _, err := os.Stat(filepath.Join(c.Keys, vault.KeyFile)); err != nil {
		return "", fmt.Errorf("%w; turnike serve makes it", err)
	}
	v, err := vault.Open(ctx, vault.Config{Dir: c.Keys, Passphrase: c.KeyPassphrase})
	if err != nil {
		return "", err
	}
	if err := v.Close(); err != nil {
		return "", err
	}
	left, err := filepath.Glob(filepath.Join(c.Keys, "list", "*", "root-holder-*.key"))
	if err != nil {
		return "", err
	}
	if len(left) > 0 {
		return fmt.Sprintf("open; %d root keys still lie here: carry them to three people and delete them (docs/administrator.md)", len(left)), nil
	}
	return "open", nil
}

// reach tells whether something answers at an address; it sends no account.
func reach(ctx context.Context, address, missing string) (string, error) {
	if address == "" {
		return "", errors.New(missing)
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		var d net.Dialer
		conn, err := d.DialContext(ctx, "tcp", address)
		if err != nil {
			return "", fmt.Errorf("does not answer: %w", err)
		}
		return "answers", conn.Close()
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, u.Scheme+"://"+u.Host+"/", nil)
	if err != nil {
		return "", err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", fmt.Errorf("does not answer: %w", err)
	}
	return "answers", res.Body.Close()
}
