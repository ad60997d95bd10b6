package pairing

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"turnike/internal/audit"
	"turnike/internal/city"
	"turnike/internal/fault"
	"turnike/internal/health"
	"turnike/internal/notify"
	"turnike/internal/person"
)

// GiveUp is how long a pairing may stand as being checked while the ministry
// does not answer; then its holder is asked to try again.
const GiveUp = 72 * time.Hour

// infoLife is how long a result is worth sending.
const infoLife = 48 * time.Hour

// checked is what the outside world said.
type checked struct {
	faults fault.List    // fields to mend
	later  bool          // somebody did not answer
	answer health.Answer // where a code was asked about
}

// Settle leads one proven request to its end, or puts it off. It may be called
// again for the same request by anyone: whoever moves it first does it.
func (s *Service) Settle(ctx context.Context, cityID, id string) error {
	p, err := s.profile(cityID)
	if err != nil {
		return err
	}
	var r Request
	if err := s.cfg.Store.View(ctx, func(tx Tx) (err error) {
		r, err = tx.Request(ctx, cityID, id)
		return err
	}); err != nil {
		return fmt.Errorf("read request: %w", err)
	}
	if r.State != Proven {
		return nil
	}
	_, _, err = s.settle(ctx, p, r, false)
	s.cfg.Wake(notify.Info)
	return err
}

// settle asks the register and the authority about a proven request and writes
// what follows. With fresh the proof itself is not written yet: it commits with
// the rest, in one transaction. moved says that the request has changed since
// it was read, and nothing was written.
func (s *Service) settle(ctx context.Context, p *city.Profile, r Request, fresh bool) (after Request, moved bool, err error) {
	f, fields, err := s.openForm(r)
	if err != nil {
		return r, false, err
	}
	out := s.check(ctx, p, r.Kind, f)
	w := &writing{s: s, p: p, r: r, f: f, fresh: fresh, now: s.cfg.Now()}
	switch {
	case len(out.faults) > 0:
		err = w.refuse(ctx, out.faults, fields)
	case out.later:
		err = w.postpone(ctx)
	default:
		// A unique index may say no where the read before said yes; then the
		// row that stands in the way is there to be read. Three rounds are
		// plenty.
		for range 3 {
			err = w.complete(ctx, out.answer)
			if !errors.Is(err, ErrCardTaken) && !errors.Is(err, ErrPersonTaken) && !errors.Is(err, ErrCodeTaken) {
				break
			}
		}
	}
	return w.after, w.moved, err
}

// writing is one attempt to move a request on.
type writing struct {
	s     *Service
	p     *city.Profile
	r     Request
	f     Form
	fresh bool
	now   time.Time

	after Request
	moved bool
}

// errMoved undoes a transaction whose request somebody else has moved on.
var errMoved = errors.New("pairing: the request has moved on")

// update moves the request to next and does the rest, in one transaction. Two
// that read the same version may both come this far; the second's write finds
// the version raised, and all it did is undone.
func (w *writing) update(ctx context.Context, do func(tx Tx) (next Request, err error)) error {
	err := w.s.cfg.Store.Update(ctx, func(tx Tx) error {
		cur, err := tx.Request(ctx, w.p.ID, w.r.ID)
		if err != nil {
			return err
		}
		if cur.Version != w.r.Version {
			return errMoved
		}
		next, err := do(tx)
		if err != nil {
			return err
		}
		if w.fresh {
			if err := w.s.noteRight(ctx, tx, w.r, w.f.Person.Phone, w.now); err != nil {
				return err
			}
		}
		if ok, err := tx.UpdateRequest(ctx, next); err != nil || !ok {
			return cmp.Or(err, errMoved)
		}
		w.after = next
		return nil
	})
	if w.moved = errors.Is(err, errMoved); w.moved {
		return nil
	}
	return err
}

// check asks both at once, each within CheckWait.
func (s *Service) check(ctx context.Context, p *city.Profile, k Kind, f Form) checked {
	if k != Pair && k != Renew {
		return checked{}
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.CheckWait)
	defer cancel()
	registered := make(chan error, 1)
	go func() { registered <- s.askRegister(ctx, p, k, f) }()
	var out checked
	if p.Rules.Health && s.cfg.Authority != nil && !f.Code.IsZero() {
		a, err := s.cfg.Authority.Check(ctx, f.Code)
		if err == nil && !theirs(f.Person, a) {
			err = health.ErrNotTheirs
		}
		out.answer = a
		out.note(s, ctx, "hes", err)
	}
	out.note(s, ctx, "id", <-registered)
	return out
}

func (c *checked) note(s *Service, ctx context.Context, field string, err error) {
	var f *fault.Fault
	switch {
	case err == nil:
	case errors.As(err, &f) && amendable[f.Code] != nil:
		c.faults = append(c.faults, f.On(field))
	default:
		c.later = true
		s.cfg.Log.WarnContext(ctx, "outside check did not answer", "field", field, "err", err)
	}
}

