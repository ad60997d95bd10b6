package pairing

import (
	"errors"

	"turnike/internal/fault"
	"turnike/internal/notify"
)

// ErrNoRow is what a read returns when it finds nothing.
var ErrNoRow = errors.New("pairing: no such row")

// What stands in the way of a new pairing. None of these is shown on a page:
// the answer to them goes by SMS to the people concerned.
var (
	ErrCardTaken   = errors.New("pairing: the card has a holder")
	ErrPersonTaken = errors.New("pairing: the person holds a card, and the city allows one")
	ErrCodeTaken   = errors.New("pairing: the code is tied to a card, and the city allows one")
)

// Faults a citizen may see.
var (
	ErrNoRequest   = fault.New(fault.NotFound, "request.unknown")
	ErrLapsed      = fault.New(fault.Gone, "request.lapsed")
	ErrKeyReused   = fault.New(fault.Invalid, "idempotency.reused")
	ErrKeyInFlight = fault.New(fault.Conflict, "idempotency.in_flight")
	ErrMismatch    = fault.New(fault.Invalid, "register.mismatch") // the details do not belong together
)

// Those of codes are those of all codes.
var (
	ErrCodeMissing = notify.ErrCodeMissing
	ErrCodeShape   = notify.ErrCodeShape
	ErrCodeWrong   = notify.ErrCodeWrong
	ErrCodeExpired = notify.ErrCodeExpired
	ErrCodeDead    = notify.ErrCodeDead
	ErrCodeSoon    = notify.ErrCodeSoon
	ErrCodeMany    = notify.ErrCodeMany
	ErrPhoneDesk   = notify.ErrPhoneDesk
	ErrSMSAway     = notify.ErrSMSAway
)
