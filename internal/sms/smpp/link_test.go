package smpp

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// centre is a message centre of a few lines: what it does with each PDU is the
// test's.
func centre(t *testing.T, do func(conn net.Conn, p PDU)) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				for {
					p, err := Read(conn)
					if err != nil {
						return
					}
					do(conn, p)
				}
			}()
		}
	}()
	return ln.Addr().String()
}

func reply(conn net.Conn, p PDU, body []byte) {
	_, _ = conn.Write(PDU{Command: p.Command.Response(), Sequence: p.Sequence, Body: body}.Bytes())
}

// TestAnswersOutOfOrder: a centre may answer in any order; each submit gets
// its own.
func TestAnswersOutOfOrder(t *testing.T) {
	var held []PDU
	addr := centre(t, func(conn net.Conn, p PDU) {
		if p.Command != SubmitSM {
			reply(conn, p, MarshalID("x"))
			return
		}
		if held = append(held, p); len(held) == 8 {
			for i := len(held) - 1; i >= 0; i-- {
				m, _ := ParseMessage(held[i].Body)
				reply(conn, held[i], MarshalID("id-"+m.Dest.Addr))
			}
			held = nil
		}
	})
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	l := NewLink(Config{Addr: addr, Timeout: 5 * time.Second, Window: 8})
	defer l.Close()
	errs := make(chan error, 8)
	for i := range 8 {
		go func() {
			to := string(rune('a' + i))
			id, err := l.Submit(context.Background(), Message{Dest: Address{Addr: to}, Text: []byte("t")})
			if err == nil && id != "id-"+to {
				err = errors.New("got " + id + " for " + to)
			}
			errs <- err
		}()
	}
	for range 8 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

// TestDeadLineIsFound: a centre that stops answering enquire_link is given up,
// and the next submit binds anew.
func TestDeadLineIsFound(t *testing.T) {
	var binds atomic.Int32
	addr := centre(t, func(conn net.Conn, p PDU) {
		switch p.Command {
		case BindTransceiver:
			binds.Add(1)
			reply(conn, p, MarshalID("x"))
		case SubmitSM:
			reply(conn, p, MarshalID("1"))
		case Unbind:
			reply(conn, p, nil)
		}
	})
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	l := NewLink(Config{Addr: addr, Timeout: 50 * time.Millisecond, Enquire: 50 * time.Millisecond})
	defer l.Close()
	for i := range 2 {
		if _, err := l.Submit(context.Background(), Message{Text: []byte("t")}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(300 * time.Millisecond) // two enquiries' worth
		if n := int(binds.Load()); n != i+1 {
			t.Errorf("after %d submits: %d binds", i+1, n)
		}
	}
}

// TestWindow: no more submits wait for their answers than the window allows.
func TestWindow(t *testing.T) {
	var waiting, most atomic.Int32
	addr := centre(t, func(conn net.Conn, p PDU) {
		if p.Command != SubmitSM {
			reply(conn, p, MarshalID("x"))
			return
		}
		n := waiting.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		time.AfterFunc(20*time.Millisecond, func() {
			waiting.Add(-1)
			reply(conn, p, MarshalID("1"))
		})
	})
	l := NewLink(Config{Addr: addr, Window: 3})
	defer l.Close()
	done := make(chan error, 12)
	for range 12 {
		go func() {
			_, err := l.Submit(context.Background(), Message{Text: []byte("t")})
			done <- err
		}()
	}
	for range 12 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if m := most.Load(); m != 3 {
		t.Errorf("%d submits waited at once, want 3", m)
	}
}
