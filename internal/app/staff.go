package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"turnike/internal/access"
	"turnike/internal/booking"
	"turnike/internal/city"
	"turnike/internal/i18n"
	"turnike/internal/storage"
	"turnike/internal/storage/sqlstore"
	"turnike/internal/vault"
	"turnike/internal/web/staff"
)

// openStaff brings up who works here, and the ground of their pages.
func (a *App) openStaff() error {
	var networks []*booking.Network
	for _, v := range a.visits {
		networks = append(networks, v.Network())
	}
	tenants := tenantsOf(networks, a.cities)
	a.access = access.New(access.Config{Store: sqlstore.As[access.Tx](a.store), Keys: a.keys, Now: a.cfg.Now,
		Tenants: func() []access.Tenant { return tenants }})
	providers, err := loadProviders(a.cfg.StaffOIDC, tenants)
	if err != nil {
		return fmt.Errorf("--staff-oidc: %w", err)
	}
	if a.staff, err = staff.New(staff.Config{Access: a.access, Accounts: a.access, Now: a.cfg.Now, Providers: providers,
		Log: a.cfg.Log, TLS: a.cfg.TLS, Origins: a.cfg.Origins}); err != nil {
		return fmt.Errorf("staff pages: %w", err)
	}
	return nil
}

// OpenAccess opens who works here and nothing else, beside a running server or
// without one, for the command line. done lets go of it.
func OpenAccess(ctx context.Context, cfg Config) (svc *access.Service, done func() error, err error) {
	cfg.settle()
	cities, err := loadCities(cfg.Cities)
	if err != nil {
		return nil, nil, fmt.Errorf("cities: %w", err)
	}
	networks, err := allNetworks(cfg.Centres, cities)
	if err != nil {
		return nil, nil, err
	}
	store, err := storage.Open(ctx, cfg.DB, false)
	if err != nil {
		return nil, nil, fmt.Errorf("open database: %w", err)
	}
	keys, err := vault.Open(ctx, vault.Config{Dir: cfg.Keys, Passphrase: cfg.KeyPassphrase, Stock: 10, Now: cfg.Now})
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("open keys: %w", err), store.Close())
	}
	tenants := tenantsOf(networks, cities)
	svc = access.New(access.Config{Store: sqlstore.As[access.Tx](store), Keys: keys, Now: cfg.Now, Tenants: func() []access.Tenant { return tenants }})
	return svc, func() error { return errors.Join(keys.Close(), store.Close()) }, nil
}

// tenantsOf are the networks of centres, then the cities: whoever may have
// people.
func tenantsOf(centres []*booking.Network, profiles city.Set) []access.Tenant {
	var networks, desks, cities []access.Tenant
	for _, n := range centres {
		id := n.ID
		t := access.Tenant{ID: id, Name: n.Name}
		for _, c := range n.Centres {
			t.Centres = append(t.Centres, access.Place{ID: c.ID, Name: c.Name})
		}
		if cityID, ok := strings.CutSuffix(id, "-desks"); ok && profiles[cityID] != nil {
			t.Name = city.Text{}
			for _, l := range i18n.Langs() {
				t.Name[string(l)] = i18n.T(l, "staff.desks_of", "City", n.Name.In(string(l)))
			}
			desks = append(desks, t)
			continue
		}
		networks = append(networks, t)
	}
	for id, p := range profiles {
		cities = append(cities, access.Tenant{ID: id, Name: p.Name})
	}
	for _, all := range [][]access.Tenant{networks, desks, cities} {
		slices.SortFunc(all, func(x, y access.Tenant) int { return strings.Compare(x.ID, y.ID) })
	}
	return slices.Concat(networks, desks, cities)
}

