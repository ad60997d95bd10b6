package backup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"turnike/internal/audit"
	"turnike/internal/card"
	"turnike/internal/notify"
	"turnike/internal/pairing"
	"turnike/internal/person"
	"turnike/internal/storage"
	"turnike/internal/storage/sqlstore"
	"turnike/internal/storage/storagetest/pgtest"
	"turnike/internal/vault"
)

var t0 = time.Date(2021, 1, 11, 3, 0, 0, 0, time.UTC)

const city = "izmir"

func newID() string { return uuid.Must(uuid.NewV7()).String() }

func tag(n int) person.Tag { return person.Tag{1, byte(n >> 8), byte(n)} }

// write puts one pairing with all that goes with it.
func write(ctx context.Context, tx *sqlstore.Tx, n int, req string) error {
	now := t0
	return errors.Join(
		tx.InsertPerson(ctx, pairing.Person{City: city, ID: newID(), Tag: tag(n), Key: "k", Sealed: []byte{0, 1, byte(n)}, CreatedAt: now, UpdatedAt: now}),
		tx.InsertPairing(ctx, pairing.Pairing{City: city, ID: newID(), CardTag: tag(n), Last4: "0001", PersonTag: tag(n), SealedHES: []byte("ş\x00"), Channel: "web", Lang: "tr", At: now}),
		tx.InsertRequest(ctx, pairing.Request{City: city, ID: req, Version: 1, Kind: pairing.Pair, State: pairing.Waiting, CreatedAt: now}),
		tx.PutCard(ctx, pairing.Card{City: city, Tag: tag(n), Index: int64(n), Class: card.Paired, ChangedAt: now}),
		tx.PutReason(ctx, city, tag(n), card.Reason{Kind: card.Lost, Since: now, Provenance: "staff:a+b"}),
		tx.Enqueue(ctx, notify.Queued{ID: newID(), City: city, Class: notify.Info, Sealed: []byte{9}, DueAt: now, Expires: now.Add(time.Hour)}),
		tx.Audit(ctx, audit.Entry{ID: newID(), City: city, At: now, Actor: audit.Citizen("web"), Action: "pairing.complete", Object: "pairing", Result: "ok"}),
	)
}

