// Package sms sends text messages through the gateways Turkish operators use:
// Netgsm, Verimor and İleti Merkezi over HTTP, and any SMSC over SMPP 3.4. A
// driver is a notify.Sender; which one a city uses is one word in its
// configuration.
//
// What the drivers promise alike: nothing leaves after its expiry, a bad
// message does not sink the others in its call, and where a call may have been
// taken although no answer came, the receipt says so (ErrUnsure), so that the
// caller can weigh a second copy against none.
package sms

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"turnike/internal/notify"
	"turnike/internal/peer"
)

// Why a message was not taken. The first group passes, or is the operator's to
// mend, so the message keeps waiting until its expiry; the second never will.
var (
	ErrGateway = errors.New("gateway did not answer properly")
	ErrBusy    = errors.New("gateway asks to slow down")
	ErrAccount = errors.New("account refused: user, password, allowed addresses or credit")
	// ErrUnsure comes with ErrGateway: the gateway may have taken the message.
	ErrUnsure = errors.New("no answer, the message may have been taken")

	ErrExpired  = errors.New("message expired before it could be sent")
	ErrHeader   = errors.New("sender title is not registered")
	ErrNumber   = errors.New("number refused")
	ErrText     = errors.New("text refused: empty, too long or forbidden")
	ErrRepeated = errors.New("the same text went to the same number already")
	ErrConsent  = errors.New("commercial message refused: consent register")

	// errParameter may be one message's fault or that of all.
	errParameter = errors.New("some parameter is wrong")
)

// final tells whether trying again cannot help.
func final(err error) bool {
	for _, e := range []error{ErrExpired, ErrHeader, ErrNumber, ErrText, ErrRepeated, ErrConsent} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// ofOne tells whether one message of a call can be the cause of an error, so
// that the others deserve a call of their own.
func ofOne(err error) bool {
	return errors.Is(err, ErrNumber) || errors.Is(err, ErrText) || errors.Is(err, errParameter) || errors.Is(err, ErrRepeated) || errors.Is(err, ErrConsent)
}

// Config is an operator's account at a gateway.
type Config struct {
	Driver         string // one of Drivers
	URL            string // empty: the gateway's own; SMPP: host:port
	User, Password string
	Header         string // sender title (başlık), at most 11 characters, registered at the gateway
	Recipient      string // İYS recipient type of commercial texts: BIREYSEL (default) or TACIR
	Timeout        time.Duration
	MaxCalls       int              // calls (SMPP: unanswered messages) at once
	Client         *http.Client     // HTTP gateways: lends its transport
	Now            func() time.Time // the clock Message.Expires is told by; nil: time.Now

	// SMPP only.
	TLS        bool
	SystemType string
	Window     int // unanswered submit_sm; 0 is 32
	// OnReport hears what became of messages. It must not block.
	OnReport func(Report)
}

// Drivers are the words Config.Driver may be.
func Drivers() []string {
	return []string{"netgsm", "netgsm-xml", "verimor", "iletimerkezi", "smpp"}
}

// Open makes the sender a configuration asks for. It connects to nothing yet.
// Senders that hold a connection also implement io.Closer.
func Open(c Config) (notify.Sender, error) {
	if c.Recipient == "" {
		c.Recipient = "BIREYSEL"
	}
	if c.Recipient != "BIREYSEL" && c.Recipient != "TACIR" {
		return nil, fmt.Errorf("sms: recipient type must be BIREYSEL or TACIR, not %q", c.Recipient)
	}
	if n := len(c.Header); n == 0 || n > 11 {
		return nil, fmt.Errorf("sms: sender title must have 1 to 11 characters")
	}
	if c.Timeout <= 0 {
		c.Timeout = 10 * time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	switch c.Driver {
	case "netgsm", "netgsm-xml":
		return newNetgsm(c)
	case "verimor":
		return newVerimor(c)
	case "iletimerkezi":
		return newIletiMerkezi(c)
	case "smpp":
		return newLink(c)
	default:
		return nil, fmt.Errorf("sms: no driver %q; there are %s", c.Driver, strings.Join(Drivers(), ", "))
	}
}

// dial makes the HTTP caller of a gateway.
func (c Config) dial(name, url string) (*peer.Client, error) {
	if c.URL != "" {
		url = c.URL
	}
	return peer.New(peer.Config{Name: name, BaseURL: url, Timeout: c.Timeout, MaxBody: 256 << 10, MaxCalls: c.MaxCalls, Client: c.Client})
}

// sorted turns a peer's failure into the package's words.
func sorted(err error) error {
	switch {
	case err == nil, errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, peer.ErrSlowDown), errors.Is(err, peer.ErrBusy):
		return fmt.Errorf("%w: %w", ErrBusy, err)
	case peer.MaySent(err):
		return fmt.Errorf("%w: %w: %w", ErrGateway, ErrUnsure, err)
	default:
		return fmt.Errorf("%w: %w", ErrGateway, err)
	}
}

// refusal names a gateway's own word for an error. The word is kept only if it
// looks like one, so that no echo of a number or text reaches a log.
func refusal(gateway, word string, kind error) error {
	for _, r := range word {
		if r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') {
			word = ""
			break
		}
	}
	if word == "" || len(word) > 40 {
		return fmt.Errorf("%s: %w", gateway, kind)
	}
	return fmt.Errorf("%s: %s: %w", gateway, word, kind)
}

