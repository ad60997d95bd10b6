package access

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"turnike/internal/audit"
	"turnike/internal/fault"
	"turnike/internal/person"
)

// A screen is let in by eight digits, typed in once on the screen itself. The
// first two find the row, so that wrong tries are counted against one code;
// the other six are the secret.
const (
	CodeLife  = 15 * time.Minute
	CodeTries = 5
	picks     = 100
)

// Faults of screens.
var (
	ErrDeviceCode = fault.New(fault.Invalid, "staff.device_code")
	ErrDeviceKind = fault.New(fault.Invalid, "staff.device_kind")
	ErrDeviceName = fault.New(fault.Invalid, "staff.device_name")
	ErrManyCodes  = fault.New(fault.Unavailable, "staff.device_busy").After(CodeLife)
)

func digits(n int64, width int) string { return fmt.Sprintf("%0*d", width, n) }

// randomBelow is a number below n nobody guesses.
func randomBelow(n int64) int64 {
	v, err := rand.Int(rand.Reader, big.NewInt(n))
	if err != nil {
		panic(err) // the system's own randomness does not fail
	}
	return v.Int64()
}

func (s *Service) codeTag(id, code string) person.Tag {
	return s.cfg.Keys.Tag(Everywhere, tagDevice, id+"/"+code)
}

// MakeDevice makes the code by which a screen is let in.
func (s *Service) MakeDevice(ctx context.Context, se Session, city, centre, kind, name string) (code string, err error) {
	if !se.May(Devices, city, centre) {
		return "", ErrUnknown
	}
	var faults fault.List
	if t, ok := s.Tenant(city); !ok || !t.Has(centre) {
		faults = append(faults, ErrCentre.On("centre"))
	}
	if kind != Kiosk && kind != Display {
		faults = append(faults, ErrDeviceKind.On("kind"))
	}
	if name = plainName(name); name == "" {
		faults = append(faults, ErrDeviceName.On("device"))
	}
	if err := faults.Err(); err != nil {
		return "", err
	}
	now := s.cfg.Now()
	d := Device{City: city, ID: newID(now), Centre: centre, Kind: kind, Name: name, Made: now, CodeUntil: now.Add(CodeLife)}
	last := digits(randomBelow(1_000_000), 6)
	d.Code = s.codeTag(d.ID, last)
	first := randomBelow(picks)
	err = s.cfg.Store.Update(ctx, func(tx Tx) error {
		for i := range int64(picks) {
			d.Pick = int((first + i) % picks)
			// A code whose time is over makes room.
			old, err := tx.AccessDeviceByPick(ctx, d.Pick)
			switch {
			case err == nil && now.Before(old.CodeUntil):
				continue
			case err == nil:
				old.CodeUntil = time.Time{}
				if err := tx.UpdateAccessDevice(ctx, old); err != nil {
					return err
				}
			case !errors.Is(err, ErrNoRow):
				return err
			}
			if ok, err := tx.InsertAccessDevice(ctx, d); err != nil {
				return err
			} else if ok {
				return tx.Audit(ctx, s.entry(se.Actor(), city, "device.make", d.ID, "ok"))
			}
		}
		return ErrManyCodes
	})
	if err != nil {
		return "", err
	}
	return digits(int64(d.Pick), 2) + last, nil
}

