package smpp

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"time"
)

// What can go wrong on a link besides a Status.
var (
	// ErrAway: no line, nothing was sent.
	ErrAway = errors.New("smpp: centre unreachable")
	// ErrLost: sent, but the line broke or the answer did not come in time.
	ErrLost   = errors.New("smpp: answer lost")
	ErrClosed = errors.New("smpp: link is closed")
)

// Config is an account at a centre.
type Config struct {
	Addr       string // host:port
	TLS        *tls.Config
	SystemID   string // at most 15 characters
	Password   string // at most 8
	SystemType string
	Window     int           // submits waiting for their answer; 0 is 32
	Timeout    time.Duration // of connecting and of one answer; 0 is 10 s
	Enquire    time.Duration // an idle line is tried this often; 0 is 30 s
	// OnReceipt hears what became of messages. It must not block.
	OnReceipt func(Receipt)
}

// Back-off between attempts to connect, doubling from the first to the second.
const (
	firstBackoff = 200 * time.Millisecond
	lastBackoff  = 30 * time.Second
)

// Link keeps one bound connection to a centre, made when first needed and made
// again when it breaks.
type Link struct {
	c      Config
	window chan struct{}

	mu      sync.Mutex
	line    *line         // nil: none
	making  chan struct{} // closed when the attempt under way is over; nil: none
	backoff time.Duration
	notTill time.Time // no attempt before
	why     error     // of the last failed attempt
	closed  bool
}

// NewLink makes a link. It connects to nothing yet.
func NewLink(c Config) *Link {
	if c.Window <= 0 {
		c.Window = 32
	}
	if c.Timeout <= 0 {
		c.Timeout = 10 * time.Second
	}
	if c.Enquire <= 0 {
		c.Enquire = 30 * time.Second
	}
	return &Link{c: c, window: make(chan struct{}, c.Window)}
}

// Submit sends one message and gives the centre's id for it. The error is a
// Status where the centre said no, ErrAway where nothing was sent, ErrLost
// where it may have been taken.
func (l *Link) Submit(ctx context.Context, m Message) (string, error) {
	select {
	case l.window <- struct{}{}:
		defer func() { <-l.window }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	ln, err := l.get(ctx)
	if err != nil {
		return "", err
	}
	p, err := ln.ask(ctx, SubmitSM, m.Marshal())
	switch {
	case err != nil:
		return "", err
	case p.Status != OK:
		return "", p.Status
	}
	id, err := ID(p.Body)
	if err != nil || id == "" {
		return "", ErrLost // accepted, by the status, under an id we cannot read
	}
	return id, nil
}

// Close unbinds and ends the connection.
func (l *Link) Close() error {
	l.mu.Lock()
	ln := l.line
	l.line, l.closed = nil, true
	l.mu.Unlock()
	if ln != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_, _ = ln.ask(ctx, Unbind, nil)
		ln.end()
		<-ln.done
	}
	return nil
}

