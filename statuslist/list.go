package statuslist

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"runtime"
	"sync/atomic"
	"unsafe"
)

// List is the array in memory: one byte a card, an entry in a table of
// states. One goroutine may apply deltas while any number look cards up: a
// look-up sees each card as it was or as it becomes, never a mixture.
type List struct {
	// words holds four cards each, so that single cards can be read and
	// written atomically without a lock; bytes is the same memory.
	words []uint32
	bytes []byte
	// table gives each state its status, packed. An entry in use never
	// changes its meaning while cards may hold it.
	table [256]atomic.Uint64
	used  [256]bool
	// hot says two bits of each card, sixteen to a word: which of the three
	// commonest states it is in, or that its byte has to be read. Nearly all
	// taps are answered from an array that fits a processor's cache. nil until
	// heat.
	hot      []uint32
	hotState [hotStates]uint64 // statuses, packed
	hotCode  [256]byte
	blocks   []Digest // of each run of blockCards cards
	dirty    []bool   // blocks whose digest is not up to date

	mapped *Mapped // the file the words lie in, nil for none
	// fresh is true while nobody but the one who made it reads the list: it may
	// be changed without a copy.
	fresh bool
}

// hotStates are told apart by the two bits; one more code is for the rest.
const hotStates = 3

// blockCards is how many cards share one digest: a change of one card costs
// hashing 64 kB again, not the whole array.
const blockCards = 1 << 16

// NewList makes a list of n cards of one status.
func NewList(n uint32, s Status) *List {
	l := newArray(n)
	l.setState(0, s)
	l.rehash()
	return l
}

func newArray(n uint32) *List {
	words := make([]uint32, (uint64(n)+3)/4)
	blocks := (uint64(n) + blockCards - 1) / blockCards
	l := &List{words: words, blocks: make([]Digest, blocks), dirty: make([]bool, blocks)}
	if n > 0 {
		l.bytes = unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), n)
		preferHuge(l.bytes)
	}
	return l
}

// Len is the number of cards.
func (l *List) Len() uint32 { return uint32(len(l.bytes)) }

// Status is what the list says of card i, which must be below Len. It may be
// called while another goroutine applies a delta.
func (l *List) Status(i uint32) Status {
	if i>>4 < uint32(len(l.hot)) {
		word := atomic.LoadUint32(&l.hot[i>>4])
		if code := word >> (i & 15 * 2) & 3; code < hotStates {
			return unpackStatus(l.hotState[code])
		}
	}
	word := atomic.LoadUint32(&l.words[i>>2])
	s := unpackStatus(l.table[lane(word, i)].Load())
	runtime.KeepAlive(l) // a mapped array goes with its list
	return s
}

// lane picks card i's byte out of its word.
func lane(word, i uint32) byte { return byte(word >> laneShift(i)) }

func laneShift(i uint32) uint32 {
	if bigEndian {
		return 24 - i&3*8
	}
	return i & 3 * 8
}

var bigEndian = binary.NativeEndian.Uint16([]byte{0, 1}) == 1

func (l *List) put(i uint32, state byte) {
	shift := laneShift(i)
	w := &l.words[i>>2]
	atomic.StoreUint32(w, *w&^(0xff<<shift)|uint32(state)<<shift)
	if l.hot == nil {
		return
	}
	// The byte first: who is sent to it by the old two bits finds the new.
	shift = i & 15 * 2
	w = &l.hot[i>>4]
	atomic.StoreUint32(w, *w&^(3<<shift)|uint32(l.hotCode[state])<<shift)
}

// heat makes the two bits of every card, before anybody else reads the list.
func (l *List) heat() {
	// Any three states would be right; a sample finds the ones that pay.
	const sample = 8
	var total [256]uint32
	for b := 0; b < len(l.blocks); b += sample {
		for _, s := range l.block(b) {
			total[s]++
		}
	}
	for s := range l.hotCode {
		l.hotCode[s] = hotStates
	}
	for code := range byte(hotStates) {
		most := -1
		for s, n := range total {
			if n > 0 && l.hotCode[s] == hotStates && (most < 0 || n > total[most]) {
				most = s
			}
		}
		if most >= 0 {
			l.hotCode[most] = code
			l.hotState[code] = l.table[most].Load()
		}
	}
	hot := make([]uint32, (len(l.bytes)+15)/16)
	if len(hot) > 0 {
		preferHuge(unsafe.Slice((*byte)(unsafe.Pointer(&hot[0])), 4*len(hot)))
	}
	parallel(len(l.blocks), func(b int) {
		at := b * blockCards / 16
		for block := l.block(b); len(block) > 0; at++ {
			word := uint32(0)
			for i, s := range block[:min(16, len(block))] {
				word |= uint32(l.hotCode[s]) << (2 * i)
			}
			hot[at] = word
			block = block[min(16, len(block)):]
		}
	})
	l.hot = hot
}

