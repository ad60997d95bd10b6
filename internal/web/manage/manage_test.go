package manage_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"turnike/internal/access"
	"turnike/internal/audit"
	"turnike/internal/booking"
	"turnike/test/day"
)

const konak = "/staff/izsu/centre/konak/"

func TestEveryPageAndTheWalls(t *testing.T) {
	w := newWorld(t)
	boss := w.enter(access.Manager)
	for _, p := range []string{"", "week", "change", "floor", "closures", "moves", "forecast", "week.xlsx"} {
		code, page := boss.get(konak + p)
		w.status(p, code, http.StatusOK, page)
	}
	for _, p := range []string{"/staff/izsu/figures", "/staff/izsu/figures?centre=konak", "/staff/izsu/figures.csv", "/staff/izsu/figures.xlsx", "/staff/izsu/centre/"} {
		code, page := boss.get(p)
		w.status(p, code, http.StatusOK, page)
	}
	elsewhere := w.enter(access.Manager, "buca")
	clerk := w.enter(access.Clerk)
	foreign := w.session(access.Session{Role: access.Manager, City: "izmir-desks", Strong: w.Now()})
	for _, who := range []*reader{elsewhere, clerk, foreign} {
		for _, p := range []string{konak, konak + "week", konak + "week.xlsx", "/staff/izsu/figures?centre=konak"} {
			code, page := who.get(p)
			w.status("wall of "+p, code, http.StatusNotFound, page)
		}
		for _, p := range []string{"week", "change", "floor", "undo", "save", "ask", "forecast"} {
			code, page := who.post(konak+p, url.Values{"change": {"{}"}})
			w.status("wall of "+p, code, http.StatusNotFound, page)
		}
	}
	// A form that names another centre than its page's changes nothing there.
	change := fmt.Sprintf(`{"e":[{"Centre":"konak","Day":%d,"To":1440,"Closed":true,"Why":"x"}]}`, day.Wednesday)
	code, page := elsewhere.post("/staff/izsu/centre/buca/save", url.Values{"change": {change}, "seen": {""}})
	w.status("another centre in the form", code, http.StatusNotFound, page)
	everywhere := strings.Replace(change, `"Centre":"konak",`, "", 1)
	code, page = elsewhere.post("/staff/izsu/centre/buca/ask", url.Values{"change": {everywhere}, "seen": {""}})
	w.status("all centres, by somebody bound to one", code, http.StatusNotFound, page)
}

func weekForm() url.Values {
	f := url.Values{"pool": {"counter"}, "since_day": {"17"}, "since_month": {"3"}, "since_year": {"2021"}, "why": {"yaz düzeni"}}
	for _, d := range []string{"d1", "d2", "d3", "d4", "d5"} {
		f.Set(d, "08:30-12:30 1, 13:30-17:00 1")
	}
	return f
}

