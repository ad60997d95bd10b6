package statuslist

import (
	"syscall"
	"unsafe"
)

// preferHuge asks for large pages under a big array: a look-up lands anywhere
// in it, and with small pages finding the page takes longer than the look-up.
// Where the system has none nothing is lost.
func preferHuge(b []byte) {
	const hugePage, madvHugepage = 2 << 20, 14
	at := uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	skip := int(-at & (hugePage - 1))
	if len(b)-skip < hugePage {
		return
	}
	b = b[skip:]
	_ = syscall.Madvise(b[:len(b)&^(hugePage-1)], madvHugepage) // a wish, not a need
}
