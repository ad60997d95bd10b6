package tap

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"sync"

	"turnike/gate"
)

// Memory keeps taps in the process: for a rehearsal, which ends with its
// report, and as the plainest statement of what a Store is to do.
type Memory struct {
	mu       sync.Mutex
	devices  map[memoryKey]Device
	receipts map[receiptKey]Receipt
	counts   map[memoryCount]uint64
	attempts []Attempt
	forks    map[memoryKey]int
	revision int64
}

type memoryKey struct {
	city string
	id   gate.Device
}

type receiptKey struct {
	memoryKey
	boot     gate.Boot
	sequence uint64
}

type memoryCount struct {
	city  string
	count Count // Taps zero
}

// NewMemory makes an empty store.
func NewMemory() *Memory {
	return &Memory{devices: map[memoryKey]Device{}, receipts: map[receiptKey]Receipt{}, counts: map[memoryCount]uint64{}, forks: map[memoryKey]int{}}
}

// Enrol makes a device known, or known anew.
func (m *Memory) Enrol(city string, d Device) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.devices[memoryKey{city, d.ID}] = d
	m.revision++
}

// Forks is how often a device's batches contradicted each other.
func (m *Memory) Forks(city string, id gate.Device) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.forks[memoryKey{city, id}]
}

// View is Update for who writes nothing.
func (m *Memory) View(ctx context.Context, fn func(Tx) error) error { return m.Update(ctx, fn) }

// Update runs fn alone. Nothing of it stays if it fails: what it wrote is
// kept aside until it has come to its end.
func (m *Memory) Update(ctx context.Context, fn func(Tx) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	tx := &memoryTx{m: m, receipts: map[receiptKey]Receipt{}, counts: map[memoryCount]uint64{}}
	if err := fn(tx); err != nil {
		return err
	}
	for k, r := range tx.receipts {
		m.receipts[k] = r
	}
	for k, n := range tx.counts {
		m.counts[k] += n
	}
	m.attempts = append(m.attempts, tx.attempts...)
	for _, k := range tx.forks {
		m.forks[k]++
	}
	return nil
}

// Counts are a city's figures, ordered by hour, stop and the rest.
func (m *Memory) Counts(city string) []Count {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []Count
	for k, n := range m.counts {
		if k.city == city {
			k.count.Taps = n
			out = append(out, k.count)
		}
	}
	slices.SortFunc(out, compareCounts)
	return out
}

// Attempts are a city's attempts, in the order they were taken.
func (m *Memory) Attempts(city string) []Attempt {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []Attempt
	for _, a := range m.attempts {
		if a.City == city {
			out = append(out, a)
		}
	}
	return out
}

// Receipts are a city's receipts, by device, boot and sequence.
func (m *Memory) Receipts(city string) []Receipt {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []Receipt
	for k, r := range m.receipts {
		if k.city == city {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, compareReceipts)
	return out
}

func compareReceipts(a, b Receipt) int {
	return cmp.Or(bytes.Compare(a.Device[:], b.Device[:]), bytes.Compare(a.Boot[:], b.Boot[:]), cmp.Compare(a.Sequence, b.Sequence))
}

type memoryTx struct {
	m        *Memory
	receipts map[receiptKey]Receipt
	counts   map[memoryCount]uint64
	attempts []Attempt
	forks    []memoryKey
}

func (tx *memoryTx) Revision(context.Context, string) (int64, error) { return tx.m.revision, nil }

func (tx *memoryTx) Standing(_ context.Context, city string, id gate.Device, _ gate.Boot) (Standing, bool, error) {
	d, ok := tx.m.devices[memoryKey{city, id}]
	return Standing{Key: d.Key, Revoked: d.Revoked}, ok, nil
}

// NoteHeard keeps nothing: nobody asks a rehearsal how its device is.
func (tx *memoryTx) NoteHeard(context.Context, Heard) error { return nil }

func (tx *memoryTx) NoteFork(_ context.Context, city string, id gate.Device) error {
	tx.forks = append(tx.forks, memoryKey{city, id})
	return nil
}

func (tx *memoryTx) TakeReceipt(_ context.Context, r Receipt) (*Receipt, error) {
	k := receiptKey{memoryKey{r.City, r.Device}, r.Boot, r.Sequence}
	for _, kept := range []map[receiptKey]Receipt{tx.m.receipts, tx.receipts} {
		if known, ok := kept[k]; ok {
			return &known, nil
		}
	}
	tx.receipts[k] = r
	return nil, nil
}

func (tx *memoryTx) AddCounts(_ context.Context, city string, counts []Count) error {
	for _, c := range counts {
		n := c.Taps
		c.Taps = 0
		tx.counts[memoryCount{city, c}] += n
	}
	return nil
}

func (tx *memoryTx) InsertAttempts(_ context.Context, attempts []Attempt) error {
	tx.attempts = append(tx.attempts, attempts...)
	return nil
}
