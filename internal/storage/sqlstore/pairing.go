package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"turnike/internal/pairing"
	"turnike/internal/person"
	"turnike/internal/storage/dbq"
)

var _ pairing.Tx = (*Tx)(nil)

// InsertRequest writes a request.
func (t *Tx) InsertRequest(ctx context.Context, r pairing.Request) error {
	id, err := mustID("request", r.ID)
	if err != nil {
		return err
	}
	pid, err := maybeID("pairing", r.PairingID)
	if err != nil {
		return err
	}
	return t.put(ctx, func(b *buffers) *buffer { return b.request },
		r.City, id, r.Version, string(r.Kind), string(r.State), r.Lang, r.Channel, btoi(r.Blind),
		tagOrNull(r.PhoneTag), tagOrNull(r.PersonTag), tagOrNull(r.CardTag), filled(r.Sealed), tagOrNull(r.CodeTag),
		maybeUS(r.CodeExpires), int64(r.Tries), int64(r.Sends), maybeUS(r.LastSend), us(r.CreatedAt),
		maybeUS(r.ProvenAt), maybeUS(r.DueAt), int64(r.Attempts), r.Result, pid)
}

// Request reads one.
func (t *Tx) Request(ctx context.Context, city, id string) (pairing.Request, error) {
	key, ok := binID(id)
	if !ok {
		return pairing.Request{}, pairing.ErrNoRow
	}
	if t.bufs != nil && t.bufs.request.find(city, colID, key) != nil {
		if err := t.settle(ctx, t.bufs.request); err != nil {
			return pairing.Request{}, err
		}
	}
	r, err := t.q.Request(ctx, dbq.RequestParams{City: city, ID: key})
	return requestOf(r), t.fail("read request", err)
}

// UpdateRequest writes r where its version still stands.
func (t *Tx) UpdateRequest(ctx context.Context, r pairing.Request) (bool, error) {
	if t.bufs == nil {
		return false, errReadOnly
	}
	id, err := mustID("request", r.ID)
	if err != nil {
		return false, err
	}
	pid, err := maybeID("pairing", r.PairingID)
	if err != nil {
		return false, err
	}
	if err := t.direct(ctx, t.bufs.request); err != nil {
		return false, err
	}
	n, err := t.q.UpdateRequest(ctx, dbq.UpdateRequestParams{
		City: r.City, ID: id, Version: r.Version, State: string(r.State), Lang: r.Lang, Channel: r.Channel,
		Blind: btoi(r.Blind), PhoneTag: tagOrNull(r.PhoneTag), PersonTag: tagOrNull(r.PersonTag),
		CardTag: tagOrNull(r.CardTag), Sealed: filled(r.Sealed), CodeTag: tagOrNull(r.CodeTag),
		CodeExpiresUs: nullUS(r.CodeExpires), Tries: int64(r.Tries), Sends: int64(r.Sends),
		LastSendUs: nullUS(r.LastSend), ProvenUs: nullUS(r.ProvenAt), DueUs: nullUS(r.DueAt),
		Attempts: int64(r.Attempts), Result: r.Result, PairingID: pid,
	})
	return n == 1, t.fail("update request", err)
}

// DueRequests are the proven ones whose time has come.
func (t *Tx) DueRequests(ctx context.Context, now time.Time, limit int) ([]pairing.Request, error) {
	if t.bufs != nil {
		if err := t.settle(ctx, t.bufs.request); err != nil {
			return nil, err
		}
	}
	rows, err := t.q.DueRequests(ctx, dbq.DueRequestsParams{NowUs: nullUS(now), MaxRows: int32(limit)})
	return each(rows, requestOf), t.fail("read due requests", err)
}

// SweepRequests deletes old ones that came to nothing, or to their end.
func (t *Tx) SweepRequests(ctx context.Context, before time.Time, limit int) (int, error) {
	if t.bufs == nil {
		return 0, errReadOnly
	}
	if err := t.direct(ctx, t.bufs.request); err != nil {
		return 0, err
	}
	n, err := t.q.SweepRequests(ctx, dbq.SweepRequestsParams{BeforeUs: us(before), MaxRows: int32(limit)})
	return int(n), t.fail("sweep requests", err)
}

