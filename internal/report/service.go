package report

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gofrs/uuid/v5"

	"turnike/internal/audit"
	"turnike/internal/card"
	"turnike/internal/city"
	"turnike/internal/fault"
	"turnike/internal/pairing"
	"turnike/internal/person"
	"turnike/internal/tap"
)

// ErrUnknown: the city has no such report.
var ErrUnknown = fault.New(fault.NotFound, "report.unknown")

// ErrOver: the report is at its end already, or was called back.
var ErrOver = fault.New(fault.Conflict, "report.over")

// Config is what a Service works with. All but Log are needed.
type Config struct {
	Store  Store
	Keys   person.Keyring
	Cities func(id string) (*city.Profile, bool)
	// Channel is a city's way to its province's receiver; false where the city
	// reports nothing.
	Channel func(city string) (Channel, bool)
	// Reporting are the cities that have a channel.
	Reporting []string
	Now       func() time.Time
	Log       *slog.Logger
	// Considered is told how each attempt was decided, for the counters.
	Considered func(city string, why Why)
}

// Service considers attempts, and sends and calls back reports.
type Service struct{ cfg Config }

// New makes a Service.
func New(cfg Config) *Service {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Considered == nil {
		cfg.Considered = func(string, Why) {}
	}
	return &Service{cfg: cfg}
}

// How often and how patiently.
const (
	lease = 3 * time.Minute
	// A report is tried again after First, doubling up to Most; a withdrawal,
	// which has an hour, never waits longer than mostWithdraw.
	first        = 15 * time.Second
	most         = 15 * time.Minute
	mostWithdraw = 2 * time.Minute
	// GiveUp is how long a report may wait for a receiver that is away. Who
	// hears of a ride a week later can do nothing with it.
	GiveUp = MaxAge
	// noticeLife is how long after a stop its message may still leave.
	noticeLife = 4 * 24 * time.Hour
	// attemptsKept is how long an attempt that was not reported is kept for the
	// figures; one that was reported goes at once.
	attemptsKept = 7 * 24 * time.Hour
)

// system is who acts.
func system() audit.Actor { return audit.System("report") }

// Work does what is due and says how much that was. What must be called back
// goes before what is to be sent.
func (s *Service) Work(ctx context.Context) (int, error) {
	n := 0
	var errs []error
	for _, step := range []func(context.Context) (int, error){s.notices, s.recall, s.consider, s.sendAll, s.sweep} {
		k, err := step(ctx)
		n += k
		errs = append(errs, err)
	}
	return n, errors.Join(errs...)
}

// notices learns from the outbox who has been told.
func (s *Service) notices(ctx context.Context) (n int, err error) {
	var done []Notice
	if err := s.cfg.Store.View(ctx, func(tx Tx) (err error) {
		done, err = tx.NoticesDone(ctx, s.cfg.Now().Add(-noticeLife), 200)
		return err
	}); err != nil {
		return 0, fmt.Errorf("look for notices: %w", err)
	}
	for _, d := range done {
		err := s.cfg.Store.Update(ctx, func(tx Tx) error {
			i, err := tx.Isolation(ctx, d.City, d.ID)
			if err != nil {
				return ifThere(err)
			}
			if i.Told = d.Told; d.Told.IsZero() {
				i.NoticeID = ""
			}
			return tx.UpdateIsolation(ctx, i)
		})
		if err != nil {
			return n, fmt.Errorf("note a notice: %w", err)
		}
		n++
	}
	return n, nil
}

// ifThere takes it that what is gone needs nothing done.
func ifThere(err error) error {
	if errors.Is(err, pairing.ErrNoRow) {
		return nil
	}
	return err
}

