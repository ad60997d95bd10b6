package gate

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"turnike/statuslist"
)

// Journal keeps what a device has to tell until the server has it. Taps
// refused for a stop are on disk when Record returns; of all others only
// numbers by hour, stop and class exist, on disk at every Flush. It survives
// a power cut at any moment: a segment's torn end is cut off, a batch is
// written whole or not at all, and a segment that became a batch is that
// batch and no other.
type Journal struct {
	cfg JournalConfig

	mu      sync.Mutex
	boot    Boot
	seq     uint64 // of the batch the open segment will be
	before  statuslist.Digest
	segment *os.File
	size    int64            // of what the segment holds
	counts  map[Count]uint64 // keyed with Taps zero
	held    uint64           // list last noted by Holds
	issued  time.Time
	dropped int // batches let go of for want of room, since the device was made
}

// JournalConfig says where a journal is and who signs its batches.
type JournalConfig struct {
	Dir, City string
	Key       ed25519.PrivateKey
	// MaxBytes bounds the batches kept while no server takes them; the oldest
	// go first, and the gap shows in their sequence. 64 MB if zero.
	MaxBytes int64
}

// Tap is where and when an answer was given.
type Tap struct {
	At     time.Time     // the device's clock
	Uptime time.Duration // since the device started
	Stop   uint32
	Mode   uint8
}

const (
	segmentPrefix = "segment-"
	batchPrefix   = "batch-"
	// asidePrefix is of batches no server will take: kept for who looks after
	// the device while there is room, the first to go when there is not.
	asidePrefix = "aside-"
	droppedName = "dropped"
	kindStopped = 1
	kindCount   = 2
	kindList    = 3
	frameHead   = 9 // kind, length, checksum
)

// OpenJournal starts a boot: what earlier ones left unsealed becomes their
// last batch.
func OpenJournal(cfg JournalConfig, now time.Time) (*Journal, error) {
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = 64 << 20
	}
	if len(cfg.Key) != ed25519.PrivateKeySize || cfg.City == "" {
		return nil, fmt.Errorf("open journal: a city and a device key are needed")
	}
	j := &Journal{cfg: cfg, counts: map[Count]uint64{}}
	if err := j.open(now); err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	return j, nil
}

func (j *Journal) open(now time.Time) error {
	if err := os.MkdirAll(j.cfg.Dir, 0o700); err != nil {
		return err
	}
	names, err := j.list(segmentPrefix)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := j.sealOld(name, now); err != nil {
			return err
		}
	}
	if _, err := io.ReadFull(rand.Reader, j.boot[:]); err != nil {
		return err
	}
	if text, err := os.ReadFile(j.path(droppedName)); err == nil {
		j.dropped, _ = strconv.Atoi(strings.TrimSpace(string(text))) // a torn count begins anew
	}
	j.seq = 1
	return j.newSegment()
}

func (j *Journal) list(prefix string) ([]string, error) {
	entries, err := os.ReadDir(j.cfg.Dir)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) {
			out = append(out, e.Name())
		}
	}
	return out, nil
}

// suffix names a boot's segment and the batch it becomes alike.
func suffix(b Boot, seq uint64) string { return fmt.Sprintf("%s-%016d", b, seq) }

func parseSuffix(name string, b *Batch) bool {
	boot, seq, ok := strings.Cut(name, "-")
	if !ok || len(boot) != hex.EncodedLen(len(b.Boot)) {
		return false
	}
	if _, err := hex.Decode(b.Boot[:], []byte(boot)); err != nil {
		return false
	}
	var err error
	b.Sequence, err = strconv.ParseUint(seq, 10, 64)
	return err == nil
}

func (j *Journal) path(name string) string { return filepath.Join(j.cfg.Dir, name) }

