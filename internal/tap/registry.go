package tap

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"turnike/gate"
	"turnike/internal/audit"
	"turnike/internal/fault"
	"turnike/statuslist"
)

// TokenLife is how long a token lets a device in: the working day on which
// somebody stands before it, and the morning after.
const TokenLife = 24 * time.Hour

// MostTokens bounds how many are made at once: a depot's worth.
const MostTokens = 1000

// Faults of enrolling.
var (
	// ErrToken: no such token, or it was used, or its time is over; which of
	// them is nobody's business who has none.
	ErrToken = fault.New(fault.Refused, "tap.token")
	// ErrKey: the keys a device brings are none.
	ErrKey = fault.New(fault.Invalid, "tap.key")
	// ErrNoDevice: no device of this name in the city.
	ErrNoDevice = fault.New(fault.NotFound, "tap.no_device")
	// ErrPlace: a token without a name for the device, or too many at once.
	ErrPlace = fault.New(fault.Invalid, "tap.place")
)

// Token lets one device in, once. What is kept is its digest.
type Token struct {
	City string
	Hash statuslist.Digest
	Place
	Made    time.Time
	Expires time.Time
	Used    time.Time   // zero while it is good
	Device  gate.Device // that used it
}

// Place says what a token's device will be.
type Place struct {
	Name string // the operator's: "Kadıköy 3", never a person's
	Stop uint32 // station, pier or vehicle it stands at
	Mode uint8  // line or kind of vehicle
	// Province is the plate code for a device of the portal of many provinces.
	Province int
}

// Issued is a token on its way to who installs the device: Text is shown once.
type Issued struct {
	Text string
	Token
}

// Letters of a token: none that is mistaken for another when read aloud or
// from a sheet. Twelve of them are 60 bits.
const (
	tokenLetters = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
	tokenLength  = 12
)

// newToken draws a token's text, in three groups of four.
func newToken() string {
	var b [tokenLength]byte
	rand.Read(b[:])
	var out strings.Builder
	for i, v := range b {
		if i > 0 && i%4 == 0 {
			out.WriteByte('-')
		}
		out.WriteByte(tokenLetters[int(v)%len(tokenLetters)])
	}
	return out.String()
}

// hashToken is the digest of a token as somebody typed it.
func hashToken(text string) statuslist.Digest {
	plain := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r == '-' || r == ' ':
			return -1
		}
		return r
	}, text)
	return statuslist.Sum([]byte("turnike gate token\x00" + plain))
}

// RegistryStore is what Registry asks of a database.
type RegistryStore interface {
	Update(ctx context.Context, fn func(RegistryTx) error) error
	View(ctx context.Context, fn func(RegistryTx) error) error
}

// RegistryTx is one transaction.
type RegistryTx interface {
	audit.Log
	InsertTapToken(ctx context.Context, k Token) error
	TapToken(ctx context.Context, city string, hash statuslist.Digest) (k Token, ok bool, err error)
	UseTapToken(ctx context.Context, city string, hash statuslist.Digest, id gate.Device, now time.Time) (bool, error)
	// PutTapDevice writes a device, or writes one anew; a revocation stays.
	PutTapDevice(ctx context.Context, d Device) error
	TapDevice(ctx context.Context, city string, id gate.Device) (s State, ok bool, err error)
	TapDevices(ctx context.Context, city string, behind gate.Device, limit int) ([]State, error)
	TapBoots(ctx context.Context, city string, behind gate.Device, boot gate.Boot, limit int) ([]BootState, error)
	RevokeTapDevice(ctx context.Context, city string, id gate.Device, now time.Time) (bool, error)
	NoteTapStatus(ctx context.Context, city string, id gate.Device, r Report, now time.Time) error
	RaiseRevision(ctx context.Context, city string) error
}

// Registry lets devices in and puts them out. Every deed leaves an audit row
// in its transaction.
type Registry struct {
	Store RegistryStore
	NewID func() string // of audit rows: UUIDv7
}

// Issue makes one token for each place.
func (g Registry) Issue(ctx context.Context, city string, by audit.Actor, places []Place, now time.Time) ([]Issued, error) {
	if len(places) == 0 || len(places) > MostTokens {
		return nil, fmt.Errorf("issue tokens: %w", ErrPlace)
	}
	out := make([]Issued, len(places))
	for i, p := range places {
		if p.Name == "" || len(p.Name) > 100 {
			return nil, fmt.Errorf("issue tokens: %w", ErrPlace)
		}
		text := newToken()
		out[i] = Issued{Text: text, Token: Token{City: city, Hash: hashToken(text), Place: p,
			Made: now, Expires: now.Add(TokenLife)}}
	}
	entry := audit.Entry{ID: g.NewID(), City: city, At: now, Actor: by, Action: "gate.token", Object: fmt.Sprintf("%d tokens", len(places)), Result: "ok"}
	err := g.Store.Update(ctx, func(tx RegistryTx) error {
		for _, k := range out {
			if err := tx.InsertTapToken(ctx, k.Token); err != nil {
				return err
			}
		}
		return tx.Audit(ctx, entry)
	})
	if err != nil {
		return nil, fmt.Errorf("issue tokens: %w", err)
	}
	return out, nil
}

