package sqlstore

import (
	"context"
	"time"

	"turnike/internal/pairing"
	"turnike/internal/person"
	"turnike/internal/report"
	"turnike/internal/storage/dbq"
)

var _ report.Tx = (*Tx)(nil)

// InsertIsolation writes a stop for isolation.
func (t *Tx) InsertIsolation(ctx context.Context, i pairing.Isolation) error {
	r, err := isolationRow(i)
	if err != nil {
		return err
	}
	if err := t.direct(ctx); err != nil {
		return err
	}
	return t.fail("insert isolation", t.q.InsertIsolation(ctx, dbq.InsertIsolationParams(r)))
}

// UpdateIsolation writes what may change of one.
func (t *Tx) UpdateIsolation(ctx context.Context, i pairing.Isolation) error {
	r, err := isolationRow(i)
	if err != nil {
		return err
	}
	if err := t.direct(ctx); err != nil {
		return err
	}
	n, err := t.q.UpdateIsolation(ctx, dbq.UpdateIsolationParams{City: r.City, ID: r.ID, CardTag: r.CardTag, Place: r.Place,
		PairingID: r.PairingID, UntilDay: r.UntilDay, NoticeID: r.NoticeID, ToldUs: r.ToldUs, ConfirmedUs: r.ConfirmedUs,
		Appeal: r.Appeal, EndedUs: r.EndedUs, EndWhy: r.EndWhy, Recalled: r.Recalled})
	if err == nil && n == 0 {
		return pairing.ErrNoRow
	}
	return t.fail("update isolation", err)
}

func isolationRow(i pairing.Isolation) (r dbq.Isolation, err error) {
	r = dbq.Isolation{City: i.City, CardTag: i.CardTag[:], Place: i.Place, SinceUs: us(i.Since), UntilDay: int64(i.UntilDay),
		ToldUs: nullUS(i.Told), ConfirmedUs: us(i.Confirmed), Appeal: btoi(i.Appeal), Source: i.Source, EndedUs: nullUS(i.Ended),
		EndWhy: string(i.End), Recalled: btoi(i.Recalled)}
	if r.ID, err = mustID("isolation", i.ID); err != nil {
		return r, err
	}
	if r.PairingID, err = mustID("pairing", i.PairingID); err != nil {
		return r, err
	}
	r.NoticeID, err = maybeID("notice", i.NoticeID)
	return r, err
}

func isolationOf(r dbq.Isolation) pairing.Isolation {
	return pairing.Isolation{City: r.City, ID: textID(r.ID), CardTag: tagOf(r.CardTag), Place: r.Place, PairingID: textID(r.PairingID),
		Since: at(r.SinceUs), UntilDay: int32(r.UntilDay), NoticeID: textID(r.NoticeID), Told: maybeAt(r.ToldUs), Confirmed: at(r.ConfirmedUs),
		Appeal: r.Appeal != 0, Source: r.Source, Ended: maybeAt(r.EndedUs), End: pairing.IsolationEnd(r.EndWhy), Recalled: r.Recalled != 0}
}

// Isolation reads one, locked in a writing transaction.
func (t *Tx) Isolation(ctx context.Context, city, id string) (pairing.Isolation, error) {
	key, ok := binID(id)
	if !ok {
		return pairing.Isolation{}, pairing.ErrNoRow
	}
	r, err := t.q.Isolation(ctx, dbq.IsolationParams{City: city, ID: key})
	return isolationOf(r), t.fail("read isolation", err)
}

// OpenIsolation is the one that stands on a card.
func (t *Tx) OpenIsolation(ctx context.Context, city string, tag person.Tag) (pairing.Isolation, error) {
	r, err := t.q.OpenIsolation(ctx, dbq.OpenIsolationParams{City: city, CardTag: tag[:]})
	return isolationOf(r), t.fail("read open isolation", err)
}