// get gives the line, making it if there is none. One caller connects, the
// others wait for it.
func (l *Link) get(ctx context.Context) (*line, error) {
	for {
		l.mu.Lock()
		if l.line != nil && l.line.broken() {
			l.line = nil
		}
		switch {
		case l.closed:
			l.mu.Unlock()
			return nil, ErrClosed
		case l.line != nil:
			ln := l.line
			l.mu.Unlock()
			return ln, nil
		case l.making != nil:
			wait := l.making
			l.mu.Unlock()
			select {
			case <-wait:
				continue
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		case time.Now().Before(l.notTill):
			err := l.why
			l.mu.Unlock()
			return nil, err
		}
		made := make(chan struct{})
		l.making = made
		l.mu.Unlock()

		ln, err := l.connect()
		l.mu.Lock()
		l.making = nil
		if err != nil {
			l.backoff = min(max(2*l.backoff, firstBackoff), lastBackoff)
			l.notTill, l.why = time.Now().Add(l.backoff), err
		} else {
			l.backoff = 0
			l.line = ln
		}
		if l.closed && ln != nil {
			ln.end()
		}
		l.mu.Unlock()
		close(made)
		if err != nil {
			return nil, err
		}
	}
}

// connect dials and binds.
func (l *Link) connect() (*line, error) {
	ctx, cancel := context.WithTimeout(context.Background(), l.c.Timeout)
	defer cancel()
	var conn net.Conn
	var err error
	if l.c.TLS != nil {
		conn, err = (&tls.Dialer{Config: l.c.TLS}).DialContext(ctx, "tcp", l.c.Addr)
	} else {
		conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", l.c.Addr)
	}
	if err != nil {
		return nil, ErrAway // the cause names the address, which logs need not repeat
	}
	ln := newLine(conn, l.c)
	p, err := ln.ask(ctx, BindTransceiver, Bind{SystemID: l.c.SystemID, Password: l.c.Password, SystemType: l.c.SystemType, Version: 0x34}.Marshal())
	if err == nil && p.Status != OK {
		err = p.Status
	} else if err != nil {
		err = ErrAway
	}
	if err != nil {
		ln.end()
		<-ln.done
		return nil, err
	}
	return ln, nil
}

// line is one connection.
type line struct {
	conn      net.Conn
	timeout   time.Duration
	onReceipt func(Receipt)
	done      chan struct{} // closed when the reader has ended

	write sync.Mutex
	mu    sync.Mutex
	seq   uint32
	asked map[uint32]chan PDU // nil: broken
}

func newLine(conn net.Conn, c Config) *line {
	ln := &line{conn: conn, timeout: c.Timeout, onReceipt: c.OnReceipt, done: make(chan struct{}), asked: map[uint32]chan PDU{}}
	go ln.read()
	go ln.enquire(c.Enquire)
	return ln
}

func (ln *line) broken() bool {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	return ln.asked == nil
}

// end closes the connection; whoever waits gets ErrLost.
func (ln *line) end() {
	_ = ln.conn.Close()
	ln.mu.Lock()
	defer ln.mu.Unlock()
	for _, c := range ln.asked {
		close(c)
	}
	ln.asked = nil
}

// ask sends a request and waits for its answer.
func (ln *line) ask(ctx context.Context, c Command, body []byte) (PDU, error) {
	answer := make(chan PDU, 1)
	ln.mu.Lock()
	if ln.asked == nil {
		ln.mu.Unlock()
		return PDU{}, ErrAway
	}
	ln.seq = ln.seq%0x7fffffff + 1
	seq := ln.seq
	ln.asked[seq] = answer
	ln.mu.Unlock()
	defer func() {
		ln.mu.Lock()
		delete(ln.asked, seq)
		ln.mu.Unlock()
	}()
	if err := ln.send(PDU{Command: c, Sequence: seq, Body: body}); err != nil {
		ln.end()
		return PDU{}, ErrLost // part of it may have gone
	}
	t := time.NewTimer(ln.timeout)
	defer t.Stop()
	select {
	case p, ok := <-answer:
		if !ok || p.Command != c.Response() && p.Command != GenericNack {
			return PDU{}, ErrLost
		}
		return p, nil
	case <-t.C:
		ln.end() // a centre that does not answer is not there: start anew
		return PDU{}, ErrLost
	case <-ctx.Done():
		return PDU{}, ErrLost
	}
}

func (ln *line) send(p PDU) error {
	ln.write.Lock()
	defer ln.write.Unlock()
	if err := ln.conn.SetWriteDeadline(time.Now().Add(ln.timeout)); err != nil {
		return err
	}
	_, err := ln.conn.Write(p.Bytes())
	return err
}

// read takes what the centre sends until the line ends.
func (ln *line) read() {
	defer close(ln.done)
	defer ln.end()
	for {
		p, err := Read(ln.conn)
		if err != nil {
			return
		}
		switch {
		case p.Command&response != 0:
			ln.mu.Lock()
			if c, ok := ln.asked[p.Sequence]; ok {
				delete(ln.asked, p.Sequence)
				c <- p // has room for one
			}
			ln.mu.Unlock()
		case p.Command == EnquireLink:
			err = ln.send(PDU{Command: EnquireLink.Response(), Sequence: p.Sequence})
		case p.Command == DeliverSM:
			if m, bad := ParseMessage(p.Body); bad == nil && ln.onReceipt != nil {
				if rc, ok := ReceiptOf(m); ok {
					ln.onReceipt(rc)
				}
			}
			err = ln.send(PDU{Command: DeliverSM.Response(), Sequence: p.Sequence, Body: MarshalID("")})
		case p.Command == Unbind:
			_ = ln.send(PDU{Command: Unbind.Response(), Sequence: p.Sequence})
			return
		default:
			err = ln.send(PDU{Command: GenericNack, Status: InvalidCommand, Sequence: p.Sequence})
		}
		if err != nil {
			return
		}
	}
}

// enquire keeps an idle line warm and finds a dead one.
func (ln *line) enquire(every time.Duration) {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			if _, err := ln.ask(context.Background(), EnquireLink, nil); err != nil {
				ln.end()
				return
			}
		case <-ln.done:
			return
		}
	}
}
