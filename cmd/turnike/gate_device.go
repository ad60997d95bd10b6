package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"turnike/gate/agent"
	"turnike/gate/agent/door"
	"turnike/internal/app"
	"turnike/statuslist"
)

// deviceFile is what a device was told of itself, kept beside its key.
type deviceFile struct {
	Server       string            `json:"server"`
	Registration door.Registration `json:"registration"`
	Secrets      door.Secrets      `json:"secrets"`
}

func (c *GateRunCmd) devicePath() string { return filepath.Join(c.Dir, c.City+"-device.json") }

// outPath holds the time since when the city takes nothing from the device.
func outPath(dir, city string) string { return filepath.Join(dir, city+"-out") }

// enrolled makes the device known to its city's server, by the token at its
// first start, and goes by what it was told from then on.
func (c *GateRunCmd) enrolled(ctx context.Context) (*door.Client, error) {
	key, err := deviceKey(filepath.Join(c.Dir, "device.key"))
	if err != nil {
		return nil, err
	}
	if c.identity, err = door.NewIdentity(key); err != nil {
		return nil, err
	}
	client, err := door.NewClient(door.ClientConfig{Server: c.Server, City: c.City, Identity: c.identity, Client: &http.Client{}})
	if err != nil {
		return nil, err
	}
	file, err := os.ReadFile(c.devicePath())
	switch {
	case err == nil:
		if err := json.Unmarshal(file, &c.device); err != nil {
			return nil, fmt.Errorf("%s: %w", c.devicePath(), err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	case c.Token == "":
		return nil, fmt.Errorf("--token: this device is not enrolled at %s yet; ask the operator for a token (turnike gate enrol)", c.Server)
	default:
		r, err := client.Enrol(ctx, c.Token)
		if err != nil {
			return nil, fmt.Errorf("enrol: %w", err)
		}
		if err := c.keep(r); err != nil {
			return nil, err
		}
		slog.Info("gate: enrolled", "city", c.City, "device", r.Device)
	}
	r := c.device.Registration
	if c.Fingerprint == "" && c.RootKey == "" {
		c.Fingerprint = r.Fingerprint
	}
	if c.From == "" {
		c.From = strings.TrimSuffix(c.Server, "/") + r.Lists
	}
	if c.Stop == 0 {
		c.Stop = r.Stop
	}
	if c.Mode == 0 {
		c.Mode = r.Mode
	}
	return client, nil
}

// keep opens a registration's secrets and stores it, if it is news.
func (c *GateRunCmd) keep(r door.Registration) error {
	secrets, err := c.identity.Open(r)
	if err != nil {
		return err
	}
	old := c.device
	r.Sealed = nil // sealed anew each time; what was in it is beside it
	c.device = deviceFile{Server: c.Server, Registration: r, Secrets: secrets}
	before, err := json.Marshal(old)
	if err != nil {
		return err
	}
	now, err := json.Marshal(c.device)
	if err != nil {
		return err
	}
	if bytes.Equal(before, now) {
		return nil
	}
	if err := statuslist.WriteFile(c.devicePath(), append(now, '\n')); err != nil {
		return err
	}
	return os.Chmod(c.devicePath(), 0o600)
}

// hear is told what the city says of the device with each report.
func (c *GateRunCmd) hear(r door.Registration) {
	old := c.device
	if err := c.keep(r); err != nil {
		slog.Error("gate: registration", "city", c.City, "error", err)
		return
	}
	if !bytes.Equal(old.Secrets.ListSecret, c.device.Secrets.ListSecret) || !bytes.Equal(old.Secrets.TagKey, c.device.Secrets.TagKey) ||
		old.Registration.Stop != r.Stop || old.Registration.Mode != r.Mode {
		slog.Warn("gate: the city changed this device's place or secrets; they are in force from its next start", "city", c.City)
	}
}

// watchOut keeps a file beside the lists while the city takes nothing from the
// device, for turnike gate status.
func (c *GateRunCmd) watchOut(ctx context.Context, a *agent.Agent) {
	var was time.Time
	for {
		if out := a.Out(); !out.Equal(was) {
			was = out
			if out.IsZero() {
				os.Remove(outPath(c.Dir, c.City))
			} else {
				slog.Error("gate: the city takes nothing from this device any more: it was put out, or is not known", "city", c.City)
				if err := statuslist.WriteFile(outPath(c.Dir, c.City), []byte(out.UTC().Format(time.RFC3339)+"\n")); err != nil {
					slog.Error("gate: note", "error", err)
				}
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
	}
}

// program is how the device names its software in reports.
func program() string { return "turnike/" + app.Version }
