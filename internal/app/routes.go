package app

import (
	"context"
	"log"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// routes puts the audiences side by side. What is more particular comes first.
func (a *App) routes(site, api, visits http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/api/", api)
	mux.HandleFunc("GET "+ListsPath+"{city}/token-status-list", a.tokenList)
	mux.Handle("GET "+ListsPath, http.StripPrefix(ListsPath, a.listFiles()))
	mux.Handle(GatesPath, a.door.Handler())
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", a.readyz)
	mux.Handle(VisitPath, visits)
	a.mountStaff(mux)
	mux.Handle("/", site)
	return a.metrics.count(plain(a.bounded(mux)))
}

// plain keeps browsers from guessing at what any answer is, also those that no
// page makes.
func plain(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}

// listFiles hands out the published files as any static server would: the head
// and the roots fresh, everything else for ever.
func (a *App) listFiles() http.Handler {
	files := http.FileServer(http.Dir(a.listsDir()))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
		if name == "" {
			http.NotFound(w, r) // no listing of folders
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		if name == "head" || strings.HasPrefix(name, "root") {
			w.Header().Set("Cache-Control", "no-cache")
		} else {
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		}
		files.ServeHTTP(w, r)
	})
}

// readyz says whether this machine should be given traffic.
func (a *App) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if err := a.store.Ready(ctx); err != nil {
		a.cfg.Log.WarnContext(ctx, "not ready", "err", err)
		http.Error(w, "database not ready", http.StatusServiceUnavailable)
		return
	}
	_, _ = w.Write([]byte("ok\n"))
}

// bounded lets so many requests in at once and asks the rest to come back:
// a queue without a bound never recovers from a spike. Lists and health checks
// are cheap and always served; the gates' door has a bound of its own.
func (a *App) bounded(next http.Handler) http.Handler {
	slots := make(chan struct{}, a.cfg.Limits.InFlight)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p := r.URL.Path; strings.HasPrefix(p, ListsPath) || strings.HasPrefix(p, GatesPath) || p == "/livez" || p == "/readyz" {
			next.ServeHTTP(w, r)
			return
		}
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
			next.ServeHTTP(w, r)
		default:
			a.metrics.turnedAway.Inc()
			w.Header().Set("Retry-After", "2")
			http.Error(w, "Çok yoğunuz, iki saniye sonra yeniden deneyin. / We are very busy, please try again in two seconds. / نحن مشغولون جداً، يرجى المحاولة بعد ثانيتين.", http.StatusServiceUnavailable)
		}
	})
}

// adminRoutes is what stays inside.
func (a *App) adminRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.metrics.reg, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", a.readyz)
	mux.HandleFunc("GET /gates/{city}", a.gateStates)
	return mux
}

// metrics are an installation's counters. No label ever holds a value that a
// person typed.
type metrics struct {
	reg        *prometheus.Registry
	requests   *prometheus.CounterVec
	seconds    *prometheus.HistogramVec
	turnedAway prometheus.Counter
	// wrongPlaces are counters of places that did not add up; there should be none.
	wrongPlaces prometheus.Counter
}

func newMetrics(a *App) *metrics {
	m := &metrics{
		reg: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "turnike_http_requests_total", Help: "Answered requests by lane and status class."}, []string{"lane", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "turnike_http_seconds", Help: "Time to answer by lane.", Buckets: []float64{.001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}}, []string{"lane"}),
		turnedAway: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "turnike_http_turned_away_total", Help: "Requests asked to come back because as many as allowed were under way."}),
	}
	m.wrongPlaces = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "turnike_places_wrong_total", Help: "Counters of appointments that the nightly sum found wrong; alarm on any."})
	m.reg.MustRegister(m.requests, m.seconds, m.turnedAway, m.wrongPlaces,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	gauge := func(name, help string, f func() float64) {
		m.reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, f))
	}
	counter := func(name, help string, f func() float64) {
		m.reg.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, f))
	}
	gauge("turnike_store_waiting", "Transactions waiting for a writer.", func() float64 { n, _ := a.store.Waiting(); return float64(n) })
	counter("turnike_store_commits_total", "Commits to disk.", func() float64 { return float64(a.store.Metrics.Commits.Load()) })
	counter("turnike_store_updates_total", "Transactions in them.", func() float64 { return float64(a.store.Metrics.Updates.Load()) })
	for id, l := range a.lists {
		m.reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "turnike_list_age_seconds", Help: "Age of a city's list head.", ConstLabels: prometheus.Labels{"city": id},
		}, func() float64 {
			h, ok := l.Head()
			if !ok {
				return -1
			}
			return a.cfg.Now().Sub(h.Issued).Seconds()
		}))
	}
	return m
}

// count measures by lane: the first part of the path that is ours.
func (m *metrics) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		lane := "site"
		switch {
		case strings.HasPrefix(r.URL.Path, "/api/"):
			lane = "api"
		case strings.HasPrefix(r.URL.Path, ListsPath):
			lane = "lists"
		case strings.HasPrefix(r.URL.Path, GatesPath):
			lane = "gates"
		}
		start := time.Now()
		sw := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(sw, r)
		m.seconds.WithLabelValues(lane).Observe(time.Since(start).Seconds())
		m.requests.WithLabelValues(lane, string('0'+byte(sw.status/100))+"xx").Inc()
	})
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(s int) {
	w.status = s
	w.ResponseWriter.WriteHeader(s)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// logBridge keeps net/http's own complaints in the structured log. They name
// addresses and TLS errors, never bodies.
func logBridge(l *slog.Logger) *log.Logger { return slog.NewLogLogger(l.Handler(), slog.LevelWarn) }
