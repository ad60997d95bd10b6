package peer_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"turnike/internal/peer"
)

func newPeer(t *testing.T, h http.HandlerFunc, change ...func(*peer.Config)) *peer.Client {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	c := peer.Config{Name: "test", BaseURL: srv.URL + "/base/", Timeout: 300 * time.Millisecond, MaxBody: 1000}
	for _, f := range change {
		f(&c)
	}
	p, err := peer.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCall(t *testing.T) {
	p := newPeer(t, func(w http.ResponseWriter, r *http.Request) {
		u, pw, _ := r.BasicAuth()
		if r.URL.Path != "/base/ask" || r.Method != "POST" || u != "u" || pw != "p" || r.Header.Get("Content-Type") != "text/plain" || r.Header.Get("Accept") != "text/plain" {
			t.Errorf("got %s %s %v", r.Method, r.URL, r.Header)
		}
		w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
		w.WriteHeader(http.StatusTeapot)
		_, _ = w.Write([]byte("ışık"))
	})
	a, err := p.Call(context.Background(), peer.Request{Path: "ask", Type: "text/plain", Body: []byte("x"), User: "u", Password: "p", Accept: []string{"text/plain"}})
	if err != nil || a.Status != http.StatusTeapot || string(a.Body) != "ışık" {
		t.Errorf("got %d %q, %v", a.Status, a.Body, err)
	}
}

func TestImproper(t *testing.T) {
	for _, tt := range []struct {
		name string
		h    http.HandlerFunc
		kind error
		sent bool
	}{
		{"too large", func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(make([]byte, 1001)) }, peer.ErrImproper, true},
		{"exactly as large as may be", func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(make([]byte, 1000)) }, nil, false},
		{"too large, unannounced", func(w http.ResponseWriter, r *http.Request) {
			for range 100 {
				_, _ = w.Write(make([]byte, 100))
				w.(http.Flusher).Flush()
			}
		}, peer.ErrImproper, true},
		{"compressed", func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Content-Encoding", "gzip") }, peer.ErrImproper, true},
		{"redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "http://elsewhere.invalid/", 307) }, peer.ErrImproper, true},
		{"type", func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Content-Type", "text/html") }, peer.ErrImproper, true},
		{"charset", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/plain; charset=iso-8859-9")
		}, peer.ErrImproper, true},
		{"bytes that are no UTF-8", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			_, _ = w.Write([]byte{0xfd})
		}, peer.ErrImproper, true},
		{"slow to begin", func(w http.ResponseWriter, r *http.Request) { time.Sleep(600 * time.Millisecond) }, peer.ErrTimeout, true},
		{"slow to end", func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte("x"))
			w.(http.Flusher).Flush()
			time.Sleep(600 * time.Millisecond)
		}, peer.ErrTimeout, true},
		{"line drops", func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) }, peer.ErrUnreachable, true},
		{"cut short", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "10")
			_, _ = w.Write([]byte("x"))
			panic(http.ErrAbortHandler)
		}, peer.ErrUnreachable, true},
		{"server error", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(502) }, peer.ErrServer, true},
		{"slow down", func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Retry-After", "7"); w.WriteHeader(429) }, peer.ErrSlowDown, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newPeer(t, tt.h)
			_, err := p.Call(context.Background(), peer.Request{Path: "secret-path", Accept: []string{"text/plain", "application/octet-stream"}})
			if !errors.Is(err, tt.kind) || (err == nil) != (tt.kind == nil) || peer.MaySent(err) != tt.sent {
				t.Fatalf("got %v, sent %v; want %v, %v", err, peer.MaySent(err), tt.kind, tt.sent)
			}
			var pe *peer.Error
			if errors.As(err, &pe) && tt.kind == peer.ErrSlowDown && pe.RetryAfter != 7*time.Second {
				t.Errorf("wish to wait %v, want 7s", pe.RetryAfter)
			}
			if err != nil && (strings.Contains(err.Error(), "secret-path") || strings.Contains(err.Error(), "127.0.0.1") || strings.Contains(err.Error(), "elsewhere")) {
				t.Errorf("error tells the address: %v", err)
			}
		})
	}
}

func TestNobodyThereIsNotSent(t *testing.T) {
	p, err := peer.New(peer.Config{Name: "test", BaseURL: "http://127.0.0.1:1/", Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Call(context.Background(), peer.Request{}); !errors.Is(err, peer.ErrUnreachable) || peer.MaySent(err) {
		t.Errorf("got %v, sent %v; want %v, not sent", err, peer.MaySent(err), peer.ErrUnreachable)
	}
}

// TestBounded: no more calls are under way than allowed; those that would wait
// too long are told so, and the peer hears nothing of them.
func TestBounded(t *testing.T) {
	var now, most, all atomic.Int32
	p := newPeer(t, func(w http.ResponseWriter, r *http.Request) {
		n := now.Add(1)
		all.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		time.Sleep(200 * time.Millisecond)
		now.Add(-1)
	}, func(c *peer.Config) { c.MaxCalls = 3; c.Timeout = 400 * time.Millisecond })
	errs := make(chan error, 12)
	for range 12 {
		go func() {
			_, err := p.Call(context.Background(), peer.Request{})
			errs <- err
		}()
	}
	busy := 0
	for range 12 {
		if err := <-errs; errors.Is(err, peer.ErrBusy) {
			busy++
		} else if err != nil {
			t.Error(err)
		}
	}
	if most.Load() != 3 || int(all.Load()) != 12-busy || busy == 0 {
		t.Errorf("%d at once, %d reached, %d turned away; want 3 at once and every call one or the other", most.Load(), all.Load(), busy)
	}
}

// TestCancelIsNobodysFault: callers who go away do not open the breaker.
func TestCancelIsNobodysFault(t *testing.T) {
	var slow atomic.Bool
	slow.Store(true)
	p := newPeer(t, func(w http.ResponseWriter, r *http.Request) {
		if slow.Load() {
			time.Sleep(50 * time.Millisecond)
		}
	})
	for range 30 {
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(time.Millisecond, cancel)
		if _, err := p.Call(ctx, peer.Request{}); !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v, want %v", err, context.Canceled)
		}
	}
	slow.Store(false)
	if _, err := p.Call(context.Background(), peer.Request{}); err != nil {
		t.Errorf("after 30 cancelled calls: %v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, u := range []string{"", "host", "ftp://host/", "http://", "https://user:pw@host/", "https://host/?key=1"} {
		if _, err := peer.New(peer.Config{Name: "test", BaseURL: u}); err == nil {
			t.Errorf("%q accepted", u)
		} else if strings.Contains(err.Error(), "pw") {
			t.Errorf("error tells the password: %v", err)
		}
	}
}
