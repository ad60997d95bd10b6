package access

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"turnike/internal/audit"
	"turnike/internal/person"
)

// Person is somebody on the people page.
type Person struct {
	ID, Name string
	Role     Role
	Centres  []string
	Left     bool
	Seen     time.Time // last sign-in
	Passkeys int
	Password bool
}

// Waiting is an invitation nobody has used yet.
type Waiting struct {
	ID      string
	Role    Role
	Centres []string
	Again   bool
	Expires time.Time
}

// mostPeople is how many of a tenant a page shows: the largest transit
// company's counters have a third as many.
const mostPeople = 2000

// People are a tenant's, and the invitations that wait. The look is written
// down before a name is opened.
func (s *Service) People(ctx context.Context, se Session, city string) ([]Person, []Waiting, error) {
	if !s.mayPeople(se, city) {
		return nil, nil, ErrUnknown
	}
	e := s.entry(se.Actor(), city, "staff.list", "", "ok")
	e.Purpose = "accounts: name, role"
	if err := s.cfg.Store.Update(ctx, func(tx Tx) error { return tx.Audit(ctx, e) }); err != nil {
		return nil, nil, err
	}
	var rows []Account
	var invites []InviteRow
	err := s.cfg.Store.View(ctx, func(tx Tx) (err error) {
		if rows, err = tx.Accounts(ctx, city, "", mostPeople); err != nil {
			return err
		}
		invites, err = tx.OpenInvites(ctx, city, s.cfg.Now())
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read people: %w", err)
	}
	var people []Person
	for _, a := range rows {
		p, err := s.person(ctx, a)
		if err != nil {
			return nil, nil, err
		}
		people = append(people, p)
	}
	var waiting []Waiting
	for _, i := range invites {
		waiting = append(waiting, Waiting{hex.EncodeToString(i.ID[:]), i.Role, i.Centres, i.Account != "", i.Expires})
	}
	return people, waiting, nil
}

func (s *Service) person(ctx context.Context, a Account) (Person, error) {
	r, err := s.open(ctx, a)
	if err != nil && !errors.Is(err, person.ErrErased) {
		return Person{}, err
	}
	return Person{ID: a.ID, Name: r.Name, Role: a.Role, Centres: a.Centres, Left: a.Left, Seen: a.Seen, Passkeys: len(r.Passkeys), Password: r.Hash != ""}, nil
}

// Person is one of them.
func (s *Service) Person(ctx context.Context, se Session, city, id string) (Person, error) {
	if !s.mayPeople(se, city) {
		return Person{}, ErrUnknown
	}
	e := s.entry(se.Actor(), city, "staff.read", id, "ok")
	e.Purpose = "accounts: name, role"
	var a Account
	err := s.cfg.Store.Update(ctx, func(tx Tx) (err error) {
		if a, err = tx.Account(ctx, city, id); err != nil {
			return err
		}
		return tx.Audit(ctx, e)
	})
	if errors.Is(err, ErrNoRow) {
		return Person{}, ErrUnknown
	}
	if err != nil {
		return Person{}, fmt.Errorf("read person: %w", err)
	}
	return s.person(ctx, a)
}

// mayPeople: the installation's own people are seen by themselves alone.
func (s *Service) mayPeople(se Session, city string) bool {
	return se.May(Accounts, city, "") && (city != Everywhere || se.City == Everywhere)
}

// SetRole changes what somebody works as and where; it holds from their next
// request on.
func (s *Service) SetRole(ctx context.Context, se Session, city, id string, role Role, centres []string) error {
	if !s.mayPeople(se, city) {
		return ErrUnknown
	}
	if err := s.checkRole(city, role, centres); err != nil {
		return err
	}
	_, _, err := s.change(ctx, city, id, func(a *Account, _ *record) error {
		if a.Left {
			return ErrUnknown
		}
		a.Role, a.Centres = role, centres
		return nil
	}, func(tx Tx, a Account) error {
		if err := s.someoneLeft(ctx, tx, city); err != nil {
			return err
		}
		return tx.Audit(ctx, s.entry(se.Actor(), city, "staff.role", id+" "+string(role), "ok"))
	})
	return err
}

// Retire ends somebody's account and every session of theirs, in one
// transaction: their next request finds them signed out. The name stays for
// the audit; what they signed in with is gone.
func (s *Service) Retire(ctx context.Context, se Session, city, id string) error {
	if !s.mayPeople(se, city) {
		return ErrUnknown
	}
	_, _, err := s.change(ctx, city, id, func(a *Account, r *record) error {
		if a.Left {
			return ErrUnknown
		}
		a.Left, a.Login, a.Outside = true, person.Tag{}, person.Tag{}
		*r = record{Name: r.Name}
		return nil
	}, func(tx Tx, a Account) error {
		if err := s.someoneLeft(ctx, tx, city); err != nil {
			return err
		}
		return errors.Join(tx.DropAccessSessions(ctx, city, id, person.Tag{}),
			tx.Audit(ctx, s.entry(se.Actor(), city, "staff.retire", id, "ok")))
	})
	return err
}

// someoneLeft keeps the installation from losing its last administrator, after
// whom nobody could let anybody in.
func (s *Service) someoneLeft(ctx context.Context, tx Tx, city string) error {
	if city != Everywhere {
		return nil
	}
	all, err := tx.Accounts(ctx, city, "", mostPeople)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(all, func(a Account) bool { return !a.Left && a.Role == Administrator }) {
		return ErrLast
	}
	return nil
}

// Withdraw takes an invitation back.
func (s *Service) Withdraw(ctx context.Context, se Session, city, id string) error {
	tag, ok := sessionTag(id)
	if !ok || !s.mayPeople(se, city) {
		return ErrUnknown
	}
	return s.cfg.Store.Update(ctx, func(tx Tx) error {
		ok, err := tx.UseInvite(ctx, city, tag, s.cfg.Now())
		if err != nil {
			return err
		}
		if !ok {
			return ErrUnknown
		}
		return tx.Audit(ctx, s.entry(se.Actor(), city, "staff.withdraw", "", "ok"))
	})
}

// NameOf is a member of staff's name for a page that shows who did something:
// the audit, a queue's history. An unknown or erased one is "".
func (s *Service) NameOf(ctx context.Context, city, id string) (string, error) {
	var a Account
	err := s.cfg.Store.View(ctx, func(tx Tx) (err error) { a, err = tx.Account(ctx, city, id); return err })
	if errors.Is(err, ErrNoRow) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read name: %w", err)
	}
	p, err := s.person(ctx, a)
	return p.Name, err
}

