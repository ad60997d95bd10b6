package access

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"turnike/internal/fault"
)

// ErrOnlyWay is given for taking away the last way to sign in.
var ErrOnlyWay = fault.New(fault.Refused, "staff.only_way")

// Profile is one's own account, as its page shows it.
type Profile struct {
	Name, Login string
	Password    bool // there is one
	Codes       bool // and one-time codes
	Recovery    int  // codes left
	Outside     bool // signs in at the city's own sign-in
	Passkeys    []OwnKey
}

// OwnKey is one of one's passkeys.
type OwnKey struct {
	ID, Name string
	Made     time.Time
}

func (s *Service) own(ctx context.Context, se Session) (Account, record, error) {
	var a Account
	err := s.cfg.Store.View(ctx, func(tx Tx) (err error) { a, err = tx.Account(ctx, se.City, se.Account); return err })
	if errors.Is(err, ErrNoRow) {
		return a, record{}, ErrUnknown
	}
	if err != nil {
		return a, record{}, fmt.Errorf("read own account: %w", err)
	}
	r, err := s.open(ctx, a)
	return a, r, err
}

// Own is one's own account.
func (s *Service) Own(ctx context.Context, se Session) (Profile, error) {
	a, r, err := s.own(ctx, se)
	o := Profile{Name: r.Name, Login: r.Login, Password: r.Hash != "", Codes: r.Secret != "", Recovery: len(r.Recovery), Outside: !a.Outside.IsZero()}
	for _, k := range r.Passkeys {
		o.Passkeys = append(o.Passkeys, OwnKey{base64.RawURLEncoding.EncodeToString(k.Key.ID), k.Name, k.Made})
	}
	return o, err
}

// note is the audit row of something one did to one's own account.
func (s *Service) note(ctx context.Context, se Session, action string) func(Tx, Account) error {
	return func(tx Tx, a Account) error {
		return tx.Audit(ctx, s.entry(se.Actor(), a.City, action, a.ID, "ok"))
	}
}

// NewCodes begins one-time codes on a new telephone, with a password where one
// is given: a new secret to be shown, and a state for KeepCodes.
func (s *Service) NewCodes(ctx context.Context, se Session, password string) (Draft, error) {
	a, r, err := s.own(ctx, se)
	if err != nil {
		return Draft{}, err
	}
	next := record{Login: r.Login, Secret: newSecret()}
	if password != "" || r.Hash == "" {
		if err := checkPassword(password, r.Login); err != nil {
			var faults fault.List
			if err := faults.Add("password", err); err != nil {
				return Draft{}, err
			}
			return Draft{}, faults.Err()
		}
		if next.Hash, err = s.hasher.hash(ctx, password); err != nil {
			return Draft{}, err
		}
	}
	state, err := s.SealState("codes/"+se.Account, draft{ID: a.ID, Record: next, At: s.cfg.Now()})
	return Draft{State: state, Login: r.Login, Secret: next.Secret, URL: s.otpURL(a.City, next)}, err
}

// RedraftCodes shows the page of NewCodes again.
func (s *Service) RedraftCodes(se Session, state string) (Draft, error) {
	var d draft
	if err := s.OpenState("codes/"+se.Account, state, &d); err != nil {
		return Draft{}, err
	}
	return Draft{State: state, Login: d.Record.Login, Secret: d.Record.Secret, URL: s.otpURL(se.City, d.Record)}, nil
}

// KeepCodes ends it with the first code. Sessions elsewhere end: whoever had
// the old password is out.
func (s *Service) KeepCodes(ctx context.Context, se Session, state, code string) error {
	var d draft
	if err := s.OpenState("codes/"+se.Account, state, &d); err != nil {
		return err
	}
	if s.cfg.Now().Sub(d.At) >= draftLife {
		return ErrLapsed
	}
	step, ok := codeStep(d.Record.Secret, plainCode(code), s.cfg.Now())
	if !ok {
		return ErrCode.On("code")
	}
	tag, ok := sessionTag(se.ID)
	if !ok {
		return ErrUnknown
	}
	_, _, err := s.change(ctx, se.City, se.Account, func(a *Account, r *record) error {
		r.Secret, a.Step = d.Record.Secret, step
		if d.Record.Hash != "" {
			r.Hash = d.Record.Hash
		}
		return nil
	}, func(tx Tx, a Account) error {
		return errors.Join(tx.DropAccessSessions(ctx, a.City, a.ID, tag), s.note(ctx, se, "staff.codes")(tx, a))
	})
	return err
}

// SetPassword changes one's password; sessions elsewhere end.
func (s *Service) SetPassword(ctx context.Context, se Session, password string) error {
	_, r, err := s.own(ctx, se)
	if err != nil {
		return err
	}
	if err := checkPassword(password, r.Login); err != nil {
		var faults fault.List
		if err := faults.Add("password", err); err != nil {
			return err
		}
		return faults.Err()
	}
	hash, err := s.hasher.hash(ctx, password)
	if err != nil {
		return err
	}
	tag, ok := sessionTag(se.ID)
	if !ok {
		return ErrUnknown
	}
	_, _, err = s.change(ctx, se.City, se.Account, func(a *Account, r *record) error {
		r.Hash = hash
		return nil
	}, func(tx Tx, a Account) error {
		return errors.Join(tx.DropAccessSessions(ctx, a.City, a.ID, tag), s.note(ctx, se, "staff.password")(tx, a))
	})
	return err
}

// NewRecovery makes new recovery codes; the old ones end.
func (s *Service) NewRecovery(ctx context.Context, se Session) ([]string, error) {
	codes, digests := newRecovery(se.Account)
	_, _, err := s.change(ctx, se.City, se.Account, func(_ *Account, r *record) error {
		r.Recovery = digests
		return nil
	}, s.note(ctx, se, "staff.recovery"))
	return codes, err
}