func TestWeek(t *testing.T) {
	w := newWorld(t)
	boss := w.enter(access.Manager)
	bad := weekForm()
	bad.Set("d3", "08:30-12:30 99")
	bad.Set("d4", "sabah <b>")
	bad.Set("why", "")
	code, page := boss.post(konak+"week", bad)
	w.status("a week with mistakes", code, http.StatusUnprocessableEntity, page)
	w.says("a week with mistakes", page, "08:30-12:30 99", "sabah &lt;b&gt;", "en çok", "Neden değiştirdiğinizi", `href="#d4"`, "08:30-12:30 1, 13:30-17:00 1")

	for i, at := range []int{9, 9, 10} {
		if _, err := w.Book(t.Context(), "konak", "Ayşe", "Işık", fmt.Sprintf("0532 000 01 %02d", i), "closing", at, 0); err != nil {
			t.Fatal(err)
		}
	}
	code, page = boss.post(konak+"week", weekForm())
	w.status("what it does", code, http.StatusOK, page)
	w.says("what it does", page, "2 kişinin randevusu etkileniyor", "en az 1 kişinin", "yaz düzeni")
	if strings.Contains(page, "Ayşe") || strings.Contains(page, "Işık") {
		t.Error("the preview names a visitor, want hours and codes alone")
	}
	plan, err := w.Visits.PlanOn(t.Context(), "konak", day.Wednesday)
	if err != nil {
		t.Fatal(err)
	}
	before := desks(plan)
	code, page = boss.post(konak+"save", fields(page))
	w.status("save", code, http.StatusOK, page)
	w.says("saved", page, "Kaydedildi", "yaz düzeni", "1 kişi fazla")
	if plan, err = w.Visits.PlanOn(t.Context(), "konak", day.Wednesday); err != nil {
		t.Fatal(err)
	}
	if got := desks(plan); got != 1 || before == 1 {
		t.Errorf("counters at nine: got %d, before %d, want 1 after more", got, before)
	}
	rows, err := w.Audit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(rows, func(e audit.Entry) bool { return e.Action == "plan.revise" })
	if i < 0 || rows[i].Purpose != "yaz düzeni" || rows[i].Actor.Kind != "staff" {
		t.Errorf("audit: got %+v, want who revised the plan and why", rows)
	}
	// Taken back, the file holds again.
	_, revs, err := w.Visits.Changed(t.Context(), "konak", day.Wednesday)
	if err != nil || len(revs) != 1 {
		t.Fatalf("revisions: got %v, %v, want one", revs, err)
	}
	code, page = boss.post(konak+"undo", url.Values{"id": {revs[0].ID}})
	w.status("undo", code, http.StatusOK, page)
	code, page = boss.post(konak+"save", fields(page))
	w.status("save undo", code, http.StatusOK, page)
	if plan, err = w.Visits.PlanOn(t.Context(), "konak", day.Wednesday); err != nil || desks(plan) != before {
		t.Errorf("counters at nine: got %d, %v, want %d", desks(plan), err, before)
	}
}

func desks(plan []booking.PlanCell) int {
	for _, p := range plan {
		if p.Pool == "counter" && p.Unit == 36 {
			return p.Desks
		}
	}
	return 0
}

func TestSpreadsheet(t *testing.T) {
	w := newWorld(t)
	boss := w.enter(access.Manager)
	code, file := boss.get(konak + "week.xlsx")
	w.status("out", code, http.StatusOK, "")
	x, err := excelize.OpenReader(strings.NewReader(file))
	if err != nil {
		t.Fatalf("open what was sent: %v", err)
	}
	if got := x.GetSheetList(); len(got) != 2 || got[0] != "counter" {
		t.Errorf("sheets: got %q, want the week and its rules", got)
	}
	// Wednesday's row is the third; nine o'clock is in the thirteenth quarter.
	set := func(cell string, v any) {
		if err := x.SetCellValue("counter", cell, v); err != nil {
			t.Fatal(err)
		}
	}
	col, err := excelize.ColumnNumberToName(3 + (9-6)*4)
	if err != nil {
		t.Fatal(err)
	}
	set(col+"7", "iki")
	set(col+"6", 99)
	var b bytes.Buffer
	if err := x.Write(&b); err != nil {
		t.Fatal(err)
	}
	code, page := boss.send(konak+"week.xlsx", b.Bytes(), map[string]string{"pool": "counter"})
	w.status("wrong cells", code, http.StatusUnprocessableEntity, page)
	w.says("wrong cells", page, col+"7 hücresi", "iki", col+"6 hücresi", "99")
	set(col+"7", 1)
	set(col+"6", "")
	b.Reset()
	if err := x.Write(&b); err != nil {
		t.Fatal(err)
	}
	code, page = boss.send(konak+"week.xlsx", b.Bytes(), map[string]string{"pool": "counter"})
	w.status("read", code, http.StatusOK, page)
	w.says("read", page, "Excel dosyası okundu", "09:00-09:15 1", "08:30-09:00")
	if _, revs, err := w.Visits.Changed(t.Context(), "konak", day.Wednesday); err != nil || len(revs) != 0 {
		t.Errorf("after reading: got %d revisions, %v, want nothing saved", len(revs), err)
	}
	for what, file := range map[string][]byte{"a text": []byte("PK\x03\x04 nothing"), "nothing": nil, "a bomb": bomb(t)} {
		code, page := boss.send(konak+"week.xlsx", file, map[string]string{"pool": "counter"})
		w.status(what, code, http.StatusUnprocessableEntity, page)
	}
	code, page = boss.send(konak+"week.xlsx", make([]byte, 2<<20), map[string]string{"pool": "counter"})
	w.status("too large", code, http.StatusRequestEntityTooLarge, page)
}

