package statuslist

import (
	"encoding/binary"
	"fmt"
	"math"
)

// A full list is coded by models fitted to cohorts: cards issued together
// were paired, and are stopped, at like rates. The file names the models and
// which stretch of cards goes by which; how the encoder chose them is its own
// affair.
const (
	maxModels = 64
	maxRuns   = 1 << 20
	maxLanes  = 64
	// laneCards is about how many cards make a lane: lanes are coded apart,
	// so that as many processors as there are can work at once.
	laneCards = 4 << 20
)

// EncodeFull gives the list's file. cuts are cards at which a cohort begins,
// ascending; the coder may or may not make use of them.
func (l *List) EncodeFull(cuts ...uint32) []byte {
	t := l.states()
	runs := l.fit(cuts)
	b := appendMagic(nil, magicFull)
	b = binary.AppendUvarint(b, uint64(l.Len()))
	b = t.append(b)

	var models []*model
	number := map[*model]int{}
	for _, r := range runs {
		if _, seen := number[r.model]; !seen {
			number[r.model] = len(models)
			models = append(models, r.model)
		}
	}
	b = binary.AppendUvarint(b, uint64(len(models)))
	for _, m := range models {
		b = m.append(b)
	}
	b = binary.AppendUvarint(b, uint64(len(runs)))
	for _, r := range runs {
		b = binary.AppendUvarint(b, uint64(r.cards))
		b = binary.AppendUvarint(b, uint64(number[r.model]))
	}

	lanes := max(1, int((uint64(l.Len())+laneCards/2)/laneCards))
	streams := make([][]byte, lanes)
	parallel(lanes, func(i int) {
		from, to := laneBounds(l.Len(), lanes, i)
		streams[i] = encodeStates(l.bytes[from:to], cutRuns(runs, from, to))
	})
	b = binary.AppendUvarint(b, uint64(lanes))
	for _, s := range streams {
		b = binary.AppendUvarint(b, uint64(len(s)))
	}
	for _, s := range streams {
		b = append(b, s...)
	}
	return b
}

// DecodeFull reads a full list of at most max cards.
func DecodeFull(file []byte, max uint32) (*List, error) {
	r := newReader(file, magicFull)
	n := uint32(r.uvarint(uint64(max)))
	t := r.states()
	models := make([]*model, r.uvarint(maxModels))
	for i := range models {
		if models[i] = r.model(&t); r.err != nil {
			return nil, r.err
		}
	}
	runs := make([]run, 0, 16)
	total := uint64(0)
	for k := r.uvarint(maxRuns); k > 0 && r.err == nil; k-- {
		cards, m := uint32(r.uvarint(math.MaxUint32)), r.uvarint(maxModels)
		total += uint64(cards)
		if cards == 0 || total > uint64(n) || m >= uint64(len(models)) {
			r.fail("a stretch that does not fit")
			break
		}
		runs = append(runs, run{cards, models[m]})
	}
	if r.err == nil && total != uint64(n) {
		r.fail("stretches do not cover the list")
	}
	streams := make([][]byte, r.uvarint(maxLanes))
	if len(streams) == 0 {
		r.fail("no lanes")
	}
	sizes := make([]int, len(streams))
	for i := range sizes {
		sizes[i] = int(r.uvarint(uint64(len(r.b))))
	}
	for i := range streams {
		streams[i] = r.take(sizes[i])
	}
	if err := r.end(); err != nil {
		return nil, err
	}

	l := newArray(n)
	whole := make([]bool, len(streams))
	parallel(len(streams), func(i int) {
		from, to := laneBounds(n, len(streams), i)
		whole[i] = decodeStates(l.bytes[from:to], cutRuns(runs, from, to), streams[i])
	})
	for i, ok := range whole {
		if !ok {
			return nil, fmt.Errorf("%w: full list: lane %d", ErrMalformed, i)
		}
	}
	l.setTable(t)
	l.rehash()
	l.fresh = true
	return l, nil
}

// laneBounds gives the cards of one of several lanes.
func laneBounds(n uint32, lanes, i int) (from, to uint32) {
	return uint32(uint64(n) * uint64(i) / uint64(lanes)), uint32(uint64(n) * uint64(i+1) / uint64(lanes))
}

// cutRuns gives the stretches of cards from to to.
func cutRuns(runs []run, from, to uint32) (out []run) {
	at := uint64(0)
	for _, r := range runs {
		start, end := max(at, uint64(from)), min(at+uint64(r.cards), uint64(to))
		at += uint64(r.cards)
		if start < end {
			out = append(out, run{uint32(end - start), r.model})
		}
	}
	return out
}
