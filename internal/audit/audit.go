// Package audit writes down who did what, when, why and by which channel, in
// the same transaction as the deed. A row names its subject by a pseudonym
// (blind index) and never holds a value.
package audit

import (
	"context"
	"errors"
	"time"

	"turnike/internal/person"
)

// Actor is who did it: a citizen by a channel, a member of staff, a worker.
type Actor struct {
	Kind    string // citizen, staff, system, authority, gate
	Ref     string // staff id, worker's name, feed message id; never a person's number
	Channel string // web, api, kiosk, desk, call, console
}

// System is an actor for the product's own workers.
func System(worker string) Actor { return Actor{Kind: "system", Ref: worker, Channel: "worker"} }

// Citizen is an actor for somebody acting for themselves.
func Citizen(channel string) Actor { return Actor{Kind: "citizen", Channel: channel} }

// Entry is one row.
type Entry struct {
	ID      string // UUIDv7
	City    string
	At      time.Time
	Actor   Actor
	Action  string     // pairing.complete, pairing.end, person.read, ...
	Subject person.Tag // person or card
	Object  string     // id of what was touched (pairing, request, list sequence)
	Purpose string     // why, for reads by staff
	Result  string     // ok, or the fault's code
}

// ErrNoActor is given for an entry that says nobody did it.
var ErrNoActor = errors.New("audit: entry without an actor")

// Check tells whether an entry may be written.
func (e Entry) Check() error {
	if e.Actor.Kind == "" || e.Action == "" || e.City == "" || e.ID == "" || e.At.IsZero() {
		return ErrNoActor
	}
	return nil
}

// Log is what a transaction needs so that the row commits with the deed.
type Log interface {
	Audit(ctx context.Context, e Entry) error
}
