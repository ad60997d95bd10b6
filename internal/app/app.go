package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"turnike/internal/access"
	"turnike/internal/api"
	"turnike/internal/authority"
	"turnike/internal/booking"
	"turnike/internal/city"
	"turnike/internal/gatedoor"
	"turnike/internal/health"
	"turnike/internal/hook"
	"turnike/internal/notify"
	"turnike/internal/outbox"
	"turnike/internal/pairing"
	"turnike/internal/person"
	"turnike/internal/publish"
	"turnike/internal/report"
	"turnike/internal/sms"
	"turnike/internal/storage"
	"turnike/internal/storage/sqlstore"
	"turnike/internal/tap"
	"turnike/internal/vault"
	"turnike/internal/web/citizen"
	"turnike/internal/web/staff"
	"turnike/statuslist"
)

// App is one running installation.
type App struct {
	cfg     Config
	store   *sqlstore.Store
	keys    *vault.Vault
	cities  city.Set
	pairing *pairing.Service
	visits  map[string]*booking.Service // by network of centres
	address atomic.Pointer[string]      // listened on, once Run has begun
	// contacts seal who comes, by network.
	contacts map[string]booking.Contacts
	hooks    *hook.Service
	access   *access.Service
	staff    *staff.Server
	// routesOfStaff are all pages that need a sign-in.
	routesOfStaff []access.Route
	reports       *report.Service
	lists         map[string]*publish.List
	worker        *outbox.Worker
	sender        notify.Sender
	handler       http.Handler
	metrics       *metrics
	gates         tap.Registry
	taps          tap.Service
	door          *gatedoor.Server
	ready         func(context.Context) error
	closers       []io.Closer
}

// ListsPath is where the signed lists are served, for gates to follow.
const ListsPath = "/lists/"

// New opens everything and connects it. It serves nothing yet; Close undoes it.
func New(ctx context.Context, cfg Config) (_ *App, err error) {
	cfg.settle()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	a := &App{cfg: cfg, lists: map[string]*publish.List{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
		}
	}()

	// The cities.
	if a.cities, err = loadCities(cfg.Cities); err != nil {
		return nil, fmt.Errorf("cities: %w", err)
	}

	// What is kept, and the keys to it, apart from each other.
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	if a.store, err = storage.Open(ctx, cfg.DB, cfg.Migrate); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	a.closers = append(a.closers, a.store)
	if a.keys, err = vault.Open(ctx, vault.Config{Dir: cfg.Keys, Passphrase: cfg.KeyPassphrase, Now: cfg.Now}); err != nil {
		return nil, fmt.Errorf("open keys: %w", err)
	}
	a.closers = append(a.closers, a.keys)

	// The outside world.
	var register person.Register
	var hes health.Authority
	if cfg.NVI.URL != "" {
		if register, err = authority.NewNVI(authority.NVIConfig{BaseURL: cfg.NVI.URL, Timeout: cfg.NVI.Timeout}); err != nil {
			return nil, fmt.Errorf("identity register: %w", err)
		}
	}
	if cfg.HES.URL != "" {
		if hes, err = authority.NewHES(authority.HESConfig{BaseURL: cfg.HES.URL, User: cfg.HES.User, Password: cfg.HES.Password, Timeout: cfg.HES.Timeout}); err != nil {
			return nil, fmt.Errorf("health ministry: %w", err)
		}
	}
	if cfg.SMS.Driver != "" {
		if a.sender, err = sms.Open(sms.Config{Driver: cfg.SMS.Driver, URL: cfg.SMS.URL, User: cfg.SMS.User, Password: cfg.SMS.Password, Header: cfg.SMS.Header, Now: cfg.Now}); err != nil {
			return nil, fmt.Errorf("SMS gateway: %w", err)
		}
		if c, ok := a.sender.(io.Closer); ok {
			a.closers = append(a.closers, c)
		}
	}

	// The rules.
	wake := func(notify.Class) {}
	a.pairing = pairing.New(pairing.Config{
		Store: sqlstore.As[pairing.Tx](a.store), Keys: a.keys, Cities: a.city,
		Register: register, Authority: hes, Now: cfg.Now, Log: cfg.Log, DailyTexts: cfg.Limits.DailyTexts,
		Note: a.notePaired,
		Wake: func(c notify.Class) { wake(c) },
	})
	if a.sender != nil {
		a.worker = outbox.New(outbox.Config{Store: sqlstore.As[outbox.Tx](a.store), Sender: a.sender, Keys: a.keys, Now: cfg.Now, Log: cfg.Log})
		wake = a.worker.Wake
	}

	if err := a.openHooks(); err != nil {
		return nil, err
	}
	if err := a.openVisits(func(c notify.Class) { wake(c) }); err != nil {
		return nil, err
	}

	// The lists that gates follow.
	for id, p := range a.cities {
		l, err := publish.Open(publish.Config{
			City: p, Dir: a.listsDir(), Keys: filepath.Join(cfg.Keys, "list"),
			Store: sqlstore.As[pairing.Tx](a.store), Now: cfg.Now, Log: cfg.Log, Beat: cfg.ListBeat,
		})
		if err != nil {
			return nil, err
		}
		a.lists[id] = l
	}

	// Who works here.
	if err := a.openStaff(); err != nil {
		return nil, err
	}

	// What people and machines see.
	a.metrics = newMetrics(a)
	a.countHooks(a.metrics.reg)
	a.openDoor()
	if err := a.openReports(); err != nil {
		return nil, err
	}
	site, err := citizen.New(citizen.Config{
		Pairing: a.pairing, Cities: func() city.Set { return a.cities }, Now: cfg.Now,
		Log: cfg.Log, TLS: cfg.TLS, Origins: cfg.Origins,
	})
	if err != nil {
		return nil, fmt.Errorf("public site: %w", err)
	}
	machine, err := api.New(api.Config{
		Pairing: a.pairing, Cities: func() city.Set { return a.cities }, Now: cfg.Now, Log: cfg.Log, Head: a.headOf, Version: Version,
		Networks: a.apiVisits(func(c notify.Class) { wake(c) }), Keys: a.hooks,
	})
	if err != nil {
		return nil, fmt.Errorf("api: %w", err)
	}
	visits, err := a.visitPages(func(c notify.Class) { wake(c) })
	if err != nil {
		return nil, err
	}
	a.handler = a.routes(site.Handler(), machine, visits)
	return a, nil
}

