package pairing

import (
	"errors"

	"turnike/internal/fault"
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
	ErrCodeMissing = fault.New(fault.Invalid, "code.missing")
	ErrCodeShape   = fault.New(fault.Invalid, "code.shape")
	ErrCodeWrong   = fault.New(fault.Invalid, "code.wrong") // Args: left
	ErrCodeExpired = fault.New(fault.Gone, "code.expired")
	ErrCodeDead    = fault.New(fault.Gone, "code.dead")         // five wrong codes: begin again later
	ErrCodeSoon    = fault.New(fault.TooMany, "code.too_soon")  // another code within the minute
	ErrCodeMany    = fault.New(fault.TooMany, "code.too_many")  // the number's limit for now
	ErrPhoneDesk   = fault.New(fault.Refused, "code.desk_only") // a hundred wrong codes in a row
	ErrNoRequest   = fault.New(fault.NotFound, "request.unknown")
	ErrLapsed      = fault.New(fault.Gone, "request.lapsed")
	ErrKeyReused   = fault.New(fault.Invalid, "idempotency.reused")
	ErrKeyInFlight = fault.New(fault.Conflict, "idempotency.in_flight")
	ErrMismatch    = fault.New(fault.Invalid, "register.mismatch") // the details do not belong together
	ErrSMSAway     = fault.New(fault.Unavailable, "sms.away")
)
