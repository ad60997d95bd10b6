package sqlstore

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// colKind is what a column holds, for PostgreSQL's arrays.
type colKind uint8

const (
	text  colKind = iota
	blob          // []byte, nil for NULL
	whole         // int64
	maybe         // *int64, nil for NULL
)

var pgArray = [...]string{text: "text[]", blob: "bytea[]", whole: "bigint[]", maybe: "bigint[]"}

type column struct {
	name string
	kind colKind
}

// table says how rows of a hot table go out many at a time: sqlc has no word
// for that which both engines understand.
type table struct {
	name   string
	cols   []column
	update bool // a row replaces the one of the same key
	keys   int  // the key is the first so many columns; 0 where rows are not looked up by it
	// order is how many leading columns rows go out by, where their keys come
	// as they like: neighbours on the disk are then written together.
	order int
	// merge says how a row is added to the one of the same key (the first order
	// columns): the SET of the upsert, and join for two rows that wait.
	merge string
	join  func(into, row []any)
}

// The hot tables, their columns in the order of the rows below.
var (
	requestTable = table{name: "request", cols: []column{{"city", text}, {"id", blob}, {"version", whole}, {"kind", text},
		{"state", text}, {"lang", text}, {"channel", text}, {"blind", whole}, {"phone_tag", blob}, {"person_tag", blob},
		{"card_tag", blob}, {"sealed", blob}, {"code_tag", blob}, {"code_expires_us", maybe}, {"tries", whole},
		{"sends", whole}, {"last_send_us", maybe}, {"created_us", whole}, {"proven_us", maybe}, {"due_us", maybe},
		{"attempts", whole}, {"result", text}, {"pairing_id", blob}}}
	pairingTable = table{name: "pairing", cols: []column{{"city", text}, {"id", blob}, {"card_tag", blob}, {"last4", text},
		{"person_id", blob}, {"person_tag", blob}, {"phone_tag", blob}, {"person_slot", whole}, {"code_slot", whole},
		{"hes_tag", blob}, {"sealed_hes", blob}, {"proof", whole}, {"channel", text}, {"lang", text}, {"at_us", whole},
		{"next_check_us", maybe}, {"ended_us", maybe}, {"end_reason", text}}}
	personTable = table{name: "person", cols: []column{{"city", text}, {"id", blob}, {"tag", blob}, {"key_ref", text},
		{"sealed", blob}, {"created_us", whole}, {"updated_us", whole}}}
	onceTable = table{name: "once", keys: 2, cols: []column{{"city", text}, {"key", text}, {"body", blob}, {"ref", text},
		{"at_us", whole}}}
	auditTable = table{name: "audit", cols: []column{{"city", text}, {"id", blob}, {"at_us", whole}, {"actor_kind", text},
		{"actor_ref", text}, {"channel", text}, {"action", text}, {"subject", blob}, {"object", text}, {"purpose", text},
		{"result", text}}}
	outboxTable = table{name: "outbox", cols: []column{{"city", text}, {"id", blob}, {"class", whole}, {"state", whole},
		{"sealed", blob}, {"due_us", whole}, {"expires_us", whole}, {"attempts", whole}, {"reference", text},
		{"error", text}, {"done_us", maybe}}}
	cardTable = table{name: "card", update: true, keys: 2, cols: []column{{"city", text}, {"tag", blob}, {"scheme", whole},
		{"idx", whole}, {"last4", text}, {"class", whole}, {"stop_until", whole}, {"changed_us", whole}}}
	guardTable = table{name: "guard", update: true, keys: 3, cols: []column{{"city", text}, {"kind", text}, {"tag", blob},
		{"sent", blob}, {"count", whole}, {"good", whole}, {"fails", whole}, {"since_us", whole}}}
)

// Columns by which waiting rows are looked for.
const (
	colCity       = 0
	colID         = 1
	colOnceKey    = 1
	colPersonTag  = 2
	colPairCard   = 2
	colPairPerson = 5
	colPairCode   = 9
)

// buffer holds rows of one table that wait to go out together.
type buffer struct {
	t     *table
	texts map[int]string // statement by number of rows
	args  []any
	// What ordered works in, kept from one group to the next.
	sorted []any
	keys   []byte
	ends   []int
	order  []int32
	// latest is the newest row of each key. In a table whose rows replace one
	// another older ones stay until the rows go out, so that a function's can
	// be taken back by cutting the end off.
	latest map[string]int
}

