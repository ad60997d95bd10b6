package manage

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/xuri/excelize/v2"

	"turnike/internal/booking"
	"turnike/internal/fault"
	"turnike/internal/i18n"
	"turnike/internal/web/ui"
)

// A spreadsheet that is read may grow to so many bytes when it is unpacked,
// and one of its parts to so many: ours has a hundredth.
const (
	unzipMost = 8 << 20
	partMost  = 2 << 20
)

// Where things stand in the sheet of a week: days down column A with their
// codes in B, quarters of an hour along row 4.
const (
	headRow, firstRow = 4, 5
	firstCol          = 3
	sheetFrom         = 6 * 60
	sheetTo           = 22 * 60
)

// dayCodes name weekdays in the sheet whatever language it was written in.
var dayCodes = [7]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// errSheet is one thing wrong with a spreadsheet; Args: Cell, Text, Most.
var (
	errSheet     = fault.New(fault.Invalid, "manage.sheet")      // not a spreadsheet we can read
	errSheetPool = fault.New(fault.Invalid, "manage.sheet_pool") // no sheet named as the pool; Args: Pool
	errSheetCell = fault.New(fault.Invalid, "manage.sheet_cell") // Args: Cell, Text, Most
	errSheetHour = fault.New(fault.Invalid, "manage.sheet_hour") // Args: Cell, Text
	errSheetDay  = fault.New(fault.Invalid, "manage.sheet_day")  // no row for a day; Args: Day
)

