package pairing

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gofrs/uuid/v5"

	"turnike/internal/card"
	"turnike/internal/city"
	"turnike/internal/fault"
	"turnike/internal/health"
	"turnike/internal/notify"
	"turnike/internal/person"
)

// deed is one carrying out. Its transaction may run again, so everything it
// notes is set afresh by start.
type deed struct {
	s   *Service
	p   *city.Profile
	r   Request
	f   Form
	a   health.Answer
	now time.Time

	newPerson Person // sealed ahead: its key must be durable before the row is
	sealedHES []byte

	tx      Tx
	result  string // ok, renewed, held, taken, none
	pairing string
}

func (d *deed) start(tx Tx) { d.tx, d.result, d.pairing = tx, "", "" }

// prepare seals the person under a key of their own before the transaction.
func (d *deed) prepare(ctx context.Context) error {
	key, err := d.s.cfg.Keys.NewKey(ctx)
	if err != nil {
		return fmt.Errorf("person's key: %w", err)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	d.newPerson = Person{City: d.p.ID, ID: id.String(), Tag: d.r.PersonTag, Key: key, CreatedAt: d.now, UpdatedAt: d.now}
	d.newPerson.Sealed, err = d.s.cfg.Keys.Seal(ctx, key, "person/"+d.newPerson.ID, d.f.Person.RevealBytes())
	if err != nil {
		return fmt.Errorf("seal person: %w", err)
	}
	if !d.f.Code.IsZero() {
		d.sealedHES, err = d.s.cfg.Keys.Seal(ctx, key, "hes/"+d.newPerson.ID, []byte(d.f.Code.Reveal()))
	}
	return err
}

func (d *deed) say(ctx context.Context, to person.Phone, text string) error {
	_, err := d.tell(ctx, to, text)
	return err
}

// tell is say that gives the message's id, empty where there is no phone.
func (d *deed) tell(ctx context.Context, to person.Phone, text string) (string, error) {
	if to.IsZero() {
		return "", nil
	}
	m, err := d.s.message(d.p.ID, to, text, notify.Info, d.now, infoLife)
	if err != nil {
		return "", err
	}
	return m.ID, d.tx.Enqueue(ctx, m)
}

// holder opens the record of the person behind a tie.
func (d *deed) holder(ctx context.Context, id string) (Person, person.Record, error) {
	who, err := d.tx.Person(ctx, d.p.ID, id)
	if err != nil {
		return who, person.Record{}, fmt.Errorf("holder: %w", err)
	}
	b, err := d.s.cfg.Keys.Open(ctx, who.Key, "person/"+who.ID, who.Sealed)
	if err != nil {
		return who, person.Record{}, fmt.Errorf("holder's record: %w", err)
	}
	rec, err := person.RestoreRecord(b)
	return who, rec, err
}

// held tells the asker nothing but where to go, and the holder that somebody
// asked; a card that nobody may take has none, and an empty id. Which rule
// stood in the way is not said.
func (d *deed) held(ctx context.Context, holderID string) error {
	d.result = "held"
	if err := d.say(ctx, d.f.Person.Phone, d.s.heldText(d.p, d.r.Lang, d.f, d.r.ID)); err != nil || holderID == "" {
		return err
	}
	_, rec, err := d.holder(ctx, holderID)
	if errors.Is(err, person.ErrErased) || errors.Is(err, ErrNoRow) {
		return nil
	}
	if err != nil {
		return err
	}
	if rec.Phone == d.f.Person.Phone {
		return nil
	}
	return d.say(ctx, rec.Phone, d.s.noticeText(d.p, d.r.Lang))
}

func (d *deed) pair(ctx context.Context) error {
	live, err := d.tx.LiveByCard(ctx, d.p.ID, d.r.CardTag)
	switch {
	case errors.Is(err, ErrNoRow):
		return d.insert(ctx, d.r.CardTag, d.f.Card)
	case err != nil:
		return err
	}
	same := !live.PersonTag.IsZero() && live.PersonTag == d.r.PersonTag ||
		live.PersonTag.IsZero() && d.r.PersonTag.IsZero() && live.PhoneTag == d.r.PhoneTag
	if !same {
		return d.held(ctx, live.PersonID)
	}
	return d.refresh(ctx, live)
}

// barred tells whether a card cannot be given to anyone: replaced, reported
// lost, stopped by staff. A stop of its last holder's health does not bar it.
func (d *deed) barred(ctx context.Context, tag person.Tag) (bool, error) {
	reasons, err := d.tx.Reasons(ctx, d.p.ID, tag)
	if err != nil {
		return false, err
	}
	for _, why := range reasons {
		if why.Kind == card.Replaced || why.Kind == card.Lost || why.Kind == card.Blocked {
			return true, nil
		}
	}
	return false, nil
}

// insert makes the tie of a card that is free.
func (d *deed) insert(ctx context.Context, tag person.Tag, n card.Number) error {
	if no, err := d.barred(ctx, tag); err != nil || no {
		if no {
			err = d.held(ctx, "")
		}
		return err
	}
	// Whatever may stand in the way is read before anything is written, so that
	// the refusal is a message and not an aborted transaction.
	if taken, err := d.codeTaken(ctx, ""); err != nil || taken {
		return err
	}
	who := d.newPerson
	sealedHES := d.sealedHES
	if !d.r.PersonTag.IsZero() {
		if d.p.Rules.CardsPerPerson > 0 {
			held, err := d.tx.LiveByPerson(ctx, d.p.ID, d.r.PersonTag)
			if err != nil {
				return err
			}
			if len(held) >= d.p.Rules.CardsPerPerson {
				return d.held(ctx, held[0].PersonID)
			}
		}
		known, err := d.tx.PersonByTag(ctx, d.p.ID, d.r.PersonTag)
		switch {
		case errors.Is(err, ErrNoRow):
			if err := d.tx.InsertPerson(ctx, who); err != nil {
				return err
			}
		case err != nil:
			return err
		default:
			if sealedHES, err = d.updatePerson(ctx, known); err != nil {
				return err
			}
			who = known
		}
	} else if err := d.tx.InsertPerson(ctx, who); err != nil {
		return err
	}
	return d.tie(ctx, tag, n, who.ID, sealedHES)
}

// updatePerson writes what a person told anew. A changed phone is told to the
// old one.
func (d *deed) updatePerson(ctx context.Context, known Person) (sealedHES []byte, err error) {
	k := d.s.cfg.Keys
	if b, err := k.Open(ctx, known.Key, "person/"+known.ID, known.Sealed); err == nil {
		if old, err := person.RestoreRecord(b); err == nil && !old.Phone.IsZero() && old.Phone != d.f.Person.Phone {
			if err := d.say(ctx, old.Phone, d.s.phoneChangedText(d.p, d.r.Lang)); err != nil {
				return nil, err
			}
		}
	}
	if known.Sealed, err = k.Seal(ctx, known.Key, "person/"+known.ID, d.f.Person.RevealBytes()); err != nil {
		return nil, err
	}
	known.UpdatedAt = d.now
	if !d.f.Code.IsZero() {
		if sealedHES, err = k.Seal(ctx, known.Key, "hes/"+known.ID, []byte(d.f.Code.Reveal())); err != nil {
			return nil, err
		}
	}
	return sealedHES, d.tx.UpdatePerson(ctx, known)
}

// tie writes the pairing and what the list will say of the card.
func (d *deed) tie(ctx context.Context, tag person.Tag, n card.Number, personID string, sealedHES []byte) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	class, turns := d.p.ClassOf(d.f.Person.Birth, d.now)
	pr := Pairing{
		City: d.p.ID, ID: id.String(), CardTag: tag, Last4: n.Last4(), PersonID: personID, PersonTag: d.r.PersonTag,
		PhoneTag: d.r.PhoneTag, SealedHES: sealedHES, Channel: d.r.Channel, Lang: d.r.Lang, At: d.now,
		NextCheck: d.nextCheck(turns), PersonSlot: d.p.Rules.CardsPerPerson,
	}
	if d.r.PersonTag.IsZero() {
		pr.PersonSlot = 0
	}
	if !d.f.Code.IsZero() {
		pr.HESTag = d.s.cfg.Keys.Tag(d.p.ID, person.TagHES, d.f.Code.Reveal())
		pr.CodeSlot = d.p.Rules.CardsPerCode
	}
	if err := d.tx.InsertPairing(ctx, pr); err != nil {
		return err
	}
	d.result, d.pairing = "ok", pr.ID
	if err := d.putCard(ctx, tag, n, class); err != nil {
		return err
	}
	if note := d.s.cfg.Note; note != nil {
		if err := note(ctx, d.tx, d.p.ID, d.r.Channel, d.now); err != nil {
			return err
		}
	}
	return d.say(ctx, d.f.Person.Phone, d.s.pairedText(d.p, d.r.Lang, d.f, d.r.ID))
}

