package gate

import (
	"crypto/ed25519"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"turnike/statuslist"
)

// Device names a validator: the first 8 bytes of its public key's SHA-256.
type Device = statuslist.KeyID

// Boot names one run of a validator, drawn at random when it starts.
type Boot [16]byte

func (b Boot) String() string { return hex.EncodeToString(b[:]) }

// Stopped is a tap refused because a stop held: the only kind that is kept
// one by one. It names the card by its index in the list.
type Stopped struct {
	Index uint32
	Class statuslist.Class
	Stop  uint32 // station, pier, or vehicle: the operator's number
	Mode  uint8
	// At is the device's clock, right or wrong. Uptime is how long the device
	// had run, which no change of clock touches.
	At     time.Time
	Uptime time.Duration
	// Sequence and ListIssued name the list decided by.
	Sequence   uint64
	ListIssued time.Time
}

// Span bounds when the tap can have been, by clocks the device cannot bend:
// after the list it used was signed, and as long before the batch reached the
// server as the device ran between the two. ok is false if these contradict.
func (t Stopped) Span(b *Batch, received time.Time) (earliest, latest time.Time, ok bool) {
	earliest, latest = t.ListIssued, received.Add(t.Uptime-b.Uptime)
	return earliest, latest, !latest.Before(earliest)
}

// Count is how many taps of a class had one answer at one stop in one hour.
type Count struct {
	Hour     int64 // hours since 1970 by the device's clock
	Stop     uint32
	Mode     uint8
	Issued   bool
	Class    statuslist.Class
	Decision Decision
	Taps     uint64
}

// Batch is what a device tells the server: once for each (Device, Boot,
// Sequence), however often and in whatever order it arrives.
type Batch struct {
	City   string
	Device Device
	Boot   Boot
	// Sequence counts the batches of a boot from 1; Before is the digest of
	// the one before, zero for the first: a batch that was lost, cut out or
	// made up is seen.
	Sequence uint64
	Before   statuslist.Digest
	// Sealed is the device's clock and Uptime its running time at sealing.
	Sealed time.Time
	Uptime time.Duration
	// List is the sequence of the list the device last said it held, ListIssued
	// when that was signed; zero if it has not said.
	List       uint64
	ListIssued time.Time
	Stopped    []Stopped
	Counts     []Count
}

const (
	batchMagic    = "TKLT\x01"
	maxBatchFile  = 8 << 20
	maxBatchItems = 1 << 18
	maxCity       = 64
)

// ErrBatch: the bytes are no batch, or its device did not sign it.
var ErrBatch = errors.New("gate: batch not accepted")

func (b *Batch) body() []byte {
	out := append([]byte(batchMagic), byte(len(b.City)))
	out = append(append(append(out, b.City...), b.Device[:]...), b.Boot[:]...)
	out = binary.AppendUvarint(out, b.Sequence)
	out = append(out, b.Before[:]...)
	out = binary.AppendVarint(out, b.Sealed.Unix())
	out = binary.AppendVarint(out, b.Uptime.Milliseconds())
	out = appendList(out, b.List, b.ListIssued)
	out = binary.AppendUvarint(out, uint64(len(b.Stopped)))
	for i := range b.Stopped {
		out = b.Stopped[i].append(out)
	}
	out = binary.AppendUvarint(out, uint64(len(b.Counts)))
	for i := range b.Counts {
		out = b.Counts[i].append(out)
	}
	return out
}

func appendList(b []byte, sequence uint64, issued time.Time) []byte {
	b = binary.AppendUvarint(b, sequence)
	if issued.IsZero() {
		issued = time.Unix(0, 0)
	}
	return binary.AppendVarint(b, issued.Unix())
}

func (t *Stopped) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(t.Index))
	b = append(b, byte(t.Class), t.Mode)
	b = binary.AppendUvarint(b, uint64(t.Stop))
	b = binary.AppendVarint(b, t.At.Unix())
	b = binary.AppendVarint(b, t.Uptime.Milliseconds())
	b = binary.AppendUvarint(b, t.Sequence)
	return binary.AppendVarint(b, t.ListIssued.Unix())
}

func (c *Count) append(b []byte) []byte {
	b = binary.AppendVarint(b, c.Hour)
	b = binary.AppendUvarint(b, uint64(c.Stop))
	issued := byte(0)
	if c.Issued {
		issued = 1
	}
	b = append(b, c.Mode, issued, byte(c.Class), byte(c.Decision))
	return binary.AppendUvarint(b, c.Taps)
}

