package booking

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	closuresICS = []byte("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTAMP:20210101T000000Z\r\nDTSTART;VALUE=DATE:20210513\r\n" +
		"DTEND;VALUE=DATE:20210516\r\nSUMMARY:Ramazan Bayramı\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nUID:2\r\nDTSTAMP:20210101T000000Z\r\nDTSTART;VALUE=DATE:20210519\r\n" +
		"SUMMARY:19 Mayıs\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nUID:3\r\nDTSTAMP:20210101T000000Z\r\nDTSTART:20210601T090000Z\r\nSUMMARY:Toplantı\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n")
	closuresCSV = []byte("date,name,kind\n2021-05-12,Arife,half_from_13:00\n2021-05-13,\"Ramazan, ilk gün\",full\n")
)

func TestReadClosures(t *testing.T) {
	off := func(day string, from int, why string) Exception {
		d, err := ParseDay(day)
		if err != nil {
			t.Fatal(err)
		}
		return Exception{Day: d, From: from, To: 1440, Closed: true, Why: why}
	}
	for _, c := range []struct {
		name string
		file []byte
		want []Exception
	}{
		{"calendar", closuresICS, []Exception{off("2021-05-13", 0, "Ramazan Bayramı"), off("2021-05-14", 0, "Ramazan Bayramı"), off("2021-05-15", 0, "Ramazan Bayramı"), off("2021-05-19", 0, "19 Mayıs")}},
		{"list", closuresCSV, []Exception{off("2021-05-12", 780, "Arife"), off("2021-05-13", 0, "Ramazan, ilk gün")}},
		{"nothing", nil, nil},
		{"no date", []byte("date\n13.05.2021\n"), nil},
		{"no hour", []byte("2021-05-12,Arife,half_from_noon\n"), nil},
		{"ten thousand years", []byte("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART;VALUE=DATE:00010101\r\nDTEND;VALUE=DATE:99991231\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"), nil},
	} {
		got, err := ReadClosures(c.file)
		if (err == nil) != (c.want != nil) {
			t.Errorf("%s: got %v, want an error: %v", c.name, err, c.want == nil)
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: got + instead of -:\n%s", c.name, d)
		}
	}
}

func FuzzReadClosures(f *testing.F) {
	f.Add(closuresICS)
	f.Add(closuresCSV)
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := ReadClosures(b)
		if err != nil {
			return
		}
		if len(list) == 0 || len(list) > closuresMost {
			t.Errorf("got %d days, want 1 to %d", len(list), closuresMost)
		}
		for _, e := range list {
			if !e.Closed || e.From < 0 || e.From > e.To {
				t.Errorf("got %+v, want a closed stretch of a day", e)
			}
		}
	})
}
