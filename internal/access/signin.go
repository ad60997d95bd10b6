package access

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"turnike/internal/fault"
	"turnike/internal/person"
)

// otpURL is what an application reads out of the square code. The person is
// named by their user name, which they chose knowing that it is shown.
func (s *Service) otpURL(city string, r record) string {
	issuer := "Turnike"
	if t, ok := s.Tenant(city); ok {
		issuer += " " + t.ID
	}
	q := url.Values{"secret": {r.Secret}, "issuer": {issuer}}
	return "otpauth://totp/" + url.PathEscape(issuer) + ":" + url.PathEscape(r.Login) + "?" + strings.ReplaceAll(q.Encode(), "+", "%20")
}

// knownToken marks a browser where somebody has signed in: it opens nothing,
// and counts wrong tries apart from everybody else's.
func (s *Service) knownToken(a Account) string {
	t := s.cfg.Keys.Tag(a.City, tagKnown, a.ID)
	return hex.EncodeToString(t[:])
}

func (s *Service) isKnown(a Account, known string) bool {
	return known != "" && known == s.knownToken(a)
}

// half is somebody whose password was right and whose code is awaited.
type half struct {
	City, ID string
	Known    bool
	At       time.Time
}

// Password is the first half of signing in. known is the browser's mark, or "".
// It answers ErrWrong for a wrong password, an unknown name and too many tries
// alike, and takes as long for each.
func (s *Service) Password(ctx context.Context, login, password, known string) (state string, err error) {
	folded, err := foldLogin(login)
	if err != nil {
		folded = ""
	}
	var a Account
	found := false
	if folded != "" {
		err := s.cfg.Store.View(ctx, func(tx Tx) (err error) {
			a, err = tx.AccountByLogin(ctx, s.loginTag(folded))
			return err
		})
		if err != nil && !errors.Is(err, ErrNoRow) {
			return "", fmt.Errorf("sign in: %w", err)
		}
		found = err == nil && !a.Left
	}
	friend := found && s.isKnown(a, known)
	if !friend {
		if err := pause(ctx, s.crowd.wait(s.cfg.Now())); err != nil {
			return "", err
		}
	}
	var r record
	if found {
		switch a, r, err = s.charge(ctx, a, friend); {
		case errors.Is(err, ErrWrong):
			found = false
		case err != nil:
			return "", err
		}
	}
	hash := ""
	if found {
		hash = r.Hash
	}
	ok, err := s.hasher.match(ctx, password, hash)
	if err != nil {
		return "", err
	}
	if !ok || r.Secret == "" {
		s.crowd.failed(s.cfg.Now())
		if found {
			if err := s.failed(ctx, a, "password"); err != nil {
				return "", err
			}
		}
		return "", ErrWrong
	}
	return s.SealState("half", half{City: a.City, ID: a.ID, Known: friend, At: s.cfg.Now()})
}

// pause waits, or until the caller has gone.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// charge counts a try before it is made, so that many at once are no way round
// the limit. It answers ErrWrong where no further try is allowed yet.
func (s *Service) charge(ctx context.Context, a Account, known bool) (Account, record, error) {
	return s.change(ctx, a.City, a.ID, func(a *Account, r *record) error {
		now := s.cfg.Now()
		if a.Left || !mayTry(*a, known, now) {
			return ErrWrong
		}
		if known {
			a.Known++
		} else {
			a.Fails++
		}
		a.Failed = now
		return nil
	}, nil)
}

// failed writes a failed sign-in down.
func (s *Service) failed(ctx context.Context, a Account, how string) error {
	return s.cfg.Store.Update(ctx, func(tx Tx) error {
		return tx.Audit(ctx, s.entry(self(a.ID), a.City, "staff.sign_in", how, "staff.wrong"))
	})
}

// Code is the second half: a one-time code of six digits, or a recovery code.
func (s *Service) Code(ctx context.Context, state, code string) (In, error) {
	var h half
	if err := s.OpenState("half", state, &h); err != nil {
		return In{}, err
	}
	if s.cfg.Now().Sub(h.At) >= halfLife {
		return In{}, ErrLapsed
	}
	a, _, err := s.charge(ctx, Account{City: h.City, ID: h.ID}, h.Known)
	if errors.Is(err, ErrWrong) {
		return In{}, ErrCode.On("code")
	}
	if err != nil {
		return In{}, err
	}
	return s.enter(ctx, a.City, a.ID, func(a *Account, r *record) (string, error) {
		how, ok := takeCode(a, r, code, s.cfg.Now())
		if !ok {
			return "", ErrCode.On("code")
		}
		if how == "totp" {
			how = "password"
		}
		return how, nil
	})
}