// consider decides about attempts that nobody has looked at. Most are not
// reported, and those end in one transaction.
func (s *Service) consider(ctx context.Context) (int, error) {
	now := s.cfg.Now()
	var as []tap.Attempt
	if err := s.cfg.Store.Update(ctx, func(tx Tx) (err error) {
		as, err = tx.LeaseAttempts(ctx, now, now.Add(lease), 200)
		return err
	}); err != nil {
		return 0, fmt.Errorf("take attempts: %w", err)
	}
	var errs []error
	var rest []tap.Attempt
	for _, a := range as {
		why, who, err := s.look(ctx, a, now)
		switch {
		case err != nil:
		case why != Yes:
			rest = append(rest, a)
		default:
			why, err = s.report(ctx, a, who, now)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("consider an attempt: %w", err))
			continue
		}
		s.cfg.Considered(a.City, why)
	}
	if len(rest) > 0 {
		errs = append(errs, s.cfg.Store.Update(ctx, func(tx Tx) error {
			for _, a := range rest {
				if _, err := tx.ConsiderAttempt(ctx, a, now.Add(attemptsKept)); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	return len(as), errors.Join(errs...)
}

// errTaken undoes a transaction whose attempt somebody else has considered.
var errTaken = errors.New("report: considered by another")

// report makes the report of an attempt. All that decides is read again, under
// lock; the report, the audit row and the attempt's end commit together.
func (s *Service) report(ctx context.Context, a tap.Attempt, who person.Record, now time.Time) (why Why, err error) {
	p, rules, channel := s.rules(a.City)
	id, err := uuid.NewV7()
	if err != nil {
		return Yes, err
	}
	err = s.cfg.Store.Update(ctx, func(tx Tx) error {
		st, err := stopOf(ctx, tx, a)
		if err != nil {
			return err
		}
		st.Named = st.Named && !who.ID.IsZero()
		if why = Decide(a, st, rules, now); why == Yes {
			r, err := s.make(p, channel, id.String(), a, st, rules, who, now)
			if err != nil {
				return err
			}
			// A feed gone wrong stops thousands who are free; they are told,
			// try to ride, and must not all be reported before anybody looks.
			full, err := tx.ReportsReach(ctx, a.City, midnight(now, rules.Zone), p.Report.MostPerDay)
			if err != nil {
				return err
			}
			if full {
				r.State, r.Due = Held, time.Time{}
			}
			ok, err := tx.InsertReport(ctx, r)
			if err != nil {
				return err
			}
			if !ok {
				why = ReportedToday
			} else if err := s.audit(ctx, tx, a.City, "report.create", r.ID, who.TagOf(s.cfg.Keys, a.City), "report of a refused ride", r.State.String(), system(), now); err != nil {
				return err
			}
		}
		goes := now
		if why != Yes && why != ReportedToday {
			goes = now.Add(attemptsKept)
		}
		ok, err := tx.ConsiderAttempt(ctx, a, goes)
		if err == nil && !ok {
			err = errTaken
		}
		return err
	})
	if errors.Is(err, errTaken) {
		return ReportedToday, nil
	}
	return why, err
}

// look decides by what can be seen without opening anything, and opens the
// holder's record where that says yes. The record is empty where they are
// erased.
func (s *Service) look(ctx context.Context, a tap.Attempt, now time.Time) (why Why, rec person.Record, err error) {
	_, rules, _ := s.rules(a.City)
	if !rules.On {
		return Off, rec, nil
	}
	var who pairing.Person
	err = s.cfg.Store.View(ctx, func(tx Tx) error {
		st, err := stopOf(ctx, tx, a)
		if err != nil {
			return err
		}
		if why = Decide(a, st, rules, now); why == Yes {
			who, err = tx.Person(ctx, a.City, st.person)
		}
		return err
	})
	if err != nil || why != Yes {
		return why, rec, err
	}
	b, err := s.cfg.Keys.Open(ctx, who.Key, "person/"+who.ID, who.Sealed)
	if errors.Is(err, person.ErrErased) {
		return Unnamed, rec, nil
	}
	if err != nil {
		return why, rec, fmt.Errorf("holder's record: %w", err)
	}
	rec, err = person.RestoreRecord(b)
	return why, rec, err
}

// midnight is when the day of a moment began.
func midnight(now time.Time, zone *time.Location) time.Time {
	y, m, d := now.In(zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, zone)
}

// make seals a report.
func (s *Service) make(p *city.Profile, c Channel, id string, a tap.Attempt, st Stop, rules Rules, who person.Record, now time.Time) (Report, error) {
	plain, err := contentOf(id, p, a, st, rules.Told(st), who)
	if err != nil {
		return Report{}, err
	}
	sealed, err := c.Seal(plain)
	if err != nil {
		return Report{}, err
	}
	return Report{City: p.ID, ID: id, StopID: st.ID, Day: card.DayOf(a.Earliest, rules.Zone), State: Waiting, Sealed: sealed,
		Due: c.Due(now), Made: now, Changed: now}, nil
}

// rules are a city's.
func (s *Service) rules(id string) (*city.Profile, Rules, Channel) {
	p, ok := s.cfg.Cities(id)
	if !ok {
		return nil, Rules{}, nil
	}
	c, ok := s.cfg.Channel(id)
	return p, Rules{On: ok, Notice: p.Report.Notice(), Proof: proofs[p.Report.Proof],
		Fresh: 2 * time.Duration(p.Rules.RecheckHours) * time.Hour, Zone: p.Location()}, c
}

// proofs are the words of city files.
var proofs = map[string]pairing.Proof{"": pairing.ProofNone, "none": pairing.ProofNone, "tap": pairing.ProofTap, "desk": pairing.ProofDesk}

// stopOf reads what stands on the card of an attempt, and what is known of its
// device.
func stopOf(ctx context.Context, tx Tx, a tap.Attempt) (Stop, error) {
	dev, ok, err := tx.TapDevice(ctx, a.City, a.Device)
	if err != nil {
		return Stop{}, err
	}
	trusted := ok && dev.Revoked.IsZero() && dev.Forks == 0
	i, err := tx.IsolationAt(ctx, a.City, int64(a.Card))
	if errors.Is(err, pairing.ErrNoRow) {
		return Stop{Trusted: trusted}, nil
	}
	if err != nil {
		return Stop{}, err
	}
	st := Stop{Isolation: i, Trusted: trusted}
	if st.Reasons, err = tx.Reasons(ctx, a.City, i.CardTag); err != nil {
		return st, err
	}
	live, err := tx.LiveByCard(ctx, a.City, i.CardTag)
	if err == nil {
		st.Holder, st.Proof, st.person, st.Named = live.ID, live.Proof, live.PersonID, !live.PersonTag.IsZero()
	}
	return st, ifThere(err)
}

func (s *Service) audit(ctx context.Context, tx Tx, city, action, object string, subject person.Tag, purpose, result string, who audit.Actor, now time.Time) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	return tx.Audit(ctx, audit.Entry{ID: id.String(), City: city, At: now, Actor: who, Action: action, Subject: subject,
		Object: object, Purpose: purpose, Result: cmp.Or(result, "ok")})
}

// sweep deletes what is over: reports 30 days after their receipt, stops two
// days after their last.
func (s *Service) sweep(ctx context.Context) (n int, err error) {
	now := s.cfg.Now()
	err = s.cfg.Store.Update(ctx, func(tx Tx) error {
		reports, err := tx.SweepReports(ctx, now.Add(-Keep), 500)
		if err != nil {
			return err
		}
		// Two days leave the last of them over in every zone, and a day more.
		stops, err := tx.SweepIsolations(ctx, card.DayOf(now, time.UTC)-2, 500)
		n = reports + stops
		return err
	})
	return n, err
}