func (j *Journal) newSegment() error {
	f, err := os.OpenFile(j.path(segmentPrefix+suffix(j.boot, j.seq)), os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	// The digest of the batch before opens the segment, so that a boot cut
	// short can still be sealed into the chain.
	if _, err := f.Write(j.before[:]); err != nil {
		f.Close()
		return err
	}
	j.segment, j.size = f, 0
	if err := f.Sync(); err != nil {
		return err
	}
	d, err := os.Open(j.cfg.Dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// Record counts an answer, and keeps it if a stop made it.
func (j *Journal) Record(a Answer, tap Tap) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	hour := tap.At.Unix() / 3600
	j.counts[Count{Hour: hour, Stop: tap.Stop, Mode: tap.Mode, Issued: a.Issued, Class: a.Class, Decision: a.Decision}]++
	if a.Decision != Refuse || !a.Stopped {
		return nil
	}
	t := Stopped{
		Index: a.Index, Class: a.Class, Stop: tap.Stop, Mode: tap.Mode,
		At: tap.At, Uptime: tap.Uptime, Sequence: a.Sequence, ListIssued: a.ListIssued,
	}
	if err := j.write(frame(nil, kindStopped, t.append(nil))); err != nil {
		return fmt.Errorf("journal a tap: %w", err)
	}
	return nil
}

// Holds notes which list the device goes by, so that its next batch says so
// even where nobody tapped.
func (j *Journal) Holds(s Status) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if s.Sequence == 0 || s.Sequence == j.held && s.Issued.Equal(j.issued) {
		return nil
	}
	if err := j.write(frame(nil, kindList, appendList(nil, s.Sequence, s.Issued))); err != nil {
		return fmt.Errorf("journal the list held: %w", err)
	}
	j.held, j.issued = s.Sequence, s.Issued
	return nil
}

// frame puts a record behind its kind, length and checksum.
func frame(b []byte, kind byte, record []byte) []byte {
	b = append(b, kind)
	b = binary.BigEndian.AppendUint32(b, uint32(len(record)))
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(record))
	return append(b, record...)
}

func (j *Journal) write(frames []byte) error {
	if _, err := j.segment.Write(frames); err != nil {
		return err
	}
	j.size += int64(len(frames))
	return j.segment.Sync()
}

// Flush puts the counts so far on disk.
func (j *Journal) Flush() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.flush(); err != nil {
		return fmt.Errorf("flush journal: %w", err)
	}
	return nil
}

func (j *Journal) flush() error {
	if len(j.counts) == 0 {
		return nil
	}
	var frames []byte
	for c, taps := range j.counts {
		c.Taps = taps
		frames = frame(frames, kindCount, c.append(nil))
	}
	if err := j.write(frames); err != nil {
		return err
	}
	clear(j.counts)
	return nil
}

// Size is how many bytes are recorded since the last batch.
func (j *Journal) Size() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.size
}

// Seal makes a signed batch of everything recorded since the last; ok is
// false if there is nothing.
func (j *Journal) Seal(now time.Time, uptime time.Duration) (ok bool, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.flush(); err != nil {
		return false, fmt.Errorf("seal journal: %w", err)
	}
	if j.size == 0 {
		return false, nil
	}
	if err := j.segment.Close(); err != nil {
		return false, fmt.Errorf("seal journal: %w", err)
	}
	digest, err := j.seal(suffix(j.boot, j.seq), Batch{
		Boot: j.boot, Sequence: j.seq, Sealed: now, Uptime: uptime, List: j.held, ListIssued: j.issued,
	})
	if err != nil {
		return false, fmt.Errorf("seal journal: %w", err)
	}
	j.seq, j.before = j.seq+1, digest
	if err := j.newSegment(); err != nil {
		return false, fmt.Errorf("seal journal: %w", err)
	}
	return true, j.trim()
}

// seal turns a segment into its batch. If the batch is there already the
// power failed between the two: the segment goes.
func (j *Journal) seal(name string, b Batch) (statuslist.Digest, error) {
	file, err := os.ReadFile(j.path(batchPrefix + name))
	if err != nil {
		segment, err := os.ReadFile(j.path(segmentPrefix + name))
		if err != nil {
			return statuslist.Digest{}, err
		}
		b.City = j.cfg.City
		b.read(segment)
		file = b.Sign(j.cfg.Key)
		if err := statuslist.WriteFile(j.path(batchPrefix+name), file); err != nil {
			return statuslist.Digest{}, err
		}
	}
	return statuslist.Sum(file), os.Remove(j.path(segmentPrefix + name))
}