// enter signs somebody in who passes prove, which may use something up. A new
// session begins; who fails is written down.
func (s *Service) enter(ctx context.Context, city, id string, prove func(a *Account, r *record) (how string, err error)) (In, error) {
	var in In
	var session SessionRow
	_, _, err := s.change(ctx, city, id, func(a *Account, r *record) error {
		if a.Left {
			return ErrWrong
		}
		how, err := prove(a, r)
		if err != nil {
			return err
		}
		a.Fails, a.Known, a.Seen = 0, 0, s.cfg.Now()
		in = In{Known: s.knownToken(*a), Role: a.Role}
		in.Token, session, err = s.begin(*a, r.Name, how)
		return err
	}, func(tx Tx, a Account) error {
		return errors.Join(tx.InsertAccessSession(ctx, session),
			tx.Audit(ctx, s.entry(self(a.ID), a.City, "staff.sign_in", session.How, "ok")))
	})
	if err != nil {
		if len(fault.Of(err)) > 0 {
			s.crowd.failed(s.cfg.Now())
			return In{}, errors.Join(err, s.failed(ctx, Account{City: city, ID: id}, "code"))
		}
		return In{}, err
	}
	return in, nil
}

// Outside signs in whom a tenant's own sign-in vouches for: by the value of
// the claim agreed on, who has an account here or was invited under it. name
// is what they are called there.
func (s *Service) Outside(ctx context.Context, city, claim, name string) (In, error) {
	if claim == "" {
		return In{}, ErrUnknown
	}
	now, tag := s.cfg.Now(), s.cfg.Keys.Tag(city, tagOutside, claim)
	var a Account
	var row InviteRow
	known := true
	err := s.cfg.Store.View(ctx, func(tx Tx) (err error) {
		if a, err = tx.AccountByOutside(ctx, city, tag); errors.Is(err, ErrNoRow) {
			known = false
			row, err = tx.InviteByOutside(ctx, city, tag, now)
		}
		return err
	})
	if errors.Is(err, ErrNoRow) {
		return In{}, ErrUnknown
	}
	if err != nil {
		return In{}, fmt.Errorf("sign in: %w", err)
	}
	if known {
		return s.enter(ctx, city, a.ID, func(*Account, *record) (string, error) { return "outside", nil })
	}
	n, err := person.ParseName(name)
	if err != nil {
		n = person.RestoreName("–")
	}
	in, err := s.accept(ctx, row, draft{ID: newID(now), Record: record{Name: n.Reveal()}}, 0, "outside")
	in.Recovery = nil // there is no page on the way to show them
	return in, err
}

// Again is a step-up with a one-time or recovery code.
func (s *Service) Again(ctx context.Context, se Session, code string) error {
	if _, _, err := s.charge(ctx, Account{City: se.City, ID: se.Account}, true); err != nil {
		if errors.Is(err, ErrWrong) {
			return ErrCode.On("code")
		}
		return err
	}
	_, _, err := s.change(ctx, se.City, se.Account, func(a *Account, r *record) error {
		if _, ok := takeCode(a, r, code, s.cfg.Now()); !ok {
			return ErrCode.On("code")
		}
		a.Known = 0
		return nil
	}, nil)
	if err != nil {
		if len(fault.Of(err)) > 0 {
			return errors.Join(err, s.failed(ctx, Account{City: se.City, ID: se.Account}, "step_up"))
		}
		return err
	}
	return s.strengthen(ctx, se, "code")
}

// AgainOutside is a step-up by the tenant's own sign-in.
func (s *Service) AgainOutside(ctx context.Context, se Session, claim string) error {
	tag := s.cfg.Keys.Tag(se.City, tagOutside, claim)
	var a Account
	err := s.cfg.Store.View(ctx, func(tx Tx) (err error) { a, err = tx.AccountByOutside(ctx, se.City, tag); return err })
	if errors.Is(err, ErrNoRow) || err == nil && a.ID != se.Account {
		return ErrUnknown
	}
	if err != nil {
		return fmt.Errorf("step up: %w", err)
	}
	return s.strengthen(ctx, se, "outside")
}

func (s *Service) strengthen(ctx context.Context, se Session, how string) error {
	return s.keep(ctx, se, func(r *SessionRow) { r.Strong = s.cfg.Now() }, func(tx Tx) error {
		return tx.Audit(ctx, s.entry(se.Actor(), se.City, "staff.step_up", how, "ok"))
	})
}