// IsolationAt is the one that stands on the card of a place in the list.
func (t *Tx) IsolationAt(ctx context.Context, city string, place int64) (pairing.Isolation, error) {
	r, err := t.q.IsolationAt(ctx, dbq.IsolationAtParams{City: city, Place: place})
	return isolationOf(r), t.fail("read isolation by place", err)
}

// NoticesDone are stops since a moment whose message has come to its end.
func (t *Tx) NoticesDone(ctx context.Context, since time.Time, limit int) ([]report.Notice, error) {
	rows, err := t.q.NoticesDone(ctx, dbq.NoticesDoneParams{SinceUs: us(since), MaxRows: int32(limit)})
	return each(rows, func(r dbq.NoticesDoneRow) report.Notice {
		n := report.Notice{City: r.City, ID: textID(r.ID)}
		if r.State == outboxSent {
			n.Told = maybeAt(r.DoneUs)
		}
		return n
	}), t.fail("read notices", err)
}

// outboxSent is outbox.Sent as the rows have it.
const outboxSent int64 = 1

// IsolationsToRecall have ended, and nobody has looked at their reports.
func (t *Tx) IsolationsToRecall(ctx context.Context, limit int) ([]pairing.Isolation, error) {
	rows, err := t.q.IsolationsToRecall(ctx, int32(limit))
	return each(rows, isolationOf), t.fail("read ended isolations", err)
}

// SweepIsolations deletes those whose last day was before a day.
func (t *Tx) SweepIsolations(ctx context.Context, beforeDay int32, limit int) (int, error) {
	if err := t.direct(ctx); err != nil {
		return 0, err
	}
	n, err := t.q.SweepIsolations(ctx, dbq.SweepIsolationsParams{BeforeDay: int64(beforeDay), MaxRows: int32(limit)})
	return int(n), t.fail("sweep isolations", err)
}

// InsertReport writes a report, once for a stop and a day.
func (t *Tx) InsertReport(ctx context.Context, r report.Report) (bool, error) {
	id, err := mustID("report", r.ID)
	if err != nil {
		return false, err
	}
	stop, err := mustID("isolation", r.StopID)
	if err != nil {
		return false, err
	}
	if err := t.direct(ctx); err != nil {
		return false, err
	}
	n, err := t.q.InsertReport(ctx, dbq.InsertReportParams{City: r.City, ID: id, StopID: stop, Day: int64(r.Day),
		State: int64(r.State), Sealed: filled(r.Sealed), DueUs: nullUS(r.Due), CreatedUs: us(r.Made)})
	return n == 1, t.fail("insert report", err)
}

// ReportsReach tells whether so many reports were made since a moment.
func (t *Tx) ReportsReach(ctx context.Context, city string, since time.Time, most int) (bool, error) {
	rows, err := t.q.NthReportSince(ctx, dbq.NthReportSinceParams{City: city, SinceUs: us(since), Skip: int32(max(most-1, 0))})
	return len(rows) > 0 || most <= 0, t.fail("count reports", err)
}

// Report reads one, locked in a writing transaction.
func (t *Tx) Report(ctx context.Context, city, id string) (report.Report, error) {
	key, ok := binID(id)
	if !ok {
		return report.Report{}, pairing.ErrNoRow
	}
	r, err := t.q.Report(ctx, dbq.ReportParams{City: city, ID: key})
	return reportOf(r), t.fail("read report", err)
}

// ReportsPage are a city's, newest first.
func (t *Tx) ReportsPage(ctx context.Context, city, before string, limit int) ([]report.Report, error) {
	behind := lastID
	if before != "" {
		var ok bool
		if behind, ok = binID(before); !ok {
			return nil, nil
		}
	}
	rows, err := t.q.ReportsPage(ctx, dbq.ReportsPageParams{City: city, Before: behind, MaxRows: int32(limit)})
	return each(rows, func(r dbq.ReportsPageRow) report.Report { return reportOf(dbq.ReportRow(r)) }), t.fail("read reports", err)
}

