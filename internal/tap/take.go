package tap

import (
	"context"
	"fmt"
	"time"

	"turnike/gate"
)

// Store is what taps ask of a database, in the manner of the other modules:
// Update's fn may run again, so it touches nothing outside itself.
type Store interface {
	Update(ctx context.Context, fn func(Tx) error) error
}

// Tx is one transaction.
type Tx interface {
	// Device finds an enrolled device; ok is false for a stranger.
	Device(ctx context.Context, city string, id gate.Device) (d Device, ok bool, err error)
	// TakeReceipt stores a receipt. Where one of the same name is stored
	// already it is returned and nothing is written.
	TakeReceipt(ctx context.Context, r Receipt) (known *Receipt, err error)
	// AddCounts adds to the figures kept under each count's other fields.
	AddCounts(ctx context.Context, city string, counts []Count) error
	InsertAttempts(ctx context.Context, attempts []Attempt) error
}

// Service takes batches in.
type Service struct{ Store Store }

// Taken is what became of a batch.
type Taken struct {
	Fresh    bool // false: this very batch was taken before, nothing changed
	Attempts []Attempt
}

// Take checks a batch's signature and counts it, once. received is the
// server's clock: with the device's running time it bounds when each tap was.
// A batch taken before answers as it did the first time, so that a device whose
// line broke during the answer may simply send again.
func (s Service) Take(ctx context.Context, city string, file []byte, received time.Time) (Taken, error) {
	claimed, err := gate.ParseBatch(file)
	if err != nil || claimed.City != city {
		return Taken{}, fmt.Errorf("take batch: %w", ErrBatch)
	}
	var out Taken
	err = s.Store.Update(ctx, func(tx Tx) error {
		out = Taken{}
		d, ok, err := tx.Device(ctx, city, claimed.Device)
		if err != nil {
			return err
		}
		if !ok || !d.Revoked.IsZero() && !received.Before(d.Revoked) {
			return ErrDevice
		}
		b, err := gate.VerifyBatch(file, d.Key)
		if err != nil {
			return ErrDevice
		}
		receipt, counts, attempts := read(b, file, received)
		known, err := tx.TakeReceipt(ctx, receipt)
		if err != nil {
			return err
		}
		if known != nil {
			if known.Digest != receipt.Digest {
				return ErrForked
			}
			return nil
		}
		if err := tx.AddCounts(ctx, city, counts); err != nil {
			return err
		}
		out = Taken{Fresh: true, Attempts: attempts}
		return tx.InsertAttempts(ctx, attempts)
	})
	if err != nil {
		return Taken{}, fmt.Errorf("take batch: %w", err)
	}
	return out, nil
}
