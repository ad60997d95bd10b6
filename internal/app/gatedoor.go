package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/prometheus/client_golang/prometheus"

	"turnike/internal/city"
	"turnike/internal/gatedoor"
	"turnike/internal/pairing"
	"turnike/internal/person"
	"turnike/internal/publish"
	"turnike/internal/storage/sqlstore"
	"turnike/internal/tap"
)

// GatesPath is where validators are let in, hand in their taps and say how they
// are.
const GatesPath = "/gate/"

// openDoor makes the door for validators and counts those behind it.
func (a *App) openDoor() {
	a.gates = tap.Registry{Store: sqlstore.As[tap.RegistryTx](a.store), NewID: newRowID}
	a.taps = tap.Service{Store: sqlstore.As[tap.Tx](a.store), Known: &tap.Known{}}
	a.door = gatedoor.New(gatedoor.Config{
		Taps: a.taps, Registry: a.gates,
		Kit: func(_ context.Context, id string, province int) (gatedoor.Kit, error) {
			p, ok := a.cities[id]
			if !ok {
				return gatedoor.Kit{}, city.ErrNoCity
			}
			return GateKit(a.cfg.Keys, a.keys, p, province, a.cfg.Now())
		},
		City: func(id string) bool { _, ok := a.cities[id]; return ok },
		// The lists stand beside the door, unless a static server has them; then
		// its address is given to the device by hand.
		Lists: ListsPath[:len(ListsPath)-1], Now: a.cfg.Now, Log: a.cfg.Log,
	})
	a.metrics.reg.MustRegister(&gateMetrics{app: a})
}

func newRowID() string { return uuid.Must(uuid.NewV7()).String() }

// Gates is the registry of validators, for the console and the demo.
func (a *App) Gates() tap.Registry { return a.gates }

// Taps takes validators' batches in.
func (a *App) Taps() tap.Service { return a.taps }

// GateKit is what a city's devices go by: the fingerprint of its root keys, the
// secret behind cards without ranges (the province's, for a portal of many) and
// that of a sealed list.
func GateKit(keysDir string, keys person.Keyring, p *city.Profile, province int, now time.Time) (gatedoor.Kit, error) {
	anchor, err := publish.Anchor(filepath.Join(keysDir, "list"), p.ID, now)
	if err != nil {
		return gatedoor.Kit{}, fmt.Errorf("kit of %s: %w", p.ID, err)
	}
	kit := gatedoor.Kit{Fingerprint: anchor.Fingerprint}
	for _, s := range p.Schemes {
		if p.Tagged(s.ID) {
			kit.Secrets.TagKey = pairing.TagSecret(keys, p.ID, province)
		}
	}
	secret, err := os.ReadFile(filepath.Join(keysDir, "list", p.ID, "list.secret"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return gatedoor.Kit{}, fmt.Errorf("kit of %s: %w", p.ID, err)
	}
	kit.Secrets.ListSecret = secret
	return kit, nil
}

// watchTaps goes over what validators handed in, every minute.
func (a *App) watchTaps(ctx context.Context) {
	w := tap.Watch{Store: sqlstore.As[tap.WatchTx](a.store)}
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Minute):
		}
		for id := range a.cities {
			if err := w.Step(ctx, id, a.cfg.Now()); err != nil && ctx.Err() == nil {
				a.cfg.Log.ErrorContext(ctx, "watch taps", "city", id, "err", err)
			}
		}
	}
}

