package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
)

// checkpointer keeps the write-ahead log short without making those who write
// wait for it. SQLite's own way is to move the whole log into the file within
// the commit that crosses a limit: at 128 MiB everybody behind that commit waits
// a tenth of a second, and whether the sync after it failed is not told.
//
// Here a connection of its own moves most of the log while the writer goes on,
// then once more what was added meanwhile, and syncs the file itself, since
// SQLite does only where the end of the log was reached. The rest, a group or
// two, the writer moves between two commits, after which the log begins anew. A
// check-point that fails is an error like that of a commit: a page that the
// kernel dropped after a failed sync would be missed only when the log is gone.
type checkpointer struct {
	limit int64 // pages in the log at which it is moved

	db *sql.DB
	// file is the database's. It stays open until every connection is closed:
	// closing any descriptor of a file lets go of all the process's locks on it.
	file  *os.File
	kick  chan struct{}
	stop  context.CancelFunc
	ended sync.WaitGroup

	// Of the writer alone.
	calls int
	// busy while the background works, ready when the rest is the writer's.
	busy, ready atomic.Bool
	failed      atomic.Pointer[error]
}

// errSync: the file may miss what the log is about to forget.
var errSync = errors.New("sqlite: the file's sync failed")

// lookEvery is how many commits pass between two looks at the log's length.
const lookEvery = 8

// logPages is the usual limit: often changed pages are moved once rather than
// forty times, and the log stays in the kernel's memory.
const logPages = 16384

func newCheckpointer(db *sql.DB, path string, limit int64) (*checkpointer, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	k := &checkpointer{limit: limit, db: db, file: f, kick: make(chan struct{}, 1), stop: stop}
	k.ended.Go(func() { k.run(ctx) })
	return k, nil
}

func (k *checkpointer) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-k.kick:
		}
		for range 2 {
			_, err := move(ctx, k.db, "PASSIVE")
			if err == nil {
				if err = k.file.Sync(); err != nil {
					err = fmt.Errorf("%w: %w", errSync, err)
				}
			}
			if err != nil && ctx.Err() == nil {
				err = fmt.Errorf("check-point: %w", err)
				k.failed.CompareAndSwap(nil, &err)
			}
		}
		k.ready.Store(true)
	}
}

// between is called by the writer between two groups.
func (k *checkpointer) between(ctx context.Context, c *sql.Conn) error {
	if err := k.failed.Swap(nil); err != nil {
		return *err // told once; a disk that was full may have room again
	}
	if k.ready.Load() {
		if _, err := move(ctx, c, "PASSIVE"); err != nil {
			return fmt.Errorf("check-point: %w", err)
		}
		k.ready.Store(false)
		k.busy.Store(false)
		return nil
	}
	if k.calls++; k.calls%lookEvery != 0 {
		return nil
	}
	left, err := move(ctx, c, "NOOP")
	if err != nil {
		return fmt.Errorf("length of the log: %w", err)
	}
	switch {
	case left >= 8*k.limit:
		// The background does not keep up: now the writer waits after all.
		if _, err := move(ctx, c, "PASSIVE"); err != nil {
			return fmt.Errorf("check-point: %w", err)
		}
	case left >= k.limit && k.busy.CompareAndSwap(false, true):
		k.kick <- struct{}{}
	}
	return nil
}

// move moves the log into the file, or for NOOP only looks, and gives how many
// pages of it are not in the file yet.
func move(ctx context.Context, q querier, how string) (left int64, err error) {
	var blocked, all, moved int64
	if err := q.QueryRowContext(ctx, "PRAGMA wal_checkpoint("+how+")").Scan(&blocked, &all, &moved); err != nil {
		return 0, err
	}
	return all - moved, nil
}

func (k *checkpointer) close() error {
	k.stop()
	k.ended.Wait()
	return errors.Join(k.db.Close(), k.file.Close())
}
