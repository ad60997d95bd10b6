package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/gofrs/uuid/v5"

	"turnike/gate"
	"turnike/internal/app"
	"turnike/internal/audit"
	"turnike/internal/city"
	"turnike/internal/storage"
	"turnike/internal/storage/sqlstore"
	"turnike/internal/tap"
)

// cityFlag names a city that is served here.
type cityFlag struct {
	City   string `required:"" help:"The city whose devices these are."`
	Cities string `env:"TURNIKE_CITIES" type:"path" help:"Folder of city files (*.toml). Empty: the cities that come with Turnike."`
}

func (c cityFlag) check() error {
	set, err := city.Shipped()
	if c.Cities != "" {
		set, err = city.LoadFS(os.DirFS(c.Cities))
	}
	if err != nil {
		return err
	}
	if _, ok := set[c.City]; !ok {
		return fmt.Errorf("--city: no city %q here", c.City)
	}
	return nil
}

// withRegistry opens an installation's devices.
func withRegistry(ctx context.Context, in installation, fn func(tap.Registry) error) error {
	s, err := storage.Open(ctx, in.rows(), false)
	if err != nil {
		return err
	}
	err = fn(tap.Registry{Store: sqlstore.As[tap.RegistryTx](s), NewID: func() string { return uuid.Must(uuid.NewV7()).String() }})
	if closeErr := s.Close(); err == nil {
		err = closeErr
	}
	return err
}

// byCommand is who acts on this machine's command line.
func byCommand(name string) audit.Actor {
	return audit.Actor{Kind: "staff", Ref: "command line", Channel: name}
}

// GateEnrolCmd makes tokens by which devices are let in.
type GateEnrolCmd struct {
	installation `embed:""`
	cityFlag     `embed:""`
	Name         string `required:"" help:"What the operator calls the device; with --count a number follows."`
	Count        int    `default:"1" help:"How many devices."`
	Stop         uint32 `help:"The operator's number of the station, pier or vehicle they stand at."`
	Mode         uint8  `help:"Line or kind of vehicle, as the rules number them."`
	Province     int    `help:"Plate code, for devices of the portal of many provinces."`
	JSON         bool   `help:"Print the tokens as JSON."`
}

// Help is shown by turnike gate enrol --help.
func (GateEnrolCmd) Help() string {
	return `Each token lets one device in, once, within 24 hours:

  turnike gate enrol --city istanbul --name "Kadikoy pier" --stop 4211 --count 6
  turnike gate --city istanbul --server https://kart.example --token K7QX-2M4D-9WPA

The second line is typed on the device. It makes its own key, which never leaves it.`
}

// Run makes them and prints them, the only time they are seen.
func (c *GateEnrolCmd) Run(ctx context.Context, out io.Writer) error {
	if err := c.check(); err != nil {
		return err
	}
	if c.Count < 1 || c.Count > tap.MostTokens {
		return fmt.Errorf("--count: %d; between 1 and %d at once", c.Count, tap.MostTokens)
	}
	places := make([]tap.Place, c.Count)
	for i := range places {
		places[i] = tap.Place{Name: c.Name, Stop: c.Stop, Mode: c.Mode, Province: c.Province}
		if c.Count > 1 {
			places[i].Name = fmt.Sprintf("%s %d", c.Name, i+1)
		}
	}
	return withRegistry(ctx, c.installation, func(g tap.Registry) error {
		made, err := g.Issue(ctx, c.City, byCommand("turnike gate enrol"), places, time.Now())
		if err != nil {
			return err
		}
		if c.JSON {
			type row struct {
				Name    string    `json:"name"`
				Token   string    `json:"token"`
				Stop    uint32    `json:"stop"`
				Expires time.Time `json:"expires"`
			}
			rows := make([]row, len(made))
			for i, k := range made {
				rows[i] = row{k.Name, k.Text, k.Stop, k.Expires.UTC()}
			}
			enc := json.NewEncoder(out)
			enc.SetIndent("", "  ")
			return enc.Encode(rows)
		}
		t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "name\ttoken\tuntil")
		for _, k := range made {
			fmt.Fprintf(t, "%s\t%s\t%s\n", k.Name, k.Text, k.Expires.Local().Format("2006-01-02 15:04"))
		}
		return t.Flush()
	})
}

// GateRevokeCmd puts a device out.
type GateRevokeCmd struct {
	installation `embed:""`
	cityFlag     `embed:""`
	Device       string `required:"" help:"The device's id, 16 hex digits, as turnike gate status prints it."`
	Why          string `required:"" help:"Why; it is kept in the audit record."`
}

// Run puts it out at once: what it hands in from now on is refused, and it gets
// no secret any more.
func (c *GateRevokeCmd) Run(ctx context.Context, out io.Writer) error {
	var id gate.Device
	b, err := hex.DecodeString(c.Device)
	if err != nil || len(b) != len(id) {
		return fmt.Errorf("--device: %q is no device id; it has 16 hex digits", c.Device)
	}
	copy(id[:], b)
	if err := c.check(); err != nil {
		return err
	}
	return withRegistry(ctx, c.installation, func(g tap.Registry) error {
		if err := g.Revoke(ctx, c.City, id, byCommand("turnike gate revoke"), c.Why, time.Now()); err != nil {
			return err
		}
		_, err := fmt.Fprintf(out, "%s of %s is out. A sealed list it holds it can still read until the list's secret is changed.\n", c.Device, c.City)
		return err
	})
}

// fleet asks the server, or reads the database, how a city's devices are.
func (c *GateStatusCmd) fleet(ctx context.Context) (app.GateStates, error) {
	var states app.GateStates
	if c.Server == "" {
		if err := (cityFlag{City: c.City, Cities: c.Cities}).check(); err != nil {
			return states, err
		}
		err := withRegistry(ctx, c.installation, func(g tap.Registry) error {
			fleet, err := g.Fleet(ctx, c.City)
			if err == nil {
				states = app.GateReport(c.City, fleet, time.Now())
			}
			return err
		})
		return states, err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(c.Server, "/")+"/gates/"+url.PathEscape(c.City), nil)
	if err != nil {
		return states, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return states, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return states, fmt.Errorf("%s answers %d; --server is the inner address (--admin of turnike serve), and --city one it serves", c.Server, resp.StatusCode)
	}
	return states, json.NewDecoder(resp.Body).Decode(&states)
}

// printFleet writes a line a device, the worst first by their ages.
func printFleet(out io.Writer, s app.GateStates) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "device\tname\tstate\tlist age\tlist\tlast heard\tbatches\tlost\tforks\twaiting\tprogram")
	for _, d := range s.Devices {
		age := (time.Duration(d.AgeSeconds) * time.Second).String()
		if d.List == 0 {
			age = "none yet"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%v ago\t%d\t%d\t%d\t%d\t%s\n", d.ID, d.Name, d.Level, age, d.List,
			s.At.Sub(d.Seen).Round(time.Second), d.Batches, d.Lost+uint64(d.Dropped), d.Forks, d.Waiting, d.Program)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\n%s: %d devices, %d with a list over 24 h, %d over 72 h, %d forked, %d batches lost\n",
		s.City, s.Summary.Devices, s.Amber, s.Alarm, s.Forked, s.Lost+s.Dropped)
	return err
}
