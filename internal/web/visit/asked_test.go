package visit_test

import (
	"strings"
	"testing"

	"turnike/internal/audit"
	"turnike/internal/booking"
)

// TestAskedToMove: the plan of a centre changes, its people are asked by text
// message, and answer on the page their link opens. Nobody moves without a yes.
func TestAskedToMove(t *testing.T) {
	w := newWorld(t)
	paths := []string{w.book("buca", "36", "0532 000 00 21"), w.book("buca", "36", "0532 000 00 22"), w.book("buca", "36", "0532 000 00 23")}
	boss := audit.Actor{Kind: "staff", Ref: "manager-1", Channel: "desk"}
	day := booking.Date(2021, 3, 17)
	off := booking.Change{Exceptions: []booking.Exception{{Centre: "buca", Day: day, From: 9 * 60, To: 9*60 + 15, Closed: true, Why: "works"}}}
	e, err := w.izsu.Preview(t.Context(), off)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.izsu.Apply(t.Context(), off, e.Seen, boss); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, v := range e.ToMove() {
		ids = append(ids, v.ID)
	}
	asked, failed, err := w.izsu.AskMoves(t.Context(), ids, boss)
	if err != nil || len(asked) != 3 || len(failed) != 0 {
		t.Fatalf("ask: got %d asked, %v, %v, want three", len(asked), failed, err)
	}
	if s := w.newest(); !strings.Contains(s, "yer ayirdik") || !strings.Contains(s, "www.izsu.gov.tr/visit/izsu/v/") || !strings.Contains(s, "Son yanit: 16.03.2021") {
		t.Errorf("text: got %q, want the place, the link and until when", s)
	}
	w.browser()
	visitOf := func(path string) booking.Visit {
		t.Helper()
		id, ok := w.links.ID(path[strings.LastIndex(path, "/")+1:])
		if !ok {
			t.Fatalf("%s: no token of ours", path)
		}
		v, err := w.izsu.Visit(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, p := range paths {
		a := w.get(p)
		if a.status != 200 || !strings.Contains(a.body, "Başka bir saat sizin için uygun mu?") {
			t.Errorf("%s: got %d, want the question", p, a.status)
		}
		if got := visitOf(p).Place.Unit; got != 36 {
			t.Errorf("before an answer: got unit %d, want 36", got)
		}
	}
	a := w.post(paths[0] + "/take")
	if a.status != 200 || strings.Contains(a.body, "Başka bir saat sizin") || visitOf(paths[0]).Place.Unit == 36 {
		t.Errorf("take: got %d and unit %d, want another hour and no more questions", a.status, visitOf(paths[0]).Place.Unit)
	}
	a = w.post(paths[1] + "/keep")
	if a.status != 200 || !strings.Contains(a.body, "aynı saatte duruyor") || visitOf(paths[1]).Place.Unit != 36 {
		t.Errorf("keep: got %d and unit %d, want the old hour", a.status, visitOf(paths[1]).Place.Unit)
	}
	w.pass(30 * 60 * 60e9)
	a = w.get(paths[2])
	if a.status != 200 || strings.Contains(a.body, "Başka bir saat sizin") {
		t.Errorf("a day later: got %d, want no question any more", a.status)
	}
	if a = w.post(paths[2] + "/take"); a.status == 200 || visitOf(paths[2]).Place.Unit != 36 {
		t.Errorf("too late: got %d and unit %d, want a refusal and the old hour", a.status, visitOf(paths[2]).Place.Unit)
	}
	if a := w.post("/visit/izsu/v/" + strings.Repeat("A", 32) + "/take"); a.status != 404 {
		t.Errorf("a stranger's token: got %d, want 404", a.status)
	}
}