// sealOld seals what an earlier boot left, unless it left nothing.
func (j *Journal) sealOld(name string, now time.Time) error {
	var b Batch
	name = strings.TrimPrefix(name, segmentPrefix)
	if !parseSuffix(name, &b) {
		return os.Remove(j.path(segmentPrefix + name)) // not ours
	}
	segment, err := os.ReadFile(j.path(segmentPrefix + name))
	if err != nil {
		return err
	}
	if _, err := os.Stat(j.path(batchPrefix + name)); os.IsNotExist(err) {
		probe := b
		if probe.read(segment); len(probe.Stopped)+len(probe.Counts) == 0 && probe.List == 0 {
			return os.Remove(j.path(segmentPrefix + name))
		}
	}
	// How long that boot ran is not known beyond its last tap: the least that
	// can be claimed, which makes Span the widest.
	b.read(segment)
	for _, t := range b.Stopped {
		b.Uptime = max(b.Uptime, t.Uptime)
	}
	b.Sealed, b.Stopped, b.Counts = now, nil, nil
	_, err = j.seal(name, b)
	return err
}

// read fills a batch from a segment, up to where it is torn.
func (b *Batch) read(segment []byte) {
	if len(segment) < len(b.Before) {
		return
	}
	copy(b.Before[:], segment)
	segment = segment[len(b.Before):]
	b.Stopped, b.Counts = nil, nil
	counts := map[Count]uint64{}
	for len(segment) >= frameHead {
		kind, size, sum := segment[0], binary.BigEndian.Uint32(segment[1:]), binary.BigEndian.Uint32(segment[5:])
		segment = segment[frameHead:]
		if uint64(size) > uint64(len(segment)) || crc32.ChecksumIEEE(segment[:size]) != sum {
			break
		}
		r := &scanner{b: segment[:size]}
		segment = segment[size:]
		switch kind {
		case kindStopped:
			b.Stopped = append(b.Stopped, r.stopped())
		case kindList:
			b.List, b.ListIssued = r.uvarint(), r.time()
		case kindCount:
			c := r.count()
			taps := c.Taps
			c.Taps = 0
			counts[c] += taps
		}
	}
	for c, taps := range counts {
		c.Taps = taps
		b.Counts = append(b.Counts, c)
	}
	slices.SortFunc(b.Counts, func(x, y Count) int {
		return strings.Compare(string(x.append(nil)), string(y.append(nil)))
	})
}

// Batches lists the sealed batches' names, oldest first within a boot.
func (j *Journal) Batches() ([]string, error) { return j.list(batchPrefix) }

// Batch reads a sealed batch's file.
func (j *Journal) Batch(name string) ([]byte, error) {
	return os.ReadFile(j.path(filepath.Base(name)))
}

// Done removes a batch the server has.
func (j *Journal) Done(name string) error {
	if !strings.HasPrefix(name, batchPrefix) {
		return fmt.Errorf("journal: %q is no batch", name)
	}
	return os.Remove(j.path(filepath.Base(name)))
}

// Aside puts a batch that no server will take out of the way.
func (j *Journal) Aside(name string) error {
	rest, ok := strings.CutPrefix(filepath.Base(name), batchPrefix)
	if !ok {
		return fmt.Errorf("journal: %q is no batch", name)
	}
	return os.Rename(j.path(batchPrefix+rest), j.path(asidePrefix+rest))
}

// Dropped is how many batches were let go of for want of room.
func (j *Journal) Dropped() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.dropped
}

// trim lets go of the oldest batches past the journal's size, those put aside
// first.
func (j *Journal) trim() error {
	type aged struct {
		name string
		size int64
		at   time.Time
	}
	var files []aged
	total := int64(0)
	for _, prefix := range []string{asidePrefix, batchPrefix} {
		names, err := j.list(prefix)
		if err != nil {
			return err
		}
		first := len(files)
		for _, n := range names {
			if info, err := os.Stat(j.path(n)); err == nil {
				files = append(files, aged{n, info.Size(), info.ModTime()})
				total += info.Size()
			}
		}
		slices.SortStableFunc(files[first:], func(a, b aged) int { return a.at.Compare(b.at) })
	}
	before := j.dropped
	for i := 0; total > j.cfg.MaxBytes && i < len(files); i++ {
		if err := os.Remove(j.path(files[i].name)); err != nil {
			return err
		}
		total -= files[i].size
		j.dropped++
	}
	if j.dropped == before {
		return nil
	}
	return statuslist.WriteFile(j.path(droppedName), []byte(strconv.Itoa(j.dropped)+"\n"))
}

// Close flushes the counts. The open segment is sealed at the next start.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	err := j.flush()
	if closeErr := j.segment.Close(); err == nil {
		err = closeErr
	}
	return err
}