func TestAbsenceAsksBeforeItMoves(t *testing.T) {
	w := newWorld(t)
	var ids []string
	n := w.Visits.Network()
	c, _ := n.CentreByID("konak")
	for i := range c.Desks {
		v, err := w.Book(t.Context(), "konak", "Ayşe", "Işık", fmt.Sprintf("0532 000 02 %02d", i), "closing", 11, 0)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, v.ID)
	}
	form := url.Values{"day_day": {"17"}, "day_month": {"3"}, "day_year": {"2021"}, "what": {"fewer"}, "desks": {"1"}, "why": {"izin"}}
	boss := w.enter(access.Manager)
	code, page := boss.post(konak+"change", url.Values{"what": {"fewer"}, "desks": {"çok"}, "from": {"25:00"}, "why": {"izin"}})
	w.status("mistakes", code, http.StatusUnprocessableEntity, page)
	w.says("mistakes", page, "Bu bir tarih değil", "Vezne sayısı 1 ile", "Saati şöyle yazın", "25:00", `value="çok"`)
	code, page = boss.post(konak+"change", form)
	w.status("what it does", code, http.StatusOK, page)
	w.says("what it does", page, fmt.Sprintf("%d kişinin randevusu etkileniyor", c.Desks), "en az 1 kişinin")
	sent := fields(page)
	if got := sent["visit"]; len(got) != 1 || got[0] != ids[len(ids)-1] {
		t.Errorf("ticked: got %q, want the one who booked last", got)
	}
	sent.Set("ask", "1")

	// Many people are touched: an old proof does not do.
	stale := w.session(access.Session{Role: access.Manager})
	_, page = stale.post(konak+"ask", sent)
	if ex, _, err := w.Visits.Changed(t.Context(), "konak", day.Wednesday); err != nil || len(ex) != 0 {
		t.Errorf("without a fresh proof: got %d exceptions, %v, want none; the page: %.200s", len(ex), err, page)
	}
	before := len(w.Texts())
	code, page = boss.post(konak+"ask", sent)
	w.status("save and ask", code, http.StatusOK, page)
	w.says("save and ask", page, "1 kişiye SMS ile soruldu", "Yanıt bekleniyor", "17 Mart 2021")
	texts := w.Texts()
	if len(texts) != before+1 || !strings.Contains(texts[len(texts)-1], "Sizin icin yer ayirdik") {
		t.Errorf("texts: got %q, want one question", texts[before:])
	}
	for _, id := range ids {
		v, err := w.Visits.Visit(t.Context(), id)
		if err != nil || v.State != booking.Booked || v.Place.Unit != 44 {
			t.Errorf("visit: got %+v, %v, want it where it was", v, err)
		}
	}
	// Posted twice, it is asked once.
	code, page = boss.post(konak+"ask", sent)
	w.status("again", code, http.StatusConflict, page)
	if got := len(w.Texts()); got != before+1 {
		t.Errorf("texts: got %d, want %d", got, before+1)
	}
}