// InsertPairing writes a pairing where no live one stands in the way. In a
// hopeful transaction that is found out when the rows go out, and the function
// is run again to hear of it here.
func (t *Tx) InsertPairing(ctx context.Context, p pairing.Pairing) error {
	id, err := mustID("pairing", p.ID)
	if err != nil {
		return err
	}
	holder, err := maybeID("person", p.PersonID)
	if err != nil {
		return err
	}
	which := func(b *buffers) *buffer { return b.pairing }
	if t.bufs != nil && t.mode == asking {
		if err := t.settle(ctx, t.bufs.pairing); err != nil {
			return err
		}
	}
	err = t.put(ctx, which,
		p.City, id, p.CardTag[:], p.Last4, holder, tagOrNull(p.PersonTag), tagOrNull(p.PhoneTag),
		int64(p.PersonSlot), int64(p.CodeSlot), tagOrNull(p.HESTag), filled(p.SealedHES), int64(p.Proof),
		p.Channel, p.Lang, us(p.At), maybeUS(p.NextCheck), maybeUS(p.EndedAt), p.EndReason)
	if err == nil && t.mode == asking {
		err = t.taken(t.bufs.pairing.flush(ctx, t.s))
	}
	if !errors.Is(err, ErrDuplicate) {
		return err
	}
	return t.inTheWay(ctx, p)
}

// inTheWay finds out which live pairing stood in the way of p.
func (t *Tx) inTheWay(ctx context.Context, p pairing.Pairing) error {
	if p.EndedAt.IsZero() {
		switch _, err := t.LiveByCard(ctx, p.City, p.CardTag); {
		case err == nil:
			return pairing.ErrCardTaken
		case !errors.Is(err, pairing.ErrNoRow):
			return err
		}
		if p.PersonSlot > 0 {
			holder, err := maybeID("person", p.PersonID)
			if err != nil {
				return err
			}
			_, err = t.q.LiveByHolder(ctx, dbq.LiveByHolderParams{City: p.City, PersonID: holder, PersonSlot: int64(p.PersonSlot)})
			if err = t.fail("read pairing by holder", err); err == nil {
				return pairing.ErrPersonTaken
			} else if !errors.Is(err, pairing.ErrNoRow) {
				return err
			}
		}
		if p.CodeSlot > 0 && !p.HESTag.IsZero() {
			_, err := t.q.LiveByCode(ctx, dbq.LiveByCodeParams{City: p.City, HesTag: p.HESTag[:], CodeSlot: int64(p.CodeSlot)})
			if err = t.fail("read pairing by code", err); err == nil {
				return pairing.ErrCodeTaken
			} else if !errors.Is(err, pairing.ErrNoRow) {
				return err
			}
		}
	}
	return fmt.Errorf("insert pairing: %w", ErrDuplicate)
}

// LiveByCard reads the live pairing of a card.
func (t *Tx) LiveByCard(ctx context.Context, city string, tag person.Tag) (pairing.Pairing, error) {
	if err := t.settleIf(ctx, city, colPairCard, tag[:]); err != nil {
		return pairing.Pairing{}, err
	}
	p, err := t.q.LiveByCard(ctx, dbq.LiveByCardParams{City: city, CardTag: tag[:]})
	return pairingOf(p), t.fail("read pairing by card", err)
}

// LiveByCode reads the live pairing a code is tied to, where a city ties a code
// to one card.
func (t *Tx) LiveByCode(ctx context.Context, city string, tag person.Tag) (pairing.Pairing, error) {
	if err := t.settleIf(ctx, city, colPairCode, tag[:]); err != nil {
		return pairing.Pairing{}, err
	}
	p, err := t.q.LiveByCode(ctx, dbq.LiveByCodeParams{City: city, HesTag: tag[:], CodeSlot: 1})
	return pairingOf(p), t.fail("read pairing by code", err)
}

