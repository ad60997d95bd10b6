package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	ics "github.com/arran4/golang-ical"

	"turnike/internal/access"
	"turnike/internal/api"
	"turnike/internal/audit"
	"turnike/internal/booking"
	"turnike/internal/hook"
	"turnike/internal/i18n"
	"turnike/internal/notify"
	"turnike/internal/pairing"
	"turnike/internal/person"
	"turnike/internal/vault"
)

// openVisits gives the world İZSU's centres and İzmir's help desks.
func (w *world) openVisits(store booking.Store, hooks hook.Store, keys *vault.Vault) {
	w.t.Helper()
	izsu, err := booking.Shipped("izsu")
	if err != nil {
		w.t.Fatal(err)
	}
	desks, err := booking.HelpDesks(w.cities["izmir"])
	if err != nil {
		w.t.Fatal(err)
	}
	w.networks = map[string]api.Visits{}
	for _, n := range []*booking.Network{izsu, desks} {
		c := booking.Contacts{Keys: keys, Network: n, Base: "https://randevu.example",
			Message: func(id, city string, to person.Phone, text string, c notify.Class, due, expires time.Time) (notify.Queued, error) {
				return pairing.SealMessage(keys, id, city, to, text, c, due, expires)
			}}
		s := booking.New(booking.Config{Store: store, Network: n, Now: w.clock, Tell: c.Tell})
		w.networks[n.ID] = api.Visits{Service: s, Contacts: c, Proof: booking.Proving{Service: s, Contacts: c, Limits: notify.Limits{Keys: keys}}}
	}
	w.hooks, err = hook.New(hook.Config{Store: hooks, Seal: keys, Now: w.clock,
		Network: func(id string) (*booking.Network, bool) {
			v, ok := w.networks[id]
			if !ok {
				return nil, false
			}
			return v.Service.Network(), true
		}})
	if err != nil {
		w.t.Fatal(err)
	}
}

