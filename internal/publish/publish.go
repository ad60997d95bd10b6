// Package publish keeps each city's signed list in step with the store: it
// reads which cards changed, stages their class and stop day, and lets
// statuslist write immutable files and the head that names them. What a gate
// may do at which hour is signed ahead as rules, from the city's dated
// decisions, so nothing has to happen at midnight.
package publish

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"turnike/internal/card"
	"turnike/internal/city"
	"turnike/internal/pairing"
	"turnike/internal/person"
	"turnike/statuslist"
)

// Overlap is how far back each look at the store begins before the last one
// ended: a transaction may commit a little later than the time it wrote. Saying
// the same status twice changes nothing.
const Overlap = 2 * time.Minute

// Config is what one city's list is made from.
type Config struct {
	City  *city.Profile
	Dir   string // handed out by any static server; files go to Dir/<city id>
	Keys  string // folder of this city's list and root keys
	Store pairing.Store
	Now   func() time.Time
	Log   *slog.Logger
	// Every is how often the store is looked at; 1 s if zero.
	Every time.Duration
	// Beat is how long a sealed list stays as it is at most: then something
	// goes out, be it nothing. New stops wait for the beat or for company, so
	// that nobody sees when somebody was stopped. 0: no beat, no waiting.
	Beat time.Duration
}

// List is one city's list at work.
type List struct {
	cfg   Config
	pub   *statuslist.Publisher
	rules []byte // the tables last staged, to see a change
	keys  keySet

	tokens tokens

	mu    sync.Mutex
	since time.Time
	held  holding
	// company is whether something but new stops was staged in this step.
	company bool
}

