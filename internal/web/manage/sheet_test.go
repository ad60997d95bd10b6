package manage

import (
	"strings"
	"testing"

	"turnike/internal/booking"
)

// TestInert: a spreadsheet takes no cell of a text file for a formula.
func TestInert(t *testing.T) {
	for _, s := range []string{"=1+1", "+905", "-2", "@SUM(A1)", "\t=1", "\r=1"} {
		if got := inert(s); !strings.HasPrefix(got, "'") {
			t.Errorf("inert(%q): got %q, want a quote before it", s, got)
		}
	}
	for _, s := range []string{"", "konak", "2021-03-17", "12"} {
		if got := inert(s); got != s {
			t.Errorf("inert(%q): got %q, want it as it is", s, got)
		}
	}
}

func TestExportRows(t *testing.T) {
	day := booking.Date(2021, 3, 17)
	rows := export([]booking.Deed{
		{Centre: "konak", Day: day, Minute: 9 * 60, Service: "closing", Channel: booking.Web, Outcome: booking.Came, Wait: 60e9, OnTime: true, InTime: true},
		{Centre: "konak", Day: day, Minute: 9*60 + 15, Service: "closing", Channel: booking.Web, Outcome: booking.Stayed, Wait: -1},
		{Centre: "buca", Day: day, Minute: 9 * 60, Service: "closing", Channel: booking.Walking, Outcome: booking.Came, Wait: 120e9, Shown: 60e9},
	})
	if len(rows) != 2 || len(rows[0]) != len(exportHeads) {
		t.Fatalf("got %d rows of %d columns, want 2 of %d", len(rows), len(rows[0]), len(exportHeads))
	}
	if r := rows[1]; r[2] != "konak" || r[5] != 2 || r[6] != 1 || r[7] != 1 || r[17] != 60 {
		t.Errorf("konak: got %v, want two booked, one came, one missed, a minute's wait", r)
	}
	if r := rows[0]; r[4] != "walk" || r[10] != 1 || r[15] != 1 || r[16] != 0 {
		t.Errorf("buca: got %v, want one without an appointment, whose wait was not kept", r)
	}
}
