package sqlstore

import (
	"context"
	"crypto/ed25519"
	"errors"
	"time"

	"turnike/gate"
	"turnike/internal/card"
	"turnike/internal/pairing"
	"turnike/internal/storage/dbq"
	"turnike/internal/tap"
	"turnike/statuslist"
)

var (
	_ tap.Tx         = (*Tx)(nil)
	_ tap.RegistryTx = (*Tx)(nil)
	_ tap.WatchTx    = (*Tx)(nil)
)

// The tables of taps. Counts and boots are added to; the figures of a thousand
// batches go out as the rows they come to.
var (
	tapReceiptTable = table{name: "tap_receipt", order: 4, cols: []column{{"city", text}, {"device", blob}, {"boot", blob},
		{"sequence", whole}, {"digest", blob}, {"follows", blob}, {"received_us", whole}}}
	tapBootTable = table{name: "tap_boot", order: 3, cols: []column{{"city", text}, {"device", blob}, {"boot", blob},
		{"highest", whole}, {"taken", whole}, {"seen_us", whole}, {"list", whole}, {"list_issued_us", whole},
		{"floor", whole}, {"chained", whole}, {"digest", blob}},
		merge: "highest = " + larger("tap_boot", "highest") + ", taken = tap_boot.taken + excluded.taken, seen_us = " +
			larger("tap_boot", "seen_us") + ", list = " + larger("tap_boot", "list") + ", list_issued_us = " +
			larger("tap_boot", "list_issued_us"),
		join: func(into, row []any) {
			into[4] = into[4].(int64) + row[4].(int64)
			for _, c := range [...]int{3, 5, 6, 7} {
				into[c] = max(into[c].(int64), row[c].(int64))
			}
		}}
	tapCountTable = table{name: "tap_count", order: 7, cols: []column{{"city", text}, {"hour", whole}, {"stop", whole},
		{"mode", whole}, {"class", whole}, {"unissued", whole}, {"decision", whole}, {"taps", whole}},
		merge: "taps = tap_count.taps + excluded.taps",
		join:  func(into, row []any) { into[7] = into[7].(int64) + row[7].(int64) }}
	tapAttemptTable = table{name: "tap_attempt", order: 5, cols: []column{{"city", text}, {"device", blob}, {"boot", blob},
		{"batch", whole}, {"place", whole}, {"card", whole}, {"class", whole}, {"stop", whole}, {"mode", whole},
		{"clock_us", whole}, {"earliest_us", whole}, {"latest_us", whole}, {"certain", whole}, {"list", whole},
		{"list_issued_us", whole}, {"received_us", whole}, {"state", whole}, {"due_us", whole}}}
)

// larger is the greater of the row's value and the new one: the engines have
// no word for that in common.
func larger(table, col string) string {
	return "CASE WHEN excluded." + col + " > " + table + "." + col + " THEN excluded." + col + " ELSE " + table + "." + col + " END"
}

// Revision reads a city's, once a transaction.
func (t *Tx) Revision(ctx context.Context, city string) (int64, error) {
	if n, ok := t.revision[city]; ok {
		return n, nil
	}
	n, err := t.q.TapRevision(ctx, city)
	if err = t.fail("read revision of devices", err); errors.Is(err, pairing.ErrNoRow) {
		n, err = 0, nil
	}
	if err == nil {
		t.revision[city] = n
	}
	return n, err
}

// RaiseRevision tells all servers to read their devices again.
func (t *Tx) RaiseRevision(ctx context.Context, city string) error {
	n, err := t.NextCounter(ctx, city, "tap.revision", 1)
	if err == nil {
		t.revision[city] = n
	}
	return err
}

// Standing finds what a batch of a device's boot is judged by.
func (t *Tx) Standing(ctx context.Context, city string, id gate.Device, boot gate.Boot) (tap.Standing, bool, error) {
	r, err := t.q.TapStanding(ctx, dbq.TapStandingParams{City: city, ID: id[:], Boot: boot[:]})
	if err = t.fail("read standing of device", err); errors.Is(err, pairing.ErrNoRow) {
		return tap.Standing{}, false, nil
	}
	return tap.Standing{Key: ed25519.PublicKey(r.Key), Revoked: maybeAt(r.RevokedUs), Floor: uint64(r.Floor)}, err == nil, err
}