// PairingByID reads a pairing, live or ended.
func (t *Tx) PairingByID(ctx context.Context, city, id string) (pairing.Pairing, error) {
	key, ok := binID(id)
	if !ok {
		return pairing.Pairing{}, pairing.ErrNoRow
	}
	if err := t.settleIf(ctx, city, colID, key); err != nil {
		return pairing.Pairing{}, err
	}
	p, err := t.q.PairingByID(ctx, dbq.PairingByIDParams{City: city, ID: key})
	return pairingOf(p), t.fail("read pairing", err)
}

// LiveByPerson reads the live pairings of a person, by the person's record.
func (t *Tx) LiveByPerson(ctx context.Context, city string, tag person.Tag) ([]pairing.Pairing, error) {
	if tag.IsZero() {
		return nil, nil
	}
	if err := t.settleIf(ctx, city, colPairPerson, tag[:]); err != nil {
		return nil, err
	}
	if t.bufs != nil && t.bufs.person.find(city, colPersonTag, tag[:]) != nil {
		if err := t.settle(ctx, t.bufs.person); err != nil {
			return nil, err
		}
	}
	rows, err := t.q.LiveByPerson(ctx, dbq.LiveByPersonParams{City: city, PersonTag: tag[:]})
	return each(rows, pairingOf), t.fail("read pairings by person", err)
}

// settleIf sends out waiting pairings where one of them is asked for.
func (t *Tx) settleIf(ctx context.Context, city string, col int, want []byte) error {
	if t.bufs == nil || t.bufs.pairing.find(city, col, want) == nil {
		return nil
	}
	return t.settle(ctx, t.bufs.pairing)
}

// UpdatePairing writes what may change of a pairing.
func (t *Tx) UpdatePairing(ctx context.Context, p pairing.Pairing) error {
	if t.bufs == nil {
		return errReadOnly
	}
	id, err := mustID("pairing", p.ID)
	if err != nil {
		return err
	}
	holder, err := maybeID("person", p.PersonID)
	if err != nil {
		return err
	}
	if err := t.direct(ctx, t.bufs.pairing); err != nil {
		return err
	}
	n, err := t.q.UpdatePairing(ctx, dbq.UpdatePairingParams{
		City: p.City, ID: id, PersonID: holder, PersonTag: tagOrNull(p.PersonTag), PhoneTag: tagOrNull(p.PhoneTag),
		HesTag: tagOrNull(p.HESTag), SealedHes: filled(p.SealedHES), Proof: int64(p.Proof), Lang: p.Lang,
		NextCheckUs: nullUS(p.NextCheck), EndedUs: nullUS(p.EndedAt), EndReason: p.EndReason,
	})
	return oneRow(n, t.fail("update pairing", err))
}

// PairingsToCheck are the live ones the authority is to be asked about.
func (t *Tx) PairingsToCheck(ctx context.Context, now time.Time, limit int) ([]pairing.Pairing, error) {
	if t.bufs != nil {
		if err := t.settle(ctx, t.bufs.pairing); err != nil {
			return nil, err
		}
	}
	rows, err := t.q.PairingsToCheck(ctx, dbq.PairingsToCheckParams{NowUs: nullUS(now), MaxRows: int32(limit)})
	return each(rows, pairingOf), t.fail("read pairings to check", err)
}

// InsertPerson writes a holder. A person has one record in a city: for a second
// one of the same tag the error is ErrDuplicate, so ask for the tag before.
func (t *Tx) InsertPerson(ctx context.Context, p pairing.Person) error {
	id, err := mustID("person", p.ID)
	if err != nil {
		return err
	}
	return t.put(ctx, func(b *buffers) *buffer { return b.person },
		p.City, id, tagOrNull(p.Tag), string(p.Key), filled(p.Sealed), us(p.CreatedAt), us(p.UpdatedAt))
}

// Person reads a holder.
func (t *Tx) Person(ctx context.Context, city, id string) (pairing.Person, error) {
	key, ok := binID(id)
	if !ok {
		return pairing.Person{}, pairing.ErrNoRow
	}
	if t.bufs != nil && t.bufs.person.find(city, colID, key) != nil {
		if err := t.settle(ctx, t.bufs.person); err != nil {
			return pairing.Person{}, err
		}
	}
	p, err := t.q.Person(ctx, dbq.PersonParams{City: city, ID: key})
	return personOf(p), t.fail("read person", err)
}