// Sign gives the batch's file.
func (b *Batch) Sign(key ed25519.PrivateKey) []byte {
	b.Device = statuslist.KeyIDOf(key.Public().(ed25519.PublicKey))
	body := b.body()
	return append(body, ed25519.Sign(key, body)...)
}

// ParseBatch reads a batch's file without believing it: (*Batch).Verify does,
// once the device's key was found.
func ParseBatch(file []byte) (*Batch, error) {
	if len(file) > maxBatchFile || len(file) < len(batchMagic)+ed25519.SignatureSize || string(file[:len(batchMagic)]) != batchMagic {
		return nil, fmt.Errorf("%w: no batch", ErrBatch)
	}
	r := &scanner{b: file[len(batchMagic) : len(file)-ed25519.SignatureSize]}
	b := &Batch{City: string(r.take(int(r.byte())))}
	copy(b.Device[:], r.take(len(b.Device)))
	copy(b.Boot[:], r.take(len(b.Boot)))
	b.Sequence = r.uvarint()
	copy(b.Before[:], r.take(len(b.Before)))
	b.Sealed, b.Uptime = r.time(), r.millis()
	b.List, b.ListIssued = r.uvarint(), r.time()
	for n := r.uvarint(); n > 0 && r.items(n); n-- {
		b.Stopped = append(b.Stopped, r.stopped())
	}
	for n := r.uvarint(); n > 0 && r.items(n); n-- {
		b.Counts = append(b.Counts, r.count())
	}
	if r.bad || len(r.b) != 0 || len(b.City) > maxCity {
		return nil, fmt.Errorf("%w: cut short or too long", ErrBatch)
	}
	return b, nil
}

// VerifyBatch reads a batch its device signed.
func VerifyBatch(file []byte, key ed25519.PublicKey) (*Batch, error) {
	b, err := ParseBatch(file)
	if err != nil {
		return nil, err
	}
	return b, b.Verify(file, key)
}

// Verify tells whether the batch, parsed from file, was signed by its device.
func (b *Batch) Verify(file []byte, key ed25519.PublicKey) error {
	n := len(file) - ed25519.SignatureSize
	if n < 0 || len(key) != ed25519.PublicKeySize || statuslist.KeyIDOf(key) != b.Device || !ed25519.Verify(key, file[:n], file[n:]) {
		return fmt.Errorf("%w: not signed by device %s", ErrBatch, b.Device)
	}
	return nil
}

// scanner reads what body wrote; bad is set by the first thing amiss.
type scanner struct {
	b   []byte
	bad bool
}

func (r *scanner) take(n int) []byte {
	if r.bad || n < 0 || n > len(r.b) {
		r.bad, r.b = true, nil
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *scanner) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *scanner) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.take(-1)
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *scanner) varint() int64 {
	u := r.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

// items bounds how many items of a kind there may be left.
func (r *scanner) items(n uint64) bool {
	if n > maxBatchItems {
		r.take(-1)
	}
	return !r.bad
}

// bound refuses times that arithmetic on durations could not hold.
func (r *scanner) bound(v, most int64) int64 {
	if v < -most || v > most {
		r.take(-1)
		return 0
	}
	return v
}

func (r *scanner) time() time.Time { return time.Unix(r.bound(r.varint(), 253402300799), 0).UTC() }

func (r *scanner) millis() time.Duration {
	return time.Duration(r.bound(r.varint(), 1<<40)) * time.Millisecond
}

func (r *scanner) small(most uint64) uint64 {
	v := r.uvarint()
	if v > most {
		r.take(-1)
		return 0
	}
	return v
}

func (r *scanner) stopped() (t Stopped) {
	t.Index = uint32(r.small(1<<32 - 1))
	t.Class, t.Mode = statuslist.Class(r.byte()%statuslist.Classes), r.byte()
	t.Stop = uint32(r.small(1<<32 - 1))
	t.At, t.Uptime, t.Sequence, t.ListIssued = r.time(), r.millis(), r.uvarint(), r.time()
	return t
}

func (r *scanner) count() (c Count) {
	c.Hour = r.bound(r.varint(), 1<<40)
	c.Stop, c.Mode, c.Issued = uint32(r.small(1<<32-1)), r.byte(), r.byte() == 1
	c.Class, c.Decision = statuslist.Class(r.byte()%statuslist.Classes), Decision(r.byte()%4)
	c.Taps = r.small(1 << 48)
	return c
}
