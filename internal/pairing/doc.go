// Package pairing ties a transit card to a person with a right to ride
// (eşleştirme): a form as the city gives it, a code to the phone, the identity
// register and the health authority asked, and one transaction that holds the
// tie, the card's class, the audit row, the message and the idempotency key.
//
// Nobody learns anything by asking: from outside a card that is free, taken,
// unknown or stopped looks the same, and results go by SMS to the phone that
// has a right to them.
package pairing
