// Package demo is a whole city on one machine to try: the installation, the
// outside world's double, gates that follow the signed lists over HTTP, and a
// clock that can be set to the day of the deadline. Everything is the real
// thing but the people.
package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"turnike/gate"
	"turnike/gate/agent"
	"turnike/internal/app"
	"turnike/internal/sandbox"
	"turnike/statuslist"
)

// Clock is a clock that runs on from any moment it is set to, forward only:
// what was signed later than now would look like a thief's.
type Clock struct {
	mu     sync.Mutex
	offset time.Duration
}

// NewClock starts a clock at a moment.
func NewClock(at time.Time) *Clock { return &Clock{offset: time.Until(at)} }

// Now is the time on the clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.offset)
}

// Set moves the clock forward to a moment; it tells whether that was forward.
func (c *Clock) Set(at time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := at.Sub(time.Now().Add(c.offset))
	if d <= 0 {
		return false
	}
	c.offset += d
	return true
}

// Config says where the world stands.
type Config struct {
	Dir     string // folder for everything; empty it to begin anew
	Listen  string // public site; port 0 for any
	Outside string // sandbox
	Guide   string // the page that says what to try; empty: none
	DB      string // postgres://..., or empty for the embedded database
	At      time.Time
	Log     *slog.Logger
}

// World is everything at work.
type World struct {
	Clock   *Clock
	Outside *sandbox.Sandbox
	App     *app.App
	Site    string // http://host:port of the public site
	SMSBox  string // http://host:port of the sandbox
	Guide   string // http://host:port of the guide

	cfg   Config
	gates map[string]*gate.Gate
	posts map[string]*post // by city, like gates
	tries tapLog
	// entered counts who was let in, so that each has a name of their own.
	entered atomic.Int64
}

