package tap

import (
	"context"
	"fmt"
	"time"

	"turnike/gate"
	"turnike/statuslist"
)

// State is a device with what it last said of itself.
type State struct {
	Device
	Seen       time.Time // last heard of, by the server's clock
	List       uint64    // 0 where it never said which list it holds
	ListIssued time.Time
	Forks      int // how often its batches contradicted each other
	Waiting    int
	Dropped    int
	Program    string
}

// BootState is one run of a device.
type BootState struct {
	City       string
	Device     gate.Device
	Boot       gate.Boot
	Highest    uint64 // sequence that came
	Taken      uint64 // how many came: Highest less what was lost
	Seen       time.Time
	List       uint64
	ListIssued time.Time
	Floor      uint64            // receipts up to here are forgotten
	Chained    uint64            // up to here each is known to follow the one before
	Digest     statuslist.Digest // of the batch at Chained
}

// Lost is how many batches of the boot are missing by now.
func (b BootState) Lost() uint64 { return b.Highest - min(b.Taken, b.Highest) }

// Health is a device and everything its batches told.
type Health struct {
	State
	Taken uint64 // batches
	Lost  uint64
}

// Ages from which a device's list is worth looking at and worth a walk to it.
const (
	Amber = 24 * time.Hour
	Alarm = 72 * time.Hour
)

// Age is how old the device's list is at least. A device that falls silent
// ages with its list: nobody knows that it got a newer one.
func (h Health) Age(now time.Time) time.Duration {
	since := h.ListIssued
	if h.List == 0 {
		since = h.Enrolled
	}
	return max(now.Sub(since), 0)
}

// Level is "revoked", "forked", "alarm", "amber", "losses" or "fresh": the
// worst that holds.
func (h Health) Level(now time.Time) string {
	switch age := h.Age(now); {
	case !h.Revoked.IsZero():
		return "revoked"
	case h.Forks > 0:
		return "forked"
	case age > Alarm:
		return "alarm"
	case age > Amber:
		return "amber"
	case h.Lost > 0 || h.Dropped > 0:
		return "losses"
	}
	return "fresh"
}

// Fleet gives a city's devices by their ids, each with how it is.
func (g Registry) Fleet(ctx context.Context, city string) ([]Health, error) {
	const page = 1000
	var all []Health
	place := map[gate.Device]int{}
	var behind gate.Device
	for {
		var states []State
		if err := g.Store.View(ctx, func(tx RegistryTx) (err error) {
			states, err = tx.TapDevices(ctx, city, behind, page)
			return err
		}); err != nil {
			return nil, fmt.Errorf("read devices: %w", err)
		}
		for _, s := range states {
			place[s.ID] = len(all)
			all = append(all, Health{State: s})
			behind = s.ID
		}
		if len(states) < page {
			break
		}
	}
	behind = gate.Device{}
	var boot gate.Boot
	for {
		var boots []BootState
		if err := g.Store.View(ctx, func(tx RegistryTx) (err error) {
			boots, err = tx.TapBoots(ctx, city, behind, boot, page)
			return err
		}); err != nil {
			return nil, fmt.Errorf("read devices' boots: %w", err)
		}
		for _, b := range boots {
			behind, boot = b.Device, b.Boot
			i, ok := place[b.Device]
			if !ok {
				continue
			}
			h := &all[i]
			h.Taken, h.Lost = h.Taken+b.Taken, h.Lost+b.Lost()
			if b.Seen.After(h.Seen) {
				h.Seen = b.Seen
			}
			if b.ListIssued.After(h.ListIssued) {
				h.ListIssued, h.List = b.ListIssued, b.List
			}
		}
		if len(boots) < page {
			return all, nil
		}
	}
}

// Summary is a fleet in figures, for whoever watches.
type Summary struct {
	Devices int `json:"devices"` // not revoked
	Amber   int `json:"over_24h"`
	Alarm   int `json:"over_72h"`
	Forked  int `json:"forked"`
	Lost    int `json:"lost_batches"`
	Dropped int `json:"dropped_batches"`
}

// Summarize counts a fleet's devices that may hand in.
func Summarize(fleet []Health, now time.Time) Summary {
	var s Summary
	for _, h := range fleet {
		if !h.Revoked.IsZero() {
			continue
		}
		s.Devices++
		age := h.Age(now)
		if age > Amber {
			s.Amber++
		}
		if age > Alarm {
			s.Alarm++
		}
		if h.Forks > 0 {
			s.Forked++
		}
		s.Lost += int(h.Lost)
		s.Dropped += h.Dropped
	}
	return s
}