// TakeReceipt stores a receipt, or gives the one of its name that is there.
func (t *Tx) TakeReceipt(ctx context.Context, r tap.Receipt) (*tap.Receipt, error) {
	if t.bufs == nil {
		return nil, errReadOnly
	}
	if t.mode == hopeful {
		return nil, t.put(ctx, func(b *buffers) *buffer { return b.tapReceipt },
			r.City, r.Device[:], r.Boot[:], int64(r.Sequence), r.Digest[:], r.Before[:], us(r.Received))
	}
	if err := t.direct(ctx, t.bufs.tapReceipt); err != nil {
		return nil, err
	}
	n, err := t.q.InsertTapReceipt(ctx, dbq.InsertTapReceiptParams{City: r.City, Device: r.Device[:], Boot: r.Boot[:],
		Sequence: int64(r.Sequence), Digest: r.Digest[:], Follows: r.Before[:], ReceivedUs: us(r.Received)})
	if err != nil || n == 1 {
		return nil, t.fail("write receipt", err)
	}
	known, err := t.q.TapReceipt(ctx, dbq.TapReceiptParams{City: r.City, Device: r.Device[:], Boot: r.Boot[:], Sequence: int64(r.Sequence)})
	if err != nil {
		return nil, t.fail("read receipt", err)
	}
	out := tapReceiptOf(known)
	return &out, nil
}

func tapReceiptOf(r dbq.TapReceipt) tap.Receipt {
	out := tap.Receipt{City: r.City, Sequence: uint64(r.Sequence), Received: at(r.ReceivedUs)}
	copy(out.Device[:], r.Device)
	copy(out.Boot[:], r.Boot)
	copy(out.Digest[:], r.Digest)
	copy(out.Before[:], r.Follows)
	return out
}

// NoteHeard adds a batch to its boot.
func (t *Tx) NoteHeard(ctx context.Context, h tap.Heard) error {
	var issued int64
	if h.List > 0 {
		issued = us(h.ListIssued)
	}
	return t.put(ctx, func(b *buffers) *buffer { return b.tapBoot },
		h.City, h.Device[:], h.Boot[:], int64(h.Sequence), int64(1), us(h.Received), int64(h.List), issued,
		int64(0), int64(0), []byte{})
}

// NoteFork remembers that a device's batches contradict each other.
func (t *Tx) NoteFork(ctx context.Context, city string, id gate.Device) error {
	if err := t.direct(ctx); err != nil {
		return err
	}
	return t.fail("note fork", t.q.NoteTapFork(ctx, dbq.NoteTapForkParams{City: city, ID: id[:]}))
}

// AddCounts adds to a city's figures.
func (t *Tx) AddCounts(ctx context.Context, city string, counts []tap.Count) error {
	for _, c := range counts {
		err := t.put(ctx, func(b *buffers) *buffer { return b.tapCount },
			city, c.Hour, int64(c.Stop), int64(c.Mode), int64(c.Class), btoi(c.Unissued), int64(c.Decision), int64(c.Taps))
		if err != nil {
			return err
		}
	}
	return nil
}

// Attempts that nobody has considered, and those that wait to go.
const (
	attemptNew        int64 = 0
	attemptConsidered int64 = 1
)

// InsertAttempts writes taps refused for a stop, to be considered at once.
func (t *Tx) InsertAttempts(ctx context.Context, attempts []tap.Attempt) error {
	for _, a := range attempts {
		err := t.put(ctx, func(b *buffers) *buffer { return b.tapAttempt },
			a.City, a.Device[:], a.Boot[:], int64(a.Batch), int64(a.Place), int64(a.Card), int64(a.Class), int64(a.Stop),
			int64(a.Mode), us(a.Clock), us(a.Earliest), us(a.Latest), btoi(a.Certain), int64(a.Sequence), us(a.ListIssued),
			us(a.Received), attemptNew, us(a.Received))
		if err != nil {
			return err
		}
	}
	return nil
}

// LeaseAttempts takes attempts nobody has considered yet, of all cities, the
// longest waiting first. Who does not consider one before the lease ends may
// find that somebody else has it.
func (t *Tx) LeaseAttempts(ctx context.Context, now, lease time.Time, limit int) ([]tap.Attempt, error) {
	if t.bufs == nil {
		return nil, errReadOnly
	}
	if err := t.direct(ctx, t.bufs.tapAttempt); err != nil {
		return nil, err
	}
	rows, err := t.q.LeaseTapAttempts(ctx, dbq.LeaseTapAttemptsParams{LeaseUs: us(lease), NowUs: us(now), MaxRows: int32(limit)})
	return each(rows, tapAttemptOf), t.fail("lease attempts", err)
}

