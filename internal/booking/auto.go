package booking

import (
	"context"
	"fmt"
	"slices"

	"turnike/internal/audit"
)

// LearnDays is how far back a forecast learns.
const LearnDays = 84

// openByForecast lets out as many places as the past says, in a network whose
// file asks for it: each night, by a revision in the place of last night's.
// Before there are a few weeks of past nothing is changed.
func (s *Service) openByForecast(ctx context.Context, today Day) error {
	deeds, err := s.Deeds(ctx, "", today-LearnDays, LearnDays)
	if err != nil {
		return err
	}
	m := s.net.LearnDemand(deeds, today)
	if m.Days() < 10 {
		return nil
	}
	_, revs, err := s.Changed(ctx, "", today)
	if err != nil {
		return err
	}
	var c Change
	for i := range s.net.Centres {
		at := &s.net.Centres[i]
		for _, r := range m.Revisions(m.Propose(at, deeds, s.net.FloorOn(at, today, revs)), today, autoWhy).Revisions {
			now, ok := s.net.OpeningOn(at, r.Pool, today, revs)
			if ok && now.Actor != audit.System(autoWhy).Ref {
				continue // somebody decided it here
			}
			if ok && now.Show == r.Show && now.Walk == r.Walk {
				continue
			}
			c.Revisions = append(c.Revisions, r)
		}
	}
	for _, r := range revs {
		stale := slices.ContainsFunc(c.Revisions, func(n Revision) bool { return n.Centre == r.Centre && n.Pool == r.Pool })
		if r.Kind == Opening && r.Actor == audit.System(autoWhy).Ref && stale {
			c.Undo = append(c.Undo, r.ID)
		}
	}
	if len(c.Revisions) == 0 {
		return nil
	}
	e, err := s.Preview(ctx, c)
	if err != nil {
		return err
	}
	if _, err := s.Apply(ctx, c, e.Seen, audit.System(autoWhy)); err != nil {
		return fmt.Errorf("open places by forecast: %w", err)
	}
	return nil
}

// autoWhy is who did it and why, where nobody did.
const autoWhy = "forecast"