func TestRowsThereAndBack(t *testing.T) {
	pg := pgtest.Start(t)
	address := map[string]func(*testing.T) string{
		"sqlite":   func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "data dir", "t.db") },
		"postgres": func(t *testing.T) string { return pg.Database(t) },
	}
	for from, source := range address {
		for to, target := range address {
			t.Run(from+" to "+to, func(t *testing.T) {
				ctx := t.Context()
				dsn := source(t)
				s, err := storage.Open(ctx, dsn, true)
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				const n = 300
				req := newID()
				for i := range n {
					id := newID()
					if i == 0 {
						id = req
					}
					if err := s.Update(ctx, func(tx *sqlstore.Tx) error { return write(ctx, tx, i, id) }); err != nil {
						t.Fatal(err)
					}
				}
				// Others go on writing while the copy is taken.
				stop, busy := make(chan struct{}), sync.WaitGroup{}
				busy.Go(func() {
					for i := n; ; i++ {
						select {
						case <-stop:
							return
						default:
							if err := s.Update(ctx, func(tx *sqlstore.Tx) error { return write(ctx, tx, i, newID()) }); err != nil {
								t.Errorf("write during the backup: %v", err)
								return
							}
						}
					}
				})
				dir := filepath.Join(t.TempDir(), "backup")
				m, err := Rows(ctx, dsn, dir, t0)
				close(stop)
				busy.Wait()
				if err != nil {
					t.Fatal(err)
				}
				k := m.Tables["pairing"]
				if k < n || m.Tables["person"] != k || m.Tables["audit"] != k || m.Tables["outbox"] != k || m.Engine != from {
					t.Errorf("manifest: got %+v, want one moment's %d rows or more of each from %s", m, n, from)
				}
				if _, err := Rows(ctx, dsn, dir, t0); !errors.Is(err, ErrExists) {
					t.Errorf("second backup to one place: got %v, want %v", err, ErrExists)
				}

				goal := target(t)
				if _, err := RestoreRows(ctx, dir, goal, t0.Add(time.Hour)); err != nil {
					t.Fatal(err)
				}
				if _, err := RestoreRows(ctx, dir, goal, t0); !errors.Is(err, ErrExists) {
					t.Errorf("second restore: got %v, want %v", err, ErrExists)
				}
				if _, err := RestoreRows(ctx, dir, dsn, t0); !errors.Is(err, ErrExists) {
					t.Errorf("restore over the source: got %v, want %v", err, ErrExists)
				}
				r, err := storage.Open(ctx, goal, false)
				if err != nil {
					t.Fatal(err)
				}
				defer r.Close()
				err = errors.Join(r.View(ctx, func(tx *sqlstore.Tx) error {
					for i := range n {
						p, err := tx.LiveByCard(ctx, city, tag(i))
						if err != nil {
							return fmt.Errorf("pairing %d: %w", i, err)
						}
						if string(p.SealedHES) != "ş\x00" || p.PersonTag != tag(i) || !p.At.Equal(t0) {
							t.Errorf("pairing %d: got %+v, want it as it was", i, p)
						}
						rs, err := tx.Reasons(ctx, city, tag(i))
						if err != nil || len(rs) != 1 {
							t.Errorf("reasons %d: got %v, %v, want one", i, rs, err)
						}
					}
					if _, err := tx.Request(ctx, city, req); !errors.Is(err, pairing.ErrNoRow) {
						t.Errorf("a form that waited: got %v, want it gone", err)
					}
					depth, err := tx.OutboxDepth(ctx)
					if err != nil || len(depth) != 0 {
						t.Errorf("messages that waited: got %v, %v, want none", depth, err)
					}
					floor, err := tx.Setting(ctx, "", ListFloor)
					if want := fmt.Sprint(t0.Add(time.Hour).Unix()); string(floor) != want {
						t.Errorf("list floor: got %q, want %s", floor, want)
					}
					return err
				}), r.Update(ctx, func(tx *sqlstore.Tx) error { return write(ctx, tx, 60000, newID()) }))
				if err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func TestDamageIsSeen(t *testing.T) {
	ctx := t.Context()
	dsn := "sqlite:" + filepath.Join(t.TempDir(), "t.db")
	s, err := storage.Open(ctx, dsn, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Update(ctx, func(tx *sqlstore.Tx) error { return write(ctx, tx, 1, newID()) }), s.Close()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		harm func(dir string) error
	}{
		{"one byte", func(dir string) error {
			b, err := os.ReadFile(filepath.Join(dir, rowsName))
			if err != nil {
				return err
			}
			b[len(b)/2] ^= 1
			return os.WriteFile(filepath.Join(dir, rowsName), b, 0o600)
		}},
		{"cut short", func(dir string) error { return os.Truncate(filepath.Join(dir, rowsName), 8192) }},
		{"file gone", func(dir string) error { return os.Remove(filepath.Join(dir, rowsName)) }},
		{"manifest damaged", func(dir string) error { return os.WriteFile(filepath.Join(dir, manifestName), []byte("{"), 0o600) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "b")
			if _, err := Rows(ctx, dsn, dir, t0); err != nil {
				t.Fatal(err)
			}
			if _, err := Verify(ctx, dir); err != nil {
				t.Fatalf("verify before: %v", err)
			}
			if err := c.harm(dir); err != nil {
				t.Fatal(err)
			}
			if _, err := Verify(ctx, dir); !errors.Is(err, ErrDamaged) {
				t.Errorf("verify: got %v, want %v", err, ErrDamaged)
			}
			if _, err := RestoreRows(ctx, dir, "sqlite:"+filepath.Join(t.TempDir(), "n.db"), t0); !errors.Is(err, ErrDamaged) {
				t.Errorf("restore: got %v, want %v", err, ErrDamaged)
			}
		})
	}
	if _, err := Rows(ctx, "sqlite:"+filepath.Join(t.TempDir(), "none.db"), filepath.Join(t.TempDir(), "b"), t0); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("backup of nothing: got %v, want %v", err, os.ErrNotExist)
	}
}

func TestKeysThereAndBack(t *testing.T) {
	ctx := t.Context()
	keys := filepath.Join(t.TempDir(), "keys")
	v, err := vault.Open(ctx, vault.Config{Dir: keys, Stock: 10})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	k, err := v.NewKey(ctx)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := v.Seal(ctx, k, "w", []byte("ayşe"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Mkdir(filepath.Join(keys, "izmir"), 0o700), os.WriteFile(filepath.Join(keys, "izmir", "list.key"), []byte("secret"), 0o600)); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "b")
	if _, err := Keys(ctx, keys, dir, t0); err != nil {
		t.Fatal(err)
	}
	if _, err := RestoreKeys(ctx, dir, keys); !errors.Is(err, ErrExists) {
		t.Errorf("restore over keys: got %v, want %v", err, ErrExists)
	}
	if _, err := RestoreRows(ctx, dir, "sqlite:"+filepath.Join(t.TempDir(), "n.db"), t0); !errors.Is(err, ErrKind) {
		t.Errorf("restore of keys as rows: got %v, want %v", err, ErrKind)
	}
	back := filepath.Join(t.TempDir(), "back")
	if _, err := RestoreKeys(ctx, dir, back); err != nil {
		t.Fatal(err)
	}
	r, err := vault.Open(ctx, vault.Config{Dir: back, Stock: 10})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, err := r.Open(ctx, k, "w", sealed); err != nil || string(got) != "ayşe" {
		t.Errorf("open with restored keys: got %q, %v, want ayşe", got, err)
	}
	if b, err := os.ReadFile(filepath.Join(back, "izmir", "list.key")); err != nil || string(b) != "secret" {
		t.Errorf("a list's key: got %q, %v, want it there", b, err)
	}
}