func TestFloorAndClosures(t *testing.T) {
	w := newWorld(t)
	boss := w.enter(access.Operator)
	floor := url.Values{"people": {"0"}, "since_day": {"17"}, "since_month": {"3"}, "since_year": {"2021"}, "why": {"salgın"}}
	code, page := boss.post(konak+"floor", floor)
	w.status("nobody", code, http.StatusUnprocessableEntity, page)
	floor.Set("people", "1")
	code, page = boss.post(konak+"floor", floor)
	w.status("one", code, http.StatusOK, page)
	w.says("one", page, "Katta en çok 1 kişi", "kimse etkilenmiyor")
	code, page = boss.post(konak+"save", fields(page))
	w.status("save", code, http.StatusOK, page)

	code, page = boss.send(konak+"closures", []byte("date,name\nfoo,bar\n"), nil)
	w.status("no list", code, http.StatusUnprocessableEntity, page)
	list := "date,name,kind\n2020-01-01,eski,full\n2021-03-18,Bakım,full\n2021-03-19,Sayım,half_from_13:00\n"
	code, page = boss.send(konak+"closures", []byte(list), map[string]string{"where": "all"})
	w.status("a list", code, http.StatusOK, page)
	w.says("a list", page, "Bakım", "Sayım", "Bütün merkezlerde")
	if strings.Contains(page, "eski") {
		t.Error("a day that is over is to be closed, want it left out")
	}
	sent := fields(page)
	code, page = boss.post(konak+"save", sent)
	w.status("all centres without a fresh proof", code, http.StatusNotFound, page)
	code, page = boss.post(konak+"ask", sent)
	w.status("save", code, http.StatusOK, page)
	for _, id := range []string{"konak", "buca"} {
		if plan, err := w.Visits.PlanOn(t.Context(), id, day.Wednesday+1); err != nil || len(plan) != 0 {
			t.Errorf("%s: got %d cells, %v, want it closed", id, len(plan), err)
		}
	}
	calendar := "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTAMP:20210301T000000Z\r\nDTSTART;VALUE=DATE:20210322\r\nSUMMARY:Kurs\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
	code, page = boss.send(konak+"closures", []byte(calendar), nil)
	w.status("a calendar", code, http.StatusOK, page)
	w.says("a calendar", page, "Kurs", "22 Mart 2021")
}

func TestFiguresNameNobody(t *testing.T) {
	w := newWorld(t)
	if _, err := w.Book(t.Context(), "konak", "Zehra", "Özgür", "0532 000 03 01", "closing", 9, 0); err != nil {
		t.Fatal(err)
	}
	auditor := w.enter(access.Auditor)
	q := "?from=2021-03-17&to=2021-03-17"
	code, page := auditor.get("/staff/izsu/figures" + q)
	w.status("figures", code, http.StatusOK, page)
	w.says("figures", page, "Rakamlar", "Konak", "İlişik kesme", "figures.xlsx?from=2021-03-17")
	code, csv := auditor.get("/staff/izsu/figures.csv" + q)
	w.status("csv", code, http.StatusOK, csv)
	w.says("csv", csv, "day,hour,centre,service,channel", "2021-03-17,09:00,konak,closing,desk,1,")
	for what, text := range map[string]string{"page": page, "csv": csv} {
		for _, name := range []string{"Zehra", "Özgür", "0532", "532000"} {
			if strings.Contains(text, name) {
				t.Errorf("%s: got %q in it, want no personal data", what, name)
			}
		}
	}
	code, page = auditor.get("/staff/izsu/figures?from_day=31&from_month=2&from_year=2021")
	w.status("no such day", code, http.StatusUnprocessableEntity, page)
	w.says("no such day", page, "Bu bir tarih değil", `value="31"`)
	own := w.enter(access.Manager, "buca")
	_, page = own.get("/staff/izsu/figures" + q)
	if strings.Contains(page, "İlişik kesme") || strings.Contains(page, ">Konak") {
		t.Error("a manager of Buca sees what happened in Konak")
	}
}
