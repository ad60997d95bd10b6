package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"turnike/internal/audit"
	"turnike/internal/fault"
	"turnike/internal/person"
)

const (
	tagLogin   person.TagKind = "staff.login"
	tagOutside person.TagKind = "staff.outside"
	tagKnown   person.TagKind = "staff.known"
	tagDevice  person.TagKind = "staff.device"
)

func (s *Service) loginTag(login string) person.Tag {
	return s.cfg.Keys.Tag(Everywhere, tagLogin, login)
}

// Invitation is what a link is good for.
type Invitation struct {
	City    string
	Role    Role
	Centres []string // empty: all of the tenant
	Account string   // a new link for somebody who is here already; else ""
	// Outside names who may use it at the city's own sign-in, by the value of
	// the claim set there (a staff number, an address). Only its digest is
	// kept. "" for nobody in particular.
	Outside string
}

// Invite makes a link's token, good once and for InviteLife. It carries no
// word about anybody.
func (s *Service) Invite(ctx context.Context, se Session, in Invitation) (token string, err error) {
	if !se.May(Accounts, in.City, "") || in.City == Everywhere && se.City != Everywhere {
		return "", ErrUnknown
	}
	return s.InviteBy(ctx, se.Actor(), in)
}

// InviteBy is Invite for the machine's own operator, who stands outside.
func (s *Service) InviteBy(ctx context.Context, by audit.Actor, in Invitation) (token string, err error) {
	if in.Account == "" {
		if err := s.checkRole(in.City, in.Role, in.Centres); err != nil {
			return "", err
		}
	}
	now := s.cfg.Now()
	token, id := newToken(in.City)
	row := InviteRow{City: in.City, ID: id, Role: in.Role, Centres: in.Centres, Account: in.Account, Actor: by.Ref, Made: now, Expires: now.Add(InviteLife)}
	if in.Outside != "" {
		row.Outside = s.cfg.Keys.Tag(in.City, tagOutside, in.Outside)
	}
	if row.Actor == "" {
		row.Actor = by.Kind
	}
	err = s.cfg.Store.Update(ctx, func(tx Tx) error {
		if in.Account != "" {
			a, err := tx.Account(ctx, in.City, in.Account)
			if err != nil || a.Left {
				return errors.Join(ErrUnknown, err)
			}
			row.Role, row.Centres = a.Role, a.Centres
		}
		return errors.Join(tx.InsertInvite(ctx, row), tx.Audit(ctx, s.entry(by, in.City, "staff.invite", string(row.Role), "ok")))
	})
	if err != nil {
		return "", fmt.Errorf("invite: %w", err)
	}
	return token, nil
}

// checkRole tells whether somebody may hold a role at some centres of a tenant.
func (s *Service) checkRole(city string, role Role, centres []string) error {
	var faults fault.List
	if !slices.Contains(Roles(), role) {
		faults = append(faults, ErrRole.On("role"))
	}
	if city == Everywhere {
		if role != Administrator && role != Auditor && role != Operator && role != "" || len(centres) > 0 {
			faults = append(faults, ErrRole.On("role"))
		}
		return faults.Err()
	}
	t, ok := s.Tenant(city)
	if !ok {
		return ErrUnknown
	}
	for _, c := range centres {
		if !t.Has(c) {
			faults = append(faults, ErrCentre.On("centre"))
			break
		}
	}
	return faults.Err()
}

// First makes the first administrator's invitation where nobody runs the
// installation yet; "" where somebody does. Earlier such links end.
func (s *Service) First(ctx context.Context) (token string, err error) {
	now := s.cfg.Now()
	var somebody bool
	var open []InviteRow
	err = s.cfg.Store.View(ctx, func(tx Tx) error {
		people, err := tx.Accounts(ctx, Everywhere, "", 100)
		somebody = slices.ContainsFunc(people, func(a Account) bool { return !a.Left && a.Role == Administrator })
		if err == nil {
			open, err = tx.OpenInvites(ctx, Everywhere, now)
		}
		return err
	})
	if err != nil || somebody {
		return "", err
	}
	for _, i := range open {
		if err := s.cfg.Store.Update(ctx, func(tx Tx) error { _, err := tx.UseInvite(ctx, i.City, i.ID, now); return err }); err != nil {
			return "", err
		}
	}
	return s.InviteBy(ctx, audit.System("serve"), Invitation{City: Everywhere, Role: Administrator})
}

// Offer is an invitation as its link shows it.
type Offer struct {
	City    string
	Role    Role
	Centres []string
	Again   bool // for somebody who is here and lost what they signed in with
	Expires time.Time
}

