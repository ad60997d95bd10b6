package storagetest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"turnike/internal/outbox"
	"turnike/internal/pairing"
	"turnike/internal/report"
	"turnike/internal/storage/sqlstore"
)

func isolation(n int) pairing.Isolation {
	return pairing.Isolation{City: city, ID: newID(), CardTag: tag('c', n), Place: int64(n), PairingID: newID(), Since: t0,
		UntilDay: 18650, Confirmed: t0, Source: "feed:77"}
}

func newReport(stop string, day int32) report.Report {
	return report.Report{City: city, ID: newID(), StopID: stop, Day: day, State: report.Waiting, Sealed: []byte{0, 1, 255},
		Due: t0, Made: t0, Changed: t0}
}

func testIsolations(t *testing.T, s *sqlstore.Store) {
	old, i, m := isolation(1), isolation(1), message(1)
	i.NoticeID = m.ID
	lost := isolation(2)
	gone := message(2)
	lost.NoticeID = gone.ID
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		return errors.Join(tx.InsertIsolation(ctx, old), tx.InsertIsolation(ctx, i), tx.InsertIsolation(ctx, lost), tx.Enqueue(ctx, m), tx.Enqueue(ctx, gone))
	})
	view(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		got, err := tx.Isolation(ctx, city, i.ID)
		same(t, "isolation", got, i)
		if err != nil {
			return err
		}
		got, err = tx.OpenIsolation(ctx, city, i.CardTag)
		same(t, "the newest on a card", got, i)
		if err != nil {
			return err
		}
		got, err = tx.IsolationAt(ctx, city, i.Place)
		same(t, "by place", got, i)
		_, e := tx.IsolationAt(ctx, "ankara", i.Place)
		is(t, "another city's", e, pairing.ErrNoRow)
		_, e = tx.Isolation(ctx, city, newID())
		is(t, "unknown", e, pairing.ErrNoRow)
		return err
	})
	notices := func() (ns []report.Notice) {
		view(t, s, func(ctx context.Context, tx *sqlstore.Tx) (err error) {
			ns, err = tx.NoticesDone(ctx, t0.Add(-time.Hour), 10)
			return err
		})
		return ns
	}
	same(t, "notices before any has left", notices(), nil)
	sent := t0.Add(time.Minute)
	for _, q := range claim(t, s, m.Class, sent, 10) {
		end := outbox.Sent
		if q.ID == gone.ID {
			end = outbox.Expired
		}
		finish(t, s, q, end, sent)
	}
	same(t, "notices that left, and did not", notices(), []report.Notice{{City: city, ID: i.ID, Told: sent}, {City: city, ID: lost.ID}})

	i.Told, i.Confirmed, i.Appeal, i.Ended, i.End = sent, sent, true, sent.Add(time.Hour), pairing.Lifted
	i.CardTag, i.Place, i.PairingID, i.UntilDay = tag('c', 9), 9, newID(), 18651
	lost.NoticeID = ""
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		return errors.Join(tx.UpdateIsolation(ctx, i), tx.UpdateIsolation(ctx, lost))
	})
	same(t, "notices once noted", notices(), nil)
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		got, err := tx.IsolationsToRecall(ctx, 10)
		same(t, "to recall", got, []pairing.Isolation{i})
		_, e := tx.IsolationAt(ctx, city, 9)
		is(t, "an ended one by place", e, pairing.ErrNoRow)
		return err
	})
	i.Recalled = true
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error { return tx.UpdateIsolation(ctx, i) })
	var swept int
	update(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		again, err := tx.IsolationsToRecall(ctx, 10)
		same(t, "to recall afterwards", len(again), 0)
		if err != nil {
			return err
		}
		swept, err = tx.SweepIsolations(ctx, 18651, 10)
		return err
	})
	same(t, "swept", swept, 2)
	is(t, "update of what is gone", s.Update(t.Context(), func(tx *sqlstore.Tx) error { return tx.UpdateIsolation(t.Context(), lost) }), pairing.ErrNoRow)
}

