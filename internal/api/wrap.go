package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"

	"turnike/internal/hook"
	"turnike/internal/i18n"
)

// wrap stands around every operation: it finds the caller's language, reads
// and bounds the body, gives problems for paths and methods nobody serves, and
// holds an answer back until it is whole, so that a cacheable one gets its ETag.
func (s *server) wrap(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		w := &held{header: out.Header()}
		h := w.header
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; style-src "+s.styleHash)
		h.Set("Cache-Control", "no-store")
		h.Set("Vary", "Accept-Language")
		l := i18n.Parse(r.Header.Get("Accept-Language"))
		r = r.WithContext(i18n.With(r.Context(), l))
		h.Set("Content-Language", string(l))
		defer func() {
			if v := recover(); v != nil {
				err := fmt.Errorf("panic of type %T", v)
				if e, ok := v.(error); ok && errors.Is(e, http.ErrAbortHandler) {
					panic(v)
				}
				s.log.LogAttrs(r.Context(), slog.LevelError, "api panic", slog.String("stack", string(debug.Stack())))
				w.reset()
				s.fail(w, r, err)
				w.send(out, r)
			}
		}()
		s.serve(w, r, mux)
		w.send(out, r)
	})
}

func (s *server) serve(w *held, r *http.Request, mux *http.ServeMux) {
	if _, pattern := mux.Handler(r); pattern == "" {
		// Let the mux say whether the path is known by another method.
		probe := &held{header: http.Header{}}
		mux.ServeHTTP(probe, r)
		switch probe.status {
		case http.StatusMethodNotAllowed:
			w.header.Set("Allow", probe.header.Get("Allow"))
			s.fail(w, r, ErrMethod)
		default:
			s.fail(w, r, ErrNoPath)
		}
		return
	}
	r, err := s.enter(w.header, r)
	if err == nil {
		err = readBody(r)
	}
	if err != nil {
		challenge(w.header, err)
		s.fail(w, r, err)
		return
	}
	mux.ServeHTTP(w, r)
	if w.status == http.StatusUnauthorized {
		challenge(w.header, hook.ErrKeyNone)
	}
}

// readBody reads a body whole before anything looks at it. Only JSON in UTF-8
// is taken: a page elsewhere cannot make a browser send that across sites
// without our leave, which we never give.
func readBody(r *http.Request) error {
	if r.Method == http.MethodGet || r.Method == http.MethodHead || r.Body == nil {
		return nil
	}
	if r.ContentLength > MaxBody {
		return ErrTooLarge
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, MaxBody+1))
	if err != nil {
		return ErrJSON // it broke off
	}
	if len(body) > MaxBody {
		return ErrTooLarge
	}
	if len(body) > 0 && !isJSON(r.Header) {
		return ErrMedia
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
	return nil
}

func isJSON(h http.Header) bool {
	kind, args, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil || kind != "application/json" || h.Get("Content-Encoding") != "" {
		return false
	}
	charset, given := args["charset"]
	return !given || strings.EqualFold(charset, "utf-8")
}

// held is an answer until it is whole.
type held struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *held) Header() http.Header { return w.header }

func (w *held) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *held) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(b)
}

func (w *held) reset() {
	w.status = 0
	w.body.Reset()
}

// send sends the answer. A public one carries a tag of its bytes, and is not
// sent again to a caller who has it (RFC 9110, 13.1.2).
func (w *held) send(out http.ResponseWriter, r *http.Request) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	public := w.status == http.StatusOK && strings.HasPrefix(w.header.Get("Cache-Control"), "public")
	if public {
		w.header.Del("Vary") // it holds all three languages, or none
		w.header.Del("Content-Language")
		sum := sha256.Sum256(w.body.Bytes())
		tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
		w.header.Set("ETag", tag)
		if matches(r.Header.Get("If-None-Match"), tag) {
			for _, name := range []string{"Content-Type", "Content-Length"} {
				w.header.Del(name)
			}
			out.WriteHeader(http.StatusNotModified)
			return
		}
	}
	w.header.Set("Content-Length", strconv.Itoa(w.body.Len()))
	out.WriteHeader(w.status)
	if r.Method != http.MethodHead {
		_, _ = out.Write(w.body.Bytes()) // the caller has gone, if it fails
	}
}

// matches compares weakly, as If-None-Match asks.
func matches(header, tag string) bool {
	for t := range strings.SplitSeq(header, ",") {
		if t = strings.TrimSpace(t); t == "*" || strings.TrimPrefix(t, "W/") == tag {
			return true
		}
	}
	return false
}

// inFlight are the idempotency keys being worked on.
type inFlight struct {
	mu   sync.Mutex
	keys map[string]bool
}

// enter takes a key; ok is false while somebody has it. leave gives it back.
func (f *inFlight) enter(key string) (leave func(), ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.keys[key] {
		return nil, false
	}
	if f.keys == nil {
		f.keys = map[string]bool{}
	}
	f.keys[key] = true
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.keys, key)
	}, true
}