// Open goes on from the files that were published, or starts a list in which
// every card is what its range says.
func Open(cfg Config) (*List, error) {
	if cfg.Every == 0 {
		cfg.Every = time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	keys, err := loadKeys(cfg.Keys, cfg.City.ID, cfg.Now())
	if err != nil {
		return nil, fmt.Errorf("keys of %s's list: %w", cfg.City.ID, err)
	}
	ranges := cfg.City.Ranges()
	tables := cfg.City.RuleTables(cfg.Now())
	pub, err := statuslist.OpenPublisher(statuslist.PublisherConfig{
		Dir: cfg.Dir, City: cfg.City.ID, Ranges: ranges, Rules: tables,
		Default: statuslist.Status{Class: statuslist.Class(card.Unpaired)},
		Key:     keys.list, Roots: keys.roots, Secret: keys.secret,
		MaxAge: time.Duration(cfg.City.Gate.MaxAgeHours) * time.Hour,
	})
	if err != nil {
		return nil, fmt.Errorf("open %s's list: %w", cfg.City.ID, err)
	}
	l := &List{cfg: cfg, pub: pub, rules: rulesBytes(tables), keys: keys}
	if keys.secret != nil {
		l.held.most = cfg.Beat
	}
	if err := l.stageChips(); err != nil {
		return nil, fmt.Errorf("chips of %s: %w", cfg.City.ID, err)
	}
	if _, ok := pub.Head(); !ok {
		l.stageRanges()
	} else if err := pub.SetRules(tables); err != nil {
		return nil, fmt.Errorf("rules of %s: %w", cfg.City.ID, err)
	}
	return l, nil
}

// stageRanges says of cards in ranges of a class of their own (photo cards of
// people of 65 and over, of disabled riders) what they are.
func (l *List) stageRanges() {
	for i := range l.pub.Ranges().Len() {
		if c := l.cfg.City.ClassAt(i); c != card.Unpaired {
			l.pub.Set(i, statuslist.Status{Class: statuslist.Class(c)})
		}
	}
}

// Head is the head last published.
func (l *List) Head() (statuslist.Head, bool) { return l.pub.Head() }

// Status is what the next head will say of a card.
func (l *List) Status(n statuslist.Number) (statuslist.Status, bool) {
	if l.chips(n.Scheme) {
		return l.pub.Chip(n.Value)
	}
	i, ok := l.pub.Index(n)
	if !ok {
		return statuslist.Status{}, false
	}
	return l.pub.Status(i)
}

// Run looks at the store until ctx ends. A failed look is logged and tried
// again; gates go on with the list they hold.
func (l *List) Run(ctx context.Context) error {
	tick := time.NewTicker(l.cfg.Every)
	defer tick.Stop()
	for {
		if err := l.Step(ctx); err != nil && ctx.Err() == nil {
			l.cfg.Log.ErrorContext(ctx, "publish list", "city", l.cfg.City.ID, "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Step reads what changed and publishes it.
func (l *List) Step(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.cfg.Now()
	l.company = false
	since, err := l.read(ctx)
	if err != nil {
		return err
	}
	if l.company || l.held.beat(now) {
		if !l.company && len(l.held.stops) == 0 {
			l.pub.Blank()
		}
		for n, s := range l.held.stops {
			l.set(n, s)
		}
		l.held.stops, l.held.last = nil, now
	}
	if tables := l.cfg.City.RuleTables(now); !bytes.Equal(rulesBytes(tables), l.rules) {
		if err := l.pub.SetRules(tables); err != nil {
			return fmt.Errorf("rules: %w", err)
		}
		l.rules = rulesBytes(tables)
	}
	head, wrote, err := l.pub.Publish(now)
	if err != nil {
		return err
	}
	l.since = since
	if wrote {
		l.cfg.Log.DebugContext(ctx, "list published", "city", l.cfg.City.ID, "sequence", head.Sequence, "cards", head.Cards)
	}
	return nil
}

// read stages every card changed since the last look. The time it gives is the
// newest change seen, which the next look goes back from.
func (l *List) read(ctx context.Context) (time.Time, error) {
	const page = 5000
	newest := l.since
	from, after := time.Time{}, person.Tag{}
	if !l.since.IsZero() {
		from = l.since.Add(-Overlap)
	}
	for {
		var cards []pairing.Card
		err := l.cfg.Store.View(ctx, func(tx pairing.Tx) (err error) {
			cards, err = tx.CardsChanged(ctx, l.cfg.City.ID, from, after, page)
			return err
		})
		if err != nil {
			return newest, fmt.Errorf("read changed cards: %w", err)
		}
		if err := l.stage(cards); err != nil {
			return newest, err
		}
		if len(cards) > 0 {
			last := cards[len(cards)-1]
			from, after = last.ChangedAt, last.Tag
			if last.ChangedAt.After(newest) {
				newest = last.ChangedAt
			}
		}
		if len(cards) < page {
			return newest, nil
		}
	}
}

func (l *List) stage(cards []pairing.Card) error {
	fresh := map[uint8][]uint64{}
	for _, c := range cards {
		if l.cfg.City.Tagged(c.Scheme) && !l.chips(c.Scheme) {
			if _, ok := l.pub.Index(statuslist.Number{Scheme: c.Scheme, Value: uint64(c.Index)}); !ok {
				fresh[c.Scheme] = append(fresh[c.Scheme], uint64(c.Index))
			}
		}
	}
	for scheme, tags := range fresh {
		slices.Sort(tags)
		r, err := l.pub.Ranges().AppendTags(scheme, slices.Compact(tags))
		if err != nil {
			return fmt.Errorf("append tags: %w", err)
		}
		if err := l.pub.SetRanges(r); err != nil {
			return fmt.Errorf("append tags: %w", err)
		}
	}
	for _, c := range cards {
		n, ok := l.numberOf(c)
		if !ok {
			continue
		}
		is := statuslist.Status{Class: statuslist.Class(c.Class), StopUntil: statuslist.Day(c.StopUntil)}
		was, known := l.Status(n)
		// What a server that starts reads is no news to be hidden, and until it
		// is read chips count as nobody's: a stop must not be forgotten.
		if !l.since.IsZero() && l.held.keep(n, is, was) {
			continue
		}
		if is != was || !known {
			l.company = true
			l.set(n, is)
		}
	}
	return nil
}

// numberOf is how the list knows a card.
func (l *List) numberOf(c pairing.Card) (statuslist.Number, bool) {
	if l.cfg.City.Tagged(c.Scheme) {
		return statuslist.Number{Scheme: c.Scheme, Value: uint64(c.Index)}, true
	}
	return l.pub.Ranges().Number(uint32(c.Index))
}

// set stages a card's status.
func (l *List) set(n statuslist.Number, s statuslist.Status) {
	if l.chips(n.Scheme) {
		l.pub.SetChips(func(yield func(uint64, statuslist.Status) bool) { yield(n.Value, s) })
		return
	}
	if i, ok := l.pub.Index(n); ok {
		l.pub.Set(i, s)
	}
}

func rulesBytes(tables []*statuslist.Rules) []byte {
	var b []byte
	for _, t := range tables {
		b = append(b, t.Marshal()...)
	}
	return b
}

// Anchor is the trust a device of this city is born with, read from the public
// half of the keys.
func Anchor(keysDir, cityID string, now time.Time) (statuslist.Anchor, error) {
	k, err := loadKeys(keysDir, cityID, now)
	if err != nil {
		return statuslist.Anchor{}, err
	}
	r, err := statuslist.ParseRoot(k.roots[0])
	if err != nil {
		return statuslist.Anchor{}, err
	}
	return statuslist.Anchor{Fingerprint: r.Fingerprint()}, nil
}

// exists tells a missing file from an unreadable one.
func exists(path string) (bool, error) {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
