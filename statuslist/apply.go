package statuslist

import (
	"fmt"
	"slices"
)

// change is a delta opened: what it does to an array of any sequence from
// its start up to its end.
type change struct {
	from, to uint64
	cards    uint32    // length of the resulting array
	fill     byte      // state of cards the array did not have before
	table    states    // of the resulting array
	remap    [256]byte // applied to every card first; identity where nothing folds
	folds    bool      // remap is not the identity
	index    []uint32  // cards, ascending
	state    []byte    // their resulting states
}

var identity = func() (m [256]byte) {
	for i := range m {
		m[i] = byte(i)
	}
	return m
}()

// Apply leads the list to the array of a head over the files Plan named,
// after a full list or from where it stands. It gives the list itself,
// changed in place under the readers' eyes, where no card's byte changes its
// meaning; else a new list. If the files do not make the head's array the
// list is as it was.
func (l *List) Apply(h *Head, deltas [][]byte) (*List, error) {
	install, err := l.Prove(h, deltas)
	if err != nil {
		return nil, err
	}
	return install(), nil
}

// Prove is the first half of Apply: it proves that the files make the head's
// array and changes nothing yet, so that a gate can note durably what it is
// about to go by. install does the rest, once, and cannot fail. A list just
// read, which nobody else knows yet, is changed at once and worth nothing if
// the proof fails.
func (l *List) Prove(h *Head, deltas [][]byte) (install func() *List, err error) {
	changes := make([]*change, len(deltas))
	for i, file := range deltas {
		if changes[i], err = decodeDelta(file, h.Cards); err != nil {
			return nil, err
		}
		if changes[i].cards < l.Len() {
			return nil, fmt.Errorf("%w: delta makes the list shorter", ErrMalformed)
		}
	}
	if len(changes) == 1 && !l.fresh && l.fits(changes[0]) {
		return l.provePatch(changes[0], h)
	}
	next := l
	for _, c := range changes {
		if next == l && !l.fresh || c.cards > next.Len() {
			next = next.clone(c.cards, c.fill)
		}
		if c.cards < next.Len() {
			return nil, fmt.Errorf("%w: delta makes the list shorter", ErrMalformed)
		}
		next.overlay(c)
	}
	next.settle()
	if err := next.check(h); err != nil {
		return nil, err
	}
	if next.hot == nil {
		next.heat()
	}
	next.fresh = false
	return func() *List { return next }, nil
}

// fits says whether a delta can be applied in place.
func (l *List) fits(c *change) bool {
	t := l.states()
	return c.cards == l.Len() && !c.folds && t.within(&c.table)
}

// provePatch proves a delta that is to be applied in place.
func (l *List) provePatch(c *change, h *Head) (install func() *List, err error) {
	blocks := slices.Clone(l.blocks)
	for b, d := range l.hashWith(c) {
		blocks[b] = d
	}
	if l.Len() != h.Cards || arrayDigest(l.Len(), &c.table, blocks) != h.Array {
		return nil, fmt.Errorf("%w: array of head %d", ErrDigest, h.Sequence)
	}
	return func() *List {
		l.blocks = blocks
		// States first: whoever reads a new byte must find what it means.
		l.setTable(c.table)
		for i, index := range c.index {
			l.put(index, c.state[i])
		}
		return l
	}, nil
}

// hashWith gives the digests of the blocks a change touches as they will be.
func (l *List) hashWith(c *change) map[int]Digest {
	touched := map[int]Digest{}
	scratch := make([]byte, 0, blockCards)
	for i := 0; i < len(c.index); {
		b := int(c.index[i] / blockCards)
		scratch = append(scratch[:0], l.block(b)...)
		for ; i < len(c.index) && int(c.index[i]/blockCards) == b; i++ {
			scratch[c.index[i]%blockCards] = c.state[i]
		}
		touched[b] = Sum(scratch)
	}
	return touched
}

// overlay applies a change to an array nobody else reads. The digests of the
// blocks it touches are stale until settle.
func (l *List) overlay(c *change) {
	l.hot = nil
	if c.folds {
		parallel(len(l.blocks), func(b int) {
			block := l.block(b)
			for i, s := range block {
				block[i] = c.remap[s]
			}
			l.dirty[b] = true
		})
	}
	for i, index := range c.index {
		l.bytes[index] = c.state[i]
		l.dirty[index/blockCards] = true
	}
	l.setTable(c.table)
}

// settle brings the digests of touched blocks up to date.
func (l *List) settle() {
	parallel(len(l.blocks), func(b int) {
		if l.dirty[b] {
			l.blocks[b] = Sum(l.block(b))
			l.dirty[b] = false
		}
	})
}