func newBuffer(t *table) *buffer {
	b := &buffer{t: t, texts: map[int]string{}}
	if t.keys > 0 {
		b.latest = map[string]int{}
	}
	return b
}

func (b *buffer) rows() int { return len(b.args) / len(b.t.cols) }

func (b *buffer) add(row ...any) {
	if len(row) != len(b.t.cols) {
		panic(fmt.Sprintf("store: %d values for %d columns of %s", len(row), len(b.t.cols), b.t.name))
	}
	if b.latest != nil {
		b.latest[rowKey(row[:b.t.keys])] = b.rows()
	}
	b.args = append(b.args, row...)
}

// rowKey joins a key's texts and tags: each text ends with a zero byte, and a
// tag is last and of one length.
func rowKey(cols []any) string {
	var k []byte
	for _, c := range cols {
		switch c := c.(type) {
		case string:
			k = append(append(k, c...), 0)
		case []byte:
			k = append(k, c...)
		}
	}
	return string(k)
}

// cut takes back all rows from the n-th on.
func (b *buffer) cut(n int) {
	if b.rows() == n {
		return
	}
	b.args = b.args[:n*len(b.t.cols)]
	if b.latest != nil {
		clear(b.latest)
		for i := range n {
			b.latest[rowKey(b.row(i)[:b.t.keys])] = i
		}
	}
}

func (b *buffer) clear() {
	clear(b.args) // let go of what the rows point to
	b.args = b.args[:0]
	clear(b.sorted)
	b.sorted = b.sorted[:0]
	if b.latest != nil {
		clear(b.latest)
	}
}

func (b *buffer) row(i int) []any { n := len(b.t.cols); return b.args[i*n : (i+1)*n] }

// find gives the waiting row of a city whose column holds a tag or id.
func (b *buffer) find(city string, col int, want []byte) []any {
	n := len(b.t.cols)
	for i := 0; i < len(b.args); i += n {
		if got, _ := b.args[i+col].([]byte); bytes.Equal(got, want) && b.args[i+colCity] == any(city) {
			return b.args[i : i+n]
		}
	}
	return nil
}

// newest gives the newest waiting row of a key.
func (b *buffer) newest(key ...any) []any {
	if len(b.latest) == 0 {
		return nil
	}
	if i, ok := b.latest[rowKey(key)]; ok {
		return b.row(i)
	}
	return nil
}

// chunks are how many rows go out in one statement on SQLite: few sizes, so
// that each is compiled once, and large ones, because a statement costs more
// than a row.
var chunks = [...]int{256, 64, 16, 4, 1}

// flush writes what waits. It returns errAgain where a row was not written
// because its key was taken.
func (b *buffer) flush(ctx context.Context, s *session) error {
	if len(b.args) == 0 {
		return nil
	}
	n := len(b.t.cols)
	args := b.args
	if b.t.update && len(b.latest) < b.rows() {
		args = make([]any, 0, len(b.latest)*n)
		for i := range b.rows() {
			if row := b.row(i); b.latest[rowKey(row[:b.t.keys])] == i {
				args = append(args, row...)
			}
		}
	}
	if b.t.order > 0 {
		args = b.ordered()
	}
	var wrote, want int64 = 0, int64(len(args) / n)
	for len(args) > 0 {
		rows := len(args) / n
		if s.eng.Dialect == SQLite || rows == 1 {
			for _, c := range chunks {
				if c <= rows {
					rows = c
					break
				}
			}
		}
		part := args[:rows*n]
		args = args[rows*n:]
		var q string
		var bind []any
		if s.eng.Dialect == Postgres && rows > 1 {
			q, bind = b.statement(s.eng.Dialect, 0), b.arrays(part)
		} else {
			q, bind = b.statement(s.eng.Dialect, rows), part
		}
		r, err := s.ExecContext(ctx, q, bind...)
		if err != nil {
			return fmt.Errorf("write %s rows: %w", b.t.name, err)
		}
		k, err := r.RowsAffected()
		if err != nil {
			return fmt.Errorf("write %s rows: %w", b.t.name, err)
		}
		wrote += k
	}
	b.clear()
	if wrote != want {
		return errAgain
	}
	return nil
}

