package authority

import (
	"context"
	"errors"
	"fmt"
	"time"

	"turnike/internal/report"
)

var (
	_ report.Channel = Direct{}
	_ report.Channel = (*Folder)(nil)
)

// Direct hands reports to the interior ministry's service one by one, as they
// are made.
type Direct struct{ *Interior }

// Batch is how many calls may end within a lease, at 5 s each.
func (Direct) Batch() int { return 20 }

// Due is at once.
func (Direct) Due(made time.Time) time.Time { return made }

// Hand calls for each item. Where one was not answered the rest are not tried:
// each would wait as long.
func (d Direct) Hand(ctx context.Context, _ string, items []report.Item, now time.Time) []report.Answer {
	out := make([]report.Answer, len(items))
	var away error
	for i, it := range items {
		out[i].ID = it.ID
		if away != nil {
			out[i].Err = away
			continue
		}
		var r Receipt
		var err error
		if it.Withdraw {
			r, err = d.Withdraw(ctx, it.ID, now)
		} else {
			r, err = d.Send(ctx, it.ID, it.Sealed)
		}
		switch {
		case errors.Is(err, ErrReportRefused):
			out[i].Err = fmt.Errorf("%w: %w", report.ErrRefused, err)
		case err != nil:
			out[i].Err, away = err, err
		default:
			out[i].Receipt = r.Receipt
		}
	}
	return out
}

// Collect gives nothing: each call brings its receipt.
func (Direct) Collect(context.Context, string) ([]report.Answer, error) { return nil, nil }

// Collected has nothing to put away.
func (Direct) Collected(context.Context, string) error { return nil }
