package demo

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"path/filepath"
	"time"

	"turnike/gate"
	"turnike/gate/agent/door"
	"turnike/internal/audit"
	"turnike/internal/tap"
)

// post is what a gate tells its city by: it is let in by a token like any
// validator, keeps a journal and hands it in.
type post struct {
	door    *door.Client
	journal *gate.Journal
	place   door.Registration
	began   time.Time
}

// enrol lets a gate in. Each start of the world is another device, as if it
// had been put up that morning.
func (w *World) enrol(ctx context.Context, id string) (*post, error) {
	p := &post{began: w.Clock.Now()}
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	who, err := door.NewIdentity(key)
	if err != nil {
		return nil, err
	}
	tokens, err := w.App.Gates().Issue(ctx, id, audit.System("demo"), []tap.Place{{Name: "demo", Stop: 1, Province: w.province(id)}}, p.began)
	if err != nil {
		return nil, err
	}
	if p.door, err = door.NewClient(door.ClientConfig{Server: w.Site, City: id, Identity: who, Now: w.Clock.Now}); err != nil {
		return nil, err
	}
	if p.place, err = p.door.Enrol(ctx, tokens[0].Text); err != nil {
		return nil, fmt.Errorf("let the gate in: %w", err)
	}
	p.journal, err = gate.OpenJournal(gate.JournalConfig{Dir: filepath.Join(w.cfg.Dir, "gates", id, "journal-"+who.ID().String()), City: id, Key: key}, p.began)
	return p, err
}

// uptime is how long the gate has run. The world's clock jumps, so it is that
// clock which tells.
func (w *World) uptime(p *post) time.Duration { return w.Clock.Now().Sub(p.began) }

// note puts an answer into the journal.
func (w *World) note(p *post, a gate.Answer, at time.Time) {
	err := p.journal.Record(a, gate.Tap{At: at, Uptime: at.Sub(p.began), Stop: p.place.Stop, Mode: p.place.Mode})
	if err != nil {
		w.cfg.Log.Warn("the gate's journal", "err", err)
	}
}