// statement is the insert of so many rows; of any number, as arrays, for 0.
func (b *buffer) statement(d Dialect, rows int) string {
	if q, ok := b.texts[rows]; ok {
		return q
	}
	list := func(cols []column, each func(i int, c column) string) string {
		parts := make([]string, len(cols))
		for i, c := range cols {
			parts[i] = each(i, c)
		}
		return strings.Join(parts, ", ")
	}
	name := func(_ int, c column) string { return c.name }
	q := "INSERT INTO " + b.t.name + " (" + list(b.t.cols, name) + ") "
	if rows == 0 {
		q += "SELECT * FROM unnest(" + list(b.t.cols, func(i int, c column) string {
			return "$" + strconv.Itoa(i+1) + "::" + pgArray[c.kind]
		}) + ")"
	} else {
		tuples := make([]string, rows)
		for r := range tuples {
			tuples[r] = "(" + list(b.t.cols, func(i int, _ column) string {
				if d == SQLite {
					return "?" // it looks names up one by one: a thousand of them take longer than the rows
				}
				return "$" + strconv.Itoa(r*len(b.t.cols)+i+1)
			}) + ")"
		}
		q += "VALUES " + strings.Join(tuples, ", ")
	}
	if b.t.join != nil {
		q += " ON CONFLICT (" + list(b.t.cols[:b.t.order], name) + ") DO UPDATE SET " + b.t.merge
	} else if b.t.update {
		q += " ON CONFLICT (" + list(b.t.cols[:b.t.keys], name) + ") DO UPDATE SET " +
			list(b.t.cols[b.t.keys:], func(_ int, c column) string { return c.name + " = excluded." + c.name })
	} else {
		q += " ON CONFLICT DO NOTHING"
	}
	b.texts[rows] = q
	return q
}

// ordered gives the waiting rows by their keys, those to be joined as one: the
// order spares the disk, and keeps two writers that add to the same rows from
// waiting for each other.
func (b *buffer) ordered() []any {
	n, rows := len(b.t.cols), b.rows()
	// Keys as bytes compare many times faster than as columns.
	b.keys, b.ends, b.order, b.sorted = b.keys[:0], append(b.ends[:0], 0), b.order[:0], b.sorted[:0]
	for i := range rows {
		b.keys = appendKey(b.keys, b.row(i)[:b.t.order])
		b.ends, b.order = append(b.ends, len(b.keys)), append(b.order, int32(i))
	}
	key := func(i int32) []byte { return b.keys[b.ends[i]:b.ends[i+1]] }
	slices.SortFunc(b.order, func(x, y int32) int { return bytes.Compare(key(x), key(y)) })
	for at, i := range b.order {
		row := b.row(int(i))
		if at > 0 && b.t.join != nil && bytes.Equal(key(b.order[at-1]), key(i)) {
			b.t.join(b.sorted[len(b.sorted)-n:], row)
			continue
		}
		b.sorted = append(b.sorted, row...)
	}
	return b.sorted
}

// appendKey writes a key so that bytes compare as its columns do.
func appendKey(k []byte, cols []any) []byte {
	for _, c := range cols {
		switch c := c.(type) {
		case int64:
			k = binary.BigEndian.AppendUint64(k, uint64(c)^1<<63)
		case string:
			k = append(append(k, c...), 0)
		case []byte: // all of one length
			k = append(k, c...)
		}
	}
	return k
}

// arrays turns rows into one array for each column.
func (b *buffer) arrays(args []any) []any {
	n := len(b.t.cols)
	rows := len(args) / n
	bind := make([]any, n)
	for c, col := range b.t.cols {
		switch col.kind {
		case text:
			bind[c] = columnOf[string](args, c, n, rows)
		case blob:
			bind[c] = columnOf[[]byte](args, c, n, rows)
		case whole:
			bind[c] = columnOf[int64](args, c, n, rows)
		case maybe:
			bind[c] = columnOf[*int64](args, c, n, rows)
		}
	}
	return bind
}

func columnOf[T any](args []any, c, n, rows int) []T {
	vs := make([]T, rows)
	for r := range rows {
		vs[r] = args[r*n+c].(T)
	}
	return vs
}
