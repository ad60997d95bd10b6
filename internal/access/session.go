package access

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"turnike/internal/person"
)

// idle is how long a role's session may rest.
func idle(r Role) time.Duration {
	if r == Clerk || r == Agent {
		return IdleCounter
	}
	return IdleConsole
}

// begin starts a session and gives its token, a new one at every sign-in. The
// row is to be written in the same transaction as the sign-in.
func (s *Service) begin(a Account, name, how string) (token string, row SessionRow, err error) {
	now := s.cfg.Now()
	token, id := newToken(a.City)
	row = SessionRow{City: a.City, ID: id, Account: a.ID, How: how, Made: now, Seen: now, Strong: now}
	// The name goes along under a short key, so that a request does not have
	// to fetch a person's own key to greet them.
	if row.Sealed, err = s.cfg.Keys.SealShort("access_session/"+string(id[:]), []byte(name)); err != nil {
		return "", row, fmt.Errorf("begin session: %w", err)
	}
	return token, row, nil
}

// Session is who a token belongs to; ok is false for nobody: unknown, ended,
// left idle, or too old. Role and centres are those of now.
func (s *Service) Session(ctx context.Context, token string) (se Session, ok bool, err error) {
	city, id, ok := splitToken(token)
	if !ok {
		return se, false, nil
	}
	var row SessionRow
	err = s.cfg.Store.View(ctx, func(tx Tx) (err error) {
		row, err = tx.AccessSession(ctx, city, id)
		return err
	})
	if errors.Is(err, ErrNoRow) {
		return se, false, nil
	}
	if err != nil {
		return se, false, fmt.Errorf("read session: %w", err)
	}
	now := s.cfg.Now()
	if now.Sub(row.Made) >= SessionLife || now.Sub(row.Seen) >= idle(row.Role) {
		err := s.cfg.Store.Update(ctx, func(tx Tx) error { return tx.DropAccessSession(ctx, city, row.Account, id) })
		return se, false, err
	}
	if now.Sub(row.Seen) >= touchEvery {
		row.Seen = now
		if err := s.cfg.Store.Update(ctx, func(tx Tx) error { return tx.UpdateAccessSession(ctx, row) }); err != nil {
			if errors.Is(err, ErrNoRow) {
				return se, false, nil // ended just now
			}
			return se, false, err
		}
	}
	name, err := s.cfg.Keys.OpenShort("access_session/"+string(id[:]), row.Sealed)
	if err != nil && !errors.Is(err, person.ErrErased) {
		return se, false, fmt.Errorf("open session: %w", err)
	}
	return Session{ID: hex.EncodeToString(id[:]), Account: row.Account, City: row.City, Name: string(name), Role: row.Role,
		Centres: row.Centres, Desk: row.Desk, Strong: row.Strong}, true, nil
}

// sessionTag is a session's digest from its name.
func sessionTag(id string) (t person.Tag, ok bool) {
	b, err := hex.DecodeString(id)
	if err != nil || len(b) != len(t) {
		return t, false
	}
	copy(t[:], b)
	return t, true
}

// keep changes one's own session's row.
func (s *Service) keep(ctx context.Context, se Session, fn func(*SessionRow), with func(Tx) error) error {
	id, ok := sessionTag(se.ID)
	if !ok {
		return ErrUnknown
	}
	err := s.cfg.Store.Update(ctx, func(tx Tx) error {
		row, err := tx.AccessSession(ctx, se.City, id)
		if err != nil {
			return err
		}
		fn(&row)
		if err := tx.UpdateAccessSession(ctx, row); err != nil {
			return err
		}
		if with == nil {
			return nil
		}
		return with(tx)
	})
	if errors.Is(err, ErrNoRow) {
		return ErrUnknown
	}
	return err
}

// Sit chooses today's counter; "" stands up.
func (s *Service) Sit(ctx context.Context, se Session, desk string) error {
	return s.keep(ctx, se, func(r *SessionRow) { r.Desk = desk }, nil)
}

// SignOut ends one's own session.
func (s *Service) SignOut(ctx context.Context, se Session) error {
	return s.EndSession(ctx, se, se.ID)
}

// EndSession ends one of one's own.
func (s *Service) EndSession(ctx context.Context, se Session, id string) error {
	tag, ok := sessionTag(id)
	if !ok {
		return ErrUnknown
	}
	return s.cfg.Store.Update(ctx, func(tx Tx) error {
		return errors.Join(tx.DropAccessSession(ctx, se.City, se.Account, tag),
			tx.Audit(ctx, s.entry(se.Actor(), se.City, "staff.sign_out", se.Account, "ok")))
	})
}

// EndOthers ends all of one's own but this one.
func (s *Service) EndOthers(ctx context.Context, se Session) error {
	tag, ok := sessionTag(se.ID)
	if !ok {
		return ErrUnknown
	}
	return s.cfg.Store.Update(ctx, func(tx Tx) error {
		return errors.Join(tx.DropAccessSessions(ctx, se.City, se.Account, tag),
			tx.Audit(ctx, s.entry(se.Actor(), se.City, "staff.sign_out_others", se.Account, "ok")))
	})
}

// Visit is one of somebody's sessions, as their own page lists it.
type Visit struct {
	ID         string
	How        string // passkey, password, recovery, outside
	Made, Seen time.Time
	Here       bool
}

// Sessions are one's own, newest first.
func (s *Service) Sessions(ctx context.Context, se Session) ([]Visit, error) {
	var rows []SessionRow
	err := s.cfg.Store.View(ctx, func(tx Tx) (err error) {
		rows, err = tx.AccessSessionsOf(ctx, se.City, se.Account)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read sessions: %w", err)
	}
	var out []Visit
	now := s.cfg.Now()
	for _, r := range rows {
		if now.Sub(r.Made) >= SessionLife || now.Sub(r.Seen) >= idle(se.Role) {
			continue
		}
		id := hex.EncodeToString(r.ID[:])
		out = append(out, Visit{ID: id, How: r.How, Made: r.Made, Seen: r.Seen, Here: id == se.ID})
	}
	slices.SortFunc(out, func(a, b Visit) int { return b.Made.Compare(a.Made) })
	return out, nil
}

// Fresh tells whether somebody has proven who they are a moment ago.
func (s *Service) Fresh(se Session) bool { return s.cfg.Now().Sub(se.Strong) < StepUp }

// Sweep forgets sessions that are over; app calls it now and then.
func (s *Service) Sweep(ctx context.Context) error {
	before := s.cfg.Now().Add(-SessionLife)
	return s.cfg.Store.Update(ctx, func(tx Tx) error {
		_, err := tx.SweepAccessSessions(ctx, before)
		return err
	})
}
