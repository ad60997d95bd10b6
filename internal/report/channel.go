package report

import (
	"context"
	"errors"
	"time"
)

// ErrRefused: the receiver read what it was given and will not have it; giving
// it again changes nothing.
var ErrRefused = errors.New("report: the receiver refuses it")

// Item is one thing to hand over: a report, or word that one is withdrawn.
type Item struct {
	ID     string
	Sealed []byte // of a report
	// Withdraw: the report of this id is withdrawn. Why is nobody's business:
	// it would tell of the person's health.
	Withdraw bool
}

// Answer is what became of an item.
type Answer struct {
	ID string
	// Receipt is the receiver's own number, its signature checked.
	Receipt string
	// Filed: it lies ready to be fetched, and its receipt comes later.
	Filed bool
	// Withdrawn: the answer is to word of a withdrawal.
	Withdrawn bool
	Err       error // ErrRefused where trying again cannot help
}

// Channel is the way to one province's receiver.
type Channel interface {
	// Seal closes a report to its receiver, signed by the city.
	Seal(report []byte) ([]byte, error)
	// Due is when a report made at a moment is to be handed over.
	Due(made time.Time) time.Time
	// Batch is how many items Hand takes at once.
	Batch() int
	// Hand hands items over and gives an answer for each, in order.
	Hand(ctx context.Context, city string, items []Item, now time.Time) []Answer
	// Collect gives receipts that came by themselves since. It gives them
	// again until Collected says that they are stored.
	Collect(ctx context.Context, city string) ([]Answer, error)
	Collected(ctx context.Context, city string) error
}
