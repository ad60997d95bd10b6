// Command server is what the browser tests look at: the style guide, and the
// public site on the real pairing service with a database, key store and city
// files of its own in a scratch folder. Only the outside world is played here:
// an authority that knows every code but a few, and a phone whose messages are
// read at /test/sms.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"turnike/internal/city"
	"turnike/internal/health"
	"turnike/internal/notify"
	"turnike/internal/pairing"
	"turnike/internal/storage"
	"turnike/internal/storage/sqlstore"
	"turnike/internal/vault"
	"turnike/internal/web/assets"
	"turnike/internal/web/citizen"
	"turnike/internal/web/guide"
	"turnike/internal/web/httpx"
)

func main() {
	brand := flag.String("brand", "#0a5c8a", "the style guide's city colour")
	at := flag.String("now", "2021-01-12T10:00:00+03:00", "the moment at which the site's clock starts")
	flag.Parse()
	if err := run(context.Background(), *brand, *at); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run prints the address it listens on, then serves until it is killed.
func run(ctx context.Context, brand, at string) error {
	theme, err := assets.NewTheme(brand)
	if err != nil {
		return err
	}
	site, err := httpx.New(httpx.Config{})
	if err != nil {
		return err
	}
	start, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return err
	}
	clock := &clock{start: start, began: time.Now()}
	now := clock.now

	dir, err := os.MkdirTemp("", "turnike-browser")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	store, err := storage.Open(ctx, "sqlite:"+filepath.Join(dir, "rows.db"), true)
	if err != nil {
		return err
	}
	keys, err := vault.Open(ctx, vault.Config{Dir: filepath.Join(dir, "keys"), Stock: 50, Now: now})
	if err != nil {
		return err
	}
	cities, err := city.Shipped()
	if err != nil {
		return err
	}
	phone := &phone{keys: keys, got: []string{}}
	public, err := citizen.New(citizen.Config{
		Pairing: pairing.New(pairing.Config{
			Store: overheard{sqlstore.As[pairing.Tx](store), phone}, Keys: keys, Authority: ministry{}, Now: now,
			Cities: func(id string) (*city.Profile, bool) { p, ok := cities[id]; return p, ok },
		}),
		Cities: func() city.Set { return cities },
		Now:    now,
	})
	if err != nil {
		return err
	}

	visits, err := visitPages(ctx, store, keys, cities, now, phone)
	if err != nil {
		return err
	}

	mux := http.NewServeMux()
	mux.Handle("/visit/", visits)
	mux.Handle("POST /test/fill", visits)
	mux.Handle("POST /test/work", visits)
	mux.Handle("/guide/", site.Wrap(guide.Handler(site, "/guide/", theme)))
	mux.Handle("GET /test/sms", phone)
	mux.Handle("POST /test/later", clock)
	mux.Handle("/", public.Handler())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("http://%s\n", l.Addr())
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	return srv.Serve(l)
}

// clock is the site's time: it runs, and a test may move it on.
type clock struct {
	mu           sync.Mutex
	start, began time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.start.Add(time.Since(c.began))
}

// ServeHTTP moves the clock on by ?by=, a duration such as 2m.
func (c *clock) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	by, err := time.ParseDuration(r.URL.Query().Get("by"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.start = c.start.Add(by)
}

// ministry answers for every code at once; those that begin with NONE are
// unknown to it.
type ministry struct{}

func (ministry) Check(_ context.Context, c health.Code) (health.Answer, error) {
	if c.Reveal()[:4] == "NONE" {
		return health.Answer{}, health.ErrCodeUnknown
	}
	return health.Answer{Expires: time.Date(2070, 12, 30, 0, 0, 0, 0, time.UTC)}, nil
}

func (m ministry) CheckMany(ctx context.Context, cs []health.Code) (map[health.Code]health.Verdict, error) {
	all := map[health.Code]health.Verdict{}
	for _, c := range cs {
		a, err := m.Check(ctx, c)
		all[c] = health.Verdict{Answer: a, Err: err}
	}
	return all, nil
}

// phone keeps the messages that were to be sent and shows them as JSON, newest
// last.
type phone struct {
	keys *vault.Vault

	mu  sync.Mutex
	got []string
}

func (p *phone) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(p.got); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

// hear keeps a message.
func (p *phone) hear(q notify.Queued) error {
	m, err := pairing.OpenMessage(p.keys, q)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.got = append(p.got, m.Text)
	return nil
}

// overheard is the store with an ear on its outbox.
type overheard struct {
	pairing.Store
	phone *phone
}

func (o overheard) Update(ctx context.Context, fn func(pairing.Tx) error) error {
	return o.Store.Update(ctx, func(tx pairing.Tx) error { return fn(ear{tx, o.phone}) })
}

type ear struct {
	pairing.Tx
	phone *phone
}

func (e ear) Enqueue(ctx context.Context, q notify.Queued) error {
	if err := e.phone.hear(q); err != nil {
		return err
	}
	return e.Tx.Enqueue(ctx, q)
}