func (s *Service) invitation(ctx context.Context, token string) (InviteRow, error) {
	city, id, ok := splitToken(token)
	if !ok {
		return InviteRow{}, ErrInvite
	}
	var row InviteRow
	err := s.cfg.Store.View(ctx, func(tx Tx) (err error) {
		row, err = tx.Invite(ctx, city, id)
		return err
	})
	if errors.Is(err, ErrNoRow) {
		return row, ErrInvite
	}
	if err != nil {
		return row, fmt.Errorf("read invitation: %w", err)
	}
	if !row.Used.IsZero() || !s.cfg.Now().Before(row.Expires) {
		return row, ErrInvite
	}
	return row, nil
}

// Offer looks at a link.
func (s *Service) Offer(ctx context.Context, token string) (Offer, error) {
	row, err := s.invitation(ctx, token)
	return Offer{City: row.City, Role: row.Role, Centres: row.Centres, Again: row.Account != "", Expires: row.Expires}, err
}

// Newcomer is what somebody types who was invited. Phone may be empty;
// Password is for the way with a password.
type Newcomer struct{ Name, Login, Phone, Password string }

// draft is an account between the invitation's two pages.
type draft struct {
	Invite  person.Tag
	ID      string
	Record  record
	At      time.Time
	Key     *ceremony `json:",omitempty"` // the passkey being made
	Version int64     // of the account, for a link given again
}

// Draft is what the second page shows. State is to be sent back with the code
// or the passkey.
type Draft struct {
	State   string
	Login   string
	Secret  string // of the one-time codes, for an application (base32)
	URL     string // the same as otpauth:, to be drawn
	Options []byte // for navigator.credentials.create, JSON
}

// check reads what a newcomer typed, all of its faults at once.
func (s *Service) check(ctx context.Context, n Newcomer, withPassword, again bool) (record, error) {
	var r record
	var faults fault.List
	if !again {
		name, err := person.ParseName(n.Name)
		if err := faults.Add("name", err); err != nil {
			return r, err
		}
		r.Name = name.Reveal()
		login, err := foldLogin(n.Login)
		if err := faults.Add("login", err); err != nil {
			return r, err
		}
		r.Login = login
		if n.Phone != "" {
			phone, err := person.ParsePhone(n.Phone)
			if err := faults.Add("phone", err); err != nil {
				return r, err
			}
			r.Phone = phone.Reveal()
		}
		if login != "" {
			err := s.cfg.Store.View(ctx, func(tx Tx) error {
				_, err := tx.AccountByLogin(ctx, s.loginTag(login))
				return err
			})
			switch {
			case err == nil:
				faults = append(faults, ErrTaken.On("login"))
			case !errors.Is(err, ErrNoRow):
				return r, fmt.Errorf("look for user name: %w", err)
			}
		}
	}
	if withPassword {
		if err := faults.Add("password", checkPassword(n.Password, r.Login)); err != nil {
			return r, err
		}
	}
	return r, faults.Err()
}

// begin reads the first page of an invitation.
func (s *Service) beginDraft(ctx context.Context, token string, n Newcomer, withPassword bool) (draft, InviteRow, error) {
	row, err := s.invitation(ctx, token)
	if err != nil {
		return draft{}, row, err
	}
	d := draft{Invite: row.ID, ID: newID(s.cfg.Now()), At: s.cfg.Now()}
	if row.Account != "" {
		d.ID = row.Account
		var a Account
		if err := s.cfg.Store.View(ctx, func(tx Tx) (err error) { a, err = tx.Account(ctx, row.City, row.Account); return err }); err != nil {
			return d, row, fmt.Errorf("read account: %w", err)
		}
		old, err := s.open(ctx, a)
		if err != nil {
			return d, row, err
		}
		if _, err := s.check(ctx, n, withPassword, true); err != nil {
			return d, row, err
		}
		d.Version = a.Version
		// What they signed in with is what was lost: none of it stays.
		d.Record = record{Name: old.Name, Login: old.Login, Phone: old.Phone}
		return d, row, nil
	}
	d.Record, err = s.check(ctx, n, withPassword, false)
	return d, row, err
}

// Draft reads the first page of an invitation, for a password: the second
// shows the secret of the one-time codes and asks for the first code.
func (s *Service) Draft(ctx context.Context, token string, n Newcomer) (Draft, error) {
	d, row, err := s.beginDraft(ctx, token, n, true)
	if err != nil {
		return Draft{}, err
	}
	if d.Record.Hash, err = s.hasher.hash(ctx, n.Password); err != nil {
		return Draft{}, err
	}
	d.Record.Secret = newSecret()
	state, err := s.SealState("draft", d)
	return Draft{State: state, Login: d.Record.Login, Secret: d.Record.Secret, URL: s.otpURL(row.City, d.Record)}, err
}

