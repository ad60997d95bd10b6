// Package tap is what the city learns from its validators: how many taps of
// each class had which answer, by hour and stop, and one by one only those
// refused because a stop held. Of a tap that opened, no card is ever known
// here: the device counts it and forgets.
//
// Devices hand in signed batches over bad lines, late, twice and out of order.
// Service.Take counts each batch once, whatever the order, so a day's figures
// are the same however they arrived. Registry lets devices in by a token and
// puts them out; Fleet says how each one is; Watch finds what was lost or cut
// out on the way and forgets what is old.
package tap

import (
	"crypto/ed25519"
	"time"

	"turnike/gate"
	"turnike/internal/card"
	"turnike/internal/fault"
	"turnike/statuslist"
)

// Faults a device's upload may end in.
var (
	// ErrDevice: no device of this city signed this, or it was revoked.
	ErrDevice = fault.New(fault.Forbidden, "tap.device")
	// ErrBatch: the bytes are no batch of this city.
	ErrBatch = fault.New(fault.Invalid, "tap.batch")
	// ErrForked: another batch was taken under this number: two devices carry
	// one key, or one was set back.
	ErrForked = fault.New(fault.Conflict, "tap.forked")
)

// Device is a validator as enrolled.
type Device struct {
	City string
	ID   gate.Device
	Key  ed25519.PublicKey
	Seal []byte // X25519 public key that secrets for it are sealed to
	Place
	// Enrolled is when its token was used; Revoked is zero while it may hand
	// in batches.
	Enrolled, Revoked time.Time
}

// Standing is what a batch is judged by: whether its device may hand in, and
// up to which sequence the receipts of its boot are forgotten because they are
// old (every batch up to there was taken, or is given up as lost).
type Standing struct {
	Key     ed25519.PublicKey
	Revoked time.Time
	Floor   uint64
}

func (s Standing) admits(at time.Time) bool {
	return len(s.Key) == ed25519.PublicKeySize && (s.Revoked.IsZero() || at.Before(s.Revoked))
}

// Heard is what a batch says of the device itself, whatever it counted. All
// of it only rises, so batches may be noted in any order.
type Heard struct {
	City       string
	Device     gate.Device
	Boot       gate.Boot
	Sequence   uint64
	Received   time.Time
	List       uint64 // the list held, 0 where it has not said
	ListIssued time.Time
}

// Receipt says that a batch was taken. City, Device, Boot and Sequence name
// it; no two batches share them.
type Receipt struct {
	City     string
	Device   gate.Device
	Boot     gate.Boot
	Sequence uint64
	Digest   statuslist.Digest // of the batch's file
	Before   statuslist.Digest // of the file before it in the same boot
	Received time.Time
}

// Count is how many taps of one class had one answer at one stop in one hour.
// Hour is hours since 1970, Unissued counts numbers no table knows.
type Count struct {
	Hour     int64
	Stop     uint32
	Mode     uint8
	Class    card.Class
	Unissued bool
	Decision gate.Decision
	Taps     uint64
}

// Attempt is a tap refused because a stop held. It names the card by its index
// in the signed list; whose card that is, is for health and pairing to know.
type Attempt struct {
	City     string
	Device   gate.Device
	Boot     gate.Boot
	Batch    uint64
	Place    int // in the batch, from 0: with the above it names the attempt
	Card     uint32
	Class    card.Class
	Stop     uint32
	Mode     uint8
	Clock    time.Time // what the device believed
	Earliest time.Time // the tap cannot have been before
	Latest   time.Time // nor after
	// Certain is false where the device's clocks contradict each other: such
	// an attempt is counted and never reported.
	Certain bool
	// Sequence and ListIssued name the list the device went by.
	Sequence   uint64
	ListIssued time.Time
	Received   time.Time // when the batch came, by the server's clock
}

// Reportable tells whether the attempt may be held against anybody: for
// certain after the stop took effect and after the person had been told, by a
// list that already knew of the stop. toldAt is zero where nobody was told.
func (a Attempt) Reportable(effective, toldAt time.Time) bool {
	return a.Certain && !toldAt.IsZero() &&
		a.Earliest.After(effective) && a.Earliest.After(toldAt) && !a.ListIssued.Before(effective)
}

// read turns a verified batch into what is kept of it.
func read(b *gate.Batch, file []byte, received time.Time) (Receipt, []Count, []Attempt) {
	r := Receipt{
		City: b.City, Device: b.Device, Boot: b.Boot, Sequence: b.Sequence,
		Digest: statuslist.Sum(file), Before: b.Before, Received: received,
	}
	counts := make([]Count, 0, len(b.Counts))
	for _, c := range b.Counts {
		counts = append(counts, Count{
			Hour: c.Hour, Stop: c.Stop, Mode: c.Mode, Class: card.Class(c.Class),
			Unissued: !c.Issued, Decision: c.Decision, Taps: c.Taps,
		})
	}
	attempts := make([]Attempt, 0, len(b.Stopped))
	for i, t := range b.Stopped {
		a := Attempt{
			City: b.City, Device: b.Device, Boot: b.Boot, Batch: b.Sequence, Place: i,
			Card: t.Index, Class: card.Class(t.Class), Stop: t.Stop, Mode: t.Mode, Clock: t.At,
			Sequence: t.Sequence, ListIssued: t.ListIssued, Received: received,
		}
		a.Earliest, a.Latest, a.Certain = t.Span(b, received)
		attempts = append(attempts, a)
	}
	return r, counts, attempts
}