// ConsiderAttempt ends an attempt's wait; it is kept until goes. False means
// that it was considered before.
func (t *Tx) ConsiderAttempt(ctx context.Context, a tap.Attempt, goes time.Time) (bool, error) {
	if t.bufs == nil {
		return false, errReadOnly
	}
	if err := t.direct(ctx, t.bufs.tapAttempt); err != nil {
		return false, err
	}
	n, err := t.q.ConsiderTapAttempt(ctx, dbq.ConsiderTapAttemptParams{GoesUs: us(goes), City: a.City, Device: a.Device[:],
		Boot: a.Boot[:], Batch: int64(a.Batch), Place: int64(a.Place)})
	return n == 1, t.fail("consider attempt", err)
}

// SweepAttempts forgets attempts whose time has come: those considered, and
// those that have waited since before old for somebody to.
func (t *Tx) SweepAttempts(ctx context.Context, now, old time.Time, limit int) (int, error) {
	if t.bufs == nil {
		return 0, errReadOnly
	}
	if err := t.direct(ctx, t.bufs.tapAttempt); err != nil {
		return 0, err
	}
	total := 0
	for state, before := range map[int64]time.Time{attemptConsidered: now, attemptNew: old} {
		n, err := t.q.SweepTapAttempts(ctx, dbq.SweepTapAttemptsParams{State: state, NowUs: us(before), MaxRows: int32(limit)})
		if err != nil {
			return total, t.fail("sweep attempts", err)
		}
		total += int(n)
	}
	return total, nil
}

// TapAttempts are a city's attempts by the devices' clocks.
func (t *Tx) TapAttempts(ctx context.Context, city string, from, to time.Time) ([]tap.Attempt, error) {
	rows, err := t.q.TapAttempts(ctx, dbq.TapAttemptsParams{City: city, FromUs: us(from), ToUs: us(to)})
	return each(rows, tapAttemptOf), t.fail("read attempts", err)
}

func tapAttemptOf(r dbq.TapAttempt) tap.Attempt {
	a := tap.Attempt{City: r.City, Batch: uint64(r.Batch), Place: int(r.Place), Card: uint32(r.Card), Class: card.Class(r.Class),
		Stop: uint32(r.Stop), Mode: uint8(r.Mode), Clock: at(r.ClockUs), Earliest: at(r.EarliestUs), Latest: at(r.LatestUs),
		Certain: r.Certain != 0, Sequence: uint64(r.List), ListIssued: at(r.ListIssuedUs), Received: at(r.ReceivedUs)}
	copy(a.Device[:], r.Device)
	copy(a.Boot[:], r.Boot)
	return a
}

// TapCounts are a city's figures of some hours since 1970, the last not among
// them, ordered by hour, stop and the rest.
func (t *Tx) TapCounts(ctx context.Context, city string, from, to int64) ([]tap.Count, error) {
	rows, err := t.q.TapCounts(ctx, dbq.TapCountsParams{City: city, FromHour: from, ToHour: to})
	return each(rows, func(r dbq.TapCount) tap.Count {
		return tap.Count{Hour: r.Hour, Stop: uint32(r.Stop), Mode: uint8(r.Mode), Class: card.Class(r.Class),
			Unissued: r.Unissued != 0, Decision: gate.Decision(r.Decision), Taps: uint64(r.Taps)}
	}), t.fail("read counts", err)
}

// InsertTapToken writes a token; one that is there already is an error.
func (t *Tx) InsertTapToken(ctx context.Context, k tap.Token) error {
	if err := t.direct(ctx); err != nil {
		return err
	}
	n, err := t.q.InsertTapToken(ctx, dbq.InsertTapTokenParams{City: k.City, Hash: k.Hash[:], Name: k.Name, Stop: int64(k.Stop),
		Mode: int64(k.Mode), Province: int64(k.Province), MadeUs: us(k.Made), ExpiresUs: us(k.Expires)})
	if err == nil && n == 0 {
		return ErrDuplicate
	}
	return t.fail("write token", err)
}