// visitWorld is a world in which four days, or as many as are given, are open
// for booking.
func visitWorld(t testing.TB, days ...int) *world {
	t.Helper()
	w := newWorld(t)
	for _, v := range w.networks {
		n := v.Service.Network()
		if err := v.Service.Plan(context.Background(), booking.DayOf(w.clock(), n.Location()), append(days, 4)[0]); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

const izsu = "/api/v1/networks/izsu"

// hour is a working day's hour as the API writes it; the world's clock
// begins on a Sunday.
func (w *world) hour(day int, clock string) string {
	n := w.networks["izsu"].Service.Network()
	d := booking.DayOf(w.clock(), n.Location()) + booking.Day(day)
	return d.String() + "T" + clock + ":00+03:00"
}

func (w *world) visitKey() []string {
	return []string{"Idempotency-Key", fmt.Sprintf("\"a-key-for-a-place-%d\"", w.next())}
}

func (w *world) place(centre, service, start string) answer {
	w.t.Helper()
	return w.call("POST", izsu+"/holds", map[string]any{"centre": centre, "service": service, "start": start}, w.visitKey()...)
}

// book books to the end and gives the visit.
func (w *world) book(centre, service, start, phone string) answer {
	w.t.Helper()
	token := w.place(centre, service, start).want(201).at("token")
	w.call("POST", izsu+"/holds/"+token+"/who", map[string]any{"name": "Ayşe Yılmaz", "phone": phone}).want(200)
	return w.call("POST", izsu+"/holds/"+token+"/code", map[string]string{"code": w.code(phone)}).want(200)
}

// bearer makes a key and gives the header for it.
func (w *world) bearer(network string, centres []string, scopes ...access.Action) []string {
	w.t.Helper()
	_, token, err := w.hooks.MakeKey(context.Background(), hook.Key{City: network, Name: "test", Scopes: scopes, Centres: centres, Rate: 6000},
		audit.Actor{Kind: "staff", Ref: "test", Channel: "console"})
	if err != nil {
		w.t.Fatal(err)
	}
	return []string{"Authorization", "Bearer " + token}
}

// TestBookAVisit goes the way of the pages: find a place, hold it, say who, type
// the code; then confirm, move, take into a calendar, cancel.
func TestBookAVisit(t *testing.T) {
	w := visitWorld(t)
	if got := w.call("GET", "/api/v1/networks", nil).want(200).at("networks.1.id"); got != "izsu" && got != "izmir-desks" {
		t.Errorf("networks: got %q", got)
	}
	if got := w.call("GET", izsu, nil).want(200).at("rules.confirm_by"); got != "20:00" {
		t.Errorf("confirm by: got %q, want 20:00", got)
	}
	services := w.call("GET", izsu+"/services", nil).want(200)
	if n := len(services.json()["services"].([]any)); n != 7 || strings.Contains(string(services.body), `"script"`) {
		t.Errorf("services: got %d, want the seed's seven, without what agents say", n)
	}
	if n := len(w.call("GET", izsu+"/centres", nil).want(200).json()["centres"].([]any)); n != 30 {
		t.Errorf("centres: got %d, want 30", n)
	}
	if got := w.call("GET", izsu+"/centres/konak", nil).want(200).at("days.0.opens"); got != w.hour(1, "08:30") {
		t.Errorf("opens: got %q, want Monday 08:30", got)
	}
	grid := w.call("GET", izsu+"/availability?service=closing&days=7", nil).want(200)
	if got := grid.at("centres.0.first"); got != w.hour(1, "08:30") {
		t.Errorf("soonest: got %q, want Monday 08:30", got)
	}
	tag := grid.header.Get("ETag")
	w.call("GET", izsu+"/availability?service=closing&days=7", nil, "If-None-Match", tag).want(304)
	slots := w.call("GET", izsu+"/centres/konak/slots?service=closing&day="+w.hour(1, "")[:10], nil).want(200)
	start := slots.at("slots.0.start")

	phone := w.phone()
	a := w.place("konak", "closing", start).want(201)
	token := a.at("token")
	if a.at("state") != "held" || a.at("hold_until") == "" || a.at("code") != "" {
		t.Errorf("held: got %s, want it kept and nothing to read aloud yet", a.body)
	}
	w.call("GET", izsu+"/availability?service=closing&days=7", nil, "If-None-Match", tag).want(200)
	c := w.call("POST", izsu+"/holds/"+token+"/who", map[string]any{"name": "Ayşe Yılmaz", "phone": "0" + phone}).want(200)
	if c.at("stage") != "code" || !strings.HasSuffix(c.at("phone"), phone[len(phone)-2:]) || strings.Contains(string(c.body), phone) {
		t.Errorf("claim: got %s, want the phone masked", c.body)
	}
	w.call("POST", izsu+"/holds/"+token+"/code", map[string]string{"code": "000000"}).problem(422, "code.wrong")
	v := w.call("POST", izsu+"/holds/"+token+"/code", map[string]string{"code": w.code(phone)}).want(200)
	if v.at("state") != "booked" || v.at("start") != start || len(v.at("code")) != 9 {
		t.Errorf("visit: got %s, want it booked at %s with eight digits", v.body, start)
	}
	if again := w.call("GET", v.header.Get("Location"), nil); again.at("token") != token {
		t.Errorf("at its Location: got %s, want the visit", again.body)
	}
	w.deliver()
	texts := w.sandbox.Inbox("90"+phone, 0)
	if last := texts[len(texts)-1].Text; !strings.Contains(last, token) {
		t.Errorf("text: got %q, want the visit's link", last)
	}
	moved := w.call("POST", izsu+"/visits/"+token+"/move", map[string]string{"centre": "buca", "start": w.hour(2, "10:00")}).want(200)
	if moved.at("centre") != "buca" || moved.at("sequence") != "1" {
		t.Errorf("moved: got %s, want it at Buca with the next sequence", moved.body)
	}
	file := w.call("GET", moved.at("calendar"), nil, "Accept-Language", "en").want(200)
	if ct := file.header.Get("Content-Type"); ct != "text/calendar; charset=utf-8" {
		t.Errorf("calendar: got %q", ct)
	}
	cal, err := ics.ParseCalendar(bytes.NewReader(file.body))
	if err != nil || len(cal.Events()) != 1 {
		t.Fatalf("calendar: %v\n%s", err, file.body)
	}
	w.call("POST", izsu+"/visits/"+token+"/confirm", nil).want(200)
	w.call("POST", izsu+"/visits/"+token+"/earlier", map[string]any{}).want(200)
	gone := w.call("POST", izsu+"/visits/"+token+"/cancel", nil).want(200)
	if gone.at("state") != "cancelled" {
		t.Errorf("cancelled: got %s", gone.body)
	}
	w.call("POST", izsu+"/visits/"+token+"/cancel", nil).want(200)
	w.call("POST", izsu+"/visits/"+token+"/move", map[string]string{"centre": "buca", "start": w.hour(2, "10:00")}).problem(409, "booking.ended")
}

// TestHolds: one key, one place; a key that could be guessed is refused; a hold
// lapses; what is taken is taken.
func TestHolds(t *testing.T) {
	w := visitWorld(t)
	body := map[string]any{"centre": "konak", "service": "closing", "start": w.hour(1, "09:00")}
	key := []string{"Idempotency-Key", "0190f5c2-7f0a-7b33-8a52-6f1f5d3c9e10"}
	a, b := w.call("POST", izsu+"/holds", body, key...).want(201), w.call("POST", izsu+"/holds", body, key...).want(201)
	if a.at("token") != b.at("token") {
		t.Error("sent twice: got two places, want one")
	}
	body["start"] = w.hour(1, "09:15")
	w.call("POST", izsu+"/holds", body, key...).problem(422, "idempotency.reused")
	w.call("POST", izsu+"/holds", body, "Idempotency-Key", "short").problem(400, "idempotency.short")
	w.call("POST", izsu+"/holds", body).problem(400, "idempotency.missing")
	for _, bad := range []struct {
		body   map[string]any
		status int
		code   string
		at     string
	}{
		{map[string]any{"centre": "konak", "service": "closing", "start": "tomorrow"}, 422, "slot.shape", "#/start"},
		{map[string]any{"centre": "konak", "service": "closing", "start": w.hour(1, "09:07")}, 422, "slot.shape", "#/start"},
		{map[string]any{"centre": "konak", "service": "closing", "start": w.hour(1, "09:00"), "matters": 99}, 422, "booking.matters", "#/matters"},
		{map[string]any{"centre": "konak", "service": "closing", "start": w.hour(1, "09:00"), "matters": "2"}, 422, "field.type", "#/matters"},
		{map[string]any{"centre": "konak", "service": "closing", "start": w.hour(1, "03:00")}, 409, "booking.closed", ""},
		{map[string]any{"centre": "paris", "service": "closing", "start": w.hour(1, "09:00")}, 404, "booking.no_centre", ""},
		{map[string]any{"centre": "konak", "start": w.hour(1, "09:00")}, 422, "field.missing", "#/service"},
		{map[string]any{"centre": "konak", "service": "closing", "start": w.hour(1, "09:00"), "tckn": planted}, 422, "field.unknown", "#"},
	} {
		got := w.call("POST", izsu+"/holds", bad.body, w.visitKey()...).problem(bad.status, bad.code)
		if bad.at != "" && got.at("errors.0.pointer") != bad.at {
			t.Errorf("%s: got at %q, want %q", bad.code, got.at("errors.0.pointer"), bad.at)
		}
		w.leaks(got)
	}
	token := a.at("token")
	r := w.call("POST", izsu+"/holds/"+token+"/who", map[string]any{"name": "", "phone": "0212 345 67 89"}).want(422)
	if r.at("errors.0.pointer") != "#/name" || r.at("errors.1.pointer") != "#/phone" {
		t.Errorf("faults of a form: got %s, want both at once", r.body)
	}
	w.leaks(w.call("POST", izsu+"/holds/"+token+"/who", map[string]any{"name": planted, "phone": planted}).want(422))
	w.pass(11 * time.Minute)
	w.call("POST", izsu+"/holds/"+token+"/who", map[string]any{"name": "Ayşe Yılmaz", "phone": w.phone()}).problem(410, "booking.lapsed")

	released := w.place("konak", "closing", w.hour(1, "10:00")).want(201).at("token")
	w.call("POST", izsu+"/holds/"+released+"/release", nil).want(200)
	for _, path := range []string{"/visits/" + strings.Repeat("A", 32), "/visits/x", "/visits/" + token[:31] + "A"} {
		w.call("GET", izsu+path, nil).problem(404, "booking.no_visit")
	}
	// Another network's token opens nothing here.
	w.call("GET", "/api/v1/networks/izmir-desks/visits/"+token, nil).problem(404, "booking.no_visit")
	w.call("GET", "/api/v1/networks/paris/visits/"+token, nil).problem(404, "network.none")
}

// TestWaitingList: somebody waits, a place is given back, it is held for them.
func TestWaitingList(t *testing.T) {
	w := visitWorld(t)
	// All places of one short day are held until none is left.
	day := w.hour(1, "")[:10]
	var tokens []string
	for n := 0; ; n++ {
		s := w.call("GET", izsu+"/centres/karaburun/slots?service=closing&day="+day, nil).want(200)
		if s.at("slots.0.start") == "" {
			break
		}
		tokens = append(tokens, w.book("karaburun", "closing", s.at("slots.0.start"), w.phone()).at("token"))
	}
	phone := w.phone()
	body := map[string]any{"centre": "karaburun", "service": "closing", "from": day, "to": day, "name": "Fatma Demir", "phone": phone}
	key := w.visitKey()
	c := w.call("POST", izsu+"/waits", body, key...).want(201)
	if again := w.call("POST", izsu+"/waits", body, key...).want(201); again.at("token") != c.at("token") {
		t.Error("sent twice: got two claims, want one")
	}
	x := w.call("POST", izsu+"/waits/"+c.at("token")+"/code", map[string]string{"code": w.code(phone)}).want(200)
	w.call("POST", izsu+"/visits/"+tokens[3]+"/cancel", nil).want(200)
	w.deliver()
	texts := w.sandbox.Inbox("90"+phone, 0)
	text := texts[len(texts)-1].Text
	i := strings.Index(text, "/v/")
	if i < 0 {
		t.Fatalf("text: got %q, want the offer with its link", text)
	}
	offer := text[i+3:][:32]
	v := w.call("GET", izsu+"/visits/"+offer, nil).want(200)
	if v.at("offered") != "true" || v.at("state") != "held" {
		t.Errorf("offer: got %s, want a held place", v.body)
	}
	if got := w.call("POST", izsu+"/visits/"+offer+"/accept", nil).want(200); got.at("state") != "booked" {
		t.Errorf("accepted: got %s", got.body)
	}
	w.call("POST", izsu+"/waits/"+x.at("token")+"/leave", nil).want(204)
	body["to"] = "2020-01-01"
	w.call("POST", izsu+"/waits", body, w.visitKey()...).problem(422, "booking.day")
}

// TestFindSaysNothing: the answer is the same for a visit that is there, one
// that is not, and a phone that is another's.
func TestFindSaysNothing(t *testing.T) {
	w := visitWorld(t)
	phone := w.phone()
	v := w.book("konak", "closing", w.hour(1, "09:00"), phone)
	w.deliver()
	before := len(w.sandbox.Inbox("90"+phone, 0))
	var answers []string
	for _, b := range []map[string]string{
		{"code": v.at("code"), "phone_end": "0000"}, {"code": "0000 0000", "phone_end": phone[6:]}, {"code": v.at("code"), "phone_end": phone[6:]},
	} {
		w.pass(2 * time.Minute)
		a := w.call("POST", izsu+"/links", b).want(202)
		answers = append(answers, fmt.Sprint(a.status, a.header, string(a.body)))
	}
	if answers[0] != answers[1] || answers[1] != answers[2] {
		t.Errorf("answers differ:\n%s", strings.Join(answers, "\n"))
	}
	w.deliver()
	if got := len(w.sandbox.Inbox("90"+phone, 0)) - before; got != 1 {
		t.Errorf("texts: got %d, want one with the link", got)
	}
}

// TestCounter is a morning at a centre through a key.
func TestCounter(t *testing.T) {
	w := visitWorld(t)
	v := w.book("konak", "closing", w.hour(1, "09:00"), w.phone())
	key := w.bearer("izsu", []string{"konak"}, access.Queue, access.ReadVisits)
	w.mu.Lock()
	w.now = time.Date(2021, 1, 11, 5, 55, 0, 0, time.UTC) // 08:55 in İzmir
	w.mu.Unlock()
	list := w.call("GET", izsu+"/centres/konak/visits", nil, key...).want(200)
	if list.at("visits.0.state") != "booked" || strings.Contains(string(list.body), "Ay") || strings.Contains(string(list.body), v.at("token")) {
		t.Errorf("list: got %s, want the visit without who comes and what opens it", list.body)
	}
	if list.header.Get("RateLimit") == "" || list.header.Get("RateLimit-Policy") != `"key";q=6000;w=60` {
		t.Errorf("rate: got %q %q", list.header.Get("RateLimit"), list.header.Get("RateLimit-Policy"))
	}
	a := w.call("POST", izsu+"/centres/konak/arrivals", map[string]string{"code": v.at("code")}, key...).want(200)
	b := w.call("POST", izsu+"/centres/konak/tickets", map[string]any{"service": "meter-reading"}, key...).want(201)
	if a.at("number") != "1" || b.at("number") != "2" || b.at("wait.most_seconds") == "" {
		t.Errorf("numbers: got %s and %s, want 1 and 2 with a wait", a.body, b.body)
	}
	if got := w.call("GET", izsu+"/centres/konak/queue", nil).want(200); got.at("waiting") != "2" {
		t.Errorf("queue: got %s, want two", got.body)
	}
	c := w.call("POST", izsu+"/centres/konak/calls", map[string]string{"desk": "1"}, key...).want(200)
	if c.at("number") != "1" || c.at("state") != "called" {
		t.Errorf("called: got %s, want the appointment", c.body)
	}
	w.call("POST", izsu+"/centres/konak/calls", map[string]string{"desk": "1"}, key...).problem(409, "booking.desk_busy")
	w.call("POST", izsu+"/centres/konak/calls", map[string]string{"desk": "99"}, key...).problem(422, "desk.unknown")
	w.call("POST", izsu+"/centres/konak/tickets/1", map[string]string{"action": "finish", "desk": "1"}, key...).want(200)
	if got := w.call("POST", izsu+"/centres/konak/undo", map[string]string{"desk": "1"}, key...).want(200); got.at("state") != "called" {
		t.Errorf("undone: got %s, want it called again", got.body)
	}
	w.call("POST", izsu+"/centres/konak/tickets/1", map[string]string{"action": "begin", "desk": "1"}, key...).want(200)
	if got := w.call("POST", izsu+"/centres/konak/tickets/1", map[string]string{"action": "another", "desk": "1"}, key...).want(200); got.at("matters") != "2" {
		t.Errorf("one more matter: got %s", got.body)
	}
	late := w.book("konak", "name-change", w.hour(0, "10:00"), w.phone())
	w.call("POST", izsu+"/centres/konak/arrivals", map[string]string{"code": late.at("code")}, key...).want(200)
	if got := w.call("POST", izsu+"/centres/konak/arrivals/undo", map[string]string{"code": late.at("code")}, key...).want(200); got.at("state") != "booked" {
		t.Errorf("arrival taken back: got %s", got.body)
	}
	w.call("POST", izsu+"/centres/konak/calls", map[string]any{"desk": "2", "short": true}, key...).want(200)
	w.call("POST", izsu+"/centres/konak/tickets/1", map[string]string{"action": "dance", "desk": "1"}, key...).problem(422, "field.choice")
	w.call("POST", izsu+"/centres/konak/tickets/77", map[string]string{"action": "finish", "desk": "1"}, key...).problem(404, "booking.no_ticket")
	w.call("POST", izsu+"/centres/konak/tickets/seven", map[string]string{"action": "finish", "desk": "1"}, key...).problem(404, "booking.no_ticket")
	all := w.call("GET", izsu+"/centres/konak/tickets", nil, key...).want(200)
	if n := len(all.json()["tickets"].([]any)); n != 3 {
		t.Errorf("numbers: got %d, want 3", n)
	}
	// Another centre's visit is not there for this key.
	w.call("POST", izsu+"/centres/konak/arrivals", map[string]string{"visit": "0178429a-3434-70aa-9741-e274c95b771a"}, key...).problem(404, "booking.no_visit")
	w.call("GET", izsu+"/centres/buca/visits", nil, key...).problem(404, "booking.no_centre")
}

// TestPlan previews a change, makes exactly that, and takes it back.
func TestPlan(t *testing.T) {
	w := visitWorld(t)
	key := w.bearer("izsu", nil, access.Plan, access.Figures)
	w.book("konak", "closing", w.hour(1, "09:00"), w.phone())
	day := w.hour(1, "")[:10]
	body := map[string]any{"day": day, "closed": true, "why": "su kesintisi", "preview": true}
	e := w.call("POST", izsu+"/centres/konak/exceptions", body, key...).want(200)
	if e.at("done") != "false" || e.at("hit.0.state") != "booked" || len(e.json()["to_move"].([]any)) != 1 {
		t.Errorf("preview: got %s, want the one visit hit", e.body)
	}
	delete(body, "preview")
	w.call("POST", izsu+"/centres/konak/exceptions", body, key...).problem(422, "field.missing")
	body["seen"] = "0000000000000000"
	w.call("POST", izsu+"/centres/konak/exceptions", body, key...).problem(409, booking.ErrMeanwhile.Code)
	body["seen"] = e.at("seen")
	w.call("POST", izsu+"/centres/konak/exceptions", body, key...).want(200)
	plan := w.call("GET", izsu+"/centres/konak/plan?day="+day, nil, key...).want(200)
	id := plan.at("exceptions.0.id")
	if len(plan.json()["units"].([]any)) != 0 || id == "" {
		t.Errorf("plan: got %s, want a closed day with its reason", plan.body)
	}
	if got := w.call("GET", izsu+"/centres/konak", nil).want(200).at("days.0.day"); got == day {
		t.Error("hours: got the closed day, want it gone")
	}
	undo := w.call("POST", izsu+"/centres/konak/exceptions/"+id+"/undo", map[string]any{"preview": true}, key...).want(200)
	w.call("POST", izsu+"/centres/konak/exceptions/"+id+"/undo", map[string]any{"seen": undo.at("seen")}, key...).want(200)
	w.call("POST", izsu+"/centres/konak/exceptions/"+id+"/undo", map[string]any{"preview": true}, key...).problem(404, "change.unknown")
	week := map[string]any{"since": day, "why": "yaz", "preview": true, "week": map[string]any{
		"mon": []any{map[string]any{"from": "13:30", "to": "17:00", "counters": 1}}}}
	e = w.call("POST", izsu+"/centres/konak/week", week, key...).want(200)
	if e.at("hit.0.state") != "booked" || e.at("fewer") == "0" {
		t.Errorf("week: got %s, want the morning's visit hit", e.body)
	}
	delete(week, "preview")
	week["seen"] = e.at("seen")
	w.call("POST", izsu+"/centres/konak/week", week, key...).want(200)
	if got := w.call("GET", izsu+"/centres/konak/plan?day="+day, nil, key...).want(200); got.at("units.0.start") != w.hour(1, "13:30") {
		t.Errorf("plan: got %s, want it from 13:30 on", got.at("units.0.start"))
	}
	for at, bad := range map[string]any{
		"#/week/mon/0/from":     map[string]any{"mon": []any{map[string]any{"from": "25:00", "to": "17:00", "counters": 1}}},
		"#/week/mon/0":          map[string]any{"mon": []any{map[string]any{"from": "13:35", "to": "17:00", "counters": 1}}},
		"#/week/mon/0/counters": map[string]any{"mon": []any{map[string]any{"from": "13:30", "to": "17:00", "counters": 99}}},
		"#/week":                map[string]any{"someday": []any{}},
		"#/week/tue":            map[string]any{"tue": []any{map[string]any{"from": "08:30", "to": "12:30", "counters": 1}, map[string]any{"from": "10:00", "to": "17:00", "counters": 1}}},
	} {
		week["week"] = bad
		if got := w.call("POST", izsu+"/centres/konak/week", week, key...).want(422); got.at("errors.0.pointer") != at {
			t.Errorf("week: got the fault at %q, want %q", got.at("errors.0.pointer"), at)
		}
	}
	floor := w.call("POST", izsu+"/centres/konak/floor", map[string]any{"since": day, "floor": 1, "why": "mesafe", "preview": true}, key...).want(200)
	if floor.at("done") != "false" || floor.at("seen") == "" {
		t.Errorf("floor: got %s, want a preview", floor.body)
	}
	f := w.call("GET", izsu+"/figures?days=14&from="+day, nil, key...).want(200)
	if f.at("visits.booked") != "1" || f.at("by_channel.api") != "1" {
		t.Errorf("figures: got %s, want the visit in them", f.body)
	}
	w.call("GET", izsu+"/figures?days=0", nil, key...).problem(422, "query.shape")
	w.call("GET", izsu+"/figures?days=many", nil, key...).problem(422, "query.shape")
}

// TestBookForACaller: with a key, without a code, once.
func TestBookForACaller(t *testing.T) {
	w := visitWorld(t)
	key := append(w.bearer("izsu", []string{"konak", "buca"}, access.Book), w.visitKey()...)
	phone := w.phone()
	body := map[string]any{"centre": "konak", "service": "closing", "start": w.hour(1, "09:00"), "name": "Ayşe Yılmaz", "phone": phone}
	a := w.call("POST", izsu+"/bookings", body, key...).want(201)
	if b := w.call("POST", izsu+"/bookings", body, key...).want(201); a.at("token") != b.at("token") {
		t.Error("sent twice: got two visits, want one")
	}
	body["centre"] = "bornova"
	w.call("POST", izsu+"/bookings", body, append(key[:2:2], w.visitKey()...)...).problem(404, "booking.no_centre")
	list, _ := w.networks["izsu"].Service.OnDay(context.Background(), "konak", booking.DayOf(w.clock(), time.UTC)+1)
	if len(list) != 1 {
		t.Fatalf("visits at Konak: got %d, want the one", len(list))
	}
	at := izsu + "/bookings/" + list[0].ID
	w.call("POST", at+"/move", map[string]string{"centre": "bornova", "start": w.hour(2, "09:00")}, key[:2]...).problem(404, "booking.no_centre")
	if got := w.call("POST", at+"/move", map[string]string{"centre": "buca", "start": w.hour(2, "09:00")}, key[:2]...).want(200); got.at("centre") != "buca" {
		t.Errorf("moved: got %s", got.body)
	}
	w.call("POST", at+"/cancel", nil, w.bearer("izsu", []string{"konak"}, access.Book)...).problem(404, "booking.no_visit")
	if got := w.call("POST", at+"/cancel", nil, key[:2]...).want(200); got.at("state") != "cancelled" {
		t.Errorf("cancelled: got %s", got.body)
	}
	if got := w.call("GET", izsu+"/services", nil, key[:2]...).want(200).at("services.0.script.tr"); got == "" {
		t.Error("services with a key that may book: want what an agent says")
	}
	w.deliver()
	if n := len(w.sandbox.Inbox("90"+phone, 0)); n != 3 {
		t.Errorf("texts: got %d, want one of the booking, one of the move and one of the cancelling", n)
	}
}

// TestAskedToMove: a centre asks, the visit shows it, and its holder says yes or
// stays; nobody is asked twice, and who was not asked has nothing to answer.
func TestAskedToMove(t *testing.T) {
	w := visitWorld(t)
	yes, no := w.book("konak", "closing", w.hour(1, "09:00"), w.phone()), w.book("konak", "closing", w.hour(1, "09:15"), w.phone())
	w.call("POST", izsu+"/visits/"+yes.at("token")+"/answer", map[string]string{"answer": "accept"}).problem(404, booking.ErrNoMove.Code)
	v := w.networks["izsu"]
	for _, a := range []answer{yes, no} {
		id, _ := v.Contacts.Links().ID(a.at("token"))
		if asked, failed, err := v.Service.AskMoves(context.Background(), []string{id}, audit.System("test")); err != nil || len(asked) != 1 {
			t.Fatalf("ask: got %v %v, want one asked", err, failed)
		}
	}
	shown := w.call("GET", izsu+"/visits/"+yes.at("token"), nil).want(200)
	if shown.at("alternative.start") == "" || shown.at("start") != yes.at("start") {
		t.Errorf("asked: got %s, want the old hour with another offered", shown.body)
	}
	w.call("POST", izsu+"/visits/"+yes.at("token")+"/answer", map[string]string{"answer": "perhaps"}).problem(422, "field.choice")
	moved := w.call("POST", izsu+"/visits/"+yes.at("token")+"/answer", map[string]string{"answer": "accept"}).want(200)
	if moved.at("start") != shown.at("alternative.start") || moved.at("alternative") != "" {
		t.Errorf("accepted: got %s, want it at %s", moved.body, shown.at("alternative.start"))
	}
	kept := w.call("POST", izsu+"/visits/"+no.at("token")+"/answer", map[string]string{"answer": "keep"}).want(200)
	if kept.at("start") != no.at("start") {
		t.Errorf("kept: got %s, want the old hour", kept.body)
	}
}

// secured tells whether an operation asks for a key.
func secured(op map[string]any) bool { _, ok := op["security"]; return ok }

// operationsOf are the document's operations as the caller sees them.
func (w *world) operationsOf() (out []struct {
	method, path string
	op           map[string]any
}) {
	w.t.Helper()
	doc := w.call("GET", "/api/openapi.json", nil).want(200).json()
	for path, item := range doc["paths"].(map[string]any) {
		for method, op := range item.(map[string]any) {
			out = append(out, struct {
				method, path string
				op           map[string]any
			}{strings.ToUpper(method), path, op.(map[string]any)})
		}
	}
	return out
}

// TestWalls walks every operation into a foreign tenant, without a key, and with
// one that is not for it.
func TestWalls(t *testing.T) {
	w := visitWorld(t)
	foreign := w.bearer("izmir-desks", nil, hook.Scopes()...)
	narrow := w.bearer("izsu", []string{"buca"}, hook.Scopes()...)
	fill := strings.NewReplacer("{network}", "izsu", "{centre}", "konak", "{token}", strings.Repeat("A", 32), "{number}", "1",
		"{id}", "0178429a-3434-70aa-9741-e274c95b771a", "{city}", "istanbul")
	raw := func(method, path string, headers ...string) int {
		r := httptest.NewRequest(method, path, strings.NewReader("{}"))
		r.Header.Set("Content-Type", "application/json")
		for i := 0; i+1 < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		rec := httptest.NewRecorder()
		w.handler.ServeHTTP(rec, r)
		return rec.Code
	}
	walled, keyed := 0, 0
	for _, o := range w.operationsOf() {
		path := fill.Replace(o.path)
		if path != o.path {
			walled++
			if got := raw(o.method, path, foreign...); got != http.StatusNotFound {
				t.Errorf("%s %s with another tenant's key: got %d, want 404", o.method, o.path, got)
			}
		}
		if !secured(o.op) {
			continue
		}
		keyed++
		if got := raw(o.method, path); got != http.StatusUnauthorized {
			t.Errorf("%s %s without a key: got %d, want 401", o.method, o.path, got)
		}
		if got := raw(o.method, path, "Authorization", "Bearer tk_izsu_"+strings.Repeat("a", 52)); got != http.StatusUnauthorized {
			t.Errorf("%s %s with a made-up key: got %d, want 401", o.method, o.path, got)
		}
		if strings.Contains(o.path, "{centre}") {
			if got := raw(o.method, path, narrow...); got != http.StatusNotFound {
				t.Errorf("%s %s with a key of another centre: got %d, want 404", o.method, o.path, got)
			}
		}
		for _, a := range hook.Scopes() {
			if strings.Contains(o.op["description"].(string), "`"+string(a)+"`") {
				others := slices.DeleteFunc(hook.Scopes(), func(b access.Action) bool { return a == b })
				if got := raw(o.method, path, w.bearer("izsu", nil, others...)...); got != http.StatusForbidden {
					t.Errorf("%s %s with every scope but its own: got %d, want 403", o.method, o.path, got)
				}
			}
		}
	}
	if walled < 35 || keyed < 14 {
		t.Errorf("walked %d operations, %d with keys; there are more", walled, keyed)
	}
}

// TestPagesHaveOperations: what the booking pages can do, an app can. Every
// address of the pages, as their own list has them, stands here with the
// operations that do the same.
func TestPagesHaveOperations(t *testing.T) {
	w := newWorld(t)
	table := map[string]string{
		"GET {$}":                   "get-network list-services",
		"GET centres":               "list-centres get-centre get-availability get-queue",
		"GET at/{centre}":           "list-slots",
		"POST hold":                 "hold-place release-hold",
		"GET h/{token}":             "look-at-visit",
		"POST h/{token}":            "claim-hold",
		"GET h/{token}/code":        "look-at-claim",
		"POST h/{token}/code":       "enter-visit-code resend-visit-code",
		"GET wait":                  "list-slots",
		"POST wait":                 "join-waiting-list",
		"GET w/{token}/code":        "join-waiting-list",
		"POST w/{token}/code":       "enter-waiting-code resend-waiting-code leave-waiting-list",
		"GET find":                  "find-visit",
		"POST find":                 "find-visit",
		"GET v/{token}":             "look-at-visit",
		"POST v/{token}/confirm":    "confirm-visit",
		"POST v/{token}/accept":     "accept-offer",
		"POST v/{token}/take":       "answer-visit",
		"POST v/{token}/keep":       "answer-visit",
		"GET v/{token}/cancel":      "look-at-visit",
		"POST v/{token}/cancel":     "cancel-visit",
		"POST v/{token}/move":       "move-visit",
		"POST v/{token}/sooner":     "wait-for-earlier",
		"GET v/{token}/randevu.ics": "get-calendar",
	}
	ids := map[string]bool{}
	for _, o := range w.operationsOf() {
		ids[o.op["operationId"].(string)] = true
	}
	raw, err := os.ReadFile("../web/visit/visit.go")
	if err != nil {
		t.Fatal(err)
	}
	pages := regexp.MustCompile(`page\("((?:GET|POST) [^"]+)"`).FindAllStringSubmatch(string(raw), -1)
	if len(pages) < 20 {
		t.Fatalf("pages: got %d, there are more", len(pages))
	}
	for _, p := range pages {
		ops, ok := table[p[1]]
		if !ok {
			t.Errorf("page %q: got no operation that does the same; make one and write it here", p[1])
		}
		for id := range strings.FieldsSeq(ops) {
			if !ids[id] {
				t.Errorf("page %q: got no operation %q", p[1], id)
			}
		}
	}
}

// TestEveryOperationIsShown: an example of what is sent and of what comes back,
// which fit their schemas (the document is validated when the world opens), and
// every problem has a page.
func TestEveryOperationIsShown(t *testing.T) {
	w := newWorld(t)
	types := map[string]bool{}
	for _, o := range w.operationsOf() {
		id := o.op["operationId"].(string)
		if body, ok := o.op["requestBody"].(map[string]any); ok {
			media := body["content"].(map[string]any)["application/json"].(map[string]any)
			if ex, _ := media["examples"].(map[string]any); len(ex) == 0 {
				t.Errorf("%s: got no example of what is sent", id)
			}
		}
		for status, r := range o.op["responses"].(map[string]any) {
			content, _ := r.(map[string]any)["content"].(map[string]any)
			for media, m := range content {
				example := m.(map[string]any)["example"]
				switch {
				case media == "application/problem+json":
					if p, ok := example.(map[string]any); ok {
						types[p["type"].(string)] = true
					} else {
						t.Errorf("%s %s: got no example of the problem", id, status)
					}
				case strings.Contains(o.path, "/networks") && media == "application/json" && example == nil:
					t.Errorf("%s %s: got no example of the answer", id, status)
				}
			}
		}
	}
	if len(types) < 30 {
		t.Errorf("problems: got %d types, there are more", len(types))
	}
	for typ := range types {
		for _, l := range i18n.Langs() {
			rec := httptest.NewRecorder()
			r := httptest.NewRequest("GET", typ, nil)
			r.Header.Set("Accept-Language", string(l))
			w.handler.ServeHTTP(rec, r)
			if rec.Code != 200 || strings.Contains(rec.Body.String(), "[fault.") {
				t.Errorf("%s in %s: got %d, want a page that says what it means", typ, l, rec.Code)
			}
		}
	}
}

// TestAvailabilityFromMemory: the days of thirty centres, without the database.
func TestAvailabilityFromMemory(t *testing.T) {
	w := visitWorld(t, 14)
	s := w.networks["izsu"].Service
	n := s.Network()
	best := time.Hour
	for range 50 {
		begun := time.Now()
		if _, err := s.Board().Grid("closing", 1, booking.DayOf(w.clock(), n.Location()), 14, booking.API, w.clock()); err != nil {
			t.Fatal(err)
		}
		best = min(best, time.Since(begun))
	}
	whole := time.Hour
	var size int
	for range 20 {
		r := httptest.NewRequest("GET", izsu+"/availability?service=closing", nil)
		rec := httptest.NewRecorder()
		begun := time.Now()
		w.handler.ServeHTTP(rec, r)
		whole = min(whole, time.Since(begun))
		size = rec.Body.Len()
		if rec.Code != 200 || !json.Valid(rec.Body.Bytes()) {
			t.Fatalf("got %d", rec.Code)
		}
	}
	t.Logf("30 centres, 14 days: %v from the board, %v as an answer of %d bytes", best, whole, size)
	if best > 5*time.Millisecond {
		t.Errorf("from the board: got %v, want about a millisecond (five at most on a busy machine)", best)
	}
}
