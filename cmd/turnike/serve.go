package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/debug"

	"turnike/internal/app"
)

// ServeCmd serves an installation until it is told to stop.
type ServeCmd struct {
	app.Config `embed:""`
}

// Help is shown by turnike serve --help.
func (ServeCmd) Help() string {
	return `Without any flag this serves the cities that come with Turnike from ./turnike-data
on http://127.0.0.1:8080, with an embedded database and no outside world.

Every flag can also come from the environment (TURNIKE_LISTEN, ...) or from a
TOML file (--config turnike.toml). A flag wins over the environment, the
environment over the file. Give passwords by environment or file.

Example, against the outside world's double:
  turnike sandbox &
  turnike serve \
    --hes-url http://127.0.0.1:8090/hes/services/g2g/saglik/hes/ --hes-user turnike --hes-password sandbox \
    --nvi-url http://127.0.0.1:8090/nvi/Service/ \
    --sms-driver netgsm --sms-url http://127.0.0.1:8090/sms/netgsm --sms-user turnike --sms-password sandbox --sms-header TURNIKE`
}

// roomy lets the heap grow to five times what lives before it is collected, up
// to 2 GiB: a rush makes much that is gone a moment later, and collecting it as
// often as usual costs a fifth of the pairings. Whoever sets GOGC or GOMEMLIMIT
// knows better.
func roomy() {
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetGCPercent(400)
		debug.SetMemoryLimit(2 << 30)
	}
}

// Run serves.
func (c *ServeCmd) Run(ctx context.Context, out io.Writer) error {
	roomy()
	a, err := app.New(ctx, c.Config)
	if err != nil {
		return err
	}
	err = a.Run(ctx, func(addr net.Addr) {
		fmt.Fprintf(out, "turnike %s: http://%s/  (stop with Ctrl-C)\n", app.Version, addr)
		if path, ferr := a.FirstAdministrator(ctx); ferr != nil {
			fmt.Fprintln(out, "no link for the first administrator:", ferr)
		} else if path != "" {
			fmt.Fprintf(out, "Nobody administers this installation yet. Who opens this link does (once, for 72 hours):\nhttp://%s%s\n", onThisMachine(addr), path)
		}
	})
	if cerr := a.Close(); err == nil {
		err = cerr
	}
	return err
}

// onThisMachine is an address as a browser here would write it. By name, for a
// passkey belongs to a name and never to a number.
func onThisMachine(addr net.Addr) string {
	if a, ok := addr.(*net.TCPAddr); ok && (a.IP.IsLoopback() || a.IP.IsUnspecified()) {
		return fmt.Sprintf("localhost:%d", a.Port)
	}
	return addr.String()
}
