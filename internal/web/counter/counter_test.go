package counter_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"turnike/internal/access"
	"turnike/internal/audit"
	"turnike/internal/booking"
	"turnike/test/day"
)

func (r *reader) do(what string, number int, status int, more ...string) string {
	r.w.t.Helper()
	form := append([]string{"do", what}, more...)
	if number > 0 {
		form = append(form, "number", strconv.Itoa(number))
	}
	return r.post("act", status, form...)
}

// TestCounter goes through a counter's deeds one by one: each is said in words,
// and each can be taken back.
func TestCounter(t *testing.T) {
	w := newWorld(t)
	v := w.book("Ayşe", "Işık", "0532 000 00 17", "closing", 9, 0)
	w.At(8, 55)
	c := w.clerk("2", false)
	page := c.get("", http.StatusOK)
	w.says("the list", page, "09:00")
	w.says("the list", page, "İlişik kesme")
	w.silent("names stay closed", page, "Ayşe")
	w.silent("names stay closed", page, "Işık")
	w.says("nobody waits", c.do("next", 0, http.StatusNotFound), "Sırada bekleyen yok.")

	w.says("arrived", c.do("arrive", 0, http.StatusOK, "visit", v.ID), "Numarası 1.")
	w.says("arrived twice keeps the number", c.do("arrive", 0, http.StatusOK, "visit", v.ID), "Numarası 1.")
	w.says("walk-in", c.do("walk", 0, http.StatusOK, "service", "high-bill", "from", ""), `<bdi dir="ltr">2</bdi>`)
	w.says("waiting", c.get("", http.StatusOK), "Çağırabileceğiniz 2 kişi var.")

	w.says("next", c.do("next", 0, http.StatusOK), "1 numara 2 numaralı vezneye çağrıldı.")
	w.says("the counter has somebody", c.do("next", 0, http.StatusConflict), "işlemi süren biri var")
	w.says("what undo would do", c.get("", http.StatusOK), "1 numara: “çağrıldı” yerine yeniden “sırada” olur")
	w.says("recall", c.do("recall", 1, http.StatusOK), "bir daha çağrıldı")
	page = c.do("begin", 1, http.StatusOK)
	w.says("documents", page, "Sayaçtaki son rakam")
	w.says("one matter more", c.do("another", 1, http.StatusOK), "2 işlem")
	w.says("undo it", c.do("undo", 0, http.StatusOK), "geri alındı")
	if got := w.ticket(1).Matters; got != 1 {
		t.Errorf("matters after undo: got %d, want 1", got)
	}
	w.says("park", c.do("park", 1, http.StatusOK), "bekletiliyor")
	w.says("next is the walk-in", c.do("next", 0, http.StatusOK), "2 numara 2 numaralı")
	w.says("transfer", c.do("transfer", 2, http.StatusOK, "service", "reopening"), "aktarıldı")
	if got := w.ticket(2).Service; got != "reopening" {
		t.Errorf("service after the transfer: got %s, want reopening", got)
	}
	w.says("call the parked one", c.do("call", 1, http.StatusOK), "1 numara 2 numaralı vezneye çağrıldı")
	c.do("begin", 1, http.StatusOK)
	w.says("finish and call in one", c.do("next", 1, http.StatusOK), "2 numara 2 numaralı")
	if got := w.ticket(1).State; got != booking.Served {
		t.Errorf("number 1: got %v, want served", got)
	}
	w.says("did not come", c.do("miss", 2, http.StatusOK), "gelmedi")
	w.says("what undo would do", c.get("", http.StatusOK), "2 numara: “gelmedi” yerine yeniden “çağrıldı” olur")
	c.do("undo", 0, http.StatusOK)
	if got := w.ticket(2); got.State != booking.Called || got.Desk != "2" {
		t.Errorf("number 2 after undo: got %v at %q, want called at 2", got.State, got.Desk)
	}
	c.do("park", 2, http.StatusOK)
	w.says("a parked one did not come back", c.do("miss", 2, http.StatusOK), "gelmedi")
	w.says("the counter that said so may take it back", c.do("undo", 0, http.StatusOK), "geri alındı")
	if got := w.ticket(2).State; got != booking.Parked {
		t.Errorf("number 2 after undo: got %v, want parked", got)
	}
	c.do("call", 2, http.StatusOK)
	w.says("finish with nobody behind", c.do("next", 2, http.StatusOK), "2 numaranın işlemi bitti.")
	w.says("no such button", c.do("dance", 0, http.StatusUnprocessableEntity), "tanınmadı")
	w.says("the number is printed at once", c.do("walk", 0, http.StatusOK, "service", "closing", "from", ""), "data-print-now")
	w.silent("and not again when it is looked at", c.get("ticket/3", http.StatusOK), "data-print-now")
	page = c.get("list", http.StatusOK)
	w.says("the day's list", page, v.Code.String())
	w.says("the day's list", page, "tamamlandı")
	w.silent("the day's list", page, "Ayşe")
	w.says("another centre's visit", c.do("arrive", 0, http.StatusNotFound, "visit", w.elsewhere()), "randevu bulunamadı")
}

