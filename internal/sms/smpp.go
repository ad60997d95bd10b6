package sms

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"turnike/internal/notify"
	"turnike/internal/sms/smpp"
)

// Report is what a gateway tells later about a message it took.
type Report struct {
	Reference string // as in the receipt; of a long text, its first part's
	State     string // DELIVRD, EXPIRED, UNDELIV, REJECTD, ...
}

// link sends over SMPP 3.4. The alphabet's tables and the parts of a long text
// are ours to write here. There is no reference of ours on the wire, so a lost
// answer stays unsure; parts of a repeated text carry the same part reference,
// by which a phone knows a copy.
type link struct {
	l      *smpp.Link
	header string
	atOnce int
	now    func() time.Time
}

func newLink(c Config) (*link, error) {
	if c.URL == "" {
		return nil, errors.New("sms: smpp wants the centre's host:port as URL")
	}
	if len(c.User) > 15 || len(c.Password) > 8 {
		return nil, errors.New("sms: smpp takes a user of at most 15 and a password of at most 8 characters")
	}
	sc := smpp.Config{Addr: c.URL, SystemID: c.User, Password: c.Password, SystemType: c.SystemType, Window: c.Window, Timeout: c.Timeout}
	if c.TLS {
		sc.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if c.OnReport != nil {
		sc.OnReceipt = func(r smpp.Receipt) { c.OnReport(Report{Reference: r.ID, State: r.State}) }
	}
	l := &link{l: smpp.NewLink(sc), header: c.Header, atOnce: c.Window, now: c.Now}
	if l.atOnce <= 0 {
		l.atOnce = 32
	}
	return l, nil
}

func (*link) Name() string { return "smpp" }

// Close ends the connection.
func (l *link) Close() error { return l.l.Close() }

func (l *link) Send(ctx context.Context, ms []notify.Message) ([]notify.Receipt, error) {
	return send(ctx, ms, l.now(), 1, l.atOnce, func(m notify.Message) string { return m.ID }, func(string) call {
		return func(ctx context.Context, ms []notify.Message) (string, error) { return l.submit(ctx, ms[0]) }
	})
}

// submit sends a text's parts one after the other.
func (l *link) submit(ctx context.Context, m notify.Message) (string, error) {
	sum := sha256.Sum256([]byte(m.ID))
	first := ""
	for _, p := range Split(m.Text, sum[0]) {
		sm := smpp.Message{
			Source:     smpp.Address{TON: smpp.Alphanumeric, Addr: l.header},
			Dest:       smpp.Address{TON: smpp.International, NPI: smpp.ISDN, Addr: m.To.Reveal()},
			Registered: 1,
			Text:       append(append([]byte(nil), p.Header...), p.Text...),
		}
		if len(p.Header) > 0 {
			sm.Class = smpp.ClassUDH
		}
		if p.Table == UCS2 {
			sm.Coding = smpp.CodingUCS2
		}
		if m.Class == notify.CodeClass {
			sm.Priority = 1
		}
		if !m.Expires.IsZero() {
			sm.Validity = smpp.RelativeValidity(min(int(m.Expires.Sub(l.now())/time.Second), 48*3600))
		}
		id, err := l.l.Submit(ctx, sm)
		if err != nil {
			err = linkError(err)
			if first != "" && !errors.Is(err, ErrUnsure) {
				err = fmt.Errorf("%w: %w: part of the text went", ErrUnsure, err) // a second try repeats that part
			}
			return "", err
		}
		if first == "" {
			first = id
		}
	}
	return first, nil
}

// linkError turns the protocol's refusals into the package's words.
func linkError(err error) error {
	var s smpp.Status
	switch {
	case errors.Is(err, smpp.ErrLost):
		return fmt.Errorf("%w: %w: %w", ErrGateway, ErrUnsure, err)
	case !errors.As(err, &s):
		return fmt.Errorf("%w: %w", ErrGateway, err)
	}
	kind := ErrGateway
	switch s {
	case smpp.InvalidLength:
		kind = ErrText
	case smpp.InvalidSource:
		kind = ErrHeader
	case smpp.InvalidDestination:
		kind = ErrNumber
	case smpp.BindFailed, smpp.InvalidPassword, smpp.InvalidSystemID:
		kind = ErrAccount
	case smpp.QueueFull, smpp.Throttled:
		kind = ErrBusy
	}
	return fmt.Errorf("smpp: %w: %w", kind, s)
}
