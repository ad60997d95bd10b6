// Command turnike pairs transit cards with people who have a right to ride,
// keeps the signed lists that gates decide by, and books visits to counters.
// One binary does all of it; each subcommand has a file of its own here.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/BurntSushi/toml"
	"github.com/alecthomas/kong"

	"turnike/internal/app"
)

// cli is every subcommand, in the order a newcomer would want them.
type cli struct {
	Config  kong.ConfigFlag  `help:"Read settings from a TOML file; keys are the long flags' names (listen = \"...\")." type:"existingfile" placeholder:"FILE" env:"TURNIKE_CONFIG"`
	Version kong.VersionFlag `help:"Print the version and leave."`

	Demo     DemoCmd     `cmd:"" help:"A whole city on this machine to try: site, API, gates and the outside world."`
	Serve    ServeCmd    `cmd:"" help:"Serve the public site, the API and the signed lists."`
	Gate     GateCmd     `cmd:"" help:"Be a validator: follow a city's list and answer taps, online or not."`
	Rules    RulesCmd    `cmd:"" help:"Try a rule on a day before a board decides it."`
	Kit      KitCmd      `cmd:"" help:"Write what a city's validators are born with: root file, fingerprint, tag key."`
	Root     RootCmd     `cmd:"" help:"Replace the key that signs a city's list, by two of its three holders."`
	Report   ReportCmd   `cmd:"" help:"Look after the reports to the interior ministry and governors."`
	Sandbox  SandboxCmd  `cmd:"" help:"Be the outside world: health ministry, identity register, SMS gateways, interior ministry."`
	City     CityCmd     `cmd:"" help:"Check and look at city files."`
	Centre   CentreCmd   `cmd:"" help:"Check the file of a network of service centres; see what its days will bring."`
	Rehearse RehearseCmd `cmd:"" help:"Play a rush or a month before it comes."`
	Migrate  MigrateCmd  `cmd:"" help:"Bring the database's schema up to date."`
	Backup   BackupCmd   `cmd:"" help:"Take a consistent copy of a running installation."`
	Restore  RestoreCmd  `cmd:"" help:"Put a backup back."`
	Doctor   DoctorCmd   `cmd:"" help:"Look an installation over and say what to mend."`
	User     UserCmd     `cmd:"" help:"Invite, list and retire those who work here."`
	Bench    BenchCmd    `cmd:"" help:"Measure and hold the figures to their bars."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		if !errors.Is(err, errSaid) {
			fmt.Fprintln(os.Stderr, "turnike:", err)
		}
		os.Exit(1)
	}
}

// errSaid ends with exit status 1 when the output has said why already.
var errSaid = errors.New("said")

// run is main without the process: tests call it too.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var c cli
	parser, err := kong.New(&c,
		kong.Name("turnike"),
		kong.Description("Transit cards that belong to people, gates that decide by a signed list, counters without a queue."),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 96}),
		kong.Configuration(tomlFile),
		kong.Vars{"version": app.Version},
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.BindTo(stdout, (*io.Writer)(nil)),
		kong.Writers(stdout, stderr),
	)
	if err != nil {
		return err
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	k, err := parser.Parse(args)
	if err != nil {
		return fmt.Errorf("%w\nTry: turnike --help", err)
	}
	return k.Run()
}

// tomlFile lets flags be given in a file. A key that is no flag is an error:
// a misspelt setting must not be silently the default.
func tomlFile(r io.Reader) (kong.Resolver, error) {
	values := map[string]any{}
	if _, err := toml.NewDecoder(r).Decode(&values); err != nil {
		return nil, fmt.Errorf("configuration file: %w", err)
	}
	return &fileResolver{values}, nil
}

type fileResolver struct{ values map[string]any }

func (f *fileResolver) Validate(app *kong.Application) error {
	known := map[string]bool{}
	var walk func(*kong.Node)
	walk = func(n *kong.Node) {
		for _, fl := range n.Flags {
			known[fl.Name] = true
		}
		for _, c := range n.Children {
			walk(c)
		}
	}
	walk(app.Node)
	for k := range f.values {
		if !known[k] {
			return fmt.Errorf("configuration file: %q is no setting; see turnike serve --help", k)
		}
	}
	return nil
}

func (f *fileResolver) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	return f.values[flag.Name], nil
}
