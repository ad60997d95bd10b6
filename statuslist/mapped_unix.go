//go:build unix

package statuslist

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"syscall"
)

// MapFile maps a file as it stands. Whoever changes it later must put another
// file in its place and leave this one alone.
func MapFile(path string) (*Mapped, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() > math.MaxInt32 && math.MaxInt == math.MaxInt32 {
		return nil, fmt.Errorf("map %s: %d bytes are more than this machine can address", path, info.Size())
	}
	m := new(Mapped)
	if info.Size() == 0 {
		return m, nil
	}
	// Private and writable: what is written to it stays in memory.
	m.bytes, err = syscall.Mmap(int(f.Fd()), 0, int(info.Size()), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("map %s: %w", path, err)
	}
	runtime.AddCleanup(m, func(b []byte) { syscall.Munmap(b) }, m.bytes)
	return m, nil
}
