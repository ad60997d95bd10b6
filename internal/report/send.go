package report

import (
	"context"
	"errors"
	"fmt"
	"time"

	"turnike/internal/audit"
	"turnike/internal/card"
	"turnike/internal/fault"
	"turnike/internal/pairing"
	"turnike/internal/person"
)

// recall looks at the reports of stops that have ended, once for each.
func (s *Service) recall(ctx context.Context) (int, error) {
	n := 0
	err := s.cfg.Store.Update(ctx, func(tx Tx) error {
		ended, err := tx.IsolationsToRecall(ctx, 100)
		if err != nil {
			return err
		}
		n = len(ended)
		for _, i := range ended {
			if err := s.recallStop(ctx, tx, i, system()); err != nil {
				return err
			}
			// Its last day was the one it ended on: two days later it goes.
			i.Recalled, i.UntilDay = true, min(i.UntilDay, card.DayOf(i.Ended, time.UTC))
			if err := tx.UpdateIsolation(ctx, i); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("call reports back: %w", err)
	}
	return n, nil
}

func (s *Service) recallStop(ctx context.Context, tx Tx, i pairing.Isolation, who audit.Actor) error {
	rs, err := tx.ReportsOfStop(ctx, i.City, i.ID, 100)
	if err != nil {
		return err
	}
	for _, r := range rs {
		if !Recalls(i, r.Made) {
			continue
		}
		if err := s.callBack(ctx, tx, r, string(i.End), who); err != nil && !errors.Is(err, ErrOver) {
			return err
		}
	}
	return nil
}

// callBack cancels a report that nobody can have read, and has any other
// withdrawn.
func (s *Service) callBack(ctx context.Context, tx Tx, r Report, why string, who audit.Actor) error {
	now := s.cfg.Now()
	next := r
	next.Why, next.Error = why, ""
	switch r.State {
	case Held:
		next.State, next.Due = Cancelled, time.Time{}
	case Waiting:
		next.State, next.Due = Cancelled, time.Time{}
		if r.Attempts > 0 {
			// It was on its way: whether it arrived nobody knows. Withdrawing
			// is by our own number, so it holds either way.
			next.State, next.Due, next.Attempts = Withdrawing, now, 0
		}
	case Filed, Received:
		next.State, next.Due, next.Attempts = Withdrawing, now, 0
	default:
		return ErrOver
	}
	ok, err := tx.MoveReport(ctx, r, next, now)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("call report back: it moved under lock")
	}
	return s.audit(ctx, tx, r.City, "report.recall", r.ID, person.Tag{}, "", next.State.String()+": "+why, who, now)
}

// sendAll hands over what is due, city by city, withdrawals first.
func (s *Service) sendAll(ctx context.Context) (n int, err error) {
	var errs []error
	for _, id := range s.cfg.Reporting {
		c, ok := s.cfg.Channel(id)
		if !ok {
			continue
		}
		for _, state := range []State{Withdrawing, Waiting} {
			k, err := s.send(ctx, id, c, state)
			n += k
			errs = append(errs, err)
		}
		k, err := s.collect(ctx, id, c)
		n += k
		errs = append(errs, err)
	}
	return n, errors.Join(errs...)
}

func (s *Service) send(ctx context.Context, city string, c Channel, state State) (int, error) {
	now := s.cfg.Now()
	var claimed []Report
	err := s.cfg.Store.Update(ctx, func(tx Tx) (err error) {
		claimed, err = tx.ClaimReports(ctx, city, state, now, now.Add(lease), c.Batch())
		return err
	})
	if err != nil || len(claimed) == 0 {
		return 0, err
	}
	items := make([]Item, len(claimed))
	for i, r := range claimed {
		items[i] = Item{ID: r.ID, Sealed: r.Sealed, Withdraw: state == Withdrawing}
	}
	answers := c.Hand(ctx, city, items, now)
	if len(answers) != len(items) {
		return 0, fmt.Errorf("report: %d answers to %d items", len(answers), len(items))
	}
	var errs []error
	for i, r := range claimed {
		errs = append(errs, s.settle(ctx, r, answers[i]))
	}
	return len(claimed), errors.Join(errs...)
}

// settle writes down what became of a claimed report.
func (s *Service) settle(ctx context.Context, r Report, a Answer) error {
	now := s.cfg.Now()
	next, action := r, ""
	next.Error, next.Due = "", time.Time{}
	switch {
	case a.Err == nil && r.State == Withdrawing:
		next.State, action = Withdrawn, "report.withdraw"
	case a.Err == nil && a.Filed:
		next.State, action = Filed, "report.file"
	case a.Err == nil:
		next.State, next.Receipt, action = Received, a.Receipt, "report.send"
	case errors.Is(a.Err, ErrRefused) && r.State == Withdrawing:
		// It must not stand: somebody has to ring up. The alarm is the count.
		next.Error, next.Due = reason(a.Err), now.Add(mostWithdraw)
	case errors.Is(a.Err, ErrRefused):
		next.State, next.Error, action = Refused, reason(a.Err), "report.refused"
	case r.State == Waiting && now.Sub(r.Made) > GiveUp:
		// Whether it arrived nobody knows, so it is withdrawn.
		next.State, next.Why, next.Due, next.Attempts, action = Withdrawing, "unanswered", now, 0, "report.recall"
	default:
		longest := most
		if r.State == Withdrawing {
			longest = mostWithdraw
		}
		next.Error, next.Due = reason(a.Err), now.Add(min(first<<min(r.Attempts-1, 10), longest))
		s.cfg.Log.WarnContext(ctx, "report not handed over", "city", r.City, "state", r.State.String(), "attempts", r.Attempts, "err", a.Err)
	}
	return s.cfg.Store.Update(ctx, func(tx Tx) error {
		ok, err := tx.MoveReport(ctx, r, next, now)
		if err != nil || !ok || action == "" {
			return err // not ok: called back meanwhile, and that stands
		}
		return s.audit(ctx, tx, r.City, action, r.ID, person.Tag{}, "", next.State.String(), system(), now)
	})
}

// reason is an error as it may be stored: channels' errors carry no body.
func reason(err error) string {
	t := err.Error()
	return t[:min(len(t), 200)]
}

// collect takes receipts that came by themselves.
func (s *Service) collect(ctx context.Context, city string, c Channel) (int, error) {
	answers, err := c.Collect(ctx, city)
	if err != nil || len(answers) == 0 {
		return 0, err
	}
	now := s.cfg.Now()
	err = s.cfg.Store.Update(ctx, func(tx Tx) error {
		for _, a := range answers {
			r, err := tx.Report(ctx, city, a.ID)
			if errors.Is(err, pairing.ErrNoRow) {
				continue
			}
			if err != nil {
				return err
			}
			next := r
			next.Due, next.Receipt = time.Time{}, a.Receipt
			switch {
			case a.Withdrawn || r.State != Filed:
				continue // a withdrawal stands when it is filed; the rest has moved on
			case a.Err != nil:
				next.State, next.Error = Refused, reason(a.Err)
			default:
				next.State = Received
			}
			if _, err := tx.MoveReport(ctx, r, next, now); err != nil {
				return err
			}
			if err := s.audit(ctx, tx, city, "report.send", r.ID, person.Tag{}, "", next.State.String(), system(), now); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return len(answers), c.Collected(ctx, city)
}

// List gives a city's reports, newest first, behind the one of the given id.
func (s *Service) List(ctx context.Context, city, before string, limit int) (rs []Report, err error) {
	err = s.cfg.Store.View(ctx, func(tx Tx) (err error) {
		rs, err = tx.ReportsPage(ctx, city, before, limit)
		return err
	})
	return rs, err
}

// Counts are how many reports of a city stand where.
func (s *Service) Counts(ctx context.Context, city string) (cs []Count, err error) {
	err = s.cfg.Store.View(ctx, func(tx Tx) (err error) {
		cs, err = tx.ReportStates(ctx, city)
		return err
	})
	return cs, err
}

// ErrAlone: one person is not two.
var ErrAlone = fault.New(fault.Invalid, "report.alone")

// Release lets go what is held, once two people have looked at why there is so
// much of it; or with drop ends it unsent. It tells how many. What is too old
// by then is dropped either way.
func (s *Service) Release(ctx context.Context, city string, drop bool, who audit.Actor, second string) (n int, err error) {
	if second == "" || second == who.Ref {
		return 0, ErrAlone
	}
	for before := ""; ; {
		page, err := s.List(ctx, city, before, 500)
		if err != nil {
			return n, err
		}
		for _, r := range page {
			if before = r.ID; r.State != Held {
				continue
			}
			now := s.cfg.Now()
			next := r
			next.State, next.Why = Cancelled, "staff"
			if !drop && now.Sub(r.Made) <= GiveUp {
				next.State, next.Why, next.Due = Waiting, "", now
			}
			err := s.cfg.Store.Update(ctx, func(tx Tx) error {
				if ok, err := tx.MoveReport(ctx, r, next, now); err != nil || !ok {
					return err // called back meanwhile
				}
				return s.audit(ctx, tx, city, "report.release", r.ID, person.Tag{}, "", next.State.String()+": with "+second, who, now)
			})
			if err != nil {
				return n, err
			}
			n++
		}
		if len(page) < 500 {
			return n, nil
		}
	}
}

// Withdraw calls one report back by hand.
func (s *Service) Withdraw(ctx context.Context, city, id, why string, who audit.Actor) error {
	return s.change(ctx, city, id, func(tx Tx, r Report) error { return s.callBack(ctx, tx, r, why, who) })
}

// SendNow lets a waiting report, or a withdrawal, be tried at once.
func (s *Service) SendNow(ctx context.Context, city, id string) error {
	return s.change(ctx, city, id, func(tx Tx, r Report) error {
		if r.State != Waiting && r.State != Withdrawing {
			return ErrOver
		}
		next := r
		next.Due = s.cfg.Now()
		_, err := tx.MoveReport(ctx, r, next, s.cfg.Now())
		return err
	})
}

func (s *Service) change(ctx context.Context, city, id string, fn func(tx Tx, r Report) error) error {
	return s.cfg.Store.Update(ctx, func(tx Tx) error {
		r, err := tx.Report(ctx, city, id)
		if errors.Is(err, pairing.ErrNoRow) {
			return ErrUnknown
		}
		if err != nil {
			return err
		}
		return fn(tx, r)
	})
}

// Appeal notes that the stop a report rests on is disputed, or no longer is.
// While it is, nothing is reported, and what nobody has read yet is cancelled.
func (s *Service) Appeal(ctx context.Context, city, id string, open bool, who audit.Actor) error {
	return s.change(ctx, city, id, func(tx Tx, r Report) error {
		i, err := tx.Isolation(ctx, city, r.StopID)
		if errors.Is(err, pairing.ErrNoRow) {
			return ErrOver
		}
		if err != nil {
			return err
		}
		i.Appeal = open
		if err := tx.UpdateIsolation(ctx, i); err != nil {
			return err
		}
		result := "closed"
		if open {
			result = "open"
			rs, err := tx.ReportsOfStop(ctx, city, i.ID, 100)
			if err != nil {
				return err
			}
			for _, r := range rs {
				if r.State == Waiting || r.State == Held {
					if err := s.callBack(ctx, tx, r, "appeal", who); err != nil {
						return err
					}
				}
			}
		}
		return s.audit(ctx, tx, city, "report.appeal", id, i.CardTag, "", result, who, s.cfg.Now())
	})
}

// Correct says that the stop a report rests on should never have been: all its
// reports are called back. The stop itself is lifted where stops are.
func (s *Service) Correct(ctx context.Context, city, id string, who audit.Actor) error {
	return s.change(ctx, city, id, func(tx Tx, r Report) error {
		now := s.cfg.Now()
		i, err := tx.Isolation(ctx, city, r.StopID)
		switch {
		case errors.Is(err, pairing.ErrNoRow):
			i = pairing.Isolation{City: city, ID: r.StopID} // swept; its reports are not
		case err != nil:
			return err
		}
		known := !i.Since.IsZero()
		i.End = pairing.Corrected
		if known {
			if i.Ended.IsZero() {
				i.Ended = now
			}
			i.Recalled = true
			if err := tx.UpdateIsolation(ctx, i); err != nil {
				return err
			}
		}
		if err := s.recallStop(ctx, tx, i, who); err != nil {
			return err
		}
		return s.audit(ctx, tx, city, "report.correct", id, person.Tag{}, "", "ok", who, now)
	})
}

// HandNow makes everything of a city that waits due at once: a file before its
// hour, or a line that is back. It tells how many.
func (s *Service) HandNow(ctx context.Context, city string) (n int, err error) {
	now := s.cfg.Now()
	for before := ""; ; {
		page, err := s.List(ctx, city, before, 500)
		if err != nil {
			return n, err
		}
		for _, r := range page {
			before = r.ID
			if r.State != Waiting && r.State != Withdrawing || !r.Due.After(now) {
				continue
			}
			if err := s.SendNow(ctx, city, r.ID); err != nil && !errors.Is(err, ErrOver) {
				return n, err
			}
			n++
		}
		if len(page) < 500 {
			return n, nil
		}
	}
}
