package call

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"turnike/internal/booking"
	"turnike/internal/fault"
	"turnike/internal/i18n"
	"turnike/internal/person"
)

// few and many are how many places are offered at first, and when asked for
// more; apart is the least time between two at the same centre, since a quarter
// of an hour later is no other choice.
const (
	few   = 3
	many  = 9
	apart = time.Hour
)

// offer finds the next places: over all centres the first of each, at one its
// next few.
func (c *call) offer() error {
	if c.want.service == "" {
		return ErrService.On("service")
	}
	c.asked = c.want.key()
	most := few
	if c.more {
		most = many
	}
	from := booking.DayOf(c.now, c.net.Location())
	days := c.net.Ahead()
	if c.want.day != "" {
		d, err := booking.ParseDay(c.want.day)
		if err != nil {
			return booking.ErrDay.On("day")
		}
		from, days = d, 1
	}
	c.offers = []booking.Slot{}
	for i := range c.net.Centres {
		at := &c.net.Centres[i]
		if !c.se.Sees(at.ID) || c.want.centre != "" && c.want.centre != at.ID {
			continue
		}
		want := most
		if c.want.centre == "" {
			want = 1
		}
		slots, err := c.slotsAt(at.ID, from, days, want)
		if err != nil {
			if errors.Is(err, booking.ErrNoCentre) {
				continue // does not do this
			}
			return on(err, "service")
		}
		c.offers = append(c.offers, slots...)
	}
	// Of centres that are free at the same hour the larger come first: more
	// callers live near one.
	slices.SortStableFunc(c.offers, func(a, b booking.Slot) int {
		return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(c.desks(b.Place.Centre), c.desks(a.Place.Centre)))
	})
	c.offers = c.offers[:min(len(c.offers), most)]
	if len(c.offers) == 0 {
		c.slot = ""
		f := ErrNone
		if next := c.net.NextRelease(from, c.now); !next.IsZero() {
			f = f.With("next", next.In(c.net.Location()).Format("02.01. 15:04"))
		}
		return f.On("where")
	}
	if !slices.ContainsFunc(c.offers, func(o booking.Slot) bool { return slotKey(o) == c.slot }) {
		c.slot = slotKey(c.offers[0])
	}
	return nil
}

func (c *call) desks(centre string) int {
	at, ok := c.net.CentreByID(centre)
	if !ok {
		return 0
	}
	return at.Desks
}

// slotsAt are the next places at a centre, some time apart.
func (c *call) slotsAt(centre string, from booking.Day, days, most int) ([]booking.Slot, error) {
	var out []booking.Slot
	for d := from; d < from+booking.Day(days) && len(out) < most; d++ {
		slots, _, err := c.svc.Board().Slots(centre, d, c.want.service, c.want.matters, booking.Call, c.now)
		if err != nil {
			return nil, err
		}
		for _, s := range slots {
			morning := s.Start.In(c.net.Location()).Hour() < 12
			if c.want.part == "am" && !morning || c.want.part == "pm" && morning {
				continue
			}
			if n := len(out); n > 0 && s.Start.Sub(out[n-1].Start) < apart {
				continue
			}
			if out = append(out, s); len(out) == most {
				break
			}
		}
	}
	return out, nil
}

// slotKey is a place in a form.
func slotKey(s booking.Slot) string {
	return s.Place.Centre + "/" + s.Place.Day.String() + "/" + strconv.Itoa(s.Place.Unit)
}

// slotOf reads it again.
func slotOf(key string) (centre string, day booking.Day, unit int, err error) {
	parts := strings.Split(key, "/")
	if len(parts) != 3 {
		return "", 0, 0, ErrSlot.On("slot")
	}
	if day, err = booking.ParseDay(parts[1]); err != nil {
		return "", 0, 0, ErrSlot.On("slot")
	}
	if unit, err = strconv.Atoi(parts[2]); err != nil {
		return "", 0, 0, ErrSlot.On("slot")
	}
	return parts[0], day, unit, nil
}

// caller's tags: by the phone where there is one, else by the call.
func (c *call) someone() (booking.Who, error) {
	p, err := person.ParsePhone(c.phone)
	if err != nil {
		if c.idno == "" || !errors.Is(err, person.ErrPhoneMissing) {
			return booking.Who{}, on(err, "phone")
		}
		if _, err := person.ParseTCKN(c.idno); err != nil {
			return booking.Who{}, on(err, "idno")
		}
		return booking.Who{Holder: c.who.SessionTag(c.id), Lang: c.lang}, nil
	}
	tag := c.who.PhoneTag(p)
	return booking.Who{Holder: tag, Phone: tag, Lang: c.lang}, nil
}

