package statuslist

import (
	"math"
	"slices"
)

// pieceCards is the grain at which cohorts are looked for besides the cuts.
const pieceCards = 1 << 15

// piece is a stretch of cards and what states they are in.
type piece struct {
	cards  uint32
	counts [256]uint32
}

// cluster is a set of pieces coded by one model.
type cluster struct {
	counts [256]uint32
	bits   float64
}

const (
	// symbolBits is what a state costs in a model's file, runBits about what
	// a change of model costs.
	symbolBits = 24
	runBits    = 32
)

// fit divides the list into stretches and gives each a model, so that models
// and stream together are about as short as they can be: pieces join the
// cluster they fit best unless a model of their own pays for itself, then
// clusters join while that is cheaper.
func (l *List) fit(cuts []uint32) []run {
	pieces := l.pieces(cuts)
	var used []int
	for s, u := range l.used {
		if u {
			used = append(used, s)
		}
	}
	var clusters []*cluster
	member := make([]*cluster, len(pieces))
	for i := range pieces {
		member[i] = join(&clusters, &pieces[i], used)
	}
	settled := mergeClusters(clusters, used)

	models := map[*cluster]*model{}
	var runs []run
	for i := range pieces {
		c := settled[member[i]]
		if models[c] == nil {
			models[c] = newModel(&c.counts)
		}
		if n := len(runs); n > 0 && runs[n-1].model == models[c] {
			runs[n-1].cards += pieces[i].cards
			continue
		}
		runs = append(runs, run{pieces[i].cards, models[c]})
	}
	return runs
}

func (l *List) pieces(cuts []uint32) []piece {
	var ends []uint32
	for at := uint64(pieceCards); at < uint64(l.Len()); at += pieceCards {
		ends = append(ends, uint32(at))
	}
	for _, c := range cuts {
		if c > 0 && c < l.Len() {
			ends = append(ends, c)
		}
	}
	if l.Len() > 0 {
		ends = append(ends, l.Len())
	}
	slices.Sort(ends)
	ends = slices.Compact(ends)
	pieces := make([]piece, len(ends))
	parallel(len(ends), func(i int) {
		from := uint32(0)
		if i > 0 {
			from = ends[i-1]
		}
		pieces[i].cards = ends[i] - from
		// Four tables, so that equal neighbours do not wait for each other.
		var c [4][256]uint32
		b := l.bytes[from:ends[i]]
		for ; len(b) >= 4; b = b[4:] {
			c[0][b[0]]++
			c[1][b[1]]++
			c[2][b[2]]++
			c[3][b[3]]++
		}
		for _, s := range b {
			c[0][s]++
		}
		for s := range pieces[i].counts {
			pieces[i].counts[s] = c[0][s] + c[1][s] + c[2][s] + c[3][s]
		}
	})
	return pieces
}

// join puts a piece into the cluster that grows least by it, or a new one.
func join(clusters *[]*cluster, p *piece, used []int) *cluster {
	own := cost(&p.counts, nil, used)
	var best *cluster
	least, bits := math.Inf(1), 0.0
	for _, c := range *clusters {
		together := cost(&c.counts, &p.counts, used)
		if d := together - c.bits - own; d < least {
			best, least, bits = c, d, together
		}
	}
	if best == nil || least > modelBits(&p.counts, used)+runBits && len(*clusters) < maxModels {
		c := &cluster{counts: p.counts, bits: own}
		*clusters = append(*clusters, c)
		return c
	}
	best.add(&p.counts)
	best.bits = bits
	return best
}

func (c *cluster) add(counts *[256]uint32) {
	for s, n := range counts {
		c.counts[s] += n
	}
}

// mergeClusters joins clusters while that saves bits, and says where each of
// the given ones went.
func mergeClusters(clusters []*cluster, used []int) map[*cluster]*cluster {
	settled := map[*cluster]*cluster{}
	for _, c := range clusters {
		settled[c] = c
	}
	live := slices.Clone(clusters)
	for {
		gain, at, with := 0.0, -1, -1
		for i, a := range live {
			for j := i + 1; j < len(live); j++ {
				b := live[j]
				together := cost(&a.counts, &b.counts, used)
				g := a.bits + b.bits + min(modelBits(&a.counts, used), modelBits(&b.counts, used)) - together
				if g > gain {
					gain, at, with = g, i, j
				}
			}
		}
		if at < 0 {
			return settled
		}
		a, b := live[at], live[with]
		a.add(&b.counts)
		a.bits = cost(&a.counts, nil, used)
		for from, to := range settled {
			if to == b {
				settled[from] = a
			}
		}
		live = slices.Delete(live, with, with+1)
	}
}

// cost is the bits it takes to code the cards of one or two counts by a
// model of just those.
func cost(a, b *[256]uint32, used []int) float64 {
	total, sum := 0.0, 0.0
	for _, s := range used {
		n := float64(a[s])
		if b != nil {
			n += float64(b[s])
		}
		if n > 0 {
			total += n
			sum += n * math.Log2(n)
		}
	}
	if total == 0 {
		return 0
	}
	return total*math.Log2(total) - sum
}

func modelBits(counts *[256]uint32, used []int) float64 {
	n := 0.0
	for _, s := range used {
		if counts[s] > 0 {
			n += symbolBits
		}
	}
	return n
}