// Enrol lets a device in by a token. The caller has seen that the device holds
// the keys. The same device with the same token is let in again, so that one
// whose answer was lost may ask once more; another is not. A key that was put
// out stays out, whatever the token.
func (g Registry) Enrol(ctx context.Context, city, token string, key ed25519.PublicKey, seal []byte, now time.Time) (Device, error) {
	if len(key) != ed25519.PublicKeySize || len(seal) != 32 {
		return Device{}, fmt.Errorf("enrol device: %w", ErrKey)
	}
	hash, id := hashToken(token), statuslist.KeyIDOf(key)
	entry := audit.Entry{ID: g.NewID(), City: city, At: now, Actor: audit.Actor{Kind: "gate", Ref: id.String(), Channel: "gate"},
		Action: "gate.enrol", Object: id.String(), Result: "ok"}
	var d Device
	err := g.Store.Update(ctx, func(tx RegistryTx) error {
		d = Device{}
		k, ok, err := tx.TapToken(ctx, city, hash)
		if err != nil {
			return err
		}
		if !ok || !now.Before(k.Expires) || !k.Used.IsZero() && k.Device != id {
			return ErrToken
		}
		old, known, err := tx.TapDevice(ctx, city, id)
		if err != nil {
			return err
		}
		if known && !old.Revoked.IsZero() {
			return ErrDevice
		}
		if !k.Used.IsZero() {
			d = old.Device
			return nil
		}
		d = Device{City: city, ID: id, Key: key, Seal: seal, Place: k.Place, Enrolled: now}
		if first, err := tx.UseTapToken(ctx, city, hash, id, now); err != nil {
			return err
		} else if !first {
			return ErrToken
		}
		if err := tx.PutTapDevice(ctx, d); err != nil {
			return err
		}
		return tx.Audit(ctx, entry)
	})
	if err != nil {
		return Device{}, fmt.Errorf("enrol device: %w", err)
	}
	return d, nil
}

// Device finds a device that may come in: a stranger and one put out are
// ErrDevice alike.
func (g Registry) Device(ctx context.Context, city string, id gate.Device) (Device, error) {
	var s State
	var ok bool
	err := g.Store.View(ctx, func(tx RegistryTx) (err error) {
		s, ok, err = tx.TapDevice(ctx, city, id)
		return err
	})
	if err != nil {
		return Device{}, fmt.Errorf("find device: %w", err)
	}
	if !ok || !s.Revoked.IsZero() {
		return Device{}, fmt.Errorf("find device: %w", ErrDevice)
	}
	return s.Device, nil
}

// Revoke puts a device out, for good and at once: the next batch of it that
// any server's transaction looks at is refused. One that is out already is no
// error.
func (g Registry) Revoke(ctx context.Context, city string, id gate.Device, by audit.Actor, why string, now time.Time) error {
	entry := audit.Entry{ID: g.NewID(), City: city, At: now, Actor: by, Action: "gate.revoke", Object: id.String(), Purpose: why, Result: "ok"}
	err := g.Store.Update(ctx, func(tx RegistryTx) error {
		if _, ok, err := tx.TapDevice(ctx, city, id); err != nil {
			return err
		} else if !ok {
			return ErrNoDevice
		}
		if first, err := tx.RevokeTapDevice(ctx, city, id, now); err != nil || !first {
			return err
		}
		if err := tx.RaiseRevision(ctx, city); err != nil {
			return err
		}
		return tx.Audit(ctx, entry)
	})
	if err != nil {
		return fmt.Errorf("revoke device: %w", err)
	}
	return nil
}

// Report is what a device says of itself.
type Report struct {
	List       uint64 // the list it goes by, 0 for none
	ListIssued time.Time
	Waiting    int    // batches not handed in yet
	Dropped    int    // batches let go of for want of room, since it was made
	Program    string // and version, at most 40 bytes are kept
}

// Note keeps what a device says of itself.
func (g Registry) Note(ctx context.Context, city string, id gate.Device, r Report, now time.Time) error {
	const most = 1 << 40
	if len(r.Program) > 40 {
		r.Program = r.Program[:40]
	}
	r.Program = strings.ToValidUTF8(strings.Map(printable, r.Program), "")
	r.Waiting, r.Dropped = min(max(r.Waiting, 0), most), min(max(r.Dropped, 0), most)
	if r.List > 1<<53 {
		r.List = 0
	}
	// A list signed tomorrow would hide how old the true one is.
	if r.ListIssued.After(now) {
		r.ListIssued = now
	}
	err := g.Store.Update(ctx, func(tx RegistryTx) error { return tx.NoteTapStatus(ctx, city, id, r, now) })
	if err != nil {
		return fmt.Errorf("note status of device: %w", err)
	}
	return nil
}

func printable(r rune) rune {
	if r < ' ' || r == 0x7f {
		return -1
	}
	return r
}
