package app_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"turnike/internal/access"
	"turnike/internal/app"
	"turnike/internal/audit"
	"turnike/internal/hook"
)

// TestAppointmentIsToldToAnotherSystem books through the API with a key, over
// HTTP; the receiver is away at first and the installation is stopped and
// started in between. It is told once it is back, and a calendar shows the hour.
func TestAppointmentIsToldToAnotherSystem(t *testing.T) {
	w := newWorld(t, func(c *app.Config) { c.Hooks.Private = true })
	var mu sync.Mutex
	var got []string
	away, secret := true, ""
	receiver := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		if err := hook.Verify(secret, r.Header, body, w.clock()); err != nil {
			t.Errorf("signature: got %v, want ours", err)
		}
		if away {
			rw.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		got = append(got, string(body))
	}))
	defer receiver.Close()
	who := audit.Actor{Kind: "staff", Ref: "test", Channel: "console"}
	_, shown, err := w.app.Hooks().AddEndpoint(t.Context(), hook.Endpoint{City: "izsu", Name: "CRM", URL: receiver.URL, Kinds: []string{"visit.booked"}}, who)
	if err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	secret = shown
	mu.Unlock()
	_, key, err := w.app.Hooks().MakeKey(t.Context(), hook.Key{City: "izsu", Name: "app", Scopes: []access.Action{access.Book}}, who)
	if err != nil {
		t.Fatal(err)
	}
	_, feed, err := w.app.Hooks().MakeFeed(t.Context(), hook.Feed{City: "izsu", Account: "ayse", Centre: "konak", Lang: "tr"}, who)
	if err != nil {
		t.Fatal(err)
	}

	// The days open by themselves after a start.
	const izsu = "/api/v1/networks/izsu"
	c := w.client()
	var grid struct{ Centres []struct{ First *time.Time } }
	eventually(t, "places", func() bool {
		a := c.do("GET", izsu+"/availability?service=closing&days=10", nil)
		return a.status == 200 && json.Unmarshal([]byte(a.body), &grid) == nil && len(grid.Centres) == 30 && grid.Centres[0].First != nil
	})
	day := grid.Centres[0].First.Format(time.DateOnly)
	var slots struct{ Slots []struct{ Start string } }
	eventually(t, "hours of Konak", func() bool {
		a := c.do("GET", izsu+"/centres/konak/slots?service=closing&day="+day, nil)
		return json.Unmarshal([]byte(a.body), &slots) == nil && len(slots.Slots) > 0
	})
	form := fmt.Sprintf(`{"centre":"konak","service":"closing","start":%q,"name":"Ayşe Yılmaz","phone":"0532 000 00 17"}`, slots.Slots[0].Start)
	for range 2 { // sent twice, it is one
		a := c.do("POST", izsu+"/bookings", strings.NewReader(form), "Content-Type", "application/json", "Authorization", "Bearer "+key,
			"Idempotency-Key", "0190f5c2-7f0a-7b33-8a52-6f1f5d3c9e10")
		if a.status != 201 {
			t.Fatalf("book: got %d, want 201\n%s", a.status, a.body)
		}
	}
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	away = false
	mu.Unlock()
	w.start()
	w.pass(time.Hour)
	eventually(t, "the receiver", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(got) > 0
	})
	time.Sleep(1500 * time.Millisecond) // a second message would have come by now
	mu.Lock()
	defer mu.Unlock()
	if len(got) != 1 || !strings.Contains(got[0], `"visit.booked"`) || strings.Contains(got[0], "5320000017") {
		t.Errorf("told: got %q, want the one booking without who comes", got)
	}
	if m := w.scrape(); !strings.Contains(m, `turnike_webhooks_total{result="delivered"} 1`) {
		t.Error("metrics: got no webhook delivered, want one")
	}
	a := w.client().do("GET", "/feed/"+feed+".ics", nil)
	if a.status != 200 || strings.Count(a.body, "BEGIN:VEVENT") != 1 || strings.Contains(a.body, "Ayşe") {
		t.Errorf("calendar: got %d, want one hour without who comes\n%s", a.status, a.body)
	}
	if log := w.log.String(); strings.Contains(log, key) || strings.Contains(log, feed) || strings.Contains(log, shown) {
		t.Error("the log holds a key, a feed's address or a secret")
	}
}

// scrape is what the inside sees of the counters.
func (w *world) scrape() string {
	w.t.Helper()
	res, err := http.Get(w.admin + "/metrics")
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(b)
}

// eventually waits for what the workers do by themselves.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(90 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("%s: got nothing in a minute and a half", what)
}