// PersonByTag finds a holder by identity number.
func (t *Tx) PersonByTag(ctx context.Context, city string, tag person.Tag) (pairing.Person, error) {
	if tag.IsZero() {
		return pairing.Person{}, pairing.ErrNoRow
	}
	if t.bufs != nil && t.bufs.person.find(city, colPersonTag, tag[:]) != nil {
		if err := t.settle(ctx, t.bufs.person); err != nil {
			return pairing.Person{}, err
		}
	}
	p, err := t.q.PersonByTag(ctx, dbq.PersonByTagParams{City: city, Tag: tag[:]})
	return personOf(p), t.fail("read person by tag", err)
}

// UpdatePerson writes a holder's record anew; an erased one has no tag.
func (t *Tx) UpdatePerson(ctx context.Context, p pairing.Person) error {
	if t.bufs == nil {
		return errReadOnly
	}
	id, err := mustID("person", p.ID)
	if err != nil {
		return err
	}
	if err := t.direct(ctx, t.bufs.person); err != nil {
		return err
	}
	n, err := t.q.UpdatePerson(ctx, dbq.UpdatePersonParams{City: p.City, ID: id, Tag: tagOrNull(p.Tag),
		KeyRef: string(p.Key), Sealed: filled(p.Sealed), UpdatedUs: us(p.UpdatedAt)})
	return oneRow(n, t.fail("update person", err))
}

// oneRow says ErrNoRow for an update that found nothing.
func oneRow(n int64, err error) error {
	if err == nil && n == 0 {
		return pairing.ErrNoRow
	}
	return err
}

func each[R, T any](rows []R, of func(R) T) []T {
	if len(rows) == 0 {
		return nil
	}
	ts := make([]T, len(rows))
	for i, r := range rows {
		ts[i] = of(r)
	}
	return ts
}

func requestOf(r dbq.Request) pairing.Request {
	return pairing.Request{
		City: r.City, ID: textID(r.ID), Version: r.Version, Kind: pairing.Kind(r.Kind), State: pairing.State(r.State),
		Lang: r.Lang, Channel: r.Channel, Blind: r.Blind != 0, PhoneTag: tagOf(r.PhoneTag), PersonTag: tagOf(r.PersonTag),
		CardTag: tagOf(r.CardTag), Sealed: r.Sealed, CodeTag: tagOf(r.CodeTag), CodeExpires: maybeAt(r.CodeExpiresUs),
		Tries: int(r.Tries), Sends: int(r.Sends), LastSend: maybeAt(r.LastSendUs), CreatedAt: at(r.CreatedUs),
		ProvenAt: maybeAt(r.ProvenUs), DueAt: maybeAt(r.DueUs), Attempts: int(r.Attempts), Result: r.Result,
		PairingID: textID(r.PairingID),
	}
}

func pairingOf(p dbq.Pairing) pairing.Pairing {
	return pairing.Pairing{
		City: p.City, ID: textID(p.ID), CardTag: tagOf(p.CardTag), Last4: p.Last4, PersonID: textID(p.PersonID),
		PersonTag: tagOf(p.PersonTag), PhoneTag: tagOf(p.PhoneTag), PersonSlot: int(p.PersonSlot), CodeSlot: int(p.CodeSlot),
		HESTag: tagOf(p.HesTag), SealedHES: p.SealedHes, Proof: pairing.Proof(p.Proof), Channel: p.Channel, Lang: p.Lang,
		At: at(p.AtUs), NextCheck: maybeAt(p.NextCheckUs), EndedAt: maybeAt(p.EndedUs), EndReason: p.EndReason,
	}
}

func personOf(p dbq.Person) pairing.Person {
	return pairing.Person{City: p.City, ID: textID(p.ID), Tag: tagOf(p.Tag), Key: person.KeyRef(p.KeyRef), Sealed: p.Sealed,
		CreatedAt: at(p.CreatedUs), UpdatedAt: at(p.UpdatedUs)}
}
