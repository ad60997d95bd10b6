// Package faultdisk puts a disk with faults under SQLite: one that is slow to
// sync, one whose sync fails or lies, one that is full, one whose power is cut.
// It stands between SQLite and its own file layer (a VFS), so that everything
// above runs as it does in a city, and it costs nothing where it is not asked
// for. Tests and benches use it.
package faultdisk

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
)

// sector is what a disk writes whole or not at all.
const sector = 512

// Disk is one such disk. Its faults may be changed while it is in use. It must
// outlive every database that is opened on it.
type Disk struct {
	// SyncDelay is slept before each sync, in nanoseconds.
	SyncDelay atomic.Int64
	// SyncsLeft counts down; from zero on each sync fails. Negative: never.
	SyncsLeft atomic.Int64
	// Lies makes a sync do nothing and say that all is well.
	Lies atomic.Bool
	// Room is how many more bytes may be written to the end of files before
	// the disk is full. Negative: no end.
	Room atomic.Int64
	// OpsLeft counts down at each write and sync; at zero the power goes:
	// nothing works from there on. Negative: never.
	OpsLeft atomic.Int64
	// Syncs counts the syncs that were asked for.
	Syncs atomic.Int64

	name    string
	tls     *libc.TLS
	vfs     *lib.Tsqlite3_vfs
	under   uintptr // SQLite's own VFS
	open    func(*libc.TLS, uintptr, uintptr, uintptr, int32, uintptr) int32
	records bool

	mu      sync.Mutex
	methods map[uintptr]*methods // by those of the file underneath
	files   map[uintptr]*file    // by SQLite's handle
	dead    bool
	cut     []pending // of files closed since, not yet synced
}

type methods struct {
	own, real lib.Tsqlite3_io_methods
	keep      []any // the functions, which only C-like pointers hold
}

// file is one open file with what was written to it since its last sync.
type file struct {
	path string
	m    *methods
	size int64
	old  map[int64][]byte // sector number to what stood there
}

type pending struct {
	path string
	old  map[int64][]byte
}

// New makes a disk under a name for sqlite.Config.VFS. With records it keeps
// what is written and not synced, for PowerCut.
func New(name string, records bool) (*Disk, error) {
	d := &Disk{name: name, tls: libc.NewTLS(), records: records, methods: map[uintptr]*methods{}, files: map[uintptr]*file{}}
	d.SyncsLeft.Store(-1)
	d.Room.Store(-1)
	d.OpsLeft.Store(-1)
	d.under = lib.Xsqlite3_vfs_find(d.tls, 0)
	if d.under == 0 {
		return nil, fmt.Errorf("fault disk: sqlite has no file layer")
	}
	cname, err := libc.CString(name)
	if err != nil {
		return nil, fmt.Errorf("fault disk: %w", err)
	}
	v := *at[lib.Tsqlite3_vfs](d.under)
	d.vfs = &v
	v.FpNext, v.FzName = 0, cname
	d.open = d.xOpen
	v.FxOpen = pointer(d.open)
	if rc := lib.Xsqlite3_vfs_register(d.tls, uintptr(unsafe.Pointer(d.vfs)), 0); rc != lib.SQLITE_OK {
		return nil, fmt.Errorf("fault disk: register: code %d", rc)
	}
	return d, nil
}

// Close takes the disk away, after every database on it is closed.
func (d *Disk) Close() {
	lib.Xsqlite3_vfs_unregister(d.tls, uintptr(unsafe.Pointer(d.vfs)))
	libc.Xfree(d.tls, d.vfs.FzName)
	d.tls.Close()
	runtime.KeepAlive(d)
}

// at reads an address that SQLite gave.
func at[T any](p uintptr) *T { return *(**T)(unsafe.Pointer(&p)) }

// pointer is a function as SQLite's Go form keeps it: the address of its value.
func pointer(f any) uintptr { return (*[2]uintptr)(unsafe.Pointer(&f))[1] }

// function is the way back.
func function[F any](p uintptr) F { return *(*F)(unsafe.Pointer(&struct{ uintptr }{p})) }

