package statuslist

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"io"
	"math"
)

// EncodeFull gives the list's file.
func (l *List) EncodeFull() []byte {
	b := appendMagic(nil, magicFull)
	b = binary.AppendUvarint(b, uint64(l.Len()))
	t := l.states()
	b = t.append(b)
	var packed bytes.Buffer
	w, _ := flate.NewWriter(&packed, flate.BestSpeed) // errs only on a level out of range
	w.Write(l.bytes)
	w.Close()
	return append(b, packed.Bytes()...)
}

// DecodeFull reads a full list of at most max cards.
func DecodeFull(file []byte, max uint32) (*List, error) {
	r := newReader(file, magicFull)
	n := uint32(r.uvarint(uint64(max)))
	t := r.states()
	if r.err != nil {
		return nil, r.err
	}
	l := newArray(n)
	packed := flate.NewReader(bytes.NewReader(r.b))
	if _, err := io.ReadFull(packed, l.bytes); err != nil && n > 0 {
		return nil, fmt.Errorf("%w: full list: %w", ErrMalformed, err)
	}
	l.setTable(t)
	for _, s := range l.bytes {
		if !t.used[s] {
			return nil, fmt.Errorf("%w: full list: a state that is not in the table", ErrMalformed)
		}
	}
	l.rehash()
	return l, nil
}

func encodeDelta(c *change) []byte {
	b := appendMagic(nil, magicDelta)
	b = binary.AppendUvarint(b, c.from)
	b = binary.AppendUvarint(b, c.to)
	b = binary.AppendUvarint(b, uint64(c.cards))
	b = append(b, c.fill)
	b = c.table.append(b)
	b = append(b, c.remap[:]...)
	b = binary.AppendUvarint(b, uint64(len(c.index)))
	last := uint32(0)
	for i, x := range c.index {
		b = binary.AppendUvarint(b, uint64(x-last))
		b = append(b, c.state[i])
		last = x
	}
	return b
}

func decodeDelta(file []byte, max uint32) (*change, error) {
	r := newReader(file, magicDelta)
	c := &change{from: r.uvarint(math.MaxUint64), to: r.uvarint(math.MaxUint64), cards: uint32(r.uvarint(uint64(max))), fill: r.byte()}
	c.table = r.states()
	copy(c.remap[:], r.take(256))
	c.folds = c.remap != identity
	last := uint64(0)
	for n := r.uvarint(uint64(len(r.b) / 2)); n > 0 && r.err == nil; n-- {
		last += r.uvarint(math.MaxUint32)
		if last >= uint64(c.cards) {
			r.fail("a card past the end")
			break
		}
		c.index = append(c.index, uint32(last))
		c.state = append(c.state, r.byte())
	}
	return c, r.end()
}