// elsewhere is a visit at another centre.
func (w *world) elsewhere() string {
	w.t.Helper()
	who := booking.Who{Phone: w.Who.SessionTag("x"), Holder: w.Who.SessionTag("x")}
	v, err := w.Visits.Book(w.t.Context(), booking.Request{Centre: "buca", Service: "closing", Day: day.Wednesday, Unit: 40,
		Channel: booking.Desk, Actor: audit.System("test"), Who: who})
	if err != nil {
		w.t.Fatal(err)
	}
	return v.ID
}

// TestRaceInWords: two clerks press for the same number, and the slower one
// reads what happened.
func TestRaceInWords(t *testing.T) {
	w := newWorld(t)
	w.At(9, 0)
	one, two := w.clerk("1", false), w.clerk("2", false)
	one.do("walk", 0, http.StatusOK, "service", "closing")
	one.do("call", 1, http.StatusOK)
	page := two.do("call", 1, http.StatusConflict)
	w.says("the slower one", page, "Bu numaranın durumu değişti")
	w.says("and sees the screen as it is", page, "Vezneniz boş")
}

// TestQuickCounter passes over long matters and takes them when it is not
// quick.
func TestQuickCounter(t *testing.T) {
	w := newWorld(t)
	w.At(9, 0)
	quick := w.clerk("1", true)
	quick.do("walk", 0, http.StatusOK, "service", "high-bill") // half an hour
	w.says("nobody for a quick counter", quick.do("next", 0, http.StatusNotFound), "bekleyen yok")
	quick.do("walk", 0, http.StatusOK, "service", "closing")
	w.says("the short one first", quick.do("next", 0, http.StatusOK), "2 numara")
	w.says("the long one", w.clerk("2", false).do("next", 0, http.StatusOK), "1 numara")
}

// TestGreeter finds people by code, by the end of the phone and by name however
// it is written, and every name that was shown is written down.
func TestGreeter(t *testing.T) {
	w := newWorld(t)
	v := w.book("Ayşe", "Işık", "0532 000 00 17", "closing", 9, 0)
	w.book("Ismail", "Çelik", "0532 000 00 29", "reopening", 9, 15)
	w.At(8, 50)
	g := w.enter(access.Session{Role: access.Clerk, Account: "greeter-1"})
	for _, c := range []struct{ query, want string }{
		{v.Code.String(), "Ayşe Işık"}, {"0017", "Ayşe Işık"}, {"0532 000 00 29", "Ismail Çelik"},
		{"AYSE", "Ayşe Işık"}, {"isik ay", "Ayşe Işık"}, {"İSMAİL", "Ismail Çelik"}, {"celık", "Ismail Çelik"},
	} {
		page := g.post("arrivals", http.StatusOK, "query", c.query)
		w.says(c.query, page, c.want)
		w.says(c.query, page, "1 kişi bulundu")
	}
	for _, q := range []string{"", "a", "17", "123"} {
		page := g.post("arrivals", http.StatusUnprocessableEntity, "query", q)
		w.says("too little: "+q, page, "son 4 rakamını")
		w.says("what was typed stays", page, `value="`+q+`"`)
	}
	w.says("nobody", g.post("arrivals", http.StatusOK, "query", "Zeynep"), "0 kişi bulundu")
	w.says("here", g.do("arrive", 0, http.StatusOK, "visit", v.ID, "from", "arrivals"), "Geldi. Numarası 1.")
	w.says("the wrong line", g.do("unarrive", 0, http.StatusOK, "visit", v.ID, "from", "arrivals"), "yeniden bekleniyor")
	w.says("here again", g.do("arrive", 0, http.StatusOK, "visit", v.ID, "from", "arrivals"), "Geldi. Numarası 1.")

	page := g.get("visit/"+v.ID, http.StatusOK)
	w.says("opened", page, "Ayşe Işık")
	w.says("the phone's end", page, "05** *** ** 17")
	w.silent("no more of the phone than its end", page, "532")
	w.says("a note", g.post("visit/"+v.ID, http.StatusOK, "note", "Tekerlekli sandalyeyle geliyor"), "Tekerlekli sandalyeyle")
	long := strings.Repeat("ş", booking.MaxRemark+1)
	w.says("a long note stays", g.post("visit/"+v.ID, http.StatusUnprocessableEntity, "note", long), long)

	counts := map[string]int{}
	rows := w.audit()
	for _, e := range rows {
		counts[e.Action]++
		if e.Action == "person.read" && (e.Actor.Ref != "greeter-1" || e.Purpose == "" || e.Object == "") {
			t.Errorf("a read by %q of %q for %q: want who, whose and what for", e.Actor.Ref, e.Object, e.Purpose)
		}
	}
	// Seven finds; the page opened, and again after each note that was tried.
	if counts["person.search"] != 8 || counts["person.read"] != 10 || counts["visit.note"] != 1 {
		t.Errorf("audit: got %v, want 8 searches, 10 reads and 1 note", counts)
	}
	for _, needle := range []string{"Tekerlekli", "Ayşe", "5320000017"} {
		if strings.Contains(fmt.Sprintf("%+v", rows), needle) {
			t.Errorf("the audit holds %q", needle)
		}
	}
}