// Enrol lets a screen in by its code and gives the token for its cookie.
func (s *Service) Enrol(ctx context.Context, typed string) (token string, sc Screen, err error) {
	code := plainCode(typed)
	if len(code) != 8 || strings.Trim(code, "0123456789") != "" {
		return "", sc, ErrDeviceCode.On("code")
	}
	now := s.cfg.Now()
	x := secret()
	good := false
	var d Device
	err = s.cfg.Store.Update(ctx, func(tx Tx) (err error) {
		good = false
		d, err = tx.AccessDeviceByPick(ctx, int(code[0]-'0')*10+int(code[1]-'0'))
		if errors.Is(err, ErrNoRow) {
			return nil
		}
		if err != nil {
			return err
		}
		if !now.Before(d.CodeUntil) || !d.Ended.IsZero() {
			d.CodeUntil = time.Time{}
			return tx.UpdateAccessDevice(ctx, d)
		}
		d.Tries++
		result := "staff.device_code"
		if d.Code == s.codeTag(d.ID, code[2:]) {
			good, result = true, "ok"
			d.Token, d.Enrolled, d.Seen, d.CodeUntil = digest(x), now, now, time.Time{}
		} else if d.Tries >= CodeTries {
			d.CodeUntil = time.Time{}
		}
		return errors.Join(tx.UpdateAccessDevice(ctx, d),
			tx.Audit(ctx, s.entry(audit.Actor{Kind: "device", Ref: d.ID, Channel: d.Kind}, d.City, "device.enrol", d.ID, result)))
	})
	if err != nil {
		return "", sc, err
	}
	if !good {
		return "", sc, ErrDeviceCode.On("code")
	}
	return d.City + "." + d.ID + "." + x, d.screen(), nil
}

func (d Device) screen() Screen { return Screen{d.ID, d.City, d.Centre, d.Kind, d.Name} }

// Screen is the device a token belongs to; ok is false once it was sent away.
func (s *Service) Screen(ctx context.Context, token string) (sc Screen, ok bool, err error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 || len(parts[2]) != 32 {
		return sc, false, nil
	}
	var d Device
	err = s.cfg.Store.View(ctx, func(tx Tx) (err error) { d, err = tx.AccessDevice(ctx, parts[0], parts[1]); return err })
	if errors.Is(err, ErrNoRow) {
		return sc, false, nil
	}
	if err != nil {
		return sc, false, fmt.Errorf("read device: %w", err)
	}
	if !d.Ended.IsZero() || d.Enrolled.IsZero() || d.Token != digest(parts[2]) {
		return sc, false, nil
	}
	if now := s.cfg.Now(); now.Sub(d.Seen) >= touchEvery {
		err := s.cfg.Store.Update(ctx, func(tx Tx) error {
			d, err := tx.AccessDevice(ctx, d.City, d.ID)
			if err != nil || !d.Ended.IsZero() {
				return err
			}
			d.Seen = now
			return tx.UpdateAccessDevice(ctx, d)
		})
		if err != nil {
			return sc, false, err
		}
	}
	return d.screen(), true, nil
}

// Devices are a tenant's screens that somebody may look after, those sent away
// last.
func (s *Service) Devices(ctx context.Context, se Session, city string) ([]Device, error) {
	if !se.May(Devices, city, "") {
		return nil, ErrUnknown
	}
	var all, out, ended []Device
	err := s.cfg.Store.View(ctx, func(tx Tx) (err error) { all, err = tx.AccessDevices(ctx, city, "", mostPeople); return err })
	if err != nil {
		return nil, fmt.Errorf("read devices: %w", err)
	}
	now := s.cfg.Now()
	for _, d := range all {
		switch {
		case !se.Sees(d.Centre), d.Enrolled.IsZero() && !now.Before(d.CodeUntil): // never came
		case !d.Ended.IsZero():
			ended = append(ended, d)
		default:
			out = append(out, d)
		}
	}
	return append(out, ended...), nil
}

// EndDevice sends a screen away: its next request finds it unknown.
func (s *Service) EndDevice(ctx context.Context, se Session, city, id string) error {
	err := s.cfg.Store.Update(ctx, func(tx Tx) error {
		d, err := tx.AccessDevice(ctx, city, id)
		if err != nil {
			return err
		}
		if !se.May(Devices, city, d.Centre) || !d.Ended.IsZero() {
			return ErrUnknown
		}
		d.Ended, d.CodeUntil, d.Token = s.cfg.Now(), time.Time{}, person.Tag{}
		return errors.Join(tx.UpdateAccessDevice(ctx, d), tx.Audit(ctx, s.entry(se.Actor(), city, "device.end", id, "ok")))
	})
	if errors.Is(err, ErrNoRow) {
		return ErrUnknown
	}
	return err
}