func testReports(t *testing.T, s *sqlstore.Store) {
	stop := newID()
	r, twin, next := newReport(stop, 18640), newReport(stop, 18640), newReport(stop, 18641)
	next.Due = t0.Add(time.Hour)
	insert := func(r report.Report) (ok bool) {
		update(t, s, func(ctx context.Context, tx *sqlstore.Tx) (err error) {
			ok, err = tx.InsertReport(ctx, r)
			return err
		})
		return ok
	}
	same(t, "first of a day", insert(r), true)
	same(t, "second of a day", insert(twin), false)
	same(t, "next day", insert(next), true)
	bare := func(r report.Report) report.Report { r.Sealed = nil; return r }
	view(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		for _, c := range []struct {
			since time.Time
			most  int
			want  bool
		}{{t0, 1, true}, {t0, 2, true}, {t0, 3, false}, {t0.Add(time.Microsecond), 1, false}} {
			got, err := tx.ReportsReach(ctx, city, c.since, c.most)
			if err != nil {
				return err
			}
			same(t, "so many since", got, c.want)
		}
		got, err := tx.Report(ctx, city, r.ID)
		same(t, "report", got, bare(r))
		if err != nil {
			return err
		}
		page, err := tx.ReportsPage(ctx, city, "", 10)
		same(t, "newest first", page, []report.Report{bare(next), bare(r)})
		if err != nil {
			return err
		}
		page, err = tx.ReportsPage(ctx, city, next.ID, 10)
		same(t, "the next page", page, []report.Report{bare(r)})
		if err != nil {
			return err
		}
		page, err = tx.ReportsOfStop(ctx, city, stop, 10)
		same(t, "of a stop", page, []report.Report{bare(r), bare(next)})
		_, e := tx.Report(ctx, "ankara", r.ID)
		is(t, "another city's", e, pairing.ErrNoRow)
		return err
	})
	take := func(state report.State, now time.Time) (rs []report.Report) {
		update(t, s, func(ctx context.Context, tx *sqlstore.Tx) (err error) {
			rs, err = tx.ClaimReports(ctx, city, state, now, now.Add(time.Minute), 10)
			return err
		})
		return rs
	}
	move := func(was, r report.Report) (ok bool) {
		update(t, s, func(ctx context.Context, tx *sqlstore.Tx) (err error) {
			ok, err = tx.MoveReport(ctx, was, r, t0.Add(time.Minute))
			return err
		})
		return ok
	}
	slow := take(report.Waiting, t0)
	if len(slow) != 1 || slow[0].ID != r.ID || string(slow[0].Sealed) != string(r.Sealed) || slow[0].Attempts != 1 {
		t.Fatalf("claim: got %+v, want the first report with what is sealed", slow)
	}
	same(t, "while leased", len(take(report.Waiting, t0.Add(59*time.Second))), 0)
	fast := take(report.Waiting, t0.Add(time.Minute))
	if len(fast) != 1 {
		t.Fatalf("claim after the lease: got %d, want 1", len(fast))
	}
	done := slow[0]
	done.State, done.Due, done.Receipt = report.Received, time.Time{}, "EI-1"
	same(t, "the overtaken worker's word", move(slow[0], done), false)
	done = fast[0]
	done.State, done.Due, done.Receipt = report.Received, time.Time{}, "EI-1"
	same(t, "the newest worker's word", move(fast[0], done), true)
	same(t, "the same word again", move(fast[0], done), false)
	view(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		cs, err := tx.ReportStates(ctx, city)
		same(t, "states", cs, []report.Count{{State: report.Waiting, Reports: 1, Oldest: next.Due}, {State: report.Received, Reports: 1}})
		return err
	})
	back := done
	back.State, back.Due, back.Attempts, back.Why = report.Withdrawing, t0.Add(time.Minute), 0, "lifted"
	same(t, "call back", move(done, back), true)
	if got := take(report.Withdrawing, t0.Add(time.Minute)); len(got) != 1 || len(got[0].Sealed) != 0 || got[0].Why != "lifted" {
		t.Errorf("withdrawal: got %+v, want one that says nothing any more", got)
	}
	sweep := func(before time.Time) (n int) {
		update(t, s, func(ctx context.Context, tx *sqlstore.Tx) (err error) {
			n, err = tx.SweepReports(ctx, before, 10)
			return err
		})
		return n
	}
	same(t, "swept while it is not done", sweep(t0.Add(time.Hour)), 0)
	over := back
	over.State, over.Due, over.Attempts = report.Withdrawn, time.Time{}, 1
	back.Attempts = 1
	same(t, "withdrawn", move(back, over), true)
	same(t, "swept", sweep(t0.Add(time.Hour)), 1)
}

// testReportRace lets many servers report one stop on one day.
func testReportRace(t *testing.T, s *sqlstore.Store) {
	stop := newID()
	var wg sync.WaitGroup
	for range 40 {
		wg.Go(func() {
			err := s.Update(t.Context(), func(tx *sqlstore.Tx) error {
				_, err := tx.InsertReport(t.Context(), newReport(stop, 18640))
				return err
			})
			if err != nil {
				t.Errorf("insert: got %v, want no error", err)
			}
		})
	}
	wg.Wait()
	view(t, s, func(ctx context.Context, tx *sqlstore.Tx) error {
		rs, err := tx.ReportsOfStop(ctx, city, stop, 100)
		same(t, "reports of one stop and day", len(rs), 1)
		return err
	})
}