// Start opens the world and calls ready once everything answers. It runs until
// ctx ends.
func Start(ctx context.Context, cfg Config, ready func(*World) error) error {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	w := &World{cfg: cfg, Clock: NewClock(cfg.At), gates: map[string]*gate.Gate{}, posts: map[string]*post{}}
	g, gctx := errgroup.WithContext(ctx)

	outside, err := net.Listen("tcp", cfg.Outside)
	if err != nil {
		return fmt.Errorf("the outside world's address: %w", err)
	}
	if w.Outside, err = sandbox.New(sandbox.Config{Now: w.Clock.Now, Log: cfg.Log}); err != nil {
		outside.Close()
		return err
	}
	w.SMSBox = "http://" + outside.Addr().String()
	g.Go(func() error { return serve(gctx, outside, w.Outside.Handler()) })

	ac := app.Config{
		Listen: cfg.Listen, Data: filepath.Join(cfg.Dir, "data"), Keys: filepath.Join(cfg.Dir, "keys"), DB: cfg.DB, Migrate: true,
		HES: app.HES{URL: w.SMSBox + sandbox.HESPath, User: sandbox.User, Password: sandbox.Password},
		NVI: app.NVI{URL: w.SMSBox + sandbox.NVIPath},
		SMS: app.SMS{Driver: "netgsm", URL: w.SMSBox + sandbox.GatewayPath("netgsm"), User: sandbox.User, Password: sandbox.Password, Header: sandbox.Header},
		Interior: app.Interior{URL: w.SMSBox + sandbox.InteriorPath, User: sandbox.User, Password: sandbox.Password,
			Recipient: w.Outside.InteriorKey(), ReceiptKey: w.Outside.ReceiptKey()},
		Now: w.Clock.Now, Log: cfg.Log, Drain: 8 * time.Second,
	}
	g.Go(func() error { return w.govern(gctx, ac.ReportsFolder()) })
	if w.App, err = app.New(gctx, ac); err != nil {
		outside.Close()
		return err
	}
	defer w.App.Close()
	addr := make(chan net.Addr, 1)
	g.Go(func() error { return w.App.Run(gctx, func(a net.Addr) { addr <- a }) })
	select {
	case a := <-addr:
		w.Site = "http://" + a.String()
	case <-gctx.Done():
		return g.Wait()
	}
	if cfg.Guide != "" {
		ln, err := net.Listen("tcp", cfg.Guide)
		if err != nil {
			return fmt.Errorf("the guide's address: %w", err)
		}
		w.Guide = "http://" + ln.Addr().String()
		h, err := w.guide()
		if err != nil {
			return err
		}
		g.Go(func() error { return serve(gctx, ln, h) })
	}
	for id := range w.App.Cities() {
		if err := w.follow(gctx, g, id); err != nil {
			return fmt.Errorf("gate of %s: %w", id, err)
		}
	}
	g.Go(func() error { return w.fillCentres(gctx) })
	g.Go(func() error { return ready(w) })
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// follow puts up a city's gate, which knows nothing but what it fetches.
func (w *World) follow(ctx context.Context, g *errgroup.Group, id string) error {
	anchor, err := w.App.Anchor(id)
	if err != nil {
		return err
	}
	key, err := w.App.TagKey(id, w.province(id))
	if err != nil {
		return err
	}
	secret, err := w.App.ListSecret(id)
	if err != nil {
		return err
	}
	gt, err := gate.Open(gate.Config{Dir: filepath.Join(w.cfg.Dir, "gates"), City: id, Anchor: anchor, TagKey: key, Secret: secret})
	if err != nil {
		return err
	}
	w.gates[id] = gt
	p, err := w.enrol(ctx, id)
	if err != nil {
		return err
	}
	w.posts[id] = p
	a, err := agent.New(agent.Config{Gate: gt, Base: w.Site + app.ListsPath, City: id, Every: time.Second, MaxPause: 2 * time.Second, Now: w.Clock.Now, Log: w.cfg.Log,
		Journal: p.journal, Door: p.door, SealEvery: time.Second, ReportEvery: 30 * time.Second, Program: "turnike demo", Uptime: func() time.Duration { return w.uptime(p) }})
	if err != nil {
		return err
	}
	g.Go(func() error { a.Run(ctx); return nil })
	return nil
}

// govern is the office of a governor that reads the report files of its cities
// as they come.
func (w *World) govern(ctx context.Context, dir string) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if _, err := w.Outside.Governor(dir); err != nil {
				w.cfg.Log.WarnContext(ctx, "the governor's office", "err", err)
			}
		}
	}
}

// province is the one the portal's gate stands in: Malatya, whose board moved
// its date twice.
func (w *World) province(id string) int {
	if p := w.App.Cities()[id]; p != nil && p.Plate == 0 {
		return 44
	}
	return 0
}

// Tap holds a printed number to a city's gate, by the world's clock.
func (w *World) Tap(id, printed string) gate.Decision {
	g, ok := w.gates[id]
	if !ok {
		return gate.Stale
	}
	n, ok := g.Parse([]byte(printed))
	if !ok {
		return gate.Refuse
	}
	now := w.Clock.Now()
	a := g.Ask(n, now, 0)
	w.note(w.posts[id], a, now)
	return a.Decision
}

// Ready waits until every gate holds a list.
func (w *World) Ready(ctx context.Context) error {
	for {
		waiting := 0
		for _, g := range w.gates {
			if g.Status(w.Clock.Now()).Sequence == 0 {
				waiting++
			}
		}
		if waiting == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// SampleCard is the n-th card of a city's first range, as it is printed, or
// for a city without ranges a made-up number of its first length.
func (w *World) SampleCard(id string, n uint64) string {
	p := w.App.Cities()[id]
	s := p.Schemes[0]
	sc := statuslist.Scheme{ID: s.ID, Digits: s.Digits}
	if len(s.Ranges) > 0 {
		printed, _ := sc.Format(s.Ranges[0].First + n)
		return printed
	}
	return fmt.Sprintf("%0*d", int(s.Digits), 4_400_0000+n)
}

func serve(ctx context.Context, ln net.Listener, h http.Handler) error {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = srv.Shutdown(grace) // what hangs on purpose (a fault) is cut off
		_ = srv.Close()
	}()
	if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