// lastID is behind every id.
var lastID = []byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}

// ReportsOfStop are those that rest on one stop, by day.
func (t *Tx) ReportsOfStop(ctx context.Context, city, stop string, limit int) ([]report.Report, error) {
	key, ok := binID(stop)
	if !ok {
		return nil, nil
	}
	rows, err := t.q.ReportsOfStop(ctx, dbq.ReportsOfStopParams{City: city, StopID: key, MaxRows: int32(limit)})
	return each(rows, func(r dbq.ReportsOfStopRow) report.Report { return reportOf(dbq.ReportRow(r)) }), t.fail("read reports of a stop", err)
}

func reportOf(r dbq.ReportRow) report.Report {
	return report.Report{City: r.City, ID: textID(r.ID), StopID: textID(r.StopID), Day: int32(r.Day), State: report.State(r.State),
		Due: maybeAt(r.DueUs), Attempts: int(r.Attempts), Receipt: r.Receipt, Why: r.Why, Error: r.Error, Made: at(r.CreatedUs),
		Changed: at(r.ChangedUs)}
}

// ClaimReports takes what is due in a state, for as long as the lease.
func (t *Tx) ClaimReports(ctx context.Context, city string, state report.State, now, lease time.Time, limit int) ([]report.Report, error) {
	if err := t.direct(ctx); err != nil {
		return nil, err
	}
	rows, err := t.q.ClaimReports(ctx, dbq.ClaimReportsParams{LeaseUs: nullUS(lease), City: city, State: int64(state), NowUs: nullUS(now), MaxRows: int32(limit)})
	return each(rows, func(r dbq.ClaimReportsRow) report.Report {
		out := reportOf(dbq.ReportRow{City: r.City, ID: r.ID, StopID: r.StopID, Day: r.Day, State: r.State, DueUs: r.DueUs,
			Attempts: r.Attempts, Receipt: r.Receipt, Why: r.Why, CreatedUs: r.CreatedUs, ChangedUs: r.ChangedUs})
		out.Sealed = r.Sealed
		return out
	}), t.fail("claim reports", err)
}

// MoveReport writes a report's next state over the one it had.
func (t *Tx) MoveReport(ctx context.Context, was, r report.Report, now time.Time) (bool, error) {
	id, err := mustID("report", r.ID)
	if err != nil {
		return false, err
	}
	if err := t.direct(ctx); err != nil {
		return false, err
	}
	p := dbq.MoveReportParams{State: int64(r.State), Empty: []byte{}, DueUs: nullUS(r.Due), Attempts: int64(r.Attempts),
		Receipt: r.Receipt, Why: r.Why, Error: r.Error, NowUs: us(now), City: r.City, ID: id, Was: int64(was.State), Fence: int64(was.Attempts)}
	switch r.State {
	case report.Received, report.Withdrawn, report.Cancelled, report.Refused:
		p.DoneUs = nullUS(now)
	}
	n, err := t.q.MoveReport(ctx, p)
	return n == 1, t.fail("move report", err)
}

// ReportStates count a city's reports by state.
func (t *Tx) ReportStates(ctx context.Context, city string) ([]report.Count, error) {
	rows, err := t.q.ReportStates(ctx, city)
	return each(rows, func(r dbq.ReportStatesRow) report.Count {
		c := report.Count{State: report.State(r.State), Reports: r.Reports}
		if r.OldestUs != 0 {
			c.Oldest = at(r.OldestUs)
		}
		return c
	}), t.fail("count reports", err)
}

// SweepReports deletes those that were done before a moment.
func (t *Tx) SweepReports(ctx context.Context, before time.Time, limit int) (int, error) {
	if err := t.direct(ctx); err != nil {
		return 0, err
	}
	n, err := t.q.SweepReports(ctx, dbq.SweepReportsParams{BeforeUs: nullUS(before), MaxRows: int32(limit)})
	return int(n), t.fail("sweep reports", err)
}
