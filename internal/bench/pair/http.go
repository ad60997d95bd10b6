package pair

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"turnike/internal/api"
	"turnike/internal/bench"
	"turnike/internal/city"
	"turnike/internal/health"
	"turnike/internal/notify"
	"turnike/internal/pairing"
	"turnike/internal/storage/sqlstore"
)

// The bars over HTTP: the product's own endpoint (a code is typed in, which
// pairs) against an echo of the same size and against the same endpoint whose
// transactions commit one by one.
const (
	barEcho  = ">=0.2"
	barAlone = ">=3"
	barP99   = "<=25"
)

// httpClients is how many callers share the server.
const httpClients = 64

// atOnce is an authority that answers at once that nobody is at risk: the bench
// is about what we do, not about the ministry.
type atOnce struct{}

func (atOnce) Check(context.Context, health.Code) (health.Answer, error) { return health.Answer{}, nil }

func (atOnce) CheckMany(_ context.Context, cs []health.Code) (map[health.Code]health.Verdict, error) {
	m := make(map[health.Code]health.Verdict, len(cs))
	for _, c := range cs {
		m[c] = health.Verdict{}
	}
	return m, nil
}

// oneByOne is a store whose transactions never share a commit.
type oneByOne struct {
	sqlstore.Typed[pairing.Tx]
	mu *sync.Mutex
}

func (o oneByOne) Update(ctx context.Context, fn func(pairing.Tx) error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.Typed.Update(ctx, fn)
}

// asked is a request that waits for its code.
type asked struct{ token, code string }

// http measures over loopback, on the store that is already full.
func (r *runner) http(ctx context.Context, s *sqlstore.Store) ([]bench.Bar, error) {
	cities, err := city.Shipped()
	if err != nil {
		return nil, err
	}
	handler := func(store pairing.Store) (*pairing.Service, http.Handler, error) {
		svc := pairing.New(pairing.Config{Store: store, Keys: r.keys, Authority: atOnce{}, Now: time.Now,
			Cities: func(id string) (*city.Profile, bool) { p, ok := cities[id]; return p, ok }})
		h, err := api.New(api.Config{Pairing: svc, Cities: func() city.Set { return cities }, Now: time.Now})
		return svc, h, err
	}
	together := sqlstore.As[pairing.Tx](s)
	svc, ours, err := handler(together)
	if err != nil {
		return nil, err
	}
	_, alone, err := handler(oneByOne{together, &sync.Mutex{}})
	if err != nil {
		return nil, err
	}
	servers := map[string]string{}
	size := &atomic.Int64{} // of our answer, so that the echo's is the same
	size.Store(400)
	for name, h := range map[string]http.Handler{"ours": ours, "alone": alone, "echo": echo(size)} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		srv := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
		defer srv.Close()
		go func() { _ = srv.Serve(ln) }() // ends with Close
		servers[name] = "http://" + ln.Addr().String()
	}
	var toEcho, toAlone, p99 []float64
	var notes []string
	for i := range r.Rounds {
		span := r.Span
		e, _, err := r.drive(ctx, servers["echo"], nil, span, nil)
		if err != nil {
			return nil, fmt.Errorf("echo: %w", err)
		}
		// As many requests as the echo's rate could use up, and some: most of
		// the time of a round goes here.
		most := int(e * span.Seconds())
		batch, err := r.ask(ctx, s, svc, min(most/2, 12_000))
		if err != nil {
			return nil, err
		}
		o, late, err := r.drive(ctx, servers["ours"], batch, span, size)
		if err != nil {
			return nil, fmt.Errorf("ours: %w", err)
		}
		batch, err = r.ask(ctx, s, svc, min(most/4, 6_000))
		if err != nil {
			return nil, err
		}
		a, _, err := r.drive(ctx, servers["alone"], batch, span, nil)
		if err != nil {
			return nil, fmt.Errorf("alone: %w", err)
		}
		fmt.Fprintf(r.Progress, "http round %d: %.0f pairings/s (p99 %.1f ms), echo %.0f/s, alone %.0f/s\n", i+1, o, late, e, a)
		toEcho, toAlone, p99 = append(toEcho, o/e), append(toAlone, o/a), append(p99, late)
		notes = append(notes, fmt.Sprintf("%.0f/%.0f/%.0f", o, e, a))
	}
	var bars []bench.Bar
	for _, b := range []struct {
		name, bound string
		rounds      []float64
		note        string
	}{
		{"http_to_echo", barEcho, toEcho, "pairings/s to echo/s to alone/s by round: "},
		{"http_to_alone", barAlone, toAlone, "the same rounds: "},
		{"http_p99_ms", barP99, p99, "of ours at 64 clients, the same rounds: "},
	} {
		one, err := bar(b.name, b.bound, b.rounds, b.note, notes)
		if err != nil {
			return nil, err
		}
		bars = append(bars, one)
	}
	return bars, nil
}

