package booking

import (
	"bytes"
	"strings"
	"testing"
	"time"

	ics "github.com/arran4/golang-ical"

	"turnike/internal/i18n"
)

func calendarVisit() Visit {
	now := time.Date(2021, 3, 15, 9, 0, 0, 0, time.UTC)
	return Visit{City: "izsu", ID: "0178339e-1c00-7000-8000-000000000001", Code: 48302915, Service: "high-bill", Matters: 1, State: Booked,
		Place: Place{"cigli", "counter", Date(2021, 3, 17), 36, 2}, Sealed: []byte("secret"), CreatedAt: now, ChangedAt: now}
}

// unfold puts lines together again that were folded for length (RFC 5545, 3.1).
func unfold(b []byte) map[string]string {
	m := map[string]string{}
	for line := range strings.SplitSeq(strings.NewReplacer("\r\n ", "", "\r\n\t", "").Replace(string(b)), "\r\n") {
		if name, value, ok := strings.Cut(line, ":"); ok && m[name] == "" {
			m[name] = value
		}
	}
	return m
}

func TestCalendar(t *testing.T) {
	n, err := Shipped("izsu")
	if err != nil {
		t.Fatal(err)
	}
	v := calendarVisit()
	first := n.Calendar(v, i18n.Turkish)
	v.Place.Unit, v.Sequence, v.ChangedAt = 40, 1, v.ChangedAt.Add(time.Hour)
	moved := n.Calendar(v, i18n.Turkish)
	v.State, v.Sequence = Cancelled, 2
	gone := n.Calendar(v, i18n.Arabic)
	for _, c := range []struct {
		file []byte
		want map[string]string
	}{
		{first, map[string]string{"METHOD": "PUBLISH", "SEQUENCE": "0", "STATUS": "CONFIRMED", "DTSTART": "20210317T060000Z", "DTEND": "20210317T063000Z",
			"SUMMARY": "Yüksek tüketime itiraz – Çiğli Abone Hizmet Merkezi", "TRIGGER": "-PT2H"}},
		{moved, map[string]string{"METHOD": "PUBLISH", "SEQUENCE": "1", "STATUS": "CONFIRMED", "DTSTART": "20210317T070000Z"}},
		{gone, map[string]string{"METHOD": "CANCEL", "SEQUENCE": "2", "STATUS": "CANCELLED", "TRIGGER": ""}},
	} {
		got := unfold(c.file)
		for k, want := range c.want {
			if got[k] != want {
				t.Errorf("%s: got %q, want %q", k, got[k], want)
			}
		}
		if got["UID"] != v.ID+"@izsu.turnike" {
			t.Errorf("UID: got %q, want it never to change", got["UID"])
		}
		if bytes.Contains(c.file, []byte("secret")) {
			t.Errorf("the file says who comes: %s", c.file)
		}
		for line := range bytes.SplitSeq(c.file, []byte("\r\n")) {
			if len(line) > 75 {
				t.Errorf("a line of %d bytes, want at most 75: %s", len(line), line)
			}
		}
		if cal, err := ics.ParseCalendar(bytes.NewReader(c.file)); err != nil || len(cal.Events()) != 1 {
			t.Errorf("read back: got %v, want one entry", err)
		}
	}
}

func TestSay(t *testing.T) {
	n, err := Shipped("izsu")
	if err != nil {
		t.Fatal(err)
	}
	v := calendarVisit()
	v.HoldUntil = time.Date(2021, 3, 15, 9, 30, 0, 0, time.UTC)
	for _, k := range []Notice{NoticeBooked, NoticeMoved, NoticeCancelled, NoticeReminder, NoticeConfirm, NoticeUnconfirmed, NoticeOffered} {
		for _, l := range i18n.Langs() {
			s := n.Say(k, v, l)
			if !strings.Contains(s, "17.03.2021 09:00") || strings.Contains(s, "sms.visit") || strings.Contains(s, "<no value>") {
				t.Errorf("%s in %s: got %q, want a whole sentence with day and hour", k, l, s)
			}
			if l == i18n.Turkish && strings.ContainsAny(s, "ışğçİŞĞ") {
				t.Errorf("%s: got %q, want letters every phone has", k, s)
			}
		}
	}
	if got, want := n.Say(NoticeBooked, v, i18n.Turkish), "Randevunuz: Cigli Abone Hizmet Merkezi, 17.03.2021 09:00. Kod: 4830 2915. Degistir, iptal: www.izsu.gov.tr / 185"; got != want {
		t.Errorf("booked: got %q, want %q", got, want)
	}
}
