// Package tap measures what a tap costs the server: a decision asked over the
// network against an empty handler on the same transport.
package tap

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"turnike/gate"
	"turnike/internal/bench"
	"turnike/statuslist"
)

// Config says how much is measured.
type Config struct {
	Cards   uint32        // 1,000,000 if zero
	Clients int           // at once, each waiting for its answer; 64 if zero
	Rounds  int           // 7 if zero
	Each    time.Duration // how long each side of a round runs; 500 ms if zero
	Seed    uint64
}

// Online compares decisions with empty answers and checks every decision.
func Online(cfg Config) (bench.Bar, error) {
	if cfg.Cards == 0 {
		cfg.Cards = 1_000_000
	}
	if cfg.Clients == 0 {
		cfg.Clients = 64
	}
	if cfg.Rounds == 0 {
		cfg.Rounds = 7
	}
	if cfg.Each == 0 {
		cfg.Each = 500 * time.Millisecond
	}
	bar, err := online(cfg)
	if err != nil {
		return bench.Bar{}, fmt.Errorf("bench tap: %w", err)
	}
	return bar, nil
}

func online(cfg Config) (bench.Bar, error) {
	dir, err := os.MkdirTemp("", "turnike-bench-tap-")
	if err != nil {
		return bench.Bar{}, err
	}
	defer os.RemoveAll(dir)
	now := time.Date(2021, 1, 15, 7, 0, 0, 0, time.UTC)
	g, err := newGate(dir, cfg.Cards, now)
	if err != nil {
		return bench.Bar{}, err
	}
	mux := http.NewServeMux()
	// Both read the posted number and answer a word: what is compared is the
	// decision alone. A number never stands in an address.
	mux.HandleFunc("POST /empty", func(w http.ResponseWriter, r *http.Request) {
		var number [32]byte
		n, _ := io.ReadFull(r.Body, number[:])
		w.Write(empty[n>>6])
	})
	mux.HandleFunc("POST /tap", func(w http.ResponseWriter, r *http.Request) {
		var number [32]byte
		n, _ := io.ReadFull(r.Body, number[:])
		card, _ := g.Parse(number[:n])
		w.Write(words[g.Decide(card, now, 0)])
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return bench.Bar{}, err
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go server.Serve(l)
	defer server.Close()

	var ratios []float64
	var lastEmpty, lastTap float64
	for round := range cfg.Rounds + 1 {
		var rates [2]float64
		for i, path := range []string{"/empty", "/tap"} {
			if rates[i], err = drive("http://"+l.Addr().String()+path, i == 1, round, cfg); err != nil {
				return bench.Bar{}, err
			}
		}
		if round == 0 {
			continue // connections and caches warm up
		}
		ratios = append(ratios, rates[1]/rates[0])
		lastEmpty, lastTap = rates[0], rates[1]
	}
	bar, err := bench.NewBar("online_to_empty", ">=0.8", ratios)
	bar.Note = fmt.Sprintf("last round: %.0f decisions/s, %.0f empty answers/s, %d clients", lastTap, lastEmpty, cfg.Clients)
	return bar, err
}

var (
	empty = [][]byte{[]byte("open")}
	words = map[gate.Decision][]byte{gate.Stale: []byte("stale"), gate.Admit: []byte("open"), gate.AdmitFullFare: []byte("open-full-fare"), gate.Refuse: []byte("refuse")}
)

// odd cards are paired; the others are refused.
func want(card uint64) string {
	if card%2 == 1 {
		return "open"
	}
	return "refuse"
}

var scheme = statuslist.Scheme{ID: 1, Name: "bench", Digits: 16, Check: statuslist.CheckLuhn}

const first = 4_000_000_000_000

// drive asks for a while from all clients and gives answers a second.
func drive(url string, check bool, round int, cfg Config) (float64, error) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: cfg.Clients}}
	defer client.CloseIdleConnections()
	var answers atomic.Int64
	var failed atomic.Value
	var wg sync.WaitGroup
	began := time.Now()
	for c := range cfg.Clients {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(cfg.Seed, uint64(round*1000+c)))
			for time.Since(began) < cfg.Each {
				card := rng.Uint64N(uint64(cfg.Cards))
				digits, _ := scheme.Format(first + card)
				resp, err := client.Post(url, "text/plain", bytes.NewReader([]byte(digits)))
				if err != nil {
					failed.Store(err)
					return
				}
				word, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if err == nil && check && string(word) != want(card) {
					err = fmt.Errorf("card %d: got %s, want %s", card, word, want(card))
				}
				if err != nil {
					failed.Store(err)
					return
				}
				answers.Add(1)
			}
		})
	}
	wg.Wait()
	if err, ok := failed.Load().(error); ok {
		return 0, err
	}
	return float64(answers.Load()) / time.Since(began).Seconds(), nil
}

func newGate(dir string, cards uint32, now time.Time) (*gate.Gate, error) {
	seed := sha256.Sum256([]byte("turnike bench tap"))
	key := ed25519.NewKeyFromSeed(seed[:])
	public := key.Public().(ed25519.PublicKey)
	root := statuslist.Root{City: "bench", Version: 1, Threshold: 1, Keys: []ed25519.PublicKey{public},
		ListKeys: []statuslist.ListKey{{Key: public, From: now.AddDate(-1, 0, 0), To: now.AddDate(1, 0, 0)}}}
	file, err := root.Sign(key)
	if err != nil {
		return nil, err
	}
	ranges, err := statuslist.NewRanges([]statuslist.Scheme{scheme}, statuslist.Range{Scheme: 1, First: first, Last: first + uint64(cards) - 1})
	if err != nil {
		return nil, err
	}
	rules := &statuslist.Rules{Zone: []statuslist.Transition{{Offset: 3 * time.Hour}}, Stopped: statuslist.Refuse}
	rules.Default[0], rules.Default[1] = statuslist.Refuse, statuslist.Ride
	pub, err := statuslist.OpenPublisher(statuslist.PublisherConfig{
		Dir: dir, City: "bench", Ranges: ranges, Rules: []*statuslist.Rules{rules}, Key: key, Roots: [][]byte{file},
	})
	if err != nil {
		return nil, err
	}
	err = pub.SetAll(func(yield func(uint32, statuslist.Status) bool) {
		for i := uint32(1); i < cards; i += 2 {
			if !yield(i, statuslist.Status{Class: 1}) {
				return
			}
		}
	})
	if err != nil {
		return nil, err
	}
	if _, _, err := pub.Publish(now); err != nil {
		return nil, err
	}
	g, err := gate.Open(gate.Config{Dir: filepath.Join(dir, "gate"), City: "bench", Anchor: statuslist.Anchor{Keys: root.Keys, Threshold: 1}})
	if err != nil {
		return nil, err
	}
	_, err = g.Update(context.Background(), func(_ context.Context, name string, _ int64) ([]byte, error) {
		return os.ReadFile(filepath.Join(dir, "bench", name))
	})
	return g, err
}
