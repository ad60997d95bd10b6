package booking

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"turnike/internal/i18n"
	"turnike/internal/notify"
	"turnike/internal/person"
)

// Contacts seals who comes, and opens it again to write to them. Each visit's
// record has a key of its own, so that destroying it erases the person from the
// visit wherever its row was copied to.
type Contacts struct {
	Keys    person.Keyring
	Network *Network
	// Base is where people reach the pages, as in Links; empty where texts name
	// the telephone and the site alone.
	Base string
	// Message makes an outbox row of a text.
	Message func(id, city string, to person.Phone, text string, c notify.Class, due, expires time.Time) (notify.Queued, error)
}

// errSealed is given for a record that is not in our form.
var errSealed = errors.New("visit's record is not sealed by us")

// Who is somebody as a request carries them. They are counted by identity
// number where the record has one, and else by phone.
func (c Contacts) Who(ctx context.Context, r person.Record, l i18n.Lang) (Who, error) {
	w := Who{Lang: string(l), Holder: r.TagOf(c.Keys, c.Network.ID)}
	if !r.Phone.IsZero() {
		w.Phone = c.Keys.Tag(c.Network.ID, person.TagPhone, r.Phone.Reveal())
	}
	if w.Holder.IsZero() {
		w.Holder = w.Phone
	}
	if w.Holder.IsZero() {
		return Who{}, ErrNobodyNamed
	}
	k, err := c.Keys.NewKey(ctx)
	if err != nil {
		return Who{}, fmt.Errorf("key for a visit: %w", err)
	}
	ct, err := c.Keys.Seal(ctx, k, sealedAt(w.Phone), r.RevealBytes())
	if err != nil {
		return Who{}, fmt.Errorf("seal visit: %w", err)
	}
	w.Sealed = append(append(binary.BigEndian.AppendUint16(nil, uint16(len(k))), k...), ct...)
	return w, nil
}

// sealedAt binds a record to the phone of its row: put into another's row, it
// does not open.
func sealedAt(phone person.Tag) string { return "visit/" + string(phone[:]) }

// KeyOf is the key a visit's record is sealed under; destroying it erases the
// record.
func KeyOf(sealed []byte) (person.KeyRef, error) {
	k, _, err := splitSealed(sealed)
	return k, err
}

func splitSealed(b []byte) (k person.KeyRef, ct []byte, err error) {
	if len(b) < 2 {
		return "", nil, errSealed
	}
	n := int(binary.BigEndian.Uint16(b))
	if b = b[2:]; len(b) < n {
		return "", nil, errSealed
	}
	return person.KeyRef(b[:n]), b[n:], nil
}

// Open is who comes to a visit. Staff who ask for it are written down first, by
// the caller.
func (c Contacts) Open(ctx context.Context, v Visit) (person.Record, error) {
	k, ct, err := splitSealed(v.Sealed)
	if err != nil {
		return person.Record{}, err
	}
	b, err := c.Keys.Open(ctx, k, sealedAt(v.Phone), ct)
	if err != nil {
		return person.Record{}, fmt.Errorf("open visit: %w", err)
	}
	return person.RestoreRecord(b)
}

// Links are the addresses of the network's visits.
func (c Contacts) Links() Links { return Links{Keys: c.Keys, Network: c.Network.ID, Base: c.Base} }

// say is the text of a notice with the visit's own address.
func (c Contacts) say(k Notice, v Visit, l i18n.Lang) string {
	if c.Base == "" {
		return c.Network.Say(k, v, l)
	}
	return c.Network.say(k, v, l, c.Links().URL(v.ID))
}

// codeText is the text that carries a code. The code comes first, where a phone
// shows it without opening the message.
func (c Contacts) codeText(code string, l i18n.Lang) string {
	t := i18n.T(l, "sms.visit.code", "Code", code)
	host := c.Base
	if _, after, ok := strings.Cut(host, "://"); ok {
		host = after
	}
	if host != "" {
		t += "\n@" + host + " #" + code // the last line lets a phone fill the field in (WebOTP)
	}
	return t
}

// Tell makes the message of a notice; it is Config's Tell. Nobody is told who
// left no phone or is erased.
func (c Contacts) Tell(k Notice, v Visit, now time.Time) ([]notify.Queued, error) {
	if v.Phone.IsZero() || len(v.Sealed) == 0 {
		return nil, nil
	}
	r, err := c.Open(context.Background(), v)
	if errors.Is(err, person.ErrErased) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	l, ok := i18n.Known(v.Lang)
	if !ok {
		l = i18n.Turkish
	}
	expires := c.Network.Fresh(k, v, now)
	if r.Phone.IsZero() || !expires.After(now) {
		return nil, nil
	}
	m, err := c.Message(newID(now), v.City, r.Phone, c.say(k, v, l), notify.Info, now, expires)
	if err != nil {
		return nil, fmt.Errorf("message of a visit: %w", err)
	}
	return []notify.Queued{m}, nil
}