// TapToken reads a token, locked in a writing transaction.
func (t *Tx) TapToken(ctx context.Context, city string, hash statuslist.Digest) (tap.Token, bool, error) {
	r, err := t.q.TapToken(ctx, dbq.TapTokenParams{City: city, Hash: hash[:]})
	if err = t.fail("read token", err); errors.Is(err, pairing.ErrNoRow) {
		return tap.Token{}, false, nil
	}
	k := tap.Token{City: r.City, Hash: hash, Place: tap.Place{Name: r.Name, Stop: uint32(r.Stop), Mode: uint8(r.Mode), Province: int(r.Province)}, Made: at(r.MadeUs),
		Expires: at(r.ExpiresUs), Used: maybeAt(r.UsedUs)}
	copy(k.Device[:], r.Device)
	return k, err == nil, err
}

// UseTapToken marks a token as a device's; false where it was used before.
func (t *Tx) UseTapToken(ctx context.Context, city string, hash statuslist.Digest, id gate.Device, now time.Time) (bool, error) {
	if err := t.direct(ctx); err != nil {
		return false, err
	}
	n, err := t.q.UseTapToken(ctx, dbq.UseTapTokenParams{UsedUs: nullUS(now), Device: id[:], City: city, Hash: hash[:]})
	return n == 1, t.fail("use token", err)
}

// SweepTapTokens forgets tokens that ended before a moment.
func (t *Tx) SweepTapTokens(ctx context.Context, before time.Time, limit int) (int, error) {
	if err := t.direct(ctx); err != nil {
		return 0, err
	}
	n, err := t.q.SweepTapTokens(ctx, dbq.SweepTapTokensParams{BeforeUs: us(before), MaxRows: int32(limit)})
	return int(n), t.fail("sweep tokens", err)
}

// PutTapDevice writes a device as it enrols.
func (t *Tx) PutTapDevice(ctx context.Context, d tap.Device) error {
	if err := t.direct(ctx); err != nil {
		return err
	}
	return t.fail("write device", t.q.PutTapDevice(ctx, dbq.PutTapDeviceParams{City: d.City, ID: d.ID[:], Key: d.Key,
		SealKey: filled(d.Seal), Name: d.Name, Stop: int64(d.Stop), Mode: int64(d.Mode), Province: int64(d.Province), EnrolledUs: us(d.Enrolled)}))
}

// TapDevice reads a device and what it last said of itself, locked in a writing
// transaction.
func (t *Tx) TapDevice(ctx context.Context, city string, id gate.Device) (tap.State, bool, error) {
	r, err := t.q.TapDevice(ctx, dbq.TapDeviceParams{City: city, ID: id[:]})
	if err = t.fail("read device", err); errors.Is(err, pairing.ErrNoRow) {
		return tap.State{}, false, nil
	}
	return tapStateOf(r), err == nil, err
}

// TapDevices pages through a city's devices behind one, the zero one for all.
func (t *Tx) TapDevices(ctx context.Context, city string, behind gate.Device, limit int) ([]tap.State, error) {
	from := behind[:]
	if behind == (gate.Device{}) {
		from = []byte{}
	}
	rows, err := t.q.TapDevices(ctx, dbq.TapDevicesParams{City: city, Behind: from, MaxRows: int32(limit)})
	return each(rows, tapStateOf), t.fail("read devices", err)
}

func tapStateOf(r dbq.TapDevice) tap.State {
	s := tap.State{Device: tap.Device{City: r.City, Key: r.Key, Seal: r.SealKey,
		Place: tap.Place{Name: r.Name, Stop: uint32(r.Stop), Mode: uint8(r.Mode), Province: int(r.Province)}, Enrolled: at(r.EnrolledUs), Revoked: maybeAt(r.RevokedUs)},
		Seen: at(r.SeenUs), List: uint64(r.List), Forks: int(r.Forks), Waiting: int(r.Waiting), Dropped: int(r.Dropped), Program: r.Program}
	if r.List > 0 {
		s.ListIssued = at(r.ListIssuedUs)
	}
	copy(s.ID[:], r.ID)
	return s
}

// RevokeTapDevice puts a device out; false where it is none or was out before.
func (t *Tx) RevokeTapDevice(ctx context.Context, city string, id gate.Device, now time.Time) (bool, error) {
	if err := t.direct(ctx); err != nil {
		return false, err
	}
	n, err := t.q.RevokeTapDevice(ctx, dbq.RevokeTapDeviceParams{RevokedUs: nullUS(now), City: city, ID: id[:]})
	return n == 1, t.fail("revoke device", err)
}

