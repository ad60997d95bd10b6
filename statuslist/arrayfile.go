package statuslist

import (
	"encoding/binary"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"unsafe"
)

// A gate's own copy of the array, as it lies in memory: a page that says how
// many cards there are and what their states mean, then a byte a card. It is
// mapped, so a gate that starts reads nothing it does not need, and what it
// holds is the system's to drop and fetch again. It proves nothing: the head's
// digest does.
const (
	magicArray    = "TKLG"
	arrayHeadSize = 4096
)

// WriteArray puts the array in place of what is at path, whole or not at all.
func (l *List) WriteArray(path string) error {
	head := appendMagic(nil, magicArray)
	head = binary.BigEndian.AppendUint32(head, l.Len())
	t := l.states()
	head = t.append(head)
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone already if all went well
	for _, part := range [][]byte{head, make([]byte, arrayHeadSize-len(head)), l.bytes, make([]byte, -len(l.bytes)&3)} {
		if err == nil {
			_, err = f.Write(part)
		}
	}
	if err == nil {
		err = f.Chmod(fs.FileMode(0o644))
	}
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	return err
}

// MapList gives the list that WriteArray wrote, of at most max cards. What is
// changed in it later stays in memory.
func MapList(path string, max uint32) (*List, error) {
	m, err := MapFile(path)
	if err != nil {
		return nil, err
	}
	if len(m.bytes) < arrayHeadSize {
		return nil, fmt.Errorf("%w: array", ErrMalformed)
	}
	r := newReader(m.bytes[:arrayHeadSize], magicArray)
	size := r.take(4)
	if size == nil {
		return nil, r.err
	}
	n := binary.BigEndian.Uint32(size)
	t := r.states()
	if r.err != nil {
		return nil, r.err
	}
	body := m.bytes[arrayHeadSize:]
	if n > max || uint64(len(body)) != (uint64(n)+3)&^3 || uint64(n) > math.MaxInt {
		return nil, fmt.Errorf("%w: array of %d cards in %d bytes", ErrMalformed, n, len(body))
	}
	blocks := (uint64(n) + blockCards - 1) / blockCards
	l := &List{mapped: m, fresh: true, blocks: make([]Digest, blocks), dirty: make([]bool, blocks)}
	if n > 0 {
		l.words = unsafe.Slice((*uint32)(unsafe.Pointer(&body[0])), len(body)/4)
		l.bytes = body[:n]
	}
	l.setTable(t)
	l.rehash()
	return l, nil
}