// codeTaken holds a request whose code is tied to another card, where the city
// ties a code to one (Antalya). mine is the tie the request is about, if any.
func (d *deed) codeTaken(ctx context.Context, mine string) (bool, error) {
	if d.f.Code.IsZero() || d.p.Rules.CardsPerCode == 0 {
		return false, nil
	}
	tag := d.s.cfg.Keys.Tag(d.p.ID, person.TagHES, d.f.Code.Reveal())
	other, err := d.tx.LiveByCode(ctx, d.p.ID, tag)
	if errors.Is(err, ErrNoRow) || err == nil && other.ID == mine {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, d.held(ctx, other.PersonID)
}

func (d *deed) nextCheck(turns time.Time) time.Time {
	var next time.Time
	if d.p.Rules.Health {
		next = d.now.Add(time.Duration(d.p.Rules.RecheckHours) * time.Hour)
	}
	if !turns.IsZero() && (next.IsZero() || turns.Before(next)) {
		next = turns
	}
	return next
}

// putCard writes the card's row: its class, and its stop where the authority
// says its holder should stay at home. The stop ends by itself.
func (d *deed) putCard(ctx context.Context, tag person.Tag, n card.Number, class card.Class) error {
	key, err := TagKey(d.s.cfg.Keys, d.p.ID, d.f.Province)
	if err != nil {
		return err
	}
	place, ok := d.p.Place(n, key)
	if !ok {
		return ErrUnissued
	}
	if d.a.Risky {
		until := d.stopDay()
		notice, err := d.tell(ctx, d.f.Person.Phone, d.s.stoppedText(d.p, d.r.Lang, n.Last4(), until))
		if err != nil {
			return err
		}
		stop := Isolation{City: d.p.ID, CardTag: tag, Place: d.listed(n.Scheme, place), PairingID: d.pairing, UntilDay: until,
			NoticeID: notice, Source: "authority:check:" + d.r.ID}
		if err := isolate(ctx, d.tx, stop, d.now); err != nil {
			return err
		}
	}
	reasons, err := d.tx.Reasons(ctx, d.p.ID, tag)
	if err != nil {
		return err
	}
	if stays := slices.IndexFunc(reasons, func(r card.Reason) bool { return r.Kind == card.Isolation }); stays >= 0 && !d.a.Risky {
		if err := release(ctx, d.tx, d.p.ID, tag, d.pairing, d.now); err != nil {
			return err
		}
		reasons = slices.Delete(reasons, stays, stays+1)
	}
	st := card.StatusOf(class, reasons)
	return d.tx.PutCard(ctx, Card{City: d.p.ID, Tag: tag, Scheme: n.Scheme, Index: place, Last4: n.Last4(), Class: st.Class, StopUntil: st.StopUntil, ChangedAt: d.now})
}

// listed is a card's place by which validators name it.
func (d *deed) listed(scheme uint8, place int64) int64 {
	if d.p.Tagged(scheme) {
		return NoPlace
	}
	return place
}

func (d *deed) stopDay() int32 {
	return card.DayOf(d.now, d.p.Location()) + int32(d.p.Rules.IsolationDays)
}

// refresh renews a tie that stands: a new code, perhaps new details.
func (d *deed) refresh(ctx context.Context, live Pairing) error {
	if taken, err := d.codeTaken(ctx, live.ID); err != nil || taken {
		return err
	}
	known, err := d.tx.Person(ctx, d.p.ID, live.PersonID)
	if err != nil {
		return err
	}
	sealed, err := d.updatePerson(ctx, known)
	if err != nil {
		return err
	}
	class, turns := d.p.ClassOf(d.f.Person.Birth, d.now)
	live.SealedHES, live.PhoneTag, live.NextCheck, live.Lang = sealed, d.r.PhoneTag, d.nextCheck(turns), d.r.Lang
	if !d.f.Code.IsZero() {
		live.HESTag = d.s.cfg.Keys.Tag(d.p.ID, person.TagHES, d.f.Code.Reveal())
	}
	if err := d.tx.UpdatePairing(ctx, live); err != nil {
		return err
	}
	d.result, d.pairing = "renewed", live.ID
	if err := d.putCard(ctx, live.CardTag, d.f.Card, class); err != nil {
		return err
	}
	return d.say(ctx, d.f.Person.Phone, d.s.pairedText(d.p, d.r.Lang, d.f, d.r.ID))
}

// mine finds the tie a request is about and checks again that it is the
// asker's: it may have changed hands while the code was on its way.
func (d *deed) mine(ctx context.Context) (Pairing, bool, error) {
	live, err := d.tx.LiveByCard(ctx, d.p.ID, d.r.CardTag)
	if errors.Is(err, ErrNoRow) || err == nil && live.PhoneTag != d.r.PhoneTag {
		d.result = "none"
		return live, false, nil
	}
	return live, err == nil, err
}

func (d *deed) unpair(ctx context.Context) error {
	live, ok, err := d.mine(ctx)
	if err != nil || !ok {
		return err
	}
	live.EndedAt, live.EndReason = d.now, "unpaired"
	if err := d.tx.UpdatePairing(ctx, live); err != nil {
		return err
	}
	c, err := d.tx.Card(ctx, d.p.ID, d.r.CardTag)
	if err != nil {
		return err
	}
	base := card.Unpaired
	if !d.p.Tagged(c.Scheme) {
		base = d.p.ClassAt(uint32(c.Index))
	}
	// A stop for isolation stays on the card it was put on until its day: a
	// person in isolation does not free a card by letting go of it.
	reasons, err := d.tx.Reasons(ctx, d.p.ID, d.r.CardTag)
	if err != nil {
		return err
	}
	st := card.StatusOf(base, reasons)
	c.Class, c.StopUntil, c.ChangedAt = st.Class, st.StopUntil, d.now
	if err := d.tx.PutCard(ctx, c); err != nil {
		return err
	}
	d.result, d.pairing = "ok", live.ID
	return d.say(ctx, d.f.Person.Phone, d.s.unpairedText(d.p, d.r.Lang, d.f))
}

func (d *deed) move(ctx context.Context) error {
	live, ok, err := d.mine(ctx)
	if err != nil || !ok {
		return err
	}
	newTag := d.s.cfg.Keys.Tag(d.p.ID, person.TagCard, cardValue(d.f.Province, d.f.NewCard))
	if other, err := d.tx.LiveByCard(ctx, d.p.ID, newTag); err == nil {
		return d.held(ctx, other.PersonID)
	} else if !errors.Is(err, ErrNoRow) {
		return err
	}
	if no, err := d.barred(ctx, newTag); err != nil || no {
		if no {
			err = d.held(ctx, "")
		}
		return err
	}
	live.EndedAt, live.EndReason = d.now, "moved"
	if err := d.tx.UpdatePairing(ctx, live); err != nil {
		return err
	}
	old, err := d.tx.Card(ctx, d.p.ID, d.r.CardTag)
	if err != nil {
		return err
	}
	reasons, err := d.tx.Reasons(ctx, d.p.ID, d.r.CardTag)
	if err != nil {
		return err
	}
	class := old.Class
	dead := card.Reason{Kind: card.Replaced, Since: d.now, Provenance: "holder:" + d.r.ID}
	if err := d.tx.PutReason(ctx, d.p.ID, d.r.CardTag, dead); err != nil {
		return err
	}
	old.Class, old.StopUntil, old.ChangedAt = card.Dead, 0, d.now
	if err := d.tx.PutCard(ctx, old); err != nil {
		return err
	}

	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	next := live
	next.ID, next.CardTag, next.Last4 = id.String(), newTag, d.f.NewCard.Last4()
	next.At, next.EndedAt, next.EndReason = d.now, time.Time{}, ""
	if err := d.tx.InsertPairing(ctx, next); err != nil {
		return err
	}
	key, err := TagKey(d.s.cfg.Keys, d.p.ID, d.f.Province)
	if err != nil {
		return err
	}
	place, ok := d.p.Place(d.f.NewCard, key)
	if !ok {
		return ErrUnissued
	}
	// The reasons that stopped the person stop the new card too, beside those it
	// had.
	for _, why := range reasons {
		if why.Kind == card.Isolation {
			if err := d.tx.PutReason(ctx, d.p.ID, newTag, why); err != nil {
				return err
			}
			if err := moveIsolation(ctx, d.tx, d.p.ID, d.r.CardTag, newTag, d.listed(d.f.NewCard.Scheme, place), next.ID, d.now); err != nil {
				return err
			}
		}
	}
	if reasons, err = d.tx.Reasons(ctx, d.p.ID, newTag); err != nil {
		return err
	}
	st := card.StatusOf(class, reasons)
	if err := d.tx.PutCard(ctx, Card{City: d.p.ID, Tag: newTag, Scheme: d.f.NewCard.Scheme, Index: place, Last4: next.Last4, Class: st.Class, StopUntil: st.StopUntil, ChangedAt: d.now}); err != nil {
		return err
	}
	d.result, d.pairing = "ok", next.ID
	return d.say(ctx, d.f.Person.Phone, d.s.movedText(d.p, d.r.Lang, d.f))
}

func (d *deed) renew(ctx context.Context) error {
	live, ok, err := d.mine(ctx)
	if err != nil || !ok {
		return err
	}
	if taken, err := d.codeTaken(ctx, live.ID); err != nil || taken {
		return err
	}
	who, rec, err := d.holder(ctx, live.PersonID)
	if err != nil {
		return err
	}
	if !theirs(rec, d.a) {
		// The code is somebody else's. The phone is the holder's, so saying it
		// gives nothing away.
		d.result = "refused"
		return d.say(ctx, d.f.Person.Phone, d.s.refusedText(d.p, d.r.Lang, d.f, fault.List{health.ErrNotTheirs.On("hes")}))
	}
	if live.SealedHES, err = d.s.cfg.Keys.Seal(ctx, who.Key, "hes/"+who.ID, []byte(d.f.Code.Reveal())); err != nil {
		return err
	}
	live.HESTag = d.s.cfg.Keys.Tag(d.p.ID, person.TagHES, d.f.Code.Reveal())
	class, turns := d.p.ClassOf(rec.Birth, d.now)
	live.NextCheck = d.nextCheck(turns)
	if err := d.tx.UpdatePairing(ctx, live); err != nil {
		return err
	}
	d.result, d.pairing = "renewed", live.ID
	if err := d.putCard(ctx, live.CardTag, d.f.Card, class); err != nil {
		return err
	}
	return d.say(ctx, d.f.Person.Phone, d.s.pairedText(d.p, d.r.Lang, d.f, d.r.ID))
}
