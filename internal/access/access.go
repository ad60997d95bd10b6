// Package access knows who works here and what they may do: roles and their
// fixed matrix, accounts that begin with an invitation, sign-in with a passkey
// or a password and a second factor, sessions that end at once when somebody
// leaves, and the screens and kiosks that stand in a centre. It knows neither
// HTTP nor SQL.
//
// Everybody belongs to one tenant: an appointment network ("izsu",
// "izmir-desks"), a city ("izmir"), or the installation itself (Everywhere).
package access

import (
	"slices"
	"time"

	"turnike/internal/audit"
)

// Everywhere is the tenant of those who run the installation: they may act in
// every other.
const Everywhere = "*"

// Role is what somebody works as.
type Role string

// The roles.
const (
	Clerk         Role = "clerk"
	Agent         Role = "agent"
	Manager       Role = "manager"
	Operator      Role = "operator"
	Supervisor    Role = "supervisor"
	Auditor       Role = "auditor"
	Administrator Role = "administrator"
)

// Roles are all of them, from the counter outwards.
func Roles() []Role {
	return []Role{Clerk, Agent, Manager, Operator, Supervisor, Auditor, Administrator}
}

// Action is something a page or a machine's call does.
type Action string

// The actions.
const (
	Queue      Action = "queue"       // call, park, finish numbers; check in; walk-in tickets
	Book       Action = "book"        // hold, book, move, cancel for a caller
	ReadVisits Action = "visits.read" // lists of visits without names
	ReadPerson Action = "person.read" // open a visitor's name and phone; always audited
	Plan       Action = "plan"        // staffing, exceptions, floor limit
	Figures    Action = "figures"     // statistics, without names
	Accounts   Action = "accounts"    // invite, change, retire staff
	Devices    Action = "devices"     // enrol and revoke screens, kiosks and validators
	Keys       Action = "keys"        // API keys, webhooks
	ReadAudit  Action = "audit.read"
	// Mass is anything that touches many people at once: it needs a step-up
	// younger than StepUp.
	Mass Action = "mass"
	// Own is one's own account: every role may.
	Own Action = "own"
)

// Actions are all of them, in the order above.
func Actions() []Action {
	return []Action{Queue, Book, ReadVisits, ReadPerson, Plan, Figures, Accounts, Devices, Keys, ReadAudit, Mass, Own}
}

// May is the matrix. It is a constant on purpose: a role means the same in
// every city, and what somebody may do can be read here and nowhere else.
// Two lines in it are there to keep people apart: who administers accounts
// reads no visitor, and who audits changes nothing.
func (r Role) May(a Action) bool {
	switch r {
	case Clerk:
		return slices.Contains([]Action{Queue, ReadVisits, ReadPerson, Own}, a)
	case Agent:
		return slices.Contains([]Action{Book, ReadVisits, ReadPerson, Own}, a)
	case Manager:
		return slices.Contains([]Action{Queue, Book, ReadVisits, ReadPerson, Plan, Figures, Devices, Mass, Own}, a)
	case Operator:
		return slices.Contains([]Action{ReadVisits, Plan, Figures, Devices, Keys, Mass, Own}, a)
	case Supervisor:
		return slices.Contains([]Action{Queue, Book, ReadVisits, ReadPerson, Figures, ReadAudit, Own}, a)
	case Auditor:
		return slices.Contains([]Action{ReadVisits, Figures, ReadAudit, Own}, a)
	case Administrator:
		return slices.Contains([]Action{Figures, Accounts, Devices, Keys, ReadAudit, Mass, Own}, a)
	}
	return false
}

// Session is somebody signed in.
type Session struct {
	ID      string    // names the session; it is not the token and opens nothing
	Account string    // UUID
	City    string    // the tenant
	Name    string    // as they wrote it; shown to themselves in the header
	Role    Role      // as of this request
	Centres []string  // empty: all of the tenant
	Desk    string    // counter chosen for today, "" none
	Strong  time.Time // when they last proved who they are
}

// May tells whether somebody may do a at a centre of a tenant. centre "" is
// none in particular: whoever is bound to some centres gets past, and the page
// shows what concerns those (Sees).
func (s Session) May(a Action, city, centre string) bool {
	return s.Role.May(a) && (s.City == city || s.City == Everywhere && city != "") && (centre == "" || s.Sees(centre))
}

// Sees tells whether a centre of the tenant is among somebody's.
func (s Session) Sees(centre string) bool {
	return len(s.Centres) == 0 || slices.Contains(s.Centres, centre)
}

// machine is the account of whoever has a shell on the server.
const machine = "machine"

// Machine is whoever works on the server itself: they hold the database and
// the keys in any case, so the command line gives them an administrator's
// rights, and the audit a name.
func Machine() Session {
	return Session{Account: machine, City: Everywhere, Role: Administrator}
}

// Actor is how the audit names them.
func (s Session) Actor() audit.Actor {
	if s.Account == machine {
		return audit.Actor{Kind: "system", Ref: machine, Channel: "console"}
	}
	channel := "console"
	switch s.Role {
	case Clerk, Manager:
		channel = "desk"
	case Agent, Supervisor:
		channel = "call"
	}
	return audit.Actor{Kind: "staff", Ref: s.Account, Channel: channel}
}

// What a screen may be.
const (
	Kiosk   = "kiosk"
	Display = "display"
)

// Screen is an enrolled device that stands in a centre.
type Screen struct{ ID, City, Centre, Kind, Name string }

// Actor is how the audit names what a screen does.
func (s Screen) Actor() audit.Actor {
	return audit.Actor{Kind: "device", Ref: s.ID, Channel: s.Kind}
}

// Route is one line of an audience's list of pages, for the test that walks
// them all into foreign tenants. Pattern is http.ServeMux's, with {city} and
// {centre} where the page belongs to one.
type Route struct {
	Method, Pattern string
	Action          Action
}
