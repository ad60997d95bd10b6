package booking

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"turnike/internal/audit"
	"turnike/internal/person"
)

// Look is a reading of somebody's data by staff: who looks and what for. The
// rows that say so are on disk before anything is given out.
type Look struct {
	Actor audit.Actor
	Why   string // a word: arrival, call, counter
}

// Opened is a visit with who comes.
type Opened struct {
	Visit  Visit
	Person person.Record
	Erased bool // nobody can read who it was
	Notes  []Remark
}

// FoundMost is how many people a search shows; who is not among them is asked
// for one letter more.
const FoundMost = 8

// The fields a look gives out, as its row names them.
const (
	fieldsName  = "name"
	fieldsAll   = "name,phone end,notes"
	fieldsPlace = "visits"
)

// seen writes down that staff read people, before they do.
func (s *Service) seen(ctx context.Context, l Look, fields string, subjects []audit.Entry) error {
	err := s.cfg.Store.Update(ctx, func(tx Tx) error {
		now := s.cfg.Now()
		for _, e := range subjects {
			e.ID, e.City, e.At, e.Actor, e.Result = newID(now), s.net.ID, now, l.Actor, "ok"
			e.Purpose = l.Why + ": " + fields
			if err := tx.Audit(ctx, e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("write down who reads: %w", err)
	}
	return nil
}

func readOf(v Visit) audit.Entry {
	return audit.Entry{Action: "person.read", Subject: v.Holder, Object: v.ID}
}

// OpenVisit gives out who comes to a visit, with the notes on it.
func (s *Service) OpenVisit(ctx context.Context, c Contacts, id string, l Look) (Opened, error) {
	v, err := s.Visit(ctx, id)
	if err != nil {
		return Opened{}, err
	}
	if err := s.seen(ctx, l, fieldsAll, []audit.Entry{readOf(v)}); err != nil {
		return Opened{}, err
	}
	o, err := c.opened(ctx, v)
	if err != nil || o.Erased {
		return o, err
	}
	o.Notes, err = s.remarks(ctx, c, v)
	return o, err
}

func (c Contacts) opened(ctx context.Context, v Visit) (Opened, error) {
	o := Opened{Visit: v}
	if len(v.Sealed) == 0 {
		o.Erased = true
		return o, nil
	}
	r, err := c.Open(ctx, v)
	if errors.Is(err, person.ErrErased) {
		o.Erased = true
		return o, nil
	}
	o.Person = r
	return o, err
}

// FindToday looks among today's appointments of a centre, those expected and
// those arrived: by the eight digits of the code, by the end of the phone
// number (four digits or more), or by the beginnings of names, in whatever
// letters. At most FoundMost come back; more says that there were others.
func (s *Service) FindToday(ctx context.Context, c Contacts, centre, query string, l Look) (found []Opened, more bool, err error) {
	if _, ok := s.net.byID[centre]; !ok {
		return nil, false, ErrNoCentre
	}
	list, err := s.OnDay(ctx, centre, DayOf(s.cfg.Now(), s.net.zone))
	if err != nil {
		return nil, false, err
	}
	fits := matcher(query)
	if fits == nil {
		return nil, false, ErrSearch
	}
	for _, v := range list {
		if v.State != Booked && v.State != Arrived {
			continue
		}
		o, err := c.opened(ctx, v)
		if err != nil {
			return nil, false, err
		}
		if !fits(o) {
			continue
		}
		if len(found) == FoundMost {
			more = true
			break
		}
		found = append(found, o)
	}
	rows := []audit.Entry{{Action: "person.search", Object: centre}}
	for _, o := range found {
		rows = append(rows, readOf(o.Visit))
	}
	if err := s.seen(ctx, l, fieldsName, rows); err != nil {
		return nil, false, err
	}
	return found, more, nil
}

// matcher is the test a search asks for, nil for one too short to mean
// somebody.
func matcher(query string) func(Opened) bool {
	if code, ok := ParseCode(query); ok {
		return func(o Opened) bool { return o.Visit.Code == code }
	}
	if d := strings.TrimPrefix(person.Digits(query), "+"); d != "" && strings.Trim(d, "0123456789") == "" {
		if len(d) < 4 {
			return nil
		}
		d = d[max(0, len(d)-10):] // without the country or the zero before it
		return func(o Opened) bool { return strings.HasSuffix(o.Person.Phone.Reveal(), d) }
	}
	words := strings.Fields(person.Fold(query))
	if len(words) == 0 || len([]rune(words[0])) < 2 {
		return nil
	}
	return func(o Opened) bool {
		names := strings.Fields(person.Fold(o.Person.First.Reveal() + " " + o.Person.Last.Reveal()))
		for _, w := range words {
			i := slices.IndexFunc(names, func(n string) bool { return strings.HasPrefix(n, w) })
			if i < 0 {
				return false
			}
			names = slices.Delete(names, i, i+1)
		}
		return true
	}
}

// Caller are the open visits of who is on the line, and those of the last
// month, newest first: where and when, without names.
func (s *Service) Caller(ctx context.Context, c Contacts, phone person.Phone, l Look) ([]Visit, error) {
	tag := c.PhoneTag(phone)
	if err := s.seen(ctx, l, fieldsPlace, []audit.Entry{{Action: "person.read", Subject: tag}}); err != nil {
		return nil, err
	}
	list, err := s.ByPhone(ctx, tag)
	since := DayOf(s.cfg.Now().Add(-30*24*time.Hour), s.net.zone)
	return slices.DeleteFunc(list, func(v Visit) bool {
		return v.State == Resting || v.State == Expired || v.State == Held || !v.State.Open() && v.Place.Day < since
	}), err
}

// PhoneTag is what a phone's visits stand under.
func (c Contacts) PhoneTag(p person.Phone) person.Tag {
	if p.IsZero() {
		return person.Tag{}
	}
	return c.Keys.Tag(c.Network.ID, person.TagPhone, p.Reveal())
}

// SessionTag is the holder of a place that is held before it is known for whom:
// of one form or one call.
func (c Contacts) SessionTag(id string) person.Tag {
	return c.Keys.Tag(c.Network.ID, person.TagCode, "session/"+id)
}

// Glance writes down that staff look at where and when a visit is, found by
// its code, and gives it out without who comes.
func (s *Service) Glance(ctx context.Context, id string, l Look) (Visit, error) {
	v, err := s.Visit(ctx, id)
	if err != nil {
		return Visit{}, err
	}
	return v, s.seen(ctx, l, fieldsPlace, []audit.Entry{readOf(v)})
}
