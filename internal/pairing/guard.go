package pairing

import (
	"context"
	"time"

	"turnike/internal/notify"
	"turnike/internal/person"
)

// The limits on codes are those of all codes: see notify.Limits.
const (
	CodeLife = notify.CodeLife
	MaxTries = notify.MaxTries
	MaxFails = notify.MaxFails

	// requestLife is how long a request stays open for its code.
	requestLife = 30 * time.Minute
)

// GuardKind separates the counters, and Guard is one of them.
type (
	GuardKind = notify.GuardKind
	Guard     = notify.Guard
)

// What is counted, and by what.
const (
	GuardPhone  = notify.GuardPhone
	GuardPerson = notify.GuardPerson
	GuardBlock  = notify.GuardBlock
	GuardCity   = notify.GuardCity
)

func (s *Service) limits() notify.Limits {
	return notify.Limits{Keys: s.cfg.Keys, DailyTexts: s.cfg.DailyTexts}
}

// allowSend tells whether another code may go to a number, and notes it.
func (s *Service) allowSend(ctx context.Context, tx Tx, r Request, phone person.Phone, now time.Time) error {
	return s.limits().AllowCode(ctx, tx, notify.To{City: r.City, Phone: phone, Person: r.PersonTag}, now)
}

// noteWrong counts a wrong code against the number; noteRight forgives them.
func (s *Service) noteWrong(ctx context.Context, tx Tx, r Request, now time.Time) error {
	return s.limits().Wrong(ctx, tx, r.City, r.PhoneTag, now)
}

func (s *Service) noteRight(ctx context.Context, tx Tx, r Request, phone person.Phone, now time.Time) error {
	return s.limits().Right(ctx, tx, notify.To{City: r.City, Phone: phone, Person: r.PersonTag}, now)
}