// echo reads a request like ours and answers with as many bytes.
func echo(size *atomic.Int64) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		var in struct {
			Code string `json:"code"`
		}
		if err := json.NewDecoder(io.LimitReader(req.Body, 64<<10)).Decode(&in); err != nil || in.Code == "" {
			http.Error(w, "code", http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		out := struct {
			Code string `json:"code"`
			Fill string `json:"fill"`
		}{in.Code, string(bytes.Repeat([]byte{'x'}, max(0, int(size.Load())-30)))}
		_ = json.NewEncoder(w).Encode(out) // a reader that left is its own affair
	})
}

// ask begins n requests the product's own way and reads their codes out of the
// outbox, as a gateway would.
func (r *runner) ask(ctx context.Context, s *sqlstore.Store, svc *pairing.Service, n int) ([]asked, error) {
	tokens := make([]asked, n)
	byPhone := make(map[string]int, n)
	var mu sync.Mutex
	var next, failed atomic.Int64
	var first atomic.Pointer[error]
	var wg sync.WaitGroup
	for range 256 {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n || failed.Load() > 0 {
					return
				}
				k := r.next.Add(1) - 1
				phone := fmt.Sprintf("905%06d%03d", (k*7919)%1_000_000, k/1_000_000)
				v, err := svc.Begin(ctx, pairing.Input{City: "izmir", Kind: pairing.Pair, Lang: "tr", Channel: "api", Fields: map[string]string{
					"card": fmt.Sprintf("%012d", 350_000_000_000+k%3_500_000), "id": tckn(200_000_000 + k), "hes": "A1B2C3D4E5", "phone": phone,
					"box_terms": "1", "box_notice": "1",
				}})
				if err != nil {
					first.CompareAndSwap(nil, &err)
					failed.Add(1)
					return
				}
				mu.Lock()
				tokens[i].token, byPhone[phone] = v.Token, i
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if err := first.Load(); err != nil {
		return nil, fmt.Errorf("begin: %w", *err)
	}
	for left := n; left > 0; {
		var taken []notify.Queued
		err := s.Update(ctx, func(tx *sqlstore.Tx) (err error) {
			now := time.Now()
			taken, err = tx.Claim(ctx, notify.CodeClass, now, now.Add(time.Hour), 1000)
			return err
		})
		if err != nil {
			return nil, err
		}
		if len(taken) == 0 {
			return nil, fmt.Errorf("%d codes are not in the outbox", left)
		}
		for _, q := range taken {
			m, err := pairing.OpenMessage(r.keys, q)
			if err != nil {
				return nil, err
			}
			if i, ok := byPhone[m.To.Reveal()]; ok {
				tokens[i].code = m.Text[:6]
				left--
			}
		}
	}
	return tokens, nil
}

// tckn completes nine digits to a well-formed T.C. number.
func tckn(nine int64) string {
	s := fmt.Sprintf("%09d", nine)
	odd, even := 0, 0
	for i, c := range s {
		if i%2 == 0 {
			odd += int(c - '0')
		} else {
			even += int(c - '0')
		}
	}
	d10 := ((7*odd-even)%10 + 10) % 10
	return fmt.Sprintf("%s%d%d", s, d10, (odd+even+d10)%10)
}

// errShort says that the batch was used up before the time was.
var errShort = errors.New("answered 2xx to nobody")

// drive lets 64 callers send for a span, or until the batch is used up, and
// gives answers a second and the 99th percentile in milliseconds. Every answer
// must be a 200. A nil batch is the echo's.
func (r *runner) drive(ctx context.Context, base string, batch []asked, span time.Duration, size *atomic.Int64) (rate, p99 float64, err error) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: httpClients, DisableCompression: true}}
	defer client.CloseIdleConnections()
	var next atomic.Int64
	var first atomic.Pointer[error]
	times := make([][]time.Duration, httpClients)
	begun := time.Now()
	var last atomic.Int64
	var wg sync.WaitGroup
	for c := range httpClients {
		wg.Go(func() {
			for time.Since(begun) < span && first.Load() == nil {
				url, body := base, []byte(`{"code":"123456"}`)
				if batch != nil {
					i := int(next.Add(1)) - 1
					if i >= len(batch) {
						return
					}
					url = base + api.Prefix + "v1/cities/izmir/requests/" + batch[i].token + "/code"
					body = []byte(`{"code":"` + batch[i].code + `"}`)
				}
				at := time.Now()
				n, err := post(ctx, client, url, body)
				if err != nil {
					first.CompareAndSwap(nil, &err)
					return
				}
				if size != nil {
					size.Store(n)
				}
				times[c] = append(times[c], time.Since(at))
				last.Store(int64(time.Since(begun)))
			}
		})
	}
	wg.Wait()
	if e := first.Load(); e != nil {
		return 0, 0, *e
	}
	all := slices.Concat(times...)
	if len(all) == 0 {
		return 0, 0, errShort
	}
	slices.Sort(all)
	took := time.Duration(last.Load())
	return float64(len(all)) / took.Seconds(), float64(all[len(all)*99/100].Microseconds()) / 1000, nil
}

func post(ctx context.Context, c *http.Client, url string, body []byte) (int64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := c.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	n, err := io.Copy(io.Discard, res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("answered %d", res.StatusCode)
	}
	return n, err
}
