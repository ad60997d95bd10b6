package crash

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/gofrs/uuid/v5"

	"turnike/internal/audit"
	"turnike/internal/card"
	"turnike/internal/notify"
	"turnike/internal/pairing"
	"turnike/internal/person"
	"turnike/internal/storage/sqlstore"
)

const city = "izmir"

// tag is the n-th pairing's, spread as a keyed hash would be.
func tag(kind byte, n int64) (t person.Tag) {
	t[0] = kind
	binary.BigEndian.PutUint64(t[1:], uint64(n)*0x9E3779B97F4A7C15)
	binary.BigEndian.PutUint64(t[8:], uint64(n)+1)
	return t
}

// pair writes the n-th pairing with all that belongs to it, in one
// transaction.
func pair(ctx context.Context, s *sqlstore.Store, n int64) error {
	ids := make([]string, 4)
	for i := range ids {
		id, err := uuid.NewV7()
		if err != nil {
			return err
		}
		ids[i] = id.String()
	}
	now := time.Now()
	return s.Update(ctx, func(tx *sqlstore.Tx) error {
		known, err := tx.RememberOnce(ctx, pairing.Once{City: city, Key: fmt.Sprint("key-", n), Ref: ids[0], At: now})
		if err != nil {
			return err
		}
		if known != nil {
			return nil
		}
		return errors.Join(
			tx.InsertPerson(ctx, pairing.Person{City: city, ID: ids[1], Tag: tag('i', n), Key: "k", Sealed: make([]byte, 200), CreatedAt: now, UpdatedAt: now}),
			tx.InsertPairing(ctx, pairing.Pairing{City: city, ID: ids[0], CardTag: tag('c', n), Last4: "0000", PersonID: ids[1],
				PersonTag: tag('i', n), PersonSlot: 1, Channel: "web", Lang: "tr", At: now}),
			tx.PutCard(ctx, pairing.Card{City: city, Tag: tag('c', n), Index: n, Class: card.Paired, ChangedAt: now}),
			tx.Enqueue(ctx, notify.Queued{ID: ids[2], City: city, Class: notify.Info, Sealed: make([]byte, 100), DueAt: now, Expires: now.Add(time.Hour)}),
			tx.Audit(ctx, audit.Entry{ID: ids[3], City: city, At: now, Actor: audit.Citizen("web"), Action: "pairing.complete", Object: ids[0], Result: "ok"}),
		)
	})
}

// lost looks for pairings and tells which are not there, or not whole.
func lost(ctx context.Context, s *sqlstore.Store, ns []int64) (missing []int64, err error) {
	err = s.View(ctx, func(tx *sqlstore.Tx) error {
		missing = missing[:0]
		for _, n := range ns {
			p, err := tx.LiveByCard(ctx, city, tag('c', n))
			if err == nil {
				_, err = tx.Person(ctx, city, p.PersonID)
			}
			if err == nil {
				_, err = tx.Card(ctx, city, tag('c', n))
			}
			if errors.Is(err, pairing.ErrNoRow) {
				missing = append(missing, n)
			} else if err != nil {
				return err
			}
		}
		return nil
	})
	return missing, err
}

// whole tells whether every transaction stands altogether or not at all: as
// many rows in each table, and on SQLite a sound file.
func whole(ctx context.Context, s *sqlstore.Store) (rows int64, err error) {
	if s.Dialect() == sqlstore.SQLite {
		var verdict string
		if err := s.ReadDB().QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&verdict); err != nil {
			return 0, err
		}
		if verdict != "ok" {
			return 0, fmt.Errorf("the file does not hold together: %s", verdict)
		}
	}
	var counts [6]int64
	for i, t := range []string{"pairing", "person", "card", "once", "outbox", "audit"} {
		if err := s.ReadDB().QueryRowContext(ctx, "SELECT COUNT(*) FROM "+t).Scan(&counts[i]); err != nil {
			return 0, err
		}
		if counts[i] != counts[0] {
			return 0, fmt.Errorf("%d pairings but %d rows in %s: a transaction stands by half", counts[0], counts[i], t)
		}
	}
	return counts[0], nil
}
