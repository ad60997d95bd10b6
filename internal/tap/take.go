package tap

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"turnike/gate"
)

// Store is what taps ask of a database, in the manner of the other modules:
// Update's fn may run again, so it touches nothing outside itself.
type Store interface {
	Update(ctx context.Context, fn func(Tx) error) error
	View(ctx context.Context, fn func(Tx) error) error
}

// Tx is one transaction.
type Tx interface {
	// Revision rises whenever a Standing of the city changes but by more
	// batches: what was read under a revision holds as long as that does.
	Revision(ctx context.Context, city string) (int64, error)
	// Standing finds an enrolled device; ok is false for a stranger.
	Standing(ctx context.Context, city string, id gate.Device, boot gate.Boot) (s Standing, ok bool, err error)
	// TakeReceipt stores a receipt. Where one of the same name is stored
	// already it is returned and nothing is written.
	TakeReceipt(ctx context.Context, r Receipt) (known *Receipt, err error)
	NoteHeard(ctx context.Context, h Heard) error
	// NoteFork remembers that a device's batches contradict each other.
	NoteFork(ctx context.Context, city string, id gate.Device) error
	// AddCounts adds to the figures kept under each count's other fields.
	AddCounts(ctx context.Context, city string, counts []Count) error
	InsertAttempts(ctx context.Context, attempts []Attempt) error
}

// Service takes batches in.
type Service struct {
	Store Store
	// Known remembers devices between batches, so that signatures are checked
	// before a batch's turn with the database comes; nil remembers nothing.
	Known *Known
}

// Taken is what became of a batch.
type Taken struct {
	Receipt  Receipt
	Fresh    bool // false: this very batch was taken before, nothing changed
	Attempts []Attempt
}

// Take checks a batch's signature and counts it, once. received is the
// server's clock: with the device's running time it bounds when each tap was.
// A batch taken before answers as it did the first time, so that a device whose
// line broke during the answer may simply send again.
func (s Service) Take(ctx context.Context, city string, file []byte, received time.Time) (Taken, error) {
	out, err := s.take(ctx, city, file, received)
	if err != nil {
		return Taken{}, fmt.Errorf("take batch: %w", err)
	}
	return out, nil
}

func (s Service) take(ctx context.Context, city string, file []byte, received time.Time) (Taken, error) {
	b, err := gate.ParseBatch(file)
	if err != nil || b.City != city || !plausible(b) {
		return Taken{}, ErrBatch
	}
	from, err := s.standing(ctx, b)
	if err != nil {
		return Taken{}, err
	}
	if b.Verify(file, from.Key) != nil {
		return Taken{}, ErrDevice
	}
	receipt, counts, attempts := read(b, file, received)
	heard := Heard{City: city, Device: b.Device, Boot: b.Boot, Sequence: b.Sequence, Received: received, List: b.List, ListIssued: b.ListIssued}
	var out Taken
	var now known
	err = s.Store.Update(ctx, func(tx Tx) error {
		out, now = Taken{Receipt: receipt}, from
		revision, err := tx.Revision(ctx, city)
		if err != nil {
			return err
		}
		if revision != now.revision {
			var ok bool
			if now.Standing, ok, err = tx.Standing(ctx, city, b.Device, b.Boot); err != nil {
				return err
			} else if !ok {
				return ErrDevice
			}
			now.revision = revision
		}
		if !now.admits(received) {
			return ErrDevice
		}
		if b.Sequence <= now.Floor {
			return nil
		}
		before, err := tx.TakeReceipt(ctx, receipt)
		if err != nil {
			return err
		}
		if before != nil {
			if before.Digest != receipt.Digest {
				return ErrForked
			}
			return nil
		}
		if err := tx.NoteHeard(ctx, heard); err != nil {
			return err
		}
		if err := tx.AddCounts(ctx, city, counts); err != nil {
			return err
		}
		out.Fresh, out.Attempts = true, attempts
		return tx.InsertAttempts(ctx, attempts)
	})
	if errors.Is(err, ErrForked) {
		note := s.Store.Update(ctx, func(tx Tx) error { return tx.NoteFork(ctx, city, b.Device) })
		return Taken{}, errors.Join(err, note)
	}
	if err != nil {
		return Taken{}, err
	}
	// Only now: what an Update read may never have been committed.
	s.Known.put(city, b.Device, b.Boot, now)
	return out, nil
}

// plausible refuses numbers no device comes to in its life, which would not fit
// the database's.
func plausible(b *gate.Batch) bool {
	const most = 1 << 53
	if b.Sequence == 0 || b.Sequence > most || b.List > most {
		return false
	}
	for i := range b.Counts {
		if b.Counts[i].Taps > 1<<32 {
			return false
		}
	}
	for i := range b.Stopped {
		if b.Stopped[i].Sequence > most {
			return false
		}
	}
	return true
}

// standing is what is known of a batch's device, by memory or by the database.
func (s Service) standing(ctx context.Context, b *gate.Batch) (known, error) {
	if k, ok := s.Known.get(b.City, b.Device, b.Boot); ok {
		return k, nil
	}
	var k known
	var ok bool
	err := s.Store.View(ctx, func(tx Tx) (err error) {
		if k.revision, err = tx.Revision(ctx, b.City); err != nil {
			return err
		}
		k.Standing, ok, err = tx.Standing(ctx, b.City, b.Device, b.Boot)
		return err
	})
	if err != nil {
		return known{}, err
	}
	if !ok {
		return known{}, ErrDevice
	}
	s.Known.put(b.City, b.Device, b.Boot, k)
	return k, nil
}

// known is a standing with the revision under which it was read.
type known struct {
	Standing
	revision int64
}

type knownKey struct {
	city   string
	device gate.Device
	boot   gate.Boot
}

// Known remembers the standings of devices that were heard of lately. What it
// remembers is compared with the database's revision in each transaction, so
// a revocation by whomever holds from the moment it is committed.
type Known struct {
	mu sync.Mutex
	m  map[knownKey]known
}

// mostKnown bounds a Known: some boots for each of fifty thousand devices.
const mostKnown = 200_000

func (k *Known) get(city string, d gate.Device, b gate.Boot) (known, bool) {
	if k == nil {
		return known{}, false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	v, ok := k.m[knownKey{city, d, b}]
	return v, ok
}

func (k *Known) put(city string, d gate.Device, b gate.Boot, v known) {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	key := knownKey{city, d, b}
	// What was read later stands: a put may have been overtaken.
	if old, ok := k.m[key]; ok && old.revision >= v.revision {
		return
	}
	if k.m == nil || len(k.m) >= mostKnown {
		k.m = map[knownKey]known{}
	}
	k.m[key] = v
}