func (w *world) audit() []audit.Entry {
	w.t.Helper()
	rows, err := w.Audit(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return rows
}

// TestWhoMayNot: other tenants, other centres and other roles meet nothing.
func TestWhoMayNot(t *testing.T) {
	w := newWorld(t)
	v := w.book("Ayşe", "Işık", "0532 000 00 17", "closing", 9, 0)
	w.At(8, 50)
	for name, se := range map[string]access.Session{
		"another city":   {Role: access.Clerk, City: "ankara"},
		"another centre": {Role: access.Clerk, Centres: []string{"buca"}},
		"an agent":       {Role: access.Agent},
		"an auditor":     {Role: access.Auditor},
	} {
		r := w.enter(se)
		for _, path := range []string{"", "live", "desk", "arrivals", "list", "visit/" + v.ID, "ticket/1"} {
			w.silent(name, r.get(path, http.StatusNotFound), "Konak")
		}
		r.post("arrivals", http.StatusNotFound, "query", "ayse")
		r.do("arrive", 0, http.StatusNotFound, "visit", v.ID)
	}
	if n := len(w.tickets()); n != 0 {
		t.Errorf("got %d numbers, want none", n)
	}
}

// TestNumbers: three greeters give numbers at once, through the pages, and
// there is no gap and no double.
func TestNumbers(t *testing.T) {
	w := newWorld(t)
	for i := range 6 {
		w.book("Ayşe", "Işık", fmt.Sprintf("0532 000 01 %02d", i), "closing", 9+i/3, 15*(i%3))
	}
	w.At(8, 50)
	due, err := w.Visits.OnDay(t.Context(), "konak", day.Wednesday)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for g := range 3 {
		r := w.enter(access.Session{Role: access.Clerk})
		wg.Go(func() {
			for i := range 12 {
				if i%6 == 5 {
					r.do("arrive", 0, http.StatusOK, "visit", due[2*g+i/6].ID, "from", "arrivals")
					continue
				}
				r.do("walk", 0, http.StatusOK, "service", "closing", "from", "arrivals")
			}
		})
	}
	wg.Wait()
	ts := w.tickets()
	if len(ts) != 36 {
		t.Fatalf("got %d numbers, want 36", len(ts))
	}
	for i, k := range ts {
		if k.Number != i+1 {
			t.Fatalf("number %d stands at place %d: a gap or a double", k.Number, i+1)
		}
	}
}

// TestDay is a day at Konak through the pages: twenty people, three counters,
// somebody who does not come, somebody who gives up. At its end every number
// has come to its end, and the figures add up.
func TestDay(t *testing.T) {
	w := newWorld(t)
	rnd := rand.New(rand.NewPCG(2, 17))
	var visits []booking.Visit
	for i := range 12 {
		visits = append(visits, w.book("Ayşe", "Işık", fmt.Sprintf("0532 000 02 %02d", i), []string{"closing", "reopening", "high-bill"}[i%3], 9+i/4, 15*(i%4)))
	}
	greeter := w.enter(access.Session{Role: access.Clerk})
	clerks := []*reader{w.clerk("1", false), w.clerk("2", false), w.clerk("3", true)}
	serving := map[int]int{} // counter to minutes left
	walked, came, over := 0, 0, 0
	for minute := 8*60 + 30; minute < 15*60; minute++ {
		w.At(minute/60, minute%60)
		for i, v := range visits {
			start, _ := w.Visits.Network().StartOf(v.Place)
			at := start.In(w.Visits.Network().Location())
			if i != 7 && at.Hour()*60+at.Minute()-5 == minute { // the eighth never comes
				greeter.do("arrive", 0, http.StatusOK, "visit", v.ID, "from", "arrivals")
				came++
			}
		}
		if walked < 8 && minute%17 == 0 {
			greeter.do("walk", 0, http.StatusOK, "service", "closing", "from", "arrivals")
			walked++
		}
		for i, c := range clerks {
			desk := strconv.Itoa(i + 1)
			if serving[i]--; serving[i] > 0 {
				continue
			}
			var at, waits booking.Ticket
			for _, k := range w.tickets() {
				if k.Desk == desk && (k.State == booking.Called || k.State == booking.Serving) {
					at = k
				}
				if k.State == booking.InQueue && (i != 2 || w.Visits.Network().Short(k.Service, k.Matters)) {
					waits = k
				}
			}
			switch {
			case at.State == booking.Called && at.Number == 5: // called and never came
				c.do("miss", at.Number, http.StatusOK)
				over++
			case at.State == booking.Called:
				c.do("begin", at.Number, http.StatusOK)
				serving[i] = 6 + rnd.IntN(14)
			case at.State == booking.Serving && waits.Number > 0:
				c.do("next", at.Number, http.StatusOK)
				over++
			case at.State == booking.Serving:
				c.do("finish", at.Number, http.StatusOK)
				over++
			case waits.Number > 0:
				c.do("next", 0, http.StatusOK)
			}
		}
	}
	ts := w.tickets()
	served, missed := 0, 0
	for i, k := range ts {
		if k.Number != i+1 {
			t.Errorf("number %d at place %d", k.Number, i+1)
		}
		switch k.State {
		case booking.Served:
			served++
			if k.Started.Before(k.Called) || k.Ended.Before(k.Started) || k.Called.Before(k.Arrived) {
				t.Errorf("number %d: arrived %v, called %v, started %v, ended %v: want them in order", k.Number, k.Arrived, k.Called, k.Started, k.Ended)
			}
		case booking.Missed:
			missed++
		default:
			t.Errorf("number %d is still %v at the end of the day", k.Number, k.State)
		}
	}
	if len(ts) != walked+came || served+missed != over || missed != 1 {
		t.Errorf("got %d numbers, %d served, %d missed; want %d, %d and 1", len(ts), served, missed, walked+came, over-1)
	}
	w.says("the screen's sum", clerks[0].get("", http.StatusOK), fmt.Sprintf("Bugün: %d bitti, 1 gelmedi, 0 vazgeçti", served))
	w.Set((day.Wednesday + 1).At(5, w.Visits.Network().Location()).Add(time.Minute))
	if _, err := w.Visits.CloseDay(t.Context(), "konak", day.Wednesday); err != nil {
		t.Fatal(err)
	}
	f, err := w.Visits.Figures(t.Context(), "konak", day.Wednesday, 1)
	if err != nil {
		t.Fatal(err)
	}
	noshows := 1
	for _, k := range ts {
		if k.State == booking.Missed && k.Visit != "" {
			noshows++
		}
	}
	if f.Visits[booking.Done] != 12-noshows || f.Visits[booking.NoShow] != noshows {
		t.Errorf("figures: got %v, want %d done and %d no-shows", f.Visits, 12-noshows, noshows)
	}
	wrong, err := w.Visits.Audit(t.Context(), day.Wednesday, 1)
	if err != nil || len(wrong) > 0 {
		t.Errorf("counters: got %v and %v, want them to add up", wrong, err)
	}
}

// TestHelpDesk: the counters where cards are paired are called and served with
// the same pages.
func TestHelpDesk(t *testing.T) {
	w := newWorld(t)
	w.At(10, 0)
	c := w.enter(access.Session{Role: access.Clerk, City: "izmir-desks"})
	place := w.Desks.Network().Centres[0]
	c.base = w.web.URL + "/staff/izmir-desks/queue/" + place.ID + "/"
	c.post("desk", http.StatusOK, "desk", "1")
	w.says("walk-in", c.do("walk", 0, http.StatusOK, "service", booking.Pairing), `<bdi dir="ltr">1</bdi>`)
	w.says("called", c.do("next", 0, http.StatusOK), "1 numara 1 numaralı")
	c.do("begin", 1, http.StatusOK)
	w.says("served", c.do("finish", 1, http.StatusOK), "1 numaranın işlemi bitti.")
	w.says("where it is", c.get("", http.StatusOK), place.Name)
	c.base = w.web.URL + "/staff/izsu/queue/konak/"
	c.get("", http.StatusNotFound)
}