// mountStaff puts the pages of everybody who works here side by side, and
// keeps their routes: a test walks them all into foreign tenants.
func (a *App) mountStaff(mux *http.ServeMux) {
	own := a.staff.Handler()
	mux.Handle("/staff/", own)
	mux.Handle("/invite/", own)
	mux.Handle("/screen/", own)
	a.screenPages(mux)
	a.routesOfStaff = slices.Concat(a.staff.Routes(), a.counterPages(mux, a.staff), a.managePages(mux, a.staff), a.keyPages(mux, a.staff))
}

// StaffRoutes are all pages that need a sign-in.
func (a *App) StaffRoutes() []access.Route { return a.routesOfStaff }

// Access is who works here, for the demo and for tests.
func (a *App) Access() *access.Service { return a.access }

// FirstAdministrator is the path of the link by which the first administrator
// comes in; "" once there is one.
func (a *App) FirstAdministrator(ctx context.Context) (path string, err error) {
	token, err := a.access.First(ctx)
	if err != nil || token == "" {
		return "", err
	}
	return "/invite/" + token, nil
}

// workStaff forgets sessions that are over.
func (a *App) workStaff(ctx context.Context) {
	for {
		if err := a.access.Sweep(ctx); err != nil && ctx.Err() == nil {
			a.cfg.Log.ErrorContext(ctx, "forget old sessions", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Hour):
		}
	}
}

// provider is a tenant's own sign-in in the file of --staff-oidc. The secret
// stands elsewhere: the file may be shown around.
type provider struct {
	Tenant     string   `toml:"tenant"`
	Name       string   `toml:"name"`
	Issuer     string   `toml:"issuer"`
	ClientID   string   `toml:"client_id"`
	SecretEnv  string   `toml:"secret_env"`
	SecretFile string   `toml:"secret_file"`
	Claim      string   `toml:"claim"`
	Scopes     []string `toml:"scopes"`
}

// errProvider is given for a provider that could let in the wrong people or
// nobody.
var errProvider = errors.New("a provider needs tenant, name, issuer (https, or http on this machine), client_id, claim, and a secret by secret_env or secret_file")

func loadProviders(path string, tenants []access.Tenant) ([]staff.Provider, error) {
	if path == "" {
		return nil, nil
	}
	var file struct {
		Provider []provider `toml:"provider"`
	}
	meta, err := toml.DecodeFile(path, &file)
	if err != nil {
		return nil, err
	}
	if extra := meta.Undecoded(); len(extra) > 0 {
		return nil, fmt.Errorf("%q is no setting of a provider", extra[0].String())
	}
	var all []staff.Provider
	for i, p := range file.Provider {
		secret := os.Getenv(p.SecretEnv)
		if p.SecretFile != "" {
			b, err := os.ReadFile(p.SecretFile)
			if err != nil {
				return nil, fmt.Errorf("provider %d: %w", i+1, err)
			}
			secret = strings.TrimSpace(string(b))
		}
		local := strings.HasPrefix(p.Issuer, "http://127.0.0.1") || strings.HasPrefix(p.Issuer, "http://localhost")
		known := slices.ContainsFunc(tenants, func(t access.Tenant) bool { return t.ID == p.Tenant })
		switch {
		case p.Tenant == "" || p.Name == "" || p.ClientID == "" || p.Claim == "" || secret == "" || !strings.HasPrefix(p.Issuer, "https://") && !local:
			return nil, fmt.Errorf("provider %d: %w", i+1, errProvider)
		case !known:
			return nil, fmt.Errorf("provider %d: there is no tenant %q", i+1, p.Tenant)
		case slices.ContainsFunc(all, func(o staff.Provider) bool { return o.Tenant == p.Tenant }):
			return nil, fmt.Errorf("provider %d: tenant %q has one already", i+1, p.Tenant)
		}
		all = append(all, staff.Provider{Tenant: p.Tenant, Name: p.Name, Issuer: p.Issuer, ClientID: p.ClientID, Secret: secret, Claim: p.Claim, Scopes: p.Scopes})
	}
	return all, nil
}
