// Package notify is what the city tells people: text messages that commit with
// the deed they report and leave afterwards (outbox), in lanes so that a
// campaign never delays a code, each with its own expiry so that a late code
// is never sent.
package notify

import (
	"context"
	"time"

	"turnike/internal/person"
)

// Class decides lane, urgency and how the gateway is told to treat a text
// (İYS, the register of commercial consent, looks only at Commercial).
type Class uint8

// The classes, most urgent first; the number is the lane.
const (
	CodeClass  Class = iota // one-time codes: dead after their own life
	Info                    // results, receipts, reminders
	Commercial              // campaigns that need a recorded consent
)

// Message is one text to one phone.
type Message struct {
	ID      string // UUIDv7; the gateway's own reference, so that a retry is known as one
	City    string
	To      person.Phone
	Text    string // already in the reader's language
	Class   Class
	Expires time.Time // not sent after this
}

// Receipt is the gateway's word on one message.
type Receipt struct {
	ID        string // Message.ID
	Reference string // the gateway's id, empty when refused
	Err       error  // nil when accepted
	Final     bool   // with Err: trying again cannot help (bad number, bad header)
}

// Sender is an SMS gateway's part. One call carries many messages: gateways
// ask senders of codes to gather and post once a second.
type Sender interface {
	// Send answers with one receipt per message, in order. An error means the
	// whole call failed and nothing is known to have been accepted.
	Send(ctx context.Context, ms []Message) ([]Receipt, error)
	// Name is the word the gateway is chosen by in the configuration.
	Name() string
}

// Queued is an outbox row: a message sealed until it leaves.
type Queued struct {
	ID       string
	City     string
	Class    Class
	Sealed   []byte // phone and text, sealed with the installation's short key
	DueAt    time.Time
	Expires  time.Time
	Attempts int
}

// Outbox is what a transaction needs so that a message commits with its deed.
type Outbox interface {
	Enqueue(ctx context.Context, q Queued) error
}