func loadCities(dir string) (city.Set, error) {
	if dir == "" {
		return city.Shipped()
	}
	return city.LoadFS(os.DirFS(dir))
}

func (a *App) city(id string) (*city.Profile, bool) { p, ok := a.cities[id]; return p, ok }

func (a *App) listsDir() string { return filepath.Join(a.cfg.Data, "lists") }

// Handler is the public site, the API and the lists.
func (a *App) Handler() http.Handler { return a.handler }

// Cities are the cities served.
func (a *App) Cities() city.Set { return a.cities }

// Head is the head of a city's list.
func (a *App) Head(cityID string) (statuslist.Head, bool) {
	l, ok := a.lists[cityID]
	if !ok {
		return statuslist.Head{}, false
	}
	return l.Head()
}

// headOf is Head for the API.
func (a *App) headOf(_ context.Context, cityID string) (*statuslist.Head, error) {
	h, ok := a.Head(cityID)
	if !ok {
		return nil, api.ErrNoList
	}
	return &h, nil
}

// Public is how people reach the public site: as configured, or the address
// listened on.
func (a *App) Public() string {
	if a.cfg.Public != "" {
		return a.cfg.Public
	}
	if at := a.address.Load(); at != nil {
		return "http://" + *at
	}
	return "http://" + a.cfg.Listen
}

// Version is the product's version.
const Version = "0.1.0"

// Publish brings a city's list up to date now rather than at the next look.
func (a *App) Publish(ctx context.Context, cityID string) error {
	l, ok := a.lists[cityID]
	if !ok {
		return city.ErrNoCity
	}
	return l.Step(ctx)
}

// Anchor is the trust a gate of a city is born with.
func (a *App) Anchor(cityID string) (statuslist.Anchor, error) {
	return publish.Anchor(filepath.Join(a.cfg.Keys, "list"), cityID, a.cfg.Now())
}

// TagKey is what a gate needs for cards without ranges.
func (a *App) TagKey(cityID string, province int) (*statuslist.TagKey, error) {
	return pairing.TagKey(a.keys, cityID, province)
}

// Close lets go of the store, the keys and the gateway.
func (a *App) Close() error {
	var errs []error
	for i := len(a.closers) - 1; i >= 0; i-- {
		errs = append(errs, a.closers[i].Close())
	}
	a.closers = nil
	return errors.Join(errs...)
}

// Run serves until ctx ends, then lets what is under way finish. The listener
// is told to started as soon as it answers.
func (a *App) Run(ctx context.Context, started func(addr net.Addr)) error {
	ln, err := net.Listen("tcp", a.cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", a.cfg.Listen, err)
	}
	at := ln.Addr().String()
	a.address.Store(&at)
	g, gctx := errgroup.WithContext(ctx)
	// The workers outlast the listener, so that the last answers' messages
	// still leave.
	wctx, stopWorkers := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWorkers()
	g.Go(func() error { return a.serve(gctx, ln, a.handler, stopWorkers) })
	if a.cfg.Admin != "" {
		admin, err := net.Listen("tcp", a.cfg.Admin)
		if err != nil {
			ln.Close()
			return fmt.Errorf("listen on %s: %w", a.cfg.Admin, err)
		}
		g.Go(func() error { return a.serve(gctx, admin, a.adminRoutes(), func() {}) })
	}
	for _, l := range a.lists {
		g.Go(func() error { return l.Run(wctx) })
	}
	g.Go(func() error { a.work(wctx); return nil })
	g.Go(func() error { a.workVisits(wctx); return nil })
	g.Go(func() error { a.workStaff(wctx); return nil })
	g.Go(func() error { a.watchTaps(wctx); return nil })
	g.Go(func() error { a.workReports(wctx); return nil })
	g.Go(func() error { a.hooks.Run(wctx); return nil })
	if a.worker != nil {
		g.Go(func() error { a.worker.Run(wctx); return nil })
	}
	if started != nil {
		started(ln.Addr())
	}
	return g.Wait()
}

// serve answers on one listener with limits on everything a slow or hostile
// caller could hold on to.
func (a *App) serve(ctx context.Context, ln net.Listener, h http.Handler, drained func()) error {
	srv := &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: 60 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: logBridge(a.cfg.Log),
	}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.Background(), a.cfg.Drain)
		defer cancel()
		err := srv.Shutdown(grace)
		if err != nil {
			_ = srv.Close() // whoever is still there had their time
		}
		drained()
		stopped <- err
	}()
	if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	if err := <-stopped; err != nil {
		return fmt.Errorf("some requests did not finish within %s: %w", a.cfg.Drain, err)
	}
	return nil
}

// work does what pairing has due, at once again while there is plenty.
func (a *App) work(ctx context.Context) {
	const pause = 2 * time.Second
	for {
		n, err := a.pairing.Work(ctx)
		if err != nil && ctx.Err() == nil {
			a.cfg.Log.ErrorContext(ctx, "work", "err", err)
		}
		wait := pause
		if n > 0 && err == nil {
			wait = 50 * time.Millisecond
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}