// take holds the chosen place, or moves the visit that is being moved to it.
func (c *call) take(ctx context.Context) error {
	centre, day, unit, err := slotOf(c.slot)
	if err != nil {
		return err
	}
	if !c.se.Sees(centre) {
		return booking.ErrNoCentre
	}
	if c.moving != "" {
		v, err := c.own(ctx, c.moving)
		if err != nil {
			return err
		}
		if v, err = c.svc.Move(ctx, v.ID, centre, day, unit, booking.Call, c.se.Actor()); err != nil {
			return c.gone(err)
		}
		c.done, c.moved, c.focus = &v, true, "new"
		return c.leaveNote(ctx, v)
	}
	who, err := c.someone()
	if err != nil {
		return err
	}
	v, err := c.svc.Hold(ctx, booking.Request{Centre: centre, Service: c.want.service, Matters: c.want.matters, Day: day, Unit: unit,
		Channel: booking.Call, Actor: c.se.Actor(), Who: who, Key: "call/" + c.id + "/" + c.slot})
	if err == nil && v.State != booking.Held { // let go before, and chosen again
		v, err = c.svc.Hold(ctx, booking.Request{Centre: centre, Service: c.want.service, Matters: c.want.matters, Day: day, Unit: unit,
			Channel: booking.Call, Actor: c.se.Actor(), Who: who})
	}
	if err != nil {
		return c.gone(err)
	}
	c.held, c.hold, c.focus = v.ID, v, "first"
	return nil
}

// gone shows what is left where a place was taken meanwhile.
func (c *call) gone(err error) error {
	list := fault.Of(err)
	if len(list) == 0 {
		return err
	}
	if oerr := c.offer(); oerr != nil && len(fault.Of(oerr)) == 0 {
		return oerr
	}
	return fault.List{list[0].On("slot")}
}

// wait puts the caller on a centre's list: a place that is given back is
// offered to them by text message and kept for a while.
func (c *call) wait(ctx context.Context) error {
	c.focus = "where"
	if c.want.service == "" {
		return ErrService.On("service")
	}
	if c.want.centre == "" || !c.se.Sees(c.want.centre) {
		return ErrWhere.On("where")
	}
	p, err := person.ParsePhone(c.phone)
	if err != nil {
		return on(err, "phone") // the offer comes by text
	}
	from := booking.DayOf(c.now, c.net.Location())
	to := from + booking.Day(c.net.Ahead()) - 1
	if d, err := booking.ParseDay(c.want.day); err == nil {
		from, to = d, d
	}
	l, _ := i18n.Known(c.lang)
	who, err := c.who.Who(ctx, person.Record{Phone: p}, l)
	if err != nil {
		return err
	}
	if _, err := c.svc.JoinWait(ctx, booking.Request{Centre: c.want.centre, Service: c.want.service, Matters: c.want.matters, Day: from,
		Channel: booking.Call, Actor: c.se.Actor(), Who: who}, to); err != nil {
		return on(err, "where")
	}
	c.said, c.focus, c.asked = "call.said.waiting", "phone", ""
	return nil
}

// release lets a held place go: the caller wants another.
func (c *call) release(ctx context.Context) error {
	id := c.held
	c.held, c.slot, c.focus = "", "", "slot"
	if id == "" {
		return c.offer()
	}
	v, err := c.svc.Visit(ctx, id)
	if err != nil {
		return err
	}
	if v.State == booking.Held && c.mine(v) {
		if _, err := c.svc.Cancel(ctx, id, c.se.Actor()); err != nil {
			return err
		}
	}
	return c.offer()
}

// mine tells whether a held place is this call's.
func (c *call) mine(v booking.Visit) bool {
	who, err := c.someone()
	return err == nil && v.Holder == who.Holder
}