// Redraft shows the second page again as it was, after a wrong code.
func (s *Service) Redraft(ctx context.Context, token, state string) (Draft, error) {
	d, row, err := s.openDraft(ctx, token, state)
	if err != nil {
		return Draft{}, err
	}
	return Draft{State: state, Login: d.Record.Login, Secret: d.Record.Secret, URL: s.otpURL(row.City, d.Record)}, nil
}

func (s *Service) openDraft(ctx context.Context, token, state string) (draft, InviteRow, error) {
	var d draft
	row, err := s.invitation(ctx, token)
	if err != nil {
		return d, row, err
	}
	if err := s.OpenState("draft", state, &d); err != nil {
		return d, row, err
	}
	if d.Invite != row.ID || s.cfg.Now().Sub(d.At) >= draftLife {
		return d, row, ErrLapsed
	}
	return d, row, nil
}

// In is somebody who has signed in.
type In struct {
	Token string // the session's, for the cookie
	Known string // marks the browser as one where they have signed in, for a cookie that stays
	// Recovery are the codes to show once, after an invitation.
	Recovery []string
	Role     Role
}

// Accept ends an invitation with the first one-time code.
func (s *Service) Accept(ctx context.Context, token, state, code string) (In, error) {
	d, row, err := s.openDraft(ctx, token, state)
	if err != nil {
		return In{}, err
	}
	step, ok := codeStep(d.Record.Secret, plainCode(code), s.cfg.Now())
	if !ok {
		return In{}, ErrCode.On("code")
	}
	return s.accept(ctx, row, d, step, "password")
}

// accept writes the account, uses the invitation up and signs in, all at once.
func (s *Service) accept(ctx context.Context, row InviteRow, d draft, step int64, how string) (In, error) {
	now := s.cfg.Now()
	codes, digests := newRecovery(d.ID)
	d.Record.Recovery = digests
	a := Account{City: row.City, ID: d.ID, Version: 1, Role: row.Role, Centres: row.Centres, Outside: row.Outside,
		Step: step, Seen: now, Created: now, Changed: now}
	if row.Account != "" {
		err := s.cfg.Store.View(ctx, func(tx Tx) (err error) { a, err = tx.Account(ctx, row.City, row.Account); return err })
		if err != nil {
			return In{}, fmt.Errorf("read account: %w", err)
		}
		if a.Left || a.Version != d.Version {
			return In{}, ErrInvite
		}
		a.Step, a.Seen, a.Changed, a.Fails, a.Known = step, now, now, 0, 0
	} else {
		var err error
		if a.Key, err = s.cfg.Keys.NewKey(ctx); err != nil {
			return In{}, fmt.Errorf("key for an account: %w", err)
		}
		if d.Record.Login != "" {
			a.Login = s.loginTag(d.Record.Login)
		}
	}
	if err := s.seal(ctx, &a, d.Record); err != nil {
		return In{}, err
	}
	token, session, err := s.begin(a, d.Record.Name, how)
	if err != nil {
		return In{}, err
	}
	action := "staff.accept"
	if row.Account != "" {
		action = "staff.accept_again"
	}
	err = s.cfg.Store.Update(ctx, func(tx Tx) error {
		if ok, err := tx.UseInvite(ctx, row.City, row.ID, now); err != nil || !ok {
			return errors.Join(ErrInvite, err)
		}
		if row.Account != "" {
			if ok, err := tx.UpdateAccount(ctx, a); err != nil || !ok {
				return errors.Join(ErrInvite, err)
			}
			if err := tx.DropAccessSessions(ctx, a.City, a.ID, person.Tag{}); err != nil {
				return err
			}
		} else if ok, err := tx.InsertAccount(ctx, a); err != nil {
			return err
		} else if !ok {
			return ErrTaken.On("login")
		}
		return errors.Join(tx.InsertAccessSession(ctx, session),
			tx.Audit(ctx, s.entry(self(a.ID), a.City, action, a.ID, "ok")),
			tx.Audit(ctx, s.entry(self(a.ID), a.City, "staff.sign_in", how, "ok")))
	})
	if err != nil {
		return In{}, err
	}
	return In{Token: token, Known: s.knownToken(a), Recovery: codes, Role: a.Role}, nil
}
