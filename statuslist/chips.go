package statuslist

import (
	"fmt"
	"iter"
	"slices"
)

// chips is the publisher's side of the cards that have no range: what each is
// to be, and the functions that say it. The functions need not be told apart
// from what the cards are: a card whose answer is not its status is news,
// whether it changed, is new, or was never looked at since a restart.
type chips struct {
	tags   []uint64 // ascending
	status []Status // of each
	said   Functions
	// compared is false until every card was held against the functions.
	compared bool
	due      []uint64 // cards changed since, ascending
}

// maxLaid is how many functions may lie over the full one: a gate asks them
// one after the other.
const maxLaid = 12

func (c *chips) find(tag uint64) (Status, bool) {
	if i, ok := slices.BinarySearch(c.tags, tag); ok {
		return c.status[i], true
	}
	return Status{}, false
}

// take sets cards, new ones among them.
func (c *chips) take(staged map[uint64]Status) {
	if len(staged) == 0 {
		return
	}
	due := make([]uint64, 0, len(staged))
	for tag := range staged {
		due = append(due, tag)
	}
	slices.Sort(due)
	var fresh []uint64
	for _, tag := range due {
		if i, ok := slices.BinarySearch(c.tags, tag); ok {
			c.status[i] = staged[tag]
		} else {
			fresh = append(fresh, tag)
		}
	}
	if len(fresh) > 0 {
		tags := make([]uint64, 0, len(c.tags)+len(fresh))
		status := make([]Status, 0, cap(tags))
		at := 0
		for _, tag := range fresh {
			n, _ := slices.BinarySearch(c.tags[at:], tag)
			tags, status = append(tags, c.tags[at:at+n]...), append(status, c.status[at:at+n]...)
			tags, status = append(tags, tag), append(status, staged[tag])
			at += n
		}
		c.tags, c.status = append(tags, c.tags[at:]...), append(status, c.status[at:]...)
	}
	if c.due = append(c.due, due...); len(c.due) > len(due) {
		slices.Sort(c.due)
		c.due = slices.Compact(c.due)
	}
}

// news lists the cards of which the functions say something else than they
// are.
func (c *chips) news() (tags []uint64) {
	if len(c.said.layers) == 0 {
		return c.tags
	}
	if c.compared {
		for _, tag := range c.due {
			if s, _ := c.find(tag); c.said.Status(tag) != s {
				tags = append(tags, tag)
			}
		}
		return tags
	}
	const chunk = 1 << 16
	parts := make([][]uint64, (len(c.tags)+chunk-1)/chunk)
	parallel(len(parts), func(p int) {
		for i := p * chunk; i < min((p+1)*chunk, len(c.tags)); i++ {
			if c.said.Status(c.tags[i]) != c.status[i] {
				parts[p] = append(parts[p], c.tags[i])
			}
		}
	})
	return slices.Concat(parts...)
}

// over makes the function that says news over the first keep of those said:
// what the others said it says too. keep 0 makes a full one.
func (c *chips) over(keep int, news []uint64, to uint64) (*Function, error) {
	table := map[Status]byte{}
	var statuses []Status
	symbols := make([]byte, len(c.tags))
	from := uint64(0)
	if keep > 0 {
		from = c.said.refs[keep-1].to
	}
	at := 0
	for i, tag := range c.tags {
		fresh := at < len(news) && news[at] == tag
		if fresh {
			at++
		}
		if keep > 0 && !fresh && !c.laid(keep, tag) {
			symbols[i] = asBefore
			continue
		}
		s, known := table[c.status[i]]
		if !known {
			if len(statuses) == asBefore {
				return nil, fmt.Errorf("function: %w", ErrStates)
			}
			s = byte(len(statuses))
			table[c.status[i]], statuses = s, append(statuses, c.status[i])
		}
		symbols[i] = s
	}
	return makeFunction(from, to, c.tags, symbols, statuses)
}

// laid says whether one of the functions from the keep-th on speaks of a card.
func (c *chips) laid(keep int, tag uint64) bool {
	for _, f := range c.said.layers[keep:] {
		if _, ok := f.Status(tag); ok {
			return true
		}
	}
	return false
}

// keep says how many of the functions stay under one that says so many cards
// anew: it takes up those that are not much larger than itself, so that they
// stay few and a card is said again a few times at most. 0 is a full one.
func (c *chips) keep(news int) int {
	if len(c.said.layers) == 0 || news > len(c.tags)/8 {
		return 0
	}
	keep := len(c.said.layers)
	for keep > 1 && c.spoken(keep-1) <= 2*news {
		keep--
		news += c.spoken(keep)
	}
	size := uint64(0)
	for _, r := range c.said.refs[1:] {
		size += uint64(r.size)
	}
	if keep > maxLaid || size > max(uint64(c.said.refs[0].size)/2, 4096) {
		return 0
	}
	return keep
}

// spoken is about of how many cards a laid function speaks: its size, as a
// card takes some sixteen bits.
func (c *chips) spoken(i int) int { return int(c.said.refs[i].size) / 2 }

// fold makes plain what ended, so that statuses do not pile up.
func (c *chips) fold(ended func(Status) bool) {
	for i, s := range c.status {
		if s.StopUntil != 0 && ended(s) {
			c.status[i].StopUntil = 0
		}
	}
}

// SetChips stages cards of a scheme that holds chips, by their numbers'
// values: statuses for the next Publish. A card it has not met is new.
func (p *Publisher) SetChips(all iter.Seq2[uint64, Status]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for tag, s := range all {
		p.stagedChips[tag] = s.settable()
	}
}

// Chip is what the list says of such a card, staged changes included; ok is
// false for one it has not met.
func (p *Publisher) Chip(tag uint64) (Status, bool) {
	p.publishing.Lock()
	defer p.publishing.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if s, ok := p.stagedChips[tag]; ok {
		return s, true
	}
	return p.chips.find(tag)
}

// resumeChips reads the functions back that the head names.
func (p *Publisher) resumeChips(h *Head, read func(string) ([]byte, error)) error {
	said, err := h.LoadFunctions(nil, func(name string, _ int64) ([]byte, *Mapped, error) {
		file, err := read(name)
		return file, nil, err
	}, p.cfg.Secret.Unseal)
	if err != nil {
		return err
	}
	if said != nil {
		p.chips.said = *said
	}
	return nil
}

// absorbChips takes what was staged; ended stops are plain.
func (p *Publisher) absorbChips(staged map[uint64]Status, ended func(Status) bool) {
	for tag, s := range staged {
		if s.StopUntil != 0 && ended(s) {
			s.StopUntil = 0
			staged[tag] = s
		}
	}
	p.chips.take(staged)
}

// writeFunctions writes the function that says what is new, if anything is,
// and the file that names them all. It gives the functions as they will be.
func (p *Publisher) writeFunctions(news []uint64, to uint64, ended func(Status) bool) (*Functions, error) {
	c := &p.chips
	next := &Functions{}
	keep := c.keep(len(news))
	if keep == 0 {
		c.fold(ended)
	}
	f, err := c.over(keep, news, to)
	if err != nil {
		return nil, err
	}
	file := p.cfg.Secret.Seal(f.marshal())
	ref := functionRef{from: f.From, to: f.To, size: uint32(len(file)), digest: Sum(file)}
	if err := p.write(ref.name(), file); err != nil {
		return nil, err
	}
	next.refs = append(slices.Clone(c.said.refs[:keep]), ref)
	next.layers = append(slices.Clone(c.said.layers[:keep]), f)
	next.held = make([]*Mapped, len(next.refs))
	return next, p.write(FunctionsName(next.Digest()), next.marshal())
}
