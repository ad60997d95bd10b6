package manage

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"

	"turnike/internal/booking"
	"turnike/internal/fault"
	"turnike/internal/i18n"
	"turnike/internal/web/httpx"
	"turnike/internal/web/ui"
)

// spanMost is how many days one page of figures spans.
const spanMost = 400

// period is what figures are asked for.
type period struct {
	from, to booking.Day
	centre   string // empty for all that somebody may see
	faults   fault.List
	fromText ui.Date
	toText   ui.Date
}

// period reads an address; four weeks up to today where it says nothing.
func (p place) period(r *http.Request) (x period, err error) {
	q := r.URL.Query()
	x.from, x.to, x.centre = p.today-27, p.today, q.Get("centre")
	if x.centre != "" {
		if _, ok := p.net.CentreByID(x.centre); !ok || !p.staff.Sees(x.centre) {
			return x, httpx.ErrNotFound
		}
	}
	x.fromText, x.toText = dateOf("from", x.from), dateOf("to", x.to)
	for _, d := range []struct {
		id   string
		day  *booking.Day
		text *ui.Date
	}{{"from", &x.from, &x.fromText}, {"to", &x.to, &x.toText}} {
		if !q.Has(d.id + "_year") {
			if day, err := booking.ParseDay(q.Get(d.id)); err == nil {
				*d.day, *d.text = day, dateOf(d.id, day)
			}
			continue
		}
		*d.text = ui.Date{ID: d.id, Day: q.Get(d.id + "_day"), Month: q.Get(d.id + "_month"), Year: q.Get(d.id + "_year")}
		day, err := parseBoxes(*d.text)
		if err != nil {
			x.faults = append(x.faults, booking.ErrDay.On(d.id))
			continue
		}
		*d.day = day
	}
	if len(x.faults) == 0 && (x.to < x.from || x.to-x.from >= spanMost) {
		x.faults = append(x.faults, booking.ErrSpan.On("to"))
	}
	return x, nil
}

func parseBoxes(d ui.Date) (booking.Day, error) {
	y, errY := strconv.Atoi(strings.TrimSpace(d.Year))
	m, errM := strconv.Atoi(strings.TrimSpace(d.Month))
	n, errD := strconv.Atoi(strings.TrimSpace(d.Day))
	if errY != nil || errM != nil || errD != nil {
		return 0, booking.ErrDay
	}
	return booking.ParseDay(fmt.Sprintf("%04d-%02d-%02d", y, m, n))
}

// deeds are what happened in a period at the centres somebody may see.
func (p place) deeds(ctx context.Context, x period) ([]booking.Deed, error) {
	all, err := p.svc.Deeds(ctx, x.centre, x.from, int(x.to-x.from)+1)
	if err != nil || x.centre != "" || len(p.staff.Centres) == 0 {
		return all, err
	}
	var mine []booking.Deed
	for _, d := range all {
		if p.staff.Sees(d.Centre) {
			mine = append(mine, d)
		}
	}
	return mine, nil
}

func (s *Server) figures(w http.ResponseWriter, r *http.Request, p place) error {
	x, err := p.period(r)
	if err != nil {
		return err
	}
	v := figuresView{page: s.frame(r, p, "manage.figures.title"), p: p, x: x}
	v.page.Failed, v.page.Query = len(x.faults) > 0, x.query()
	if len(x.faults) == 0 {
		if v.deeds, err = p.deeds(r.Context(), x); err != nil {
			return err
		}
	}
	v.total = booking.Total(v.deeds)
	return s.site().Render(w, r, statusOf(x.faults), figuresPage(v))
}

// query is a period as an address says it.
func (x period) query() string {
	return "from=" + x.from.String() + "&to=" + x.to.String() + "&centre=" + x.centre
}

// by adds deeds up for one table.
func (v figuresView) by(key func(booking.Deed) string) []booking.Tally {
	return booking.Tallied(v.deeds, key)
}

func byDay(d booking.Deed) string     { return d.Day.String() }
func byHour(d booking.Deed) string    { return fmt.Sprintf("%02d", d.Minute/60) }
func byService(d booking.Deed) string { return d.Service }
func byCentre(d booking.Deed) string  { return d.Centre }
func byChannel(d booking.Deed) string { return string(d.Channel) }

// heat is people by weekday and hour.
func (v figuresView) heat(ctx context.Context) ui.Heat {
	h := ui.Heat{Title: ui.T(ctx, "manage.figures.heat"), Head: ui.T(ctx, "manage.figures.day")}
	first, last := 24, 0
	count := map[[2]int]float64{}
	for _, d := range v.deeds {
		if d.Outcome == booking.Elsewhere {
			continue
		}
		hour := d.Minute / 60
		first, last = min(first, hour), max(last, hour)
		count[[2]int{int(d.Day.Weekday()), hour}]++
	}
	for hour := first; hour <= last; hour++ {
		h.Cols = append(h.Cols, fmt.Sprintf("%02d", hour))
	}
	for _, d := range order {
		row := make([]float64, 0, 24)
		any := false
		for hour := first; hour <= last; hour++ {
			n := count[[2]int{int(d), hour}]
			row, any = append(row, n), any || n > 0
		}
		if any {
			h.Rows = append(h.Rows, ui.T(ctx, "manage.day."+dayCodes[d]))
			h.Values = append(h.Values, row)
		}
	}
	return h
}

