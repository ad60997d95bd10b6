package booking_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"turnike/internal/booking"
	"turnike/internal/i18n"
	"turnike/internal/notify"
	"turnike/internal/person"
	"turnike/internal/vault"
)

func TestContacts(t *testing.T) {
	keys, err := vault.Open(t.Context(), vault.Config{Dir: t.TempDir(), Stock: 10})
	if err != nil {
		t.Fatal(err)
	}
	defer keys.Close()
	n, err := booking.Shipped("izsu")
	if err != nil {
		t.Fatal(err)
	}
	var sent []string
	c := booking.Contacts{Keys: keys, Network: n,
		Message: func(id, city string, to person.Phone, text string, k notify.Class, due, expires time.Time) (notify.Queued, error) {
			sent = append(sent, to.Reveal()+" "+text)
			return notify.Queued{ID: id, City: city, Class: k, Sealed: []byte(text), DueAt: due, Expires: expires}, nil
		}}
	phone, err := person.ParsePhone("0532 000 00 17")
	if err != nil {
		t.Fatal(err)
	}
	name, err := person.ParseName("Ayşe")
	if err != nil {
		t.Fatal(err)
	}
	who, err := c.Who(t.Context(), person.Record{First: name, Phone: phone}, i18n.English)
	if err != nil {
		t.Fatal(err)
	}
	if who.Holder != who.Phone || who.Holder.IsZero() {
		t.Errorf("without an identity number: got holder %v, want the phone's %v", who.Holder, who.Phone)
	}
	if strings.Contains(string(who.Sealed), "532") || strings.Contains(fmt.Sprintf("%+v", who), "5320000017") {
		t.Errorf("got the phone in the open: %q", who.Sealed)
	}
	now := time.Date(2021, 3, 15, 9, 0, 0, 0, time.UTC)
	v := booking.Visit{City: "izsu", ID: "x", Code: 12345678, Service: "closing", State: booking.Booked, Holder: who.Holder, Phone: who.Phone,
		Sealed: who.Sealed, Lang: who.Lang, Place: booking.Place{Centre: "buca", Pool: "counter", Day: booking.Date(2021, 3, 17), Unit: 36, Units: 1}}
	r, err := c.Open(t.Context(), v)
	if err != nil || r.First.Reveal() != "Ayşe" {
		t.Errorf("open: got %v, want who was sealed", err)
	}
	q, err := c.Tell(booking.NoticeBooked, v, now)
	if err != nil || len(q) != 1 || !q[0].Expires.Equal(time.Date(2021, 3, 17, 6, 0, 0, 0, time.UTC)) {
		t.Errorf("tell: got %v and %v, want one message good until the hour", q, err)
	}
	if want := "905320000017 Booked: Buca Abone Hizmet Merkezi, 17.03.2021 09:00. Code: 1234 5678."; len(sent) != 1 || !strings.HasPrefix(sent[0], want) {
		t.Errorf("sent: got %q, want %q", sent, want)
	}
	if q, err := c.Tell(booking.NoticeReminder, v, now.Add(72*time.Hour)); err != nil || len(q) != 0 {
		t.Errorf("a reminder after the hour: got %d messages and %v, want none", len(q), err)
	}

	moved := v // a row whose record was put there from another's
	moved.Phone[0]++
	if _, err := c.Open(t.Context(), moved); err == nil {
		t.Error("another's record: got it opened, want it closed")
	}
	for _, b := range [][]byte{{}, {0}, {0, 200, 1}} {
		moved.Sealed = b
		if _, err := c.Open(t.Context(), moved); err == nil {
			t.Errorf("%v: got it opened, want it refused", b)
		}
	}
	k, err := booking.KeyOf(v.Sealed)
	if err != nil {
		t.Fatal(err)
	}
	if err := keys.Destroy(t.Context(), k); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Open(t.Context(), v); !errors.Is(err, person.ErrErased) {
		t.Errorf("after erasing: got %v, want %v", err, person.ErrErased)
	}
	if q, err := c.Tell(booking.NoticeReminder, v, now); err != nil || len(q) != 0 {
		t.Errorf("to who is erased: got %d messages and %v, want none", len(q), err)
	}
	if _, err := c.Who(t.Context(), person.Record{First: name}, i18n.Turkish); !errors.Is(err, booking.ErrNobodyNamed) {
		t.Errorf("neither number: got %v, want %v", err, booking.ErrNobodyNamed)
	}
}