// gateStates answers a city's devices as JSON, inside: turnike gate status asks.
func (a *App) gateStates(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("city")
	if _, ok := a.cities[id]; !ok {
		http.NotFound(w, r)
		return
	}
	fleet, err := a.gates.Fleet(r.Context(), id)
	if err != nil {
		a.cfg.Log.ErrorContext(r.Context(), "read gates", "err", err)
		http.Error(w, "the devices cannot be read now", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(GateReport(id, fleet, a.cfg.Now()))
}

// GateStates is a city's devices, each in a line, and their sum.
type GateStates struct {
	City    string      `json:"city"`
	At      time.Time   `json:"at"`
	Devices []GateState `json:"devices"`
	tap.Summary
}

// GateState is how one device is, by what the city knows of it.
type GateState struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Stop       uint32     `json:"stop"`
	Level      string     `json:"level"` // fresh, losses, amber, alarm, forked, revoked
	AgeSeconds int64      `json:"list_age_seconds"`
	List       uint64     `json:"list"`
	Seen       time.Time  `json:"seen"`
	Revoked    *time.Time `json:"revoked,omitempty"`
	Batches    uint64     `json:"batches"`
	Lost       uint64     `json:"lost"`
	Forks      int        `json:"forks"`
	Waiting    int        `json:"waiting"`
	Dropped    int        `json:"dropped"`
	Program    string     `json:"program"`
}

// GateReport writes a fleet down.
func GateReport(cityID string, fleet []tap.Health, now time.Time) GateStates {
	out := GateStates{City: cityID, At: now.UTC(), Devices: make([]GateState, len(fleet)), Summary: tap.Summarize(fleet, now)}
	for i, h := range fleet {
		out.Devices[i] = GateState{
			ID: h.ID.String(), Name: h.Name, Stop: h.Stop, Level: h.Level(now), AgeSeconds: int64(h.Age(now) / time.Second),
			List: h.List, Seen: h.Seen, Batches: h.Taken, Lost: h.Lost, Forks: h.Forks, Waiting: h.Waiting, Dropped: h.Dropped, Program: h.Program,
		}
		if !h.Revoked.IsZero() {
			out.Devices[i].Revoked = &h.Revoked
		}
	}
	return out
}

// gateMetrics counts a city's validators when somebody looks, at most every
// half minute.
type gateMetrics struct {
	app *App

	mu   sync.Mutex
	at   time.Time
	sums map[string]tap.Summary
}

var (
	gatesStale = prometheus.NewDesc("turnike_gates_stale", "Validators whose list is older than that, or of which nothing newer is known.", []string{"city", "over"}, nil)
	gatesAll   = prometheus.NewDesc("turnike_gates", "Validators that may hand in.", []string{"city"}, nil)
	gatesFork  = prometheus.NewDesc("turnike_gates_forked", "Validators whose batches contradict each other: a copied key, or one set back.", []string{"city"}, nil)
	gatesLost  = prometheus.NewDesc("turnike_gates_lost_batches", "Batches that validators sealed and the city has not got, by their numbers.", []string{"city"}, nil)
)

// Describe is of prometheus.Collector.
func (m *gateMetrics) Describe(ch chan<- *prometheus.Desc) {
	ch <- gatesStale
	ch <- gatesAll
	ch <- gatesFork
	ch <- gatesLost
}

// Collect is of prometheus.Collector.
func (m *gateMetrics) Collect(ch chan<- prometheus.Metric) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if real := time.Now(); real.Sub(m.at) > 30*time.Second {
		m.at, m.sums = real, map[string]tap.Summary{}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		for id := range m.app.cities {
			fleet, err := m.app.gates.Fleet(ctx, id)
			if err != nil {
				m.app.cfg.Log.Error("count gates", "city", id, "err", err)
				continue // a figure that is not there is seen to be missing
			}
			m.sums[id] = tap.Summarize(fleet, m.app.cfg.Now())
		}
	}
	for id, s := range m.sums {
		gauge := func(d *prometheus.Desc, n int, labels ...string) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(n), append([]string{id}, labels...)...)
		}
		gauge(gatesStale, s.Amber, "24h")
		gauge(gatesStale, s.Alarm, "72h")
		gauge(gatesAll, s.Devices)
		gauge(gatesFork, s.Forked)
		gauge(gatesLost, s.Lost+s.Dropped)
	}
}