// table is tallies as rows: who is who, counts, shares and waits.
func (v figuresView) table(ctx context.Context, ts []booking.Tally, name func(string) string) [][]string {
	l := i18n.From(ctx)
	n := func(k int) string { return l.Number(int64(k)) }
	share := func(part, whole int) string {
		if whole == 0 {
			return "–"
		}
		return l.Percent(booking.Share(part, whole), 0)
	}
	var rows [][]string
	for _, t := range ts {
		rows = append(rows, []string{name(t.Key), n(t.Booked), n(t.Came), share(t.Missed, t.Came+t.Missed), n(t.Walkins), n(t.Served),
			minutes(l, t.Wait(0.5), len(t.Waits)), minutes(l, t.Wait(0.8), len(t.Waits)), share(t.InTime, t.OnTime), share(t.Kept, t.Shown)})
	}
	return rows
}

func minutes(l i18n.Lang, d time.Duration, of int) string {
	if of == 0 {
		return "–"
	}
	return l.Decimal(d.Minutes(), 0)
}

func (v figuresView) heads(ctx context.Context, first string) []string {
	out := []string{ui.T(ctx, first)}
	for _, k := range []string{"booked", "came", "missed", "walkins", "served", "median", "p80", "in_time", "kept"} {
		out = append(out, ui.T(ctx, "manage.figures."+k))
	}
	return out
}

var figureCols = []int{1, 2, 3, 4, 5, 6, 7, 8, 9}

// exportHeads name the columns of the files in plain ASCII: machines read them
// too.
var exportHeads = []string{"day", "hour", "centre", "service", "channel", "booked", "came", "missed", "cancelled", "coming", "walkins",
	"gave_up", "served", "on_time", "in_time", "waits_shown", "waits_kept", "wait_median_s", "wait_p80_s"}

// export is a period's figures row by row, as fine as they are kept.
func export(deeds []booking.Deed) [][]any {
	var rows [][]any
	for _, t := range booking.Tallied(deeds, func(d booking.Deed) string {
		return strings.Join([]string{d.Day.String(), byHour(d), d.Centre, d.Service, string(d.Channel)}, "\x00")
	}) {
		k := strings.Split(t.Key, "\x00")
		row := []any{k[0], k[1] + ":00", k[2], k[3], k[4], t.Booked, t.Came, t.Missed, t.Cancelled, t.Coming, t.Walkins, t.GaveUp, t.Served,
			t.OnTime, t.InTime, t.Shown, t.Kept, int(t.Wait(0.5).Seconds()), int(t.Wait(0.8).Seconds())}
		rows = append(rows, row)
	}
	return rows
}

// inert keeps a spreadsheet from taking a cell of a text file for a formula.
func inert(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

func (s *Server) figuresCSV(w http.ResponseWriter, r *http.Request, p place) error {
	x, rows, err := p.rows(r)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	b.WriteString("\ufeff") // or a spreadsheet takes Turkish letters for Latin-1
	c := csv.NewWriter(&b)
	if err := c.Write(exportHeads); err != nil {
		return err
	}
	for _, row := range rows {
		line := make([]string, len(row))
		for i, v := range row {
			line[i] = inert(fmt.Sprint(v))
		}
		if err := c.Write(line); err != nil {
			return err
		}
	}
	c.Flush()
	if err := c.Error(); err != nil {
		return err
	}
	return sendFile(w, b.Bytes(), "text/csv; charset=utf-8", "turnike-"+p.net.ID+"-"+x.from.String()+"-"+x.to.String()+".csv")
}

func (p place) rows(r *http.Request) (period, [][]any, error) {
	x, err := p.period(r)
	if err == nil {
		err = x.faults.Err()
	}
	if err != nil {
		return x, nil, err
	}
	deeds, err := p.deeds(r.Context(), x)
	return x, export(deeds), err
}

func (s *Server) figuresXLSX(w http.ResponseWriter, r *http.Request, p place) error {
	x, rows, err := p.rows(r)
	if err != nil {
		return err
	}
	f := excelize.NewFile()
	defer f.Close()
	b := book{x: f}
	bold := b.style(&excelize.Style{Font: &excelize.Font{Bold: true}})
	b.try(f.SetSheetName("Sheet1", "figures"))
	for i, h := range exportHeads {
		b.set("figures", i+1, 1, h, bold)
	}
	for y, row := range rows {
		for i, v := range row {
			b.set("figures", i+1, y+2, v, 0)
		}
	}
	b.try(f.SetPanes("figures", &excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}))
	if b.err != nil {
		return b.err
	}
	var out bytes.Buffer
	if err := f.Write(&out); err != nil {
		return err
	}
	return sendFile(w, out.Bytes(), "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
		"turnike-"+p.net.ID+"-"+x.from.String()+"-"+x.to.String()+".xlsx")
}
