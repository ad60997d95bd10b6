package booking_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"turnike/internal/booking"
	"turnike/internal/i18n"
	"turnike/internal/notify"
	"turnike/internal/person"
	"turnike/internal/sms"
	"turnike/internal/vault"
)

// TestTextsWithLinks: with the link in it, each text is one part in Turkish and
// English, for every centre but the longest names, and in Arabic at most three.
func TestTextsWithLinks(t *testing.T) {
	keys, err := vault.Open(t.Context(), vault.Config{Dir: t.TempDir(), Stock: 5})
	if err != nil {
		t.Fatal(err)
	}
	defer keys.Close()
	n, err := booking.Shipped("izsu")
	if err != nil {
		t.Fatal(err)
	}
	var text string
	c := booking.Contacts{Keys: keys, Network: n, Base: n.Site,
		Message: func(id, city string, to person.Phone, s string, k notify.Class, due, expires time.Time) (notify.Queued, error) {
			text = s
			return notify.Queued{ID: id, City: city}, nil
		}}
	phone, err := person.ParsePhone("0532 000 00 17")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2021, 3, 15, 9, 0, 0, 0, time.UTC)
	kinds := []booking.Notice{booking.NoticeBooked, booking.NoticeMoved, booking.NoticeReminder, booking.NoticeConfirm, booking.NoticeOffered,
		booking.NoticeCancelled, booking.NoticeUnconfirmed}
	most := map[i18n.Lang]int{i18n.Turkish: 1, i18n.English: 1, i18n.Arabic: 3}
	longest := map[string]int{}
	for _, l := range i18n.Langs() {
		who, err := c.Who(t.Context(), person.Record{Phone: phone}, l)
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range n.Centres {
			v := booking.Visit{City: n.ID, ID: "0177a5a0-0000-7000-8000-000000000000", Code: 88888888, Service: "closing", State: booking.Booked,
				HoldUntil: now.Add(time.Hour), Holder: who.Holder, Phone: who.Phone, Sealed: who.Sealed, Lang: who.Lang,
				Place: booking.Place{Centre: at.ID, Pool: "counter", Day: booking.Date(2021, 3, 17), Unit: 36, Units: 1}}
			for _, k := range kinds {
				if q, err := c.Tell(k, v, now); err != nil || len(q) != 1 {
					t.Fatalf("%s: got %d messages and %v", k, len(q), err)
				}
				linked := k != booking.NoticeCancelled && k != booking.NoticeUnconfirmed
				if linked != strings.HasSuffix(text, "/v/"+c.Links().Token(v.ID)) {
					t.Errorf("%s in %s: got %q, want a link exactly where there is something to do", k, l, text)
				}
				parts := sms.Fit(text).Parts
				longest[fmt.Sprint(l, " ", k)] = max(longest[fmt.Sprint(l, " ", k)], parts)
				if parts > most[l] {
					t.Errorf("%s in %s at %s: got %d parts, want at most %d: %q", k, l, at.ID, parts, most[l], text)
				}
			}
		}
	}
	t.Log(longest)
}