// call carries some messages of a kind to the gateway in one request and gives
// its reference for them.
type call func(ctx context.Context, ms []notify.Message) (reference string, err error)

// sending is one Send under way.
type sending struct {
	ms  []notify.Message
	out []notify.Receipt // each call writes its own places

	mu    sync.Mutex
	taken bool  // something was, or may have been, taken or refused for good
	last  error // of a call that failed as a whole
}

// send is the way of every driver: expired messages stay behind, the rest is
// grouped by key, cut into calls of at most size, a few at once, and a call
// that one message spoiled is halved until the others are through. Receipts
// are in the order of the messages. The error is set only if every call failed
// and none can have been taken.
func send(ctx context.Context, ms []notify.Message, now time.Time, size, atOnce int, key func(notify.Message) string, do func(key string) call) ([]notify.Receipt, error) {
	s := &sending{ms: ms, out: make([]notify.Receipt, len(ms))}
	groups := map[string][]int{}
	var order []string
	for i, m := range ms {
		s.out[i].ID = m.ID
		if err := fitToSend(m, now); err != nil {
			s.out[i].Err, s.out[i].Final = err, true
			s.taken = true
			continue
		}
		k := key(m)
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], i)
	}
	if atOnce <= 0 {
		atOnce = peer.DefaultMaxCalls
	}
	var g errgroup.Group
	g.SetLimit(atOnce)
	for _, k := range order {
		for at := range slices.Chunk(groups[k], size) {
			g.Go(func() error {
				s.one(ctx, do(k), at)
				return nil
			})
		}
	}
	_ = g.Wait() // its functions return nil
	if !s.taken && s.last != nil {
		return s.out, s.last
	}
	return s.out, nil
}

// one makes one call for the messages at some places.
func (s *sending) one(ctx context.Context, c call, at []int) {
	batch := make([]notify.Message, len(at))
	for j, i := range at {
		batch[j] = s.ms[i]
	}
	ref, err := "", ctx.Err()
	if err == nil {
		ref, err = c(ctx, batch)
	}
	if err != nil && len(at) > 1 && ofOne(err) {
		s.one(ctx, c, at[:len(at)/2])
		s.one(ctx, c, at[len(at)/2:])
		return
	}
	s.mu.Lock()
	if err == nil || errors.Is(err, ErrUnsure) || final(err) {
		s.taken = true
	} else {
		s.last = err
	}
	s.mu.Unlock()
	for j, i := range at {
		s.out[i].Err, s.out[i].Final = err, final(err)
		if err == nil {
			s.out[i].Reference = ref
			if len(at) > 1 {
				s.out[i].Reference = fmt.Sprintf("%s/%d", ref, j)
			}
		}
	}
}

// shortest is the least time left in which a text can be handed to a gateway:
// they count validity in whole minutes, so one with less could arrive after it
// is dead.
const shortest = time.Minute

// fitToSend refuses what must not be sent at all.
func fitToSend(m notify.Message, now time.Time) error {
	switch {
	case !m.Expires.IsZero() && m.Expires.Sub(now) < shortest:
		return ErrExpired
	case m.To.IsZero():
		return ErrNumber
	case m.Text == "" || Fit(m.Text).Parts > MaxParts:
		return ErrText
	}
	return nil
}

// MaxParts is the longest text a gateway takes, in parts (Verimor and İleti
// Merkezi say 7; more would only surprise the reader and the budget).
const MaxParts = 7

// minutesLeft is a message's validity in whole minutes, between a minute and
// the 48 hours gateways allow.
func minutesLeft(m notify.Message, now time.Time) int {
	if m.Expires.IsZero() {
		return 24 * 60
	}
	return min(max(int(m.Expires.Sub(now)/time.Minute), 1), 48*60)
}