// Line is a row of the audit with its actor's name, where they work here.
type Line struct {
	audit.Entry
	Name string
}

// Audit is a tenant's audit, newest first, before a row ("" from the newest).
// The look is itself written down.
func (s *Service) Audit(ctx context.Context, se Session, city, before string, limit int) ([]Line, error) {
	if !se.May(ReadAudit, city, "") || city == Everywhere && se.City != Everywhere {
		return nil, ErrUnknown
	}
	e := s.entry(se.Actor(), city, "audit.read", "", "ok")
	e.Purpose = "audit"
	var rows []audit.Entry
	err := s.cfg.Store.Update(ctx, func(tx Tx) (err error) {
		if rows, err = tx.AuditBefore(ctx, city, before, limit); err != nil {
			return err
		}
		return tx.Audit(ctx, e)
	})
	if err != nil {
		return nil, fmt.Errorf("read audit: %w", err)
	}
	names := map[string]string{}
	var lines []Line
	for _, r := range rows {
		name, ok := names[r.Actor.Ref]
		if !ok && r.Actor.Kind == "staff" {
			for _, c := range []string{city, Everywhere} {
				if name == "" {
					if name, err = s.NameOf(ctx, c, r.Actor.Ref); err != nil {
						return nil, err
					}
				}
			}
			names[r.Actor.Ref] = name
		}
		lines = append(lines, Line{r, name})
	}
	return lines, nil
}