func packStatus(s Status) uint64 { return uint64(s.Class)<<32 | uint64(uint32(s.StopUntil)) }

func unpackStatus(p uint64) Status {
	return Status{Class: Class(p >> 32), StopUntil: Day(uint32(p))}
}

func (l *List) setState(id byte, s Status) {
	l.table[id].Store(packStatus(s))
	l.used[id] = true
}

// states is the table as a value.
type states struct {
	status [256]Status
	used   [256]bool
}

func (l *List) states() (t states) {
	t.used = l.used
	for i := range t.status {
		if t.used[i] {
			t.status[i] = unpackStatus(l.table[i].Load())
		}
	}
	return t
}

// find gives the state of a status.
func (t *states) find(s Status) (id byte, ok bool) {
	for i := range t.status {
		if t.used[i] && t.status[i] == s {
			return byte(i), true
		}
	}
	return 0, false
}

// place gives the state of a status, taking a free one if there is none yet.
func (t *states) place(s Status) (id byte, ok bool) {
	if id, ok = t.find(s); ok {
		return id, true
	}
	for i := range t.status {
		if !t.used[i] {
			t.used[i], t.status[i] = true, s
			return byte(i), true
		}
	}
	return 0, false
}

// within says whether every state of t means the same in other.
func (t *states) within(other *states) bool {
	for i := range t.status {
		if t.used[i] && (!other.used[i] || other.status[i] != t.status[i]) {
			return false
		}
	}
	return true
}

func (t *states) append(b []byte) []byte {
	n := 0
	for _, used := range t.used {
		if used {
			n++
		}
	}
	b = binary.AppendUvarint(b, uint64(n))
	for i, used := range t.used {
		if used {
			b = append(b, byte(i), byte(t.status[i].Class))
			b = binary.AppendUvarint(b, uint64(t.status[i].StopUntil))
		}
	}
	return b
}

func (r *reader) states() (t states) {
	last := -1
	for n := r.uvarint(256); n > 0 && r.err == nil; n-- {
		id := r.byte()
		class := r.byte()
		if int(id) <= last || class >= Classes {
			r.fail("state table")
			break
		}
		last = int(id)
		t.used[id] = true
		t.status[id] = Status{Class: Class(class), StopUntil: Day(r.uvarint(math.MaxInt32))}
	}
	return t
}

// Digest proves the array and its table: the SHA-256 over the number of
// cards, the table as a file spells it and the digests of the blocks.
func (l *List) Digest() Digest {
	t := l.states()
	return arrayDigest(l.Len(), &t, l.blocks)
}

func arrayDigest(n uint32, t *states, blocks []Digest) Digest {
	h := sha256.New()
	h.Write(t.append(binary.BigEndian.AppendUint32([]byte("TKLA"), n)))
	for i := range blocks {
		h.Write(blocks[i][:])
	}
	return Digest(h.Sum(nil))
}

func (l *List) rehash() {
	for b := range l.dirty {
		l.dirty[b] = true
	}
	l.settle()
}

func (l *List) block(b int) []byte {
	return l.bytes[b*blockCards : min((b+1)*blockCards, len(l.bytes))]
}

// clone copies the list into an array of n cards, new ones in state fill.
func (l *List) clone(n uint32, fill byte) *List {
	c := newArray(n)
	copy(c.bytes, l.bytes)
	if fill != 0 {
		for i := len(l.bytes); i < len(c.bytes); i++ {
			c.bytes[i] = fill
		}
	}
	copy(c.blocks, l.blocks)
	copy(c.dirty, l.dirty)
	if n > l.Len() {
		for b := int(l.Len() / blockCards); b < len(c.dirty); b++ {
			c.dirty[b] = true
		}
	}
	c.setTable(l.states())
	return c
}

func (l *List) setTable(t states) {
	l.used = t.used
	for i := range t.status {
		if t.used[i] {
			l.table[i].Store(packStatus(t.status[i]))
		} else {
			l.table[i].Store(0)
		}
	}
}

// check compares the array with a head.
func (l *List) check(h *Head) error {
	if l.Len() != h.Cards || l.Digest() != h.Array {
		return fmt.Errorf("%w: array of head %d", ErrDigest, h.Sequence)
	}
	return nil
}

// Each calls f with every card's index and status, in order.
func (l *List) Each(f func(index uint32, s Status)) {
	t := l.states()
	for i, b := range l.bytes {
		f(uint32(i), t.status[b])
	}
}