// NoteTapStatus keeps what a device says of itself.
func (t *Tx) NoteTapStatus(ctx context.Context, city string, id gate.Device, r tap.Report, now time.Time) error {
	if err := t.direct(ctx); err != nil {
		return err
	}
	var issued int64
	if r.List > 0 {
		issued = us(r.ListIssued)
	}
	_, err := t.q.NoteTapStatus(ctx, dbq.NoteTapStatusParams{SeenUs: us(now), Waiting: int64(r.Waiting), Program: r.Program,
		Dropped: int64(r.Dropped), List: int64(r.List), ListIssuedUs: issued, City: city, ID: id[:]})
	return t.fail("note status of device", err)
}

// TapBoots pages through a city's boots behind one, the zero ones for all.
func (t *Tx) TapBoots(ctx context.Context, city string, behind gate.Device, boot gate.Boot, limit int) ([]tap.BootState, error) {
	device, run := behind[:], boot[:]
	if behind == (gate.Device{}) {
		device, run = []byte{}, []byte{}
	}
	rows, err := t.q.TapBoots(ctx, dbq.TapBootsParams{City: city, Device: device, Boot: run, MaxRows: int32(limit)})
	return each(rows, func(r dbq.TapBoot) tap.BootState {
		b := tap.BootState{City: r.City, Highest: uint64(r.Highest), Taken: uint64(r.Taken), Seen: at(r.SeenUs), List: uint64(r.List),
			Floor: uint64(r.Floor), Chained: uint64(r.Chained)}
		if r.List > 0 {
			b.ListIssued = at(r.ListIssuedUs)
		}
		copy(b.Device[:], r.Device)
		copy(b.Boot[:], r.Boot)
		copy(b.Digest[:], r.Digest)
		return b
	}), t.fail("read boots", err)
}

// TapReceiptsFrom are a boot's receipts behind a sequence.
func (t *Tx) TapReceiptsFrom(ctx context.Context, b tap.BootState, behind uint64, limit int) ([]tap.Receipt, error) {
	rows, err := t.q.TapReceiptsFrom(ctx, dbq.TapReceiptsFromParams{City: b.City, Device: b.Device[:], Boot: b.Boot[:],
		Behind: int64(behind), MaxRows: int32(limit)})
	return each(rows, tapReceiptOf), t.fail("read receipts", err)
}

// ChainTapBoot notes up to where a boot's batches follow each other.
func (t *Tx) ChainTapBoot(ctx context.Context, b tap.BootState) error {
	if err := t.direct(ctx, t.bufs.tapBoot); err != nil {
		return err
	}
	return t.fail("chain boot", t.q.ChainTapBoot(ctx, dbq.ChainTapBootParams{Chained: int64(b.Chained), Digest: b.Digest[:],
		City: b.City, Device: b.Device[:], Boot: b.Boot[:]}))
}

// FloorTapBoot raises a boot's floor.
func (t *Tx) FloorTapBoot(ctx context.Context, b tap.BootState) error {
	if err := t.direct(ctx, t.bufs.tapBoot); err != nil {
		return err
	}
	return t.fail("floor boot", t.q.FloorTapBoot(ctx, dbq.FloorTapBootParams{Floor: int64(b.Floor), City: b.City,
		Device: b.Device[:], Boot: b.Boot[:]}))
}

// ForgetReceipts removes a boot's receipts up to its floor.
func (t *Tx) ForgetReceipts(ctx context.Context, b tap.BootState) (int, error) {
	if err := t.direct(ctx, t.bufs.tapReceipt); err != nil {
		return 0, err
	}
	n, err := t.q.ForgetTapReceipts(ctx, dbq.ForgetTapReceiptsParams{City: b.City, Device: b.Device[:], Boot: b.Boot[:], Upto: int64(b.Floor)})
	return int(n), t.fail("forget receipts", err)
}

// DropTapBoot forgets a boot.
func (t *Tx) DropTapBoot(ctx context.Context, b tap.BootState) error {
	if err := t.direct(ctx, t.bufs.tapBoot); err != nil {
		return err
	}
	return t.fail("drop boot", t.q.DropTapBoot(ctx, dbq.DropTapBootParams{City: b.City, Device: b.Device[:], Boot: b.Boot[:]}))
}
