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
	"strings"
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

// The bars over HTTP: a form that is checked, sealed and kept with all its rows
// in one request, as a desk sends it, against an echo of the same size and
// against the same handler whose transactions commit one by one. The citizen's
// own endpoint (a code is typed in; request, limits, card and list are read and
// written too) is driven in the same rounds and told in the note.
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

// asked is a request that waits for its code.
type asked struct{ token, code string }

// http measures over loopback, on the store that is already full.
func (r *runner) http(ctx context.Context, s *sqlstore.Store) ([]bench.Bar, error) {
	cities, err := city.Shipped()
	if err != nil {
		return nil, err
	}
	svc := pairing.New(pairing.Config{Store: sqlstore.As[pairing.Tx](s), Keys: r.keys, Authority: atOnce{}, Now: time.Now,
		Cities: func(id string) (*city.Profile, bool) { p, ok := cities[id]; return p, ok }})
	citizen, err := api.New(api.Config{Pairing: svc, Cities: func() city.Set { return cities }, Now: time.Now})
	if err != nil {
		return nil, err
	}
	var turn sync.Mutex // whoever holds it commits alone
	alone := func(ctx context.Context, fn func(*sqlstore.Tx) error) error {
		turn.Lock()
		defer turn.Unlock()
		return s.Update(ctx, fn)
	}
	servers := map[string]string{}
	for name, h := range map[string]http.Handler{"intake": r.intake(cities["izmir"], s.Update), "alone": r.intake(cities["izmir"], alone), "citizen": citizen, "echo": echo()} {
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
		e, _, err := r.drive(ctx, servers["echo"], r.forms(), r.Span)
		if err != nil {
			return nil, fmt.Errorf("echo: %w", err)
		}
		o, late, err := r.drive(ctx, servers["intake"], r.forms(), r.Span)
		if err != nil {
			return nil, fmt.Errorf("intake: %w", err)
		}
		a, _, err := r.drive(ctx, servers["alone"], r.forms(), r.Span)
		if err != nil {
			return nil, fmt.Errorf("alone: %w", err)
		}
		waiting, err := r.ask(ctx, s, svc, int(o*r.Span.Seconds()/2))
		if err != nil {
			return nil, err
		}
		c, cLate, err := r.drive(ctx, servers["citizen"], codes(waiting), r.Span)
		if err != nil {
			return nil, fmt.Errorf("citizen's endpoint: %w", err)
		}
		fmt.Fprintf(r.Progress, "http round %d: %.0f pairings/s (p99 %.1f ms), echo %.0f/s, alone %.0f/s; citizen's endpoint %.0f/s (p99 %.1f ms)\n", i+1, o, late, e, a, c, cLate)
		toEcho, toAlone, p99 = append(toEcho, o/e), append(toAlone, o/a), append(p99, late)
		notes = append(notes, fmt.Sprintf("%.0f/%.0f/%.0f/%.0f", o, e, a, c))
	}
	var bars []bench.Bar
	for _, b := range []struct {
		name, bound string
		rounds      []float64
		note        string
	}{
		{"http_to_echo", barEcho, toEcho, "pairings/s to echo/s to alone/s to citizen's endpoint/s by round: "},
		{"http_to_alone", barAlone, toAlone, "the same rounds: "},
		{"http_p99_ms", barP99, p99, "at 64 clients, the same rounds: "},
	} {
		one, err := bar(b.name, b.bound, b.rounds, b.note, notes)
		if err != nil {
			return nil, err
		}
		bars = append(bars, one)
	}
	return bars, nil
}

// call is one request to send.
type call struct {
	path string
	body []byte
}