func (s *Service) askRegister(ctx context.Context, p *city.Profile, k Kind, f Form) error {
	r := f.Person
	if k != Pair || !p.Rules.Register || s.cfg.Register == nil || r.ID.Kind() == person.Passport || r.First.IsZero() || r.Birth.IsZero() {
		return nil // nothing to ask: passports have no register, short forms no names
	}
	ok, err := s.cfg.Register.Verify(ctx, person.Claim{ID: r.ID, First: r.First, Last: r.Last, Birth: r.Birth})
	if err == nil && !ok {
		return ErrMismatch
	}
	return err
}

// theirs compares what the form says with the masked answer: as much of it as
// both have. A passport's number is not in the ministry's records, so there
// only the names count.
func theirs(r person.Record, a health.Answer) bool {
	if k := r.ID.Kind(); (k == person.TCKN || k == person.YKN) && a.MaskedID != "" && !person.FitsMask(r.ID.Reveal(), a.MaskedID) {
		return false
	}
	if !r.First.IsZero() && a.MaskedFirst != "" && !person.FitsMask(r.First.Reveal(), a.MaskedFirst) {
		return false
	}
	return r.Last.IsZero() || a.MaskedLast == "" || person.FitsMask(r.Last.Reveal(), a.MaskedLast)
}

// refuse opens the form again for the named fields. The phone stays proven; a
// citizen who has left the page is told by SMS.
func (w *writing) refuse(ctx context.Context, l fault.List, fields map[string]string) error {
	s, left := w.s, w.r.Attempts > 0
	text, err := s.message(w.p.ID, w.f.Person.Phone, s.refusedText(w.p, w.r.Lang, w.f, l), notify.Info, w.now, infoLife)
	if err != nil {
		return err
	}
	return w.update(ctx, func(tx Tx) (Request, error) {
		r := w.r
		r.State, r.Result = Amend, storeFaults(l)
		if left {
			r.ProvenAt = w.now // they come back by the SMS: the half hour begins with it
			if err := tx.Enqueue(ctx, text); err != nil {
				return r, err
			}
		}
		return r, s.audit(ctx, tx, audit.Citizen(r.Channel), "request.refused", r.CardTag, w.p.ID, r.ID, r.Result, w.now)
	})
}

// postpone leaves the request for the worker, with a back-off of a minute that
// doubles up to an hour, and gives up after three days.
func (w *writing) postpone(ctx context.Context) error {
	s, r := w.s, w.r
	r.Attempts++
	if w.now.Sub(r.ProvenAt) <= GiveUp {
		r.DueAt = w.now.Add(min(time.Minute<<min(r.Attempts-1, 6), time.Hour))
		return w.update(ctx, func(tx Tx) (Request, error) {
			return r, s.audit(ctx, tx, audit.Citizen(r.Channel), "request.postponed", r.CardTag, w.p.ID, r.ID, "unanswered", w.now)
		})
	}
	out, err := s.message(w.p.ID, w.f.Person.Phone, s.unansweredText(w.p, r.Lang, w.f), notify.Info, w.now, infoLife)
	if err != nil {
		return err
	}
	return w.update(ctx, func(tx Tx) (Request, error) {
		q, err := s.closed(r, w.f, "unanswered")
		if err != nil {
			return q, err
		}
		if err := tx.Enqueue(ctx, out); err != nil {
			return q, err
		}
		return q, s.audit(ctx, tx, audit.Citizen(r.Channel), "request.end", r.CardTag, w.p.ID, r.ID, "unanswered", w.now)
	})
}

// closed is a request at its end. It keeps phone and card, for the receipt
// page to show, and nothing else.
func (s *Service) closed(r Request, f Form, result string) (Request, error) {
	plain, err := Form{Person: person.Record{Phone: f.Person.Phone}, Card: f.Card}.revealBytes(nil)
	if err != nil {
		return r, err
	}
	r.State, r.Result, r.DueAt = Done, result, time.Time{}
	r.Sealed, err = s.cfg.Keys.SealShort("request/"+r.ID, plain)
	return r, err
}

// complete carries a request out in one transaction: the tie, the card's
// class and reasons, the message, the audit row, the request's end.
func (w *writing) complete(ctx context.Context, a health.Answer) error {
	s, p, r, f := w.s, w.p, w.r, w.f
	d := &deed{s: s, p: p, r: r, f: f, a: a, now: w.now}
	if r.Kind == Pair {
		if err := d.prepare(ctx); err != nil {
			return err
		}
	}
	return w.update(ctx, func(tx Tx) (Request, error) {
		d.start(tx)
		var err error
		switch r.Kind {
		case Pair:
			err = d.pair(ctx)
		case Unpair:
			err = d.unpair(ctx)
		case Move:
			err = d.move(ctx)
		case Renew:
			err = d.renew(ctx)
		}
		if err != nil {
			return r, fmt.Errorf("%s: %w", r.Kind, err)
		}
		q, err := s.closed(r, f, d.result)
		if err != nil {
			return q, err
		}
		q.PairingID = d.pairing
		return q, s.audit(ctx, tx, audit.Citizen(r.Channel), "pairing."+string(r.Kind), r.CardTag, p.ID, r.ID, d.result, w.now)
	})
}
