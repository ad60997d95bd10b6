package sqlstore

import (
	"context"
	"time"

	"turnike/internal/pairing"
	"turnike/internal/storage/dbq"
)

// Revision is a city's file as it was published on a day, with who did it.
type Revision struct {
	City   string
	Number int64
	From   time.Time
	TOML   string
	Author string
	At     time.Time
}

// InsertRevision publishes a city's file; false means that the number is taken
// and the caller must look at what the other wrote.
func (t *Tx) InsertRevision(ctx context.Context, r Revision) (bool, error) {
	if err := t.direct(ctx); err != nil {
		return false, err
	}
	n, err := t.q.InsertRevision(ctx, dbq.InsertRevisionParams{City: r.City, Revision: r.Number, FromUs: us(r.From), Toml: r.TOML,
		Author: r.Author, AtUs: us(r.At)})
	return n == 1, t.fail("insert city revision", err)
}

// Revisions are all of a city's, by number.
func (t *Tx) Revisions(ctx context.Context, city string) ([]Revision, error) {
	rows, err := t.q.Revisions(ctx, city)
	return each(rows, func(r dbq.CityRevision) Revision {
		return Revision{City: r.City, Number: r.Revision, From: at(r.FromUs), TOML: r.Toml, Author: r.Author, At: at(r.AtUs)}
	}), t.fail("read city revisions", err)
}

// Setting reads what was put under a key; city is empty for the installation.
func (t *Tx) Setting(ctx context.Context, city, key string) ([]byte, error) {
	v, err := t.q.Setting(ctx, dbq.SettingParams{City: city, Key: key})
	return v, t.fail("read setting", err)
}

// PutSetting keeps a small thing of the installation's own.
func (t *Tx) PutSetting(ctx context.Context, city, key string, value []byte, now time.Time) error {
	if err := t.direct(ctx); err != nil {
		return err
	}
	return t.fail("write setting", t.q.PutSetting(ctx, dbq.PutSettingParams{City: city, Key: key, Value: filled(value), AtUs: us(now)}))
}

// Device is a gate, kiosk or desk that has keys of its own.
type Device struct {
	City      string
	ID        string // UUIDv7
	Kind      string // gate, kiosk, desk
	Name      string
	PublicKey []byte // Ed25519, with which it signs
	SecretTag []byte // keyed hash of its secret, where it shows one
	CreatedAt time.Time
	SeenAt    time.Time
	RevokedAt time.Time // zero while it is trusted
}

// InsertDevice enrols a device.
func (t *Tx) InsertDevice(ctx context.Context, d Device) error {
	id, err := mustID("device", d.ID)
	if err != nil {
		return err
	}
	if err := t.direct(ctx); err != nil {
		return err
	}
	return t.fail("insert device", t.q.InsertDevice(ctx, dbq.InsertDeviceParams{City: d.City, ID: id, Kind: d.Kind, Name: d.Name,
		PublicKey: filled(d.PublicKey), SecretTag: d.SecretTag, CreatedUs: us(d.CreatedAt), SeenUs: nullUS(d.SeenAt), RevokedUs: nullUS(d.RevokedAt)}))
}

// Device reads one.
func (t *Tx) Device(ctx context.Context, city, id string) (Device, error) {
	key, ok := binID(id)
	if !ok {
		return Device{}, pairing.ErrNoRow
	}
	d, err := t.q.Device(ctx, dbq.DeviceParams{City: city, ID: key})
	if err := t.fail("read device", err); err != nil {
		return Device{}, err
	}
	return Device{City: d.City, ID: id, Kind: d.Kind, Name: d.Name, PublicKey: d.PublicKey, SecretTag: d.SecretTag,
		CreatedAt: at(d.CreatedUs), SeenAt: maybeAt(d.SeenUs), RevokedAt: maybeAt(d.RevokedUs)}, nil
}

// UpdateDevice writes its name, when it was seen and whether it is trusted.
func (t *Tx) UpdateDevice(ctx context.Context, d Device) error {
	id, err := mustID("device", d.ID)
	if err != nil {
		return err
	}
	if err := t.direct(ctx); err != nil {
		return err
	}
	n, err := t.q.UpdateDevice(ctx, dbq.UpdateDeviceParams{City: d.City, ID: id, Name: d.Name, SeenUs: nullUS(d.SeenAt), RevokedUs: nullUS(d.RevokedAt)})
	return oneRow(n, t.fail("update device", err))
}