// forms gives desk forms of people who have not been here before.
func (r *runner) forms() func() (call, bool) {
	return func() (call, bool) {
		k := r.next.Add(1) - 1
		b, err := json.Marshal(map[string]string{
			"card": fmt.Sprintf("%012d", 350_000_000_000+k%3_500_000), "id": tckn(200_000_000 + k), "hes": "A1B2C3D4E5",
			"phone": fmt.Sprintf("905%06d%03d", (k*7919)%1_000_000, k/1_000_000), "box_terms": "1", "box_notice": "1",
			"_n": fmt.Sprint(k),
		})
		return call{"/", b}, err == nil
	}
}

// codes gives each waiting request its code, once.
func codes(waiting []asked) func() (call, bool) {
	var next atomic.Int64
	return func() (call, bool) {
		i := int(next.Add(1)) - 1
		if i >= len(waiting) {
			return call{}, false
		}
		return call{api.Prefix + "v1/cities/izmir/requests/" + waiting[i].token + "/code", []byte(`{"code":"` + waiting[i].code + `"}`)}, true
	}
}

// answer is what echo and intake send back.
type answer struct {
	Reference string `json:"reference"`
	Fill      string `json:"fill"`
}

func reply(w http.ResponseWriter, ref string) {
	w.Header().Set("Content-Type", "application/json")
	// A reader that left is its own affair.
	_ = json.NewEncoder(w).Encode(answer{ref, fill})
}

// fill brings an answer to the size of the citizen's endpoint's.
var fill = strings.Repeat("x", 300)

func readForm(w http.ResponseWriter, req *http.Request) (map[string]string, bool) {
	var in map[string]string
	if err := json.NewDecoder(io.LimitReader(req.Body, 64<<10)).Decode(&in); err != nil || in["card"] == "" {
		http.Error(w, "form", http.StatusBadRequest)
		return nil, false
	}
	return in, true
}

// intake checks a form by the city's rules, seals its person and keeps the
// pairing with all its rows.
func (r *runner) intake(p *city.Profile, update func(context.Context, func(*sqlstore.Tx) error) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		in, ok := readForm(w, req)
		if !ok {
			return
		}
		f, err := pairing.Parse(p, pairing.Input{City: p.ID, Kind: pairing.Pair, Fields: in}, time.Now())
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnprocessableEntity)
			return
		}
		var n int64
		if _, err := fmt.Sscan(in["_n"], &n); err != nil {
			http.Error(w, "number", http.StatusBadRequest)
			return
		}
		one, err := r.makeOf(req.Context(), n, f)
		if err == nil {
			err = update(req.Context(), func(tx *sqlstore.Tx) error { return one.write(req.Context(), tx) })
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		reply(w, pairing.Reference(one.p.ID))
	})
}

// echo reads the same form and answers as long.
func echo() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if in, ok := readForm(w, req); ok {
			reply(w, in["card"])
		}
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

var errNobody = errors.New("nobody was answered")

// drive lets 64 callers send what next gives for a span, or until there is no
// more, and gives answers a second and the 99th percentile in milliseconds.
// Every answer must be a 200.
func (r *runner) drive(ctx context.Context, base string, next func() (call, bool), span time.Duration) (rate, p99 float64, err error) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: httpClients, DisableCompression: true}}
	defer client.CloseIdleConnections()
	var first atomic.Pointer[error]
	times := make([][]time.Duration, httpClients)
	begun := time.Now()
	var last atomic.Int64
	var wg sync.WaitGroup
	for c := range httpClients {
		wg.Go(func() {
			for time.Since(begun) < span && first.Load() == nil {
				one, ok := next()
				if !ok {
					return
				}
				at := time.Now()
				if err := post(ctx, client, base+one.path, one.body); err != nil {
					first.CompareAndSwap(nil, &err)
					return
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
		return 0, 0, errNobody
	}
	slices.Sort(all)
	took := time.Duration(last.Load())
	return float64(len(all)) / took.Seconds(), float64(all[len(all)*99/100].Microseconds()) / 1000, nil
}

func post(ctx context.Context, c *http.Client, url string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := c.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	said, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("answered %d: %.200s", res.StatusCode, said)
	}
	return err
}
