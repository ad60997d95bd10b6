package tap

import (
	"context"
	"fmt"
	"time"

	"turnike/gate"
)

// How long things are kept.
const (
	// ReceiptLife is how long a batch may be sent again, or come late, and be
	// told apart by its digest: a bus is away for a week, a depot for a month.
	ReceiptLife = 30 * 24 * time.Hour
	// BootLife is how long after its last word a boot is known at all.
	BootLife = 2 * ReceiptLife
	// AttemptLife is how long an attempt waits for somebody to consider it.
	AttemptLife = 7 * 24 * time.Hour
)

// WatchStore is what Watch asks of a database.
type WatchStore interface {
	Update(ctx context.Context, fn func(WatchTx) error) error
	View(ctx context.Context, fn func(WatchTx) error) error
}

// WatchTx is one transaction.
type WatchTx interface {
	TapBoots(ctx context.Context, city string, behind gate.Device, boot gate.Boot, limit int) ([]BootState, error)
	TapReceiptsFrom(ctx context.Context, b BootState, behind uint64, limit int) ([]Receipt, error)
	ChainTapBoot(ctx context.Context, b BootState) error
	NoteFork(ctx context.Context, city string, id gate.Device) error
	FloorTapBoot(ctx context.Context, b BootState) error
	ForgetReceipts(ctx context.Context, b BootState) (int, error)
	DropTapBoot(ctx context.Context, b BootState) error
	RaiseRevision(ctx context.Context, city string) error
	SweepAttempts(ctx context.Context, now, old time.Time, limit int) (int, error)
	SweepTapTokens(ctx context.Context, before time.Time, limit int) (int, error)
}

// Watch goes over what came in: it finds batches that do not follow each
// other, forgets receipts that are old, and sweeps attempts and tokens whose
// time is over. A receipt goes in two steps, the floor first, so that no batch
// that is being taken meanwhile is counted twice.
type Watch struct{ Store WatchStore }

// Step goes over a city once. It is cheap where nothing happened.
func (w Watch) Step(ctx context.Context, city string, now time.Time) error {
	const page = 500
	var behind gate.Device
	var boot gate.Boot
	for {
		var boots []BootState
		err := w.Store.View(ctx, func(tx WatchTx) (err error) {
			boots, err = tx.TapBoots(ctx, city, behind, boot, page)
			return err
		})
		if err != nil {
			return fmt.Errorf("watch taps: %w", err)
		}
		for _, b := range boots {
			behind, boot = b.Device, b.Boot
			if b.Highest > b.Chained {
				if b, err = w.chain(ctx, b, now); err != nil {
					return fmt.Errorf("watch taps: %w", err)
				}
			}
			if err := w.forget(ctx, b, now); err != nil {
				return fmt.Errorf("forget receipts: %w", err)
			}
		}
		if len(boots) < page {
			break
		}
	}
	err := w.Store.Update(ctx, func(tx WatchTx) error {
		const most = 1000
		if _, err := tx.SweepAttempts(ctx, now, now.Add(-AttemptLife), most); err != nil {
			return err
		}
		_, err := tx.SweepTapTokens(ctx, now.Add(-TokenLife), most)
		return err
	})
	if err != nil {
		return fmt.Errorf("sweep taps: %w", err)
	}
	return nil
}

// chain follows a boot's batches as far as they came without a gap. A gap older
// than ReceiptLife is given up: what fills it is no longer looked at.
func (w Watch) chain(ctx context.Context, b BootState, now time.Time) (BootState, error) {
	const most = 2000
	var receipts []Receipt
	err := w.Store.View(ctx, func(tx WatchTx) (err error) {
		receipts, err = tx.TapReceiptsFrom(ctx, b, b.Chained, most)
		return err
	})
	if err != nil {
		return b, err
	}
	next, forks := follow(b, receipts, now)
	if next.Chained == b.Chained {
		return b, nil
	}
	return next, w.Store.Update(ctx, func(tx WatchTx) error {
		for range forks {
			if err := tx.NoteFork(ctx, b.City, b.Device); err != nil {
				return err
			}
		}
		return tx.ChainTapBoot(ctx, next)
	})
}

// follow walks receipts behind b.Chained and counts those that do not follow
// the one before although their numbers do.
func follow(b BootState, receipts []Receipt, now time.Time) (next BootState, forks int) {
	for _, r := range receipts {
		switch {
		case r.Sequence == b.Chained+1:
			if r.Before != b.Digest {
				forks++
			}
		case now.Sub(r.Received) <= ReceiptLife:
			return b, forks
		}
		b.Chained, b.Digest = r.Sequence, r.Digest
	}
	return b, forks
}

// forget raises a boot's floor where what lies below is old, and removes what
// lies below a floor raised in an earlier step.
func (w Watch) forget(ctx context.Context, b BootState, now time.Time) error {
	old, up := now.Add(-ReceiptLife), b
	switch {
	case !b.Seen.After(now.Add(-BootLife)):
		up.Floor = b.Highest
	case !b.Seen.After(old):
		up.Floor = b.Chained
	case b.Chained >= b.Floor+forgetMany:
		err := w.Store.View(ctx, func(tx WatchTx) error {
			rs, err := tx.TapReceiptsFrom(ctx, b, b.Floor+forgetMany-1, 1)
			if err == nil && len(rs) > 0 && rs[0].Sequence <= b.Chained && rs[0].Received.Before(old) {
				up.Floor = rs[0].Sequence
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	if b.Floor == 0 && up.Floor == 0 {
		return nil
	}
	if up.Floor > b.Floor {
		return w.Store.Update(ctx, func(tx WatchTx) error {
			if err := tx.FloorTapBoot(ctx, up); err != nil {
				return err
			}
			return tx.RaiseRevision(ctx, b.City)
		})
	}
	left, gone := false, !b.Seen.After(now.Add(-BootLife))
	err := w.Store.View(ctx, func(tx WatchTx) error {
		rs, err := tx.TapReceiptsFrom(ctx, b, 0, 1)
		left = len(rs) > 0 && rs[0].Sequence <= b.Floor
		return err
	})
	if err != nil || !left && !gone {
		return err
	}
	return w.Store.Update(ctx, func(tx WatchTx) error {
		if _, err := tx.ForgetReceipts(ctx, b); err != nil || !gone {
			return err
		}
		return tx.DropTapBoot(ctx, b)
	})
}

// forgetMany is how many receipts of a running boot go at once.
const forgetMany = 1000