// weekOut is the week as a spreadsheet: a sheet for each pool, and one with
// what may be written where.
func (s *Server) weekOut(w http.ResponseWriter, r *http.Request, p place) error {
	from := p.today + 1
	if d, err := booking.ParseDay(r.URL.Query().Get("since")); err == nil && d >= p.today {
		from = d
	}
	_, revs, err := p.svc.Changed(r.Context(), p.centre.ID, from)
	if err != nil {
		return err
	}
	b, err := p.writeSheet(r.Context(), from, revs)
	if err != nil {
		return err
	}
	return sendFile(w, b, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", p.centre.ID+"-"+from.String()+".xlsx")
}

// sendFile gives a file to keep.
func sendFile(w http.ResponseWriter, b []byte, mime, name string) error {
	w.Header().Set("Content-Type", mime)
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	_, _ = w.Write(b) // the reader has gone; there is nobody to tell
	return nil
}

func (p place) writeSheet(ctx context.Context, from booking.Day, revs []booking.Revision) ([]byte, error) {
	x := excelize.NewFile()
	defer x.Close()
	b := book{x: x}
	bold := b.style(&excelize.Style{Font: &excelize.Font{Bold: true}})
	none := b.style(&excelize.Style{Font: &excelize.Font{Color: "999999"}, Alignment: &excelize.Alignment{Horizontal: "center"}})
	some := b.style(&excelize.Style{Fill: excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{"CFE3D6"}}, Alignment: &excelize.Alignment{Horizontal: "center"}})
	for i, pool := range p.centre.PoolIDs() {
		if i == 0 {
			b.try(x.SetSheetName("Sheet1", pool))
		} else {
			_, err := x.NewSheet(pool)
			b.try(err)
		}
		b.set(pool, 1, 1, p.centre.Name, bold)
		b.set(pool, 1, 2, ui.T(ctx, "manage.sheet.since", "Day", from.String()), 0)
		b.set(pool, 1, 3, ui.T(ctx, "manage.sheet.most", "Most", p.centre.DesksOf(pool)), 0)
		b.set(pool, 1, headRow, ui.T(ctx, "manage.sheet.day"), bold)
		col := firstCol
		for m := sheetFrom; m < sheetTo; m += p.net.Unit {
			b.set(pool, col, headRow, booking.Clock(m), bold)
			col++
		}
		week := p.net.WeekOf(p.centre, pool, from, revs)
		for i, d := range order {
			b.set(pool, 1, firstRow+i, ui.T(ctx, "manage.day."+dayCodes[d]), bold)
			b.set(pool, 2, firstRow+i, dayCodes[d], none)
			for m, col := sheetFrom, firstCol; m < sheetTo; m, col = m+p.net.Unit, col+1 {
				n, style := week.At(d, m), some
				if n == 0 {
					style = none
				}
				b.set(pool, col, firstRow+i, n, style)
			}
		}
		b.try(x.SetColWidth(pool, "A", "A", 18))
		b.try(x.SetPanes(pool, &excelize.Panes{Freeze: true, XSplit: 2, YSplit: headRow, TopLeftCell: "C5", ActivePane: "bottomRight"}))
		if i18n.From(ctx).Dir() == "rtl" {
			rtl := true
			b.try(x.SetSheetView(pool, 0, &excelize.ViewOptions{RightToLeft: &rtl}))
		}
	}
	rules := ui.T(ctx, "manage.sheet.rules")
	_, err := x.NewSheet(rules)
	b.try(err)
	for i, key := range []string{"numbers", "quarters", "zero", "rows", "other", "back"} {
		b.set(rules, 1, i+1, ui.T(ctx, "manage.sheet.rule."+key, "Minutes", p.net.Unit, "From", booking.Clock(sheetFrom), "To", booking.Clock(sheetTo)), 0)
	}
	b.try(x.SetColWidth(rules, "A", "A", 100))
	if b.err != nil {
		return nil, b.err
	}
	var out bytes.Buffer
	if err := x.Write(&out); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// book writes cells and keeps the first error.
type book struct {
	x   *excelize.File
	err error
}

func (b *book) try(err error) {
	if b.err == nil {
		b.err = err
	}
}

func (b *book) style(s *excelize.Style) int {
	id, err := b.x.NewStyle(s)
	b.try(err)
	return id
}

// set writes a cell. Text is written as text: what begins with a sign of
// equality is no formula.
func (b *book) set(sheet string, col, row int, v any, style int) {
	at, err := excelize.CoordinatesToCellName(col, row)
	b.try(err)
	if s, ok := v.(string); ok {
		b.try(b.x.SetCellStr(sheet, at, s))
	} else {
		b.try(b.x.SetCellValue(sheet, at, v))
	}
	if style != 0 {
		b.try(b.x.SetCellStyle(sheet, at, at, style))
	}
}

// weekIn reads a spreadsheet into the week's form: what is wrong is named cell
// by cell, and nothing is saved yet.
func (s *Server) weekIn(w http.ResponseWriter, r *http.Request, p place) error {
	f, file, r, err := s.site().Upload(w, r, "file")
	if err != nil {
		return err
	}
	typed, err := s.weekFrom(r, p, p.poolOf(f.Get("pool")), p.today+1)
	if err != nil {
		return err
	}
	if f.Get("since_day") != "" {
		typed.since, typed.until = typedDate(f, "since"), typedDate(f, "until")
	}
	if len(file) == 0 {
		return s.showWeek(w, r, p, typed, fault.List{errNoFile.On("file")})
	}
	week, faults := p.readSheet(r.Context(), file, typed.pool)
	if len(faults) > 0 {
		return s.showWeek(w, r, p, typed, faults)
	}
	for d := range week {
		typed.days[d] = booking.WriteShifts(week[d])
	}
	v := weekView{page: s.frame(r, p, "manage.week.title"), p: p, f: typed, read: true}
	v.page.FormID, v.page.Back = "week", p.path
	v.page.Scripts = append(v.page.Scripts, ScriptPath)
	return s.site().Render(w, r, http.StatusOK, weekPage(v))
}

// wrongMost is how many wrong cells are named at once.
const wrongMost = 20

func (p place) readSheet(ctx context.Context, file []byte, pool string) (week booking.Week, faults fault.List) {
	x, err := excelize.OpenReader(bytes.NewReader(file), excelize.Options{UnzipSizeLimit: unzipMost, UnzipXMLSizeLimit: partMost})
	if err != nil {
		return week, fault.List{errSheet.On("file")}
	}
	defer x.Close()
	rows, err := x.GetRows(pool, excelize.Options{RawCellValue: true})
	if err != nil || len(rows) < headRow {
		return week, fault.List{errSheetPool.On("file").With("Pool", pool)}
	}
	wrong := func(f *fault.Fault, col, row int, text string) {
		at, err := excelize.CoordinatesToCellName(col+1, row+1)
		if err == nil && len(faults) < wrongMost {
			faults = append(faults, f.On("file").With("Cell", at).With("Text", clip(text, 20)).With("Most", p.centre.DesksOf(pool)))
		}
	}
	minutes := map[int]int{} // by column
	last := -p.net.Unit
	for col := firstCol - 1; col < len(rows[headRow-1]); col++ {
		text := strings.TrimSpace(rows[headRow-1][col])
		if text == "" {
			continue
		}
		m, ok := sheetClock(text)
		if !ok || m%p.net.Unit != 0 || m < last+p.net.Unit {
			wrong(errSheetHour, col, headRow-1, text)
			continue
		}
		minutes[col], last = m, m
	}
	seen := map[string]bool{}
	for y := headRow; y < len(rows); y++ {
		if len(rows[y]) < 2 {
			continue
		}
		d := dayOfCode(rows[y][1])
		if d < 0 || seen[dayCodes[d]] {
			continue
		}
		seen[dayCodes[d]] = true
		for col := firstCol - 1; col < len(rows[y]); col++ {
			text := strings.TrimSpace(rows[y][col])
			m, ok := minutes[col]
			if text == "" || text == "0" || !ok {
				if text != "" && text != "0" {
					wrong(errSheetHour, col, y, text)
				}
				continue
			}
			n, err := strconv.Atoi(text)
			if err != nil || n < 0 || n > p.centre.DesksOf(pool) {
				wrong(errSheetCell, col, y, text)
				continue
			}
			paint(&week[d], booking.Shift{From: m, To: m + p.net.Unit, Desks: n})
		}
	}
	for _, d := range order {
		if !seen[dayCodes[d]] {
			faults = append(faults, errSheetDay.On("file").With("Day", ui.T(ctx, "manage.day."+dayCodes[d])))
		}
	}
	return week, faults
}

// paint adds a stretch behind those of a day, joined to the last where it goes
// on with as many counters.
func paint(shifts *[]booking.Shift, s booking.Shift) {
	if k := len(*shifts); k > 0 && (*shifts)[k-1].To == s.From && (*shifts)[k-1].Desks == s.Desks {
		(*shifts)[k-1].To = s.To
		return
	}
	*shifts = append(*shifts, s)
}

// sheetClock reads an hour as text, or as the share of a day that a
// spreadsheet makes of it.
func sheetClock(text string) (int, bool) {
	if m, ok := readClock(text); ok {
		return m, true
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil && f >= 0 && f < 1 {
		return int(f*24*60 + 0.5), true
	}
	return 0, false
}

func dayOfCode(code string) int {
	for d, c := range dayCodes {
		if strings.EqualFold(strings.TrimSpace(code), c) {
			return d
		}
	}
	return -1
}
