package statuslist

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// A delta names the cards by the gaps between them, in Golomb code: where a
// change may meet any card alike that is within a five-hundredth of the
// least there is. Their new states follow, coded by one model.

func encodeDelta(c *change) []byte {
	b := appendMagic(nil, magicDelta)
	b = binary.AppendUvarint(b, c.from)
	b = binary.AppendUvarint(b, c.to)
	b = binary.AppendUvarint(b, uint64(c.cards))
	b = append(b, c.fill)
	b = c.table.append(b)
	folds := 0
	for i, to := range c.remap {
		if int(to) != i {
			folds++
		}
	}
	b = binary.AppendUvarint(b, uint64(folds))
	for i, to := range c.remap {
		if int(to) != i {
			b = append(b, byte(i), to)
		}
	}
	b = binary.AppendUvarint(b, uint64(len(c.index)))
	if len(c.index) == 0 {
		return b
	}
	var counts [256]uint32
	for _, s := range c.state {
		counts[s]++
	}
	m := newModel(&counts)
	b = m.append(b)
	if len(m.symbols) > 1 {
		stream := encodeStates(c.state, []run{{uint32(len(c.state)), m}})
		b = binary.AppendUvarint(b, uint64(len(stream)))
		b = append(b, stream...)
	}
	divisor := golombDivisor(uint64(len(c.index)), uint64(c.cards))
	b = binary.AppendUvarint(b, divisor)
	return appendGaps(b, c.index, divisor)
}

func decodeDelta(file []byte, max uint32) (*change, error) {
	r := newReader(file, magicDelta)
	c := &change{from: r.uvarint(math.MaxUint64), to: r.uvarint(math.MaxUint64), remap: identity}
	c.cards = uint32(r.uvarint(uint64(max)))
	c.fill = r.byte()
	c.table = r.states()
	for n := r.uvarint(256); n > 0 && r.err == nil; n-- {
		from, to := r.byte(), r.byte()
		if from == to || c.remap[from] != from || !c.table.used[to] {
			r.fail("a state folded twice or into nothing")
			break
		}
		c.remap[from], c.folds = to, true
	}
	if r.err == nil && !c.table.used[c.remap[c.fill]] {
		r.fail("new cards in a state that is not in the table")
	}
	// Every change takes at least a bit, so the file bounds their number.
	n := r.uvarint(8 * uint64(len(r.b)))
	if n == 0 || r.err != nil {
		return c, r.end()
	}
	m := r.model(&c.table)
	if r.err != nil {
		return nil, r.err
	}
	c.state = make([]byte, n)
	if len(m.symbols) == 1 {
		fill(c.state, m.symbols[0].state)
	} else if stream := r.take(int(r.uvarint(uint64(len(r.b))))); !decodeStates(c.state, []run{{uint32(n), m}}, stream) {
		r.fail("states cut short")
	}
	divisor := r.uvarint(math.MaxUint32)
	if divisor == 0 {
		r.fail("gaps divided by nothing")
	}
	if r.err == nil {
		var ok bool
		if c.index, ok = gaps(r.b, int(n), divisor, c.cards); !ok {
			r.fail("gaps")
		}
	}
	return c, r.err
}

// golombDivisor is the divisor that codes n of total cards shortest: -1 over
// the binary logarithm of the chance that a card is passed over.
func golombDivisor(n, total uint64) uint64 {
	if n >= total {
		return 1
	}
	stay := 1 - float64(n)/float64(total)
	return uint64(max(1, math.Ceil(-math.Log2(1+stay)/math.Log2(stay))))
}

// appendGaps writes, for each card, how many were passed over since the one
// before: the quotient by the divisor as that many ones and a zero, the
// remainder in truncated binary, high bits first; zeros fill the last byte.
func appendGaps(b []byte, index []uint32, divisor uint64) []byte {
	width := bits.Len64(divisor - 1)
	short := uint64(1)<<width - divisor // remainders that get a bit less
	var acc uint64
	var have int
	put := func(v uint64, n int) {
		acc, have = acc<<n|v, have+n
		for have >= 8 {
			have -= 8
			b = append(b, byte(acc>>have))
		}
	}
	next := uint64(0)
	for _, x := range index {
		q, rem := (uint64(x)-next)/divisor, (uint64(x)-next)%divisor
		next = uint64(x) + 1
		for ; q >= 8; q -= 8 {
			put(0xff, 8)
		}
		put(1<<(q+1)-2, int(q)+1)
		switch {
		case width == 0:
		case rem < short:
			put(rem, width-1)
		default:
			put(rem+short, width)
		}
	}
	if have > 0 {
		put(0, 8-have)
	}
	return b
}

// gaps reads n cards of an array of cards; ok is false unless the bytes hold
// just these.
func gaps(b []byte, n int, divisor uint64, cards uint32) (index []uint32, ok bool) {
	width := bits.Len64(divisor - 1)
	short := uint64(1)<<width - divisor
	index = make([]uint32, n)
	var acc uint64 // the low have bits are still to be read
	var have, at int
	need := func(k int) bool {
		for have < k {
			if at == len(b) {
				return false
			}
			acc, have, at = acc<<8|uint64(b[at]), have+8, at+1
		}
		return true
	}
	take := func(k int) uint64 {
		have -= k
		return acc >> have & (1<<k - 1)
	}
	next := uint64(0)
	for i := range index {
		q := uint64(0)
		for {
			if !need(1) {
				return nil, false
			}
			if take(1) == 0 {
				break
			}
			if q++; q*divisor > uint64(cards) {
				return nil, false
			}
		}
		rem := uint64(0)
		if width > 0 {
			if !need(width - 1) {
				return nil, false
			}
			if rem = take(width - 1); rem >= short {
				if !need(1) {
					return nil, false
				}
				rem = rem<<1 | take(1)
				rem -= short
			}
		}
		x := next + q*divisor + rem
		if x >= uint64(cards) {
			return nil, false
		}
		index[i], next = uint32(x), x+1
	}
	return index, at == len(b) && have < 8 && acc&(1<<have-1) == 0
}
