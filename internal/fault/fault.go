// Package fault holds the errors that may be shown to a person. A fault has a
// kind, which decides how a machine is answered, and a code, which is the key
// of its sentence in the three catalogues. Any other error is ours: it is
// logged in full and shown as a reference number only.
package fault

import (
	"errors"
	"maps"
	"time"
)

// Kind sorts faults by what the caller can do about them.
type Kind uint8

// The kinds, and the HTTP status each becomes (the table itself is in web and
// api, which call Status).
const (
	Internal     Kind = iota // ours, nothing the caller can do
	Invalid                  // what was sent is not well formed: mend it
	Refused                  // understood, but a rule says no
	NotFound                 // no such thing, or not yours to see
	Conflict                 // somebody was there first, or the state moved on
	Gone                     // it was there and has lapsed: begin again
	TooMany                  // wait, then try again
	Unavailable              // a part we need is away: try again later
	TooLarge                 // the body is over the limit
	Unsupported              // a content type we do not read
	Forbidden                // signed in, but not allowed
	Unauthorized             // not signed in
)

// Status is the HTTP status of a kind, kept here so that pages and API agree.
func (k Kind) Status() int {
	switch k {
	case Invalid:
		return 422
	case Refused:
		return 403
	case NotFound:
		return 404
	case Conflict:
		return 409
	case Gone:
		return 410
	case TooMany:
		return 429
	case Unavailable:
		return 503
	case TooLarge:
		return 413
	case Unsupported:
		return 415
	case Forbidden:
		return 403
	case Unauthorized:
		return 401
	default:
		return 500
	}
}

// Fault is one thing that may be told to a person.
type Fault struct {
	Kind  Kind
	Code  string         // catalogue key below "fault.", and the tail of the problem's type
	Field string         // the form field it belongs to, empty for the whole request
	Args  map[string]any // values for the sentence; never personal data
	// RetryAfter says how long to wait, where waiting helps.
	RetryAfter time.Duration
}

// New makes a fault that belongs to no field.
func New(k Kind, code string) *Fault { return &Fault{Kind: k, Code: code} }

// Error is the code: logs and tests read it, people read the catalogue.
func (f *Fault) Error() string {
	if f.Field != "" {
		return f.Field + ": " + f.Code
	}
	return f.Code
}

// Is makes errors.Is compare kind and code only, so that a fault with a field
// or arguments is still the one that was declared.
func (f *Fault) Is(target error) bool {
	t, ok := target.(*Fault)
	return ok && t.Code == f.Code && t.Kind == f.Kind
}

// On says which field a fault belongs to.
func (f *Fault) On(field string) *Fault {
	c := *f
	c.Field = field
	return &c
}

// With adds a value for the sentence.
func (f *Fault) With(name string, value any) *Fault {
	c := *f
	c.Args = maps.Clone(f.Args)
	if c.Args == nil {
		c.Args = map[string]any{}
	}
	c.Args[name] = value
	return &c
}

// After says how long to wait before trying again.
func (f *Fault) After(d time.Duration) *Fault {
	c := *f
	c.RetryAfter = d
	return &c
}

// List is several faults at once: a form answers with all of them, never one
// by one.
type List []*Fault

func (l List) Error() string {
	if len(l) == 0 {
		return "no fault"
	}
	s := l[0].Error()
	for _, f := range l[1:] {
		s += "; " + f.Error()
	}
	return s
}

// Unwrap lets errors.Is look into the list.
func (l List) Unwrap() []error {
	errs := make([]error, len(l))
	for i, f := range l {
		errs[i] = f
	}
	return errs
}

// Add appends f on the named field when err is a fault; other errors are
// returned for the caller to handle.
func (l *List) Add(field string, err error) error {
	var f *Fault
	if err == nil {
		return nil
	}
	if errors.As(err, &f) {
		*l = append(*l, f.On(field))
		return nil
	}
	return err
}

// Err is nil for an empty list.
func (l List) Err() error {
	if len(l) == 0 {
		return nil
	}
	return l
}

// Of finds what may be shown in err: a list, a single fault, or nil when the
// error is ours alone.
func Of(err error) List {
	var l List
	if errors.As(err, &l) {
		return l
	}
	var f *Fault
	if errors.As(err, &f) {
		return List{f}
	}
	return nil
}
