// Command desk is what the browser tests of the counter and the call centre
// look at: a Wednesday morning at İZSU's centre in Konak, with appointments
// made, some people here and one at a counter. /test/enter?as=clerk lets
// somebody in; /test/texts are the messages people were sent, and
// /test/past has four weeks take place before.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"turnike/internal/access"
	"turnike/internal/audit"
	"turnike/internal/booking"
	"turnike/test/day"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "turnike-desk")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	d, err := day.Open(ctx, dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := morning(ctx, d); err != nil {
		return err
	}
	began := time.Now()
	start := d.Now()
	go func() { // the day goes on
		for range time.Tick(time.Second) {
			d.Set(start.Add(time.Since(began)))
		}
	}()
	mux := http.NewServeMux()
	mux.Handle("/", d.Handler)
	mux.HandleFunc("GET /test/enter", func(w http.ResponseWriter, r *http.Request) {
		token := d.Enter(access.Session{Role: access.Role(r.URL.Query().Get("as")), Name: "Deniz", Strong: d.Now()})
		http.SetCookie(w, &http.Cookie{Name: day.Cookie, Value: token, Path: "/"})
	})
	mux.HandleFunc("GET /test/past", func(_ http.ResponseWriter, r *http.Request) {
		if err := d.Past(r.Context(), 4); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	})
	mux.HandleFunc("GET /test/texts", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(d.Texts())
	})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("http://%s\n", ln.Addr())
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { <-ctx.Done(); _ = srv.Close() }()
	if err := srv.Serve(ln); err != http.ErrServerClosed {
		return err
	}
	return nil
}

// morning is what has happened by twenty past nine.
func morning(ctx context.Context, d *day.Day) error {
	people := []struct {
		first, last, service string
		hour, minute         int
	}{
		{"Ayşe", "Işık", "closing", 9, 0}, {"İsmail", "Çelik", "subscription", 9, 15}, {"Zehra", "Özgür", "high-bill", 9, 15},
		{"Mehmet", "Yıldız", "reopening", 9, 30}, {"Gülşen", "Aydın", "name-change", 9, 45}, {"Hasan", "Kaya", "deposit-refund", 10, 0},
		{"Fatma", "Şahin", "meter-reading", 10, 15}, {"Ömer", "Ünal", "closing", 10, 30},
	}
	staff := audit.Actor{Kind: "staff", Ref: "greeter", Channel: "desk"}
	for i, p := range people {
		v, err := d.Book(ctx, "konak", p.first, p.last, fmt.Sprintf("0532 000 01 %02d", i), p.service, p.hour, p.minute)
		if err != nil {
			return fmt.Errorf("appointment %d: %w", i, err)
		}
		if i < 3 {
			d.At(8, 52+4*i)
			if _, err := d.Visits.CheckIn(ctx, v.ID, staff); err != nil {
				return fmt.Errorf("arrival %d: %w", i, err)
			}
		}
		d.At(7, 30)
	}
	walk := func(service string, matters, minute int) error {
		d.At(9, minute)
		_, _, err := d.Visits.WalkIn(ctx, "konak", service, matters, staff)
		return err
	}
	act := func(minute int, do func() (booking.Ticket, error)) error {
		d.At(9, minute)
		_, err := do()
		return err
	}
	next := func(desk string) func() (booking.Ticket, error) {
		return func() (booking.Ticket, error) { return d.Visits.CallNext(ctx, "konak", "counter", desk, staff) }
	}
	doing := func(n int, what booking.Action, desk string) func() (booking.Ticket, error) {
		return func() (booking.Ticket, error) { return d.Visits.Act(ctx, "konak", n, what, desk, "", staff) }
	}
	for _, err := range []error{
		act(1, next("1")), act(2, doing(1, booking.Begin, "1")), walk("reopening", 1, 3), walk("closing", 2, 8), walk("high-bill", 1, 11),
		act(12, next("2")), act(15, doing(2, booking.Park, "2")), act(16, next("2")), act(17, doing(3, booking.Begin, "2")),
	} {
		if err != nil {
			return fmt.Errorf("morning: %w", err)
		}
	}
	d.At(9, 20)
	return nil
}
