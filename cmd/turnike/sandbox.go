package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"turnike/internal/sandbox"
)

// SandboxCmd runs the outside world's double until it is stopped.
type SandboxCmd struct {
	Listen string `default:"127.0.0.1:8090" help:"Address of the HTTP services and pages."`
	SMPP   string `name:"smpp" help:"Address of the SMPP message centre (127.0.0.1:2775); empty: none."`
	Open   bool   `help:"Answer other machines too. The inbox shows every one-time code: never where real people's texts go."`
}

// Help is shown by turnike sandbox --help.
func (SandboxCmd) Help() string {
	return `The sandbox is the health ministry, the identity register, the SMS gateways and
the interior ministry in one process, with made-up people and faults on demand.

Example:
  turnike sandbox --listen 127.0.0.1:8090 --smpp 127.0.0.1:2775
  then open http://127.0.0.1:8090/ for the magic numbers, the inbox and HES codes,
  and: curl -d '{"hes":{"mode":"slow","delay_ms":3000}}' http://127.0.0.1:8090/faults`
}

// Run serves until ctx ends.
func (c *SandboxCmd) Run(ctx context.Context, out io.Writer) error {
	s, err := sandbox.New(sandbox.Config{Open: c.Open, Log: slog.Default()})
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	srv := &http.Server{Handler: s.Handler(), ReadHeaderTimeout: 10 * time.Second}
	var smsc net.Listener
	if c.SMPP != "" {
		if smsc, err = net.Listen("tcp", c.SMPP); err != nil {
			return fmt.Errorf("sandbox: %w", err)
		}
		defer smsc.Close()
		fmt.Fprintf(out, "sandbox: smpp %s\n", smsc.Addr())
		go func() {
			if err := s.ServeSMPP(smsc); err != nil {
				slog.Error("message centre stopped", "error", err)
			}
		}()
	}
	go func() {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		_ = srv.Shutdown(grace)
	}()
	fmt.Fprintf(out, "sandbox: http://%s/\n", ln.Addr())
	if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("sandbox: %w", err)
	}
	return nil
}
