package hook

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	ics "github.com/arran4/golang-ical"

	"turnike/internal/audit"
	"turnike/internal/booking"
	"turnike/internal/i18n"
)

// Feed is a calendar that a member of staff's own calendar reads: when the
// centre's counters are booked and for what, and not by whom. Who has the
// address reads it, so it can be taken back.
type Feed struct {
	City    string
	ID      string // UUIDv7
	Account string // whose it is
	Centre  string
	Lang    string
	MadeAt  time.Time
	UsedAt  time.Time // to the minute; zero for never
	Revoked time.Time
}

// A feed tells of the days from some behind us to some ahead.
const (
	feedBehind = 7
	feedAhead  = 45
)

// MakeFeed makes a feed. The token, which stands in its address, is given once.
func (s *Service) MakeFeed(ctx context.Context, f Feed, a audit.Actor) (_ Feed, token string, err error) {
	now := s.cfg.Now()
	net, ok := s.cfg.Network(f.City)
	if !ok {
		return Feed{}, "", ErrUnknown
	}
	if _, ok := net.CentreByID(f.Centre); !ok {
		return Feed{}, "", ErrCentre.On("centre")
	}
	f.ID, f.MadeAt, f.UsedAt, f.Revoked = newID(now), now, time.Time{}, time.Time{}
	token, hash := newToken(feedMark, f.City)
	err = s.cfg.Store.Update(ctx, func(tx Tx) error {
		fs, err := tx.Feeds(ctx, f.City, f.Account)
		if err != nil {
			return err
		}
		live := 0
		for _, o := range fs {
			if o.Revoked.IsZero() {
				live++
			}
		}
		if live >= mostFeeds {
			return ErrMany.With("most", mostFeeds)
		}
		if err := tx.InsertFeed(ctx, f, hash); err != nil {
			return err
		}
		return s.log(ctx, tx, f.City, a, "feed.make", f.ID)
	})
	if err != nil {
		return Feed{}, "", fmt.Errorf("make feed: %w", err)
	}
	return f, token, nil
}

// Feeds are an account's.
func (s *Service) Feeds(ctx context.Context, city, account string) (fs []Feed, err error) {
	err = s.cfg.Store.View(ctx, func(tx Tx) (err error) {
		fs, err = tx.Feeds(ctx, city, account)
		return err
	})
	return fs, err
}

// RevokeFeed ends one of an account's at once.
func (s *Service) RevokeFeed(ctx context.Context, city, id, account string, a audit.Actor) error {
	return s.cfg.Store.Update(ctx, func(tx Tx) error {
		ok, err := tx.RevokeFeed(ctx, city, id, account, s.cfg.Now())
		if err != nil || !ok {
			return errors.Join(err, notThere(ok))
		}
		return s.log(ctx, tx, city, a, "feed.revoke", id)
	})
}

// OpenFeed is the feed a token names.
func (s *Service) OpenFeed(ctx context.Context, token string) (f Feed, err error) {
	city, ok := tenantOf(feedMark, token)
	if !ok {
		return Feed{}, ErrUnknown
	}
	hash := hashOf(token)
	err = s.cfg.Store.View(ctx, func(tx Tx) (err error) {
		f, err = tx.Feed(ctx, city, hash)
		return err
	})
	if err == nil && !f.Revoked.IsZero() {
		err = ErrNoRow
	}
	if err != nil {
		return Feed{}, unknown(err)
	}
	if now := s.cfg.Now(); s.stale(f.ID, now) {
		err = s.cfg.Store.Update(ctx, func(tx Tx) error { return tx.TouchFeed(ctx, city, hash, now) })
	}
	return f, err
}

// DayLister gives a centre's visits of a day.
type DayLister interface {
	OnDay(ctx context.Context, centre string, day booking.Day) ([]booking.Visit, error)
}

// Calendar is a feed as an iCalendar file (RFC 5545): an entry for each visit
// that is to come or was served, with its hour, service and state. The same
// visits give the same bytes.
func (s *Service) Calendar(ctx context.Context, f Feed, visits DayLister) ([]byte, error) {
	net, ok := s.cfg.Network(f.City)
	if !ok {
		return nil, ErrUnknown
	}
	centre, ok := net.CentreByID(f.Centre)
	if !ok {
		return nil, ErrUnknown
	}
	l, ok := i18n.Known(f.Lang)
	if !ok {
		l = i18n.Turkish
	}
	c := ics.NewCalendar()
	c.SetMethod(ics.MethodPublish)
	c.SetProductId("-//Turnike//Vezne//" + strings.ToUpper(string(l)))
	c.SetXWRCalName(i18n.T(l, "feed.name", "Centre", centre.Name))
	c.SetRefreshInterval("PT15M")
	c.SetXPublishedTTL("PT15M")
	today := booking.DayOf(s.cfg.Now(), net.Location())
	for day := today - feedBehind; day <= today+feedAhead; day++ {
		vs, err := visits.OnDay(ctx, f.Centre, day)
		if err != nil {
			return nil, fmt.Errorf("calendar feed: %w", err)
		}
		for _, v := range vs {
			switch v.State {
			case booking.Booked, booking.Arrived, booking.Done, booking.NoShow:
				addVisit(c, net, centre, v, l)
			}
		}
	}
	return []byte(c.Serialize(ics.WithNewLineWindows)), nil
}

func addVisit(c *ics.Calendar, n *booking.Network, centre *booking.Centre, v booking.Visit, l i18n.Lang) {
	start, end := n.StartOf(v.Place)
	e := c.AddEvent("desk-" + v.ID + "@" + n.ID + ".turnike")
	e.SetSequence(v.Sequence)
	e.SetDtStampTime(v.ChangedAt)
	e.SetModifiedAt(v.ChangedAt)
	e.SetStartAt(start)
	e.SetEndAt(end)
	e.SetStatus(ics.ObjectStatusConfirmed)
	e.SetTimeTransparency(ics.TransparencyOpaque)
	e.SetClass(ics.ClassificationPrivate)
	service := v.Service
	if m, ok := n.ServiceByID(v.Service); ok {
		service = m.Name.In(string(l))
	}
	e.SetSummary(service)
	e.SetLocation(centre.Name)
	e.SetDescription(i18n.T(l, "feed.state."+v.State.String(), "Matters", v.Matters))
}