// book makes the held place a booking under the caller's name.
func (c *call) book(ctx context.Context) error {
	var faults fault.List
	name := func(field, typed string) person.Name {
		n, err := person.ParseName(typed)
		if list := fault.Of(err); len(list) > 0 {
			faults = append(faults, list[0].On(field))
		}
		return n
	}
	r := person.Record{First: name("first", c.first), Last: name("last", c.last)}
	c.focus = "first"
	if _, err := c.someone(); err != nil {
		faults = append(faults, fault.Of(err)...)
	}
	if len([]rune(c.note)) > booking.MaxRemark {
		faults = append(faults, booking.ErrRemark.On("note"))
	}
	if len(faults) > 0 {
		return faults
	}
	var err error
	if c.phone != "" {
		r.Phone, err = person.ParsePhone(c.phone)
	}
	if err == nil && c.idno != "" {
		r.ID, err = person.ParseTCKN(c.idno)
	}
	if err != nil {
		return err
	}
	v, err := c.svc.Visit(ctx, c.held)
	if err != nil {
		return err
	}
	l, _ := i18n.Known(c.lang)
	who, err := c.who.Who(ctx, r, l)
	if err != nil {
		return err
	}
	if v.State == booking.Held && !c.mine(v) || v.State != booking.Held && v.Holder != who.Holder {
		return booking.ErrNoVisit
	}
	if v, err = c.svc.Confirm(ctx, c.held, who, c.se.Actor()); err != nil {
		return err
	}
	c.done, c.held, c.focus = &v, "", "new"
	return c.leaveNote(ctx, v)
}

// leaveNote keeps what the agent noted. It was checked before.
func (c *call) leaveNote(ctx context.Context, v booking.Visit) error {
	if c.note == "" {
		return nil
	}
	err := c.svc.Remark(ctx, c.who, v.ID, c.note, c.se.Actor())
	if err == nil {
		c.note = ""
	}
	return on(err, "note")
}

// own is a visit of who is on the line, and of nobody else.
func (c *call) own(ctx context.Context, id string) (booking.Visit, error) {
	v, err := c.svc.Visit(ctx, id)
	if err != nil {
		return booking.Visit{}, err
	}
	if !c.se.Sees(v.Place.Centre) {
		return booking.Visit{}, ErrNotHere
	}
	if code, ok := booking.ParseCode(c.phone); ok && v.Code == code {
		return v, nil
	}
	if p, err := person.ParsePhone(c.phone); err == nil && v.Phone == c.who.PhoneTag(p) {
		return v, nil
	}
	return booking.Visit{}, ErrNotHere
}

// beginMove looks for another place for a visit.
func (c *call) beginMove(ctx context.Context, id string) error {
	v, err := c.own(ctx, id)
	if err != nil {
		return err
	}
	if v.State != booking.Booked {
		return booking.ErrEnded
	}
	c.moving, c.held, c.slot, c.focus = v.ID, "", "", "slot"
	c.want = wanted{v.Service, v.Matters, v.Place.Centre, "", ""}
	return c.offer()
}

// drop cancels a visit, once the agent has been asked whether that is meant.
func (c *call) drop(ctx context.Context, id string, meant bool) error {
	v, err := c.own(ctx, id)
	if err != nil {
		return err
	}
	if !meant {
		if v.State != booking.Booked {
			return booking.ErrEnded
		}
		c.dropping, c.focus = &v, "dropped"
		return nil
	}
	if _, err := c.svc.Cancel(ctx, id, c.se.Actor()); err != nil {
		return err
	}
	c.said, c.focus = "call.said.cancelled", "service"
	return nil
}

// look opens who comes to a visit, or leaves a note on it.
func (c *call) look(ctx context.Context, id string, remark bool) error {
	v, err := c.own(ctx, id)
	if err != nil {
		return err
	}
	if remark {
		if err := c.leaveNote(ctx, v); err != nil {
			return err
		}
		c.said = "call.said.noted"
	}
	o, err := c.svc.OpenVisit(ctx, c.who, id, c.lookAs())
	c.open, c.focus = &o, "note"
	return err
}

// byName puts centres in the order of their names.
func byName(l i18n.Lang, centres []booking.Centre) []booking.Centre {
	out := slices.Clone(centres)
	slices.SortStableFunc(out, func(a, b booking.Centre) int { return cmp.Compare(i18n.Fold(label(a)), i18n.Fold(label(b))) })
	return out
}

// label is a centre by what callers know it by: its district.
func label(c booking.Centre) string { return cmp.Or(c.District, c.Name) }

func itoa(n int) string { return strconv.Itoa(n) }