func (d *Disk) xOpen(tls *libc.TLS, _, zName, pFile uintptr, flags int32, pOut uintptr) int32 {
	d.mu.Lock()
	dead := d.dead
	d.mu.Unlock()
	if dead {
		return lib.SQLITE_CANTOPEN
	}
	real := function[func(*libc.TLS, uintptr, uintptr, uintptr, int32, uintptr) int32](at[lib.Tsqlite3_vfs](d.under).FxOpen)
	if rc := real(tls, d.under, zName, pFile, flags, pOut); rc != lib.SQLITE_OK {
		return rc
	}
	f := at[lib.Tsqlite3_file](pFile)
	if f.FpMethods == 0 {
		return lib.SQLITE_OK
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	m, ok := d.methods[f.FpMethods]
	if !ok {
		m = d.wrap(*at[lib.Tsqlite3_io_methods](f.FpMethods))
		d.methods[f.FpMethods] = m
	}
	path := ""
	if zName != 0 {
		path = libc.GoString(zName)
	}
	fl := &file{path: path, m: m, old: map[int64][]byte{}}
	if info, err := os.Stat(path); err == nil {
		fl.size = info.Size()
	}
	d.files[pFile] = fl
	f.FpMethods = uintptr(unsafe.Pointer(&m.own))
	return lib.SQLITE_OK
}

// wrap puts the faults before a file's own methods.
func (d *Disk) wrap(real lib.Tsqlite3_io_methods) *methods {
	m := &methods{own: real, real: real}
	closeFn := func(tls *libc.TLS, p uintptr) int32 {
		d.mu.Lock()
		if f := d.files[p]; f != nil && len(f.old) > 0 {
			d.cut = append(d.cut, pending{f.path, f.old})
		}
		delete(d.files, p)
		d.mu.Unlock()
		return function[func(*libc.TLS, uintptr) int32](real.FxClose)(tls, p)
	}
	syncFn := func(tls *libc.TLS, p uintptr, flags int32) int32 {
		d.Syncs.Add(1)
		if ns := d.SyncDelay.Load(); ns > 0 {
			time.Sleep(time.Duration(ns))
		}
		if !d.step() {
			return lib.SQLITE_IOERR_FSYNC
		}
		if n := d.SyncsLeft.Load(); n == 0 {
			return lib.SQLITE_IOERR_FSYNC
		} else if n > 0 {
			d.SyncsLeft.Add(-1)
		}
		if d.Lies.Load() {
			return lib.SQLITE_OK
		}
		if d.records {
			// A sync is the file's, by whichever handle it was written.
			d.mu.Lock()
			path := d.files[p].path
			for _, f := range d.files {
				if f.path == path {
					clear(f.old)
				}
			}
			d.cut = slices.DeleteFunc(d.cut, func(c pending) bool { return c.path == path })
			d.mu.Unlock()
			return lib.SQLITE_OK // the simulated disk's word counts, not the real one's
		}
		return function[func(*libc.TLS, uintptr, int32) int32](real.FxSync)(tls, p, flags)
	}
	writeFn := func(tls *libc.TLS, p, buf uintptr, n int32, off int64) int32 {
		if !d.step() {
			return lib.SQLITE_IOERR_WRITE
		}
		d.mu.Lock()
		f := d.files[p]
		if grown := off + int64(n) - f.size; grown > 0 {
			if room := d.Room.Load(); room >= 0 {
				if room < grown {
					d.mu.Unlock()
					return lib.SQLITE_FULL
				}
				d.Room.Add(-grown)
			}
			f.size = off + int64(n)
		}
		if d.records {
			if err := f.remember(off, int64(n)); err != nil {
				d.mu.Unlock()
				return lib.SQLITE_IOERR_READ
			}
		}
		d.mu.Unlock()
		return function[func(*libc.TLS, uintptr, uintptr, int32, int64) int32](real.FxWrite)(tls, p, buf, n, off)
	}
	m.keep = []any{closeFn, syncFn, writeFn}
	m.own.FxClose, m.own.FxSync, m.own.FxWrite = pointer(closeFn), pointer(syncFn), pointer(writeFn)
	return m
}

// step counts an operation; false means that the power is gone.
func (d *Disk) step() bool {
	n := d.OpsLeft.Load()
	if n < 0 {
		return true
	}
	if n == 0 || d.OpsLeft.Add(-1) < 0 {
		d.OpsLeft.Store(0)
		d.mu.Lock()
		d.dead = true
		d.mu.Unlock()
		return false
	}
	return true
}

// remember keeps what stands where a write will go.
func (f *file) remember(off, n int64) error {
	var r *os.File
	for s := off / sector; s*sector < off+n; s++ {
		if _, ok := f.old[s]; ok {
			continue
		}
		if r == nil {
			var err error
			if r, err = os.Open(f.path); err != nil {
				return err
			}
			defer r.Close()
		}
		b := make([]byte, sector)
		k, _ := r.ReadAt(b, s*sector) // short at the end of the file: zeros
		f.old[s] = b[:k]
	}
	return nil
}

// PowerCut is called once the power has gone and every database is closed: of
// each sector written and not synced, a coin decides whether it is there.
func (d *Disk) PowerCut(r *rand.Rand) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.files {
		d.cut = append(d.cut, pending{f.path, f.old})
	}
	for _, p := range d.cut {
		w, err := os.OpenFile(p.path, os.O_RDWR, 0)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return fmt.Errorf("fault disk: %w", err)
		}
		for s, old := range p.old {
			if r.IntN(2) == 0 {
				continue
			}
			b := make([]byte, sector)
			copy(b, old)
			if _, err := w.WriteAt(b, s*sector); err != nil {
				w.Close()
				return fmt.Errorf("fault disk: %w", err)
			}
		}
		if err := w.Close(); err != nil {
			return fmt.Errorf("fault disk: %w", err)
		}
		// The index of the log lives in memory and does not outlast the power.
		shm := strings.TrimSuffix(p.path, "-wal") + "-shm"
		if err := os.Remove(shm); err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("fault disk: %w", err)
		}
	}
	return nil
}
