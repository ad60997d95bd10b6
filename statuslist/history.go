package statuslist

import (
	"cmp"
	"fmt"
	"math"
	"math/bits"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// history remembers which cards each version touched, so that a delta can be
// made from any of the last versions. A delta carries final states of every
// card touched since its start, whether or not they came back to what they
// were: so it fits every version in between too, and a gate that was away
// needs one file wherever it stopped.
type history struct {
	versions []version
	levels   []level // level k reaches back 2^k versions
	carried  []DeltaRef
}

type version struct {
	before, seq uint64
	touched     []uint32
	fold        [256]byte
}

// level is the latest delta that reaches 2^k versions back. Long ones are not
// made anew at every version: a shorter one leads on from their end.
type level struct {
	ref  DeltaRef
	lag  int // versions published since
	wait int // versions it may stand before it is made anew
}

const (
	maxLevels = 16
	// maxCarried is how many deltas of earlier runs are kept.
	maxCarried = 24
	// A delta of so many changes is made at every version; one of twice as
	// many at every second, and so on: what a version writes stays bounded.
	cheapChanges = 2048
	// maxWay is how many deltas may lie between the full list and the head:
	// a chain that restarts made long ends in a new full list.
	maxWay = 12
	// history lets go of the oldest versions past these.
	maxVersions = 1<<(maxLevels-1) + 1
	maxTouched  = 4 << 20
	// maxDelta is how many changes always make a delta.
	maxDelta = 1 << 16
)

// carry keeps the deltas of a head published before this process started: the
// way from its full list, and of the others the latest that reach back
// furthest. Their number is bounded however often a publisher is restarted.
func (hs *history) carry(h *Head) {
	_, hs.carried = h.path(h.Full.Sequence)
	others := slices.Clone(h.Deltas)
	slices.SortFunc(others, func(a, b DeltaRef) int {
		return cmp.Or(cmp.Compare(b.To, a.To), cmp.Compare(a.From, b.From))
	})
	for _, d := range others {
		if len(hs.carried) >= maxCarried {
			break
		}
		if !slices.Contains(hs.carried, d) {
			hs.carried = append(hs.carried, d)
		}
	}
}

func (hs *history) add(v version) {
	hs.versions = append(hs.versions, v)
	total := 0
	for i := len(hs.versions) - 1; i >= 0; i-- {
		total += len(hs.versions[i].touched)
		if i > 0 && (total > maxTouched || len(hs.versions)-i > maxVersions) {
			hs.versions = slices.Clone(hs.versions[i:])
			break
		}
	}
	for i := range hs.levels {
		hs.levels[i].lag++
	}
}

// since gathers the last n versions into one delta onto the list as it is.
func (hs *history) since(n int, l *List) *change {
	vs := hs.versions[len(hs.versions)-n:]
	c := &change{
		from: vs[0].before, to: vs[n-1].seq, cards: l.Len(), table: l.states(), remap: identity,
	}
	var all []uint32
	for _, v := range vs {
		all = append(all, v.touched...)
		for i, to := range c.remap {
			c.remap[i] = v.fold[to]
		}
	}
	if n > 1 {
		slices.Sort(all)
		all = slices.Compact(all)
	}
	c.folds = c.remap != identity
	c.index = all
	c.state = make([]byte, len(all))
	for i, index := range all {
		c.state[i] = l.bytes[index]
	}
	return c
}

// writeDeltas adds this publication to the history, writes the deltas due and
// the full list if the way from the last one has grown long.
func (p *Publisher) writeDeltas(h *Head) error {
	hs := &p.history
	old := *hs
	old.levels = slices.Clone(hs.levels)
	if len(p.unsent) > max(maxDelta, int(p.list.Len()/8)) {
		// So much is new that a full list says it shorter, and to everyone.
		*hs = history{}
	} else if p.haveHead {
		hs.add(version{before: p.head.Sequence, seq: h.Sequence, touched: p.unsent, fold: p.unsentFold})
		if err := p.writeLevels(h); err != nil {
			*hs = old
			return err
		}
	}
	if h.Full = p.head.Full; len(hs.versions) == 0 {
		h.Full = FullRef{}
	}
	cost, way := h.path(h.Full.Sequence)
	if !p.haveHead || cost == math.MaxUint64 || cost > max(uint64(h.Full.Size)/2, 4096) || len(way) > maxWay {
		if err := p.writeFull(h); err != nil {
			*hs = old
			return err
		}
	}
	return nil
}

func (p *Publisher) writeLevels(h *Head) error {
	hs := &p.history
	have := len(hs.versions)
	fill, _ := p.list.fillState(p.cfg.Default)
	for k := 0; k <= bits.Len(uint(have-1)) && k < maxLevels; k++ {
		if k == len(hs.levels) {
			hs.levels = append(hs.levels, level{})
		}
		lv := &hs.levels[k]
		if lv.ref.To == 0 || lv.lag >= lv.wait {
			c := hs.since(min(1<<k, have), p.list)
			c.fill = fill
			file := p.cfg.Secret.Seal(encodeDelta(c))
			ref := DeltaRef{From: c.from, To: c.to, Size: uint32(len(file)), Short: short(file)}
			if err := p.write(ref.Name(), file); err != nil {
				return err
			}
			*lv = level{ref: ref, wait: min(1<<k/2, 1<<bits.Len(uint(len(c.index)/cheapChanges)))}
		}
		h.Deltas = append(h.Deltas, lv.ref)
	}
	h.Deltas = append(h.Deltas, hs.carried...)
	slices.SortFunc(h.Deltas, func(a, b DeltaRef) int { return strings.Compare(a.Name(), b.Name()) })
	h.Deltas = slices.Compact(h.Deltas)
	return nil
}

// fillState gives the state new cards start in.
func (l *List) fillState(s Status) (byte, bool) {
	t := l.states()
	return t.find(s)
}

func (p *Publisher) writeFull(h *Head) error {
	file := p.cfg.Secret.Seal(p.list.EncodeFull(p.Ranges().cuts()...))
	h.Full = FullRef{Sequence: h.Sequence, Size: uint32(len(file)), Short: short(file)}
	// Deltas of earlier runs led on from earlier full lists.
	p.history.carried = nil
	return p.write(h.Full.Name(), file)
}

func short(file []byte) [8]byte {
	d := Sum(file)
	return [8]byte(d[:8])
}

// union merges two ascending lists of cards.
func union(a, b []uint32) []uint32 {
	if len(a) == 0 {
		return b
	}
	all := append(slices.Clone(a), b...)
	slices.Sort(all)
	return slices.Compact(all)
}

// prunable says whether a file may go once no head leads to it.
func prunable(name string) bool {
	return strings.HasPrefix(name, "full-") || strings.HasPrefix(name, "ranges-") || strings.HasPrefix(name, "delta-") ||
		strings.HasPrefix(name, "rules-") || strings.HasPrefix(name, "function-") || strings.HasPrefix(name, "functions-") ||
		strings.HasPrefix(name, ".new-")
}

// prune removes files no head has named for a while.
func (p *Publisher) prune(ranges *Ranges, now time.Time) error {
	named := map[string]bool{p.head.Full.Name(): true}
	for _, d := range p.head.Deltas {
		named[d.Name()] = true
	}
	for _, d := range p.head.Rules {
		named[RulesName(d)] = true
	}
	for _, name := range slices.Concat(ranges.Files(), p.chips.said.Files()) {
		named[name] = true
	}
	for name := range named {
		p.retired[name] = now
	}
	for name, since := range p.retired {
		if named[name] || now.Sub(since) < p.cfg.Keep {
			continue
		}
		if err := os.Remove(filepath.Join(p.dir, name)); err != nil && !os.IsNotExist(err) {
			return err
		}
		delete(p.retired, name)
	}
	return nil
}

func validName(s string) bool {
	return s != "" && len(s) <= maxCity && s != "." && s != ".." && !strings.ContainsAny(s, "/\\\x00")
}

// Load makes the head's array out of its files.
func (h *Head) Load(read func(name string) ([]byte, error)) (*List, error) {
	full, deltas, err := h.Plan(0)
	if err != nil {
		return nil, err
	}
	file, err := read(full.Name())
	if err != nil {
		return nil, err
	}
	l, err := DecodeFull(file, h.Cards)
	if err != nil {
		return nil, err
	}
	var files [][]byte
	for _, d := range deltas {
		file, err := read(d.Name())
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	return l.Apply(h, files)
}

const maxRangesChain = 1024

// LoadRanges reads the head's ranges and the tables they continue.
func (h *Head) LoadRanges(read func(name string) ([]byte, error)) (*Ranges, error) {
	var files [][]byte
	for d, more := h.Ranges, true; more; {
		if len(files) == maxRangesChain {
			return nil, fmt.Errorf("%w: ranges continue one another without end", ErrMalformed)
		}
		file, err := read(RangesName(d))
		if err != nil {
			return nil, err
		}
		if Sum(file) != d {
			return nil, fmt.Errorf("%w: %s", ErrDigest, RangesName(d))
		}
		files = append(files, file)
		if d, more, err = RangesParent(file); err != nil {
			return nil, err
		}
	}
	var r *Ranges
	for _, file := range slices.Backward(files) {
		var err error
		if r, err = ParseRanges(file, r); err != nil {
			return nil, err
		}
	}
	if r.Len() != h.Cards {
		return nil, fmt.Errorf("%w: ranges of %d cards, head speaks of %d", ErrDigest, r.Len(), h.Cards)
	}
	return r, nil
}

// LoadRules reads the head's tables of rules.
func (h *Head) LoadRules(read func(name string) ([]byte, error)) ([]*Rules, error) {
	var out []*Rules
	for _, d := range h.Rules {
		file, err := read(RulesName(d))
		if err != nil {
			return nil, err
		}
		if Sum(file) != d {
			return nil, fmt.Errorf("%w: %s", ErrDigest, RulesName(d))
		}
		r, err := ParseRules(file)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}
