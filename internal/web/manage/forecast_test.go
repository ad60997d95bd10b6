package manage_test

import (
	"net/http"
	"testing"

	"turnike/internal/access"
	"turnike/internal/booking"
	"turnike/test/day"
)

// TestForecast: four weeks take place, the page says what comes and how far to
// trust it, and one press lets places out by it.
func TestForecast(t *testing.T) {
	w := newWorld(t)
	boss := w.enter(access.Manager)
	code, page := boss.get(konak + "forecast")
	w.status("without a past", code, http.StatusOK, page)
	w.says("without a past", page, "en az beş iş günü")

	w = newWorld(t)
	boss = w.enter(access.Manager)
	if err := w.Past(t.Context(), 4); err != nil {
		t.Fatal(err)
	}
	code, page = boss.get(konak + "forecast")
	w.status("forecast", code, http.StatusOK, page)
	w.says("forecast", page, "Son 20 iş gününden öğrenildi", "geçen haftanın aynı günü", "Randevusuna gelmeyenler", "Öneriyi uygula")
	code, page = boss.post(konak+"forecast", nil)
	w.status("proposal", code, http.StatusOK, page)
	w.says("proposal", page, "Yerler tahmine göre", "kimse etkilenmiyor")
	code, page = boss.post(konak+"save", fields(page))
	w.status("save", code, http.StatusOK, page)
	c, _ := w.Visits.Network().CentreByID("konak")
	_, revs, err := w.Visits.Changed(t.Context(), "konak", day.Wednesday)
	if err != nil {
		t.Fatal(err)
	}
	r, ok := w.Visits.Network().OpeningOn(c, "counter", day.Wednesday, revs)
	if !ok || r.Show < 700 || r.Show > 1000 || r.Walk == 0 {
		t.Errorf("places: got %+v, %v, want most to come and some kept for people who walk in", r, ok)
	}
	plan, err := w.Visits.PlanOn(t.Context(), "konak", day.Wednesday)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range plan {
		if p.Places < p.Desks || p.Places > booking.Over(p.Desks, r.Show) {
			t.Errorf("unit %d: got %d places for %d counters, want no more than keep the limit", p.Unit, p.Places, p.Desks)
		}
	}
	code, page = boss.get("/staff/izsu/figures?from=2021-02-17&to=2021-03-16")
	w.status("figures", code, http.StatusOK, page)
	w.says("figures", page, "Buca", "Konak", "Randevusuz")
}

// TestPlacesOpenByThemselves: a network whose file asks for it lets the
// forecast open places each night, until a manager decides otherwise.
func TestPlacesOpenByThemselves(t *testing.T) {
	w := newWorld(t)
	if err := w.Past(t.Context(), 4); err != nil {
		t.Fatal(err)
	}
	n := w.Visits.Network()
	c, _ := n.CentreByID("konak")
	standing := func() (booking.Revision, int) {
		t.Helper()
		_, revs, err := w.Visits.Changed(t.Context(), "konak", day.Wednesday)
		if err != nil {
			t.Fatal(err)
		}
		r, _ := n.OpeningOn(c, "counter", day.Wednesday, revs)
		return r, len(revs)
	}
	night := func() {
		t.Helper()
		if wrong, err := w.Visits.Night(t.Context()); err != nil || len(wrong) != 0 {
			t.Fatalf("night: got %v, %v, want every counter to add up", wrong, err)
		}
	}
	night()
	if _, k := standing(); k != 0 {
		t.Fatalf("a network that does not ask: got %d revisions, want none", k)
	}
	n.Rules.OpenByForecast = true
	night()
	first, k := standing()
	if k != 1 || first.Actor != "forecast" || first.Show < 700 {
		t.Fatalf("first night: got %d revisions, %+v, want the forecast's", k, first)
	}
	night()
	if again, k := standing(); k != 1 || again.ID != first.ID {
		t.Errorf("second night: got %d revisions, want the same one", k)
	}
	boss := w.enter(access.Manager)
	_, page := boss.post(konak+"forecast", nil)
	if code, page := boss.post(konak+"save", fields(page)); code != http.StatusOK {
		t.Fatalf("save: got %d: %.300s", code, page)
	}
	mine, _ := standing()
	night()
	if now, _ := standing(); now.ID != mine.ID || now.Actor == "forecast" {
		t.Errorf("after a manager decided: got %+v, want theirs", now)
	}
}
