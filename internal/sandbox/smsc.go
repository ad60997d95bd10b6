package sandbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"turnike/internal/sms"
	"turnike/internal/sms/smpp"
)

// ServeSMPP is the text message centre: SMPP 3.4 on a listener, until it is
// closed. Texts go to the inbox, delivery receipts back. The faults of "smpp"
// apply to each submit_sm: error, busy, slow, hang, lose-answer, drop; half,
// huge and the rest send bytes no PDU begins with.
func (s *Sandbox) ServeSMPP(ln net.Listener) error {
	s.mu.Lock()
	s.smpp = ln.Addr().String()
	s.mu.Unlock()
	var all sync.WaitGroup
	defer all.Wait()
	for {
		conn, err := ln.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("sandbox: accept SMPP: %w", err)
		}
		if host, _, err := net.SplitHostPort(conn.RemoteAddr().String()); err != nil || !s.open && !net.ParseIP(host).IsLoopback() {
			conn.Close()
			continue
		}
		all.Add(1)
		go func() {
			defer all.Done()
			c := &centre{s: s, conn: conn, parts: map[string][]string{}}
			c.serve()
		}()
	}
}

// smppAddress is where the centre listens, "" if it does not.
func (s *Sandbox) smppAddress() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.smpp
}

// centre is one connection to the SMSC.
type centre struct {
	s     *Sandbox
	conn  net.Conn
	write sync.Mutex
	bound smpp.Command
	seq   uint32
	parts map[string][]string // of long texts, by sender, receiver and reference
}

func (c *centre) send(p smpp.PDU) {
	c.write.Lock()
	defer c.write.Unlock()
	_ = c.conn.SetWriteDeadline(time.Now().Add(10 * time.Second))
	_, _ = c.conn.Write(p.Bytes()) // a broken line shows itself to the reader
}

func (c *centre) answer(p smpp.PDU, status smpp.Status, body []byte) {
	c.send(smpp.PDU{Command: p.Command.Response(), Status: status, Sequence: p.Sequence, Body: body})
}

func (c *centre) serve() {
	defer c.conn.Close()
	for {
		_ = c.conn.SetReadDeadline(time.Now().Add(5 * time.Minute))
		p, err := smpp.Read(c.conn)
		if err != nil {
			return
		}
		switch p.Command {
		case smpp.BindTransceiver, smpp.BindTransmitter, smpp.BindReceiver:
			b, err := smpp.ParseBind(p.Body)
			switch {
			case err != nil:
				c.answer(p, smpp.InvalidLength, nil)
			case b.SystemID != User:
				c.answer(p, smpp.InvalidSystemID, nil)
			case b.Password != Password:
				c.answer(p, smpp.InvalidPassword, nil)
			default:
				c.bound = p.Command
				c.answer(p, smpp.OK, smpp.MarshalID("sandbox"))
			}
		case smpp.EnquireLink:
			c.answer(p, smpp.OK, nil)
		case smpp.Unbind:
			c.answer(p, smpp.OK, nil)
			return
		case smpp.SubmitSM:
			if !c.submit(p) {
				return
			}
		case smpp.DeliverSM.Response(), smpp.GenericNack, smpp.EnquireLink.Response():
		default:
			c.send(smpp.PDU{Command: smpp.GenericNack, Status: smpp.InvalidCommand, Sequence: p.Sequence})
		}
	}
}

// submit takes one message, with the fault of the moment. False ends the line.
func (c *centre) submit(p smpp.PDU) bool {
	s := c.s
	s.mu.Lock()
	s.calls["smpp"]++
	n := s.calls["smpp"]
	s.mu.Unlock()
	f, _ := s.hits("smpp", n)
	time.Sleep(time.Duration(f.Delay) * time.Millisecond)
	switch f.Mode {
	case Off, Slow:
	case Errors:
		c.answer(p, smpp.SystemError, nil)
		return true
	case Busy:
		c.answer(p, smpp.Throttled, nil)
		return true
	case Hang:
		return true // the line lives, the answer never comes
	case Drop:
		return false
	case LoseAnswer:
		c.take(p)
		return true
	case Half:
		b := smpp.PDU{Command: p.Command.Response(), Sequence: p.Sequence, Body: smpp.MarshalID("half")}.Bytes()
		_, _ = c.conn.Write(b[:len(b)/2])
		return false
	case Huge:
		_, _ = c.conn.Write(binary.BigEndian.AppendUint32(nil, 0x7fffffff))
		_, _ = c.conn.Write(make([]byte, 12))
		return true
	default:
		_, _ = c.conn.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
		return true
	}
	status, id, receipt := c.take(p)
	if status != smpp.OK {
		c.answer(p, status, nil)
		return true
	}
	c.answer(p, smpp.OK, smpp.MarshalID(id))
	if receipt != nil && c.bound != smpp.BindTransmitter {
		c.seq++
		c.send(smpp.PDU{Command: smpp.DeliverSM, Sequence: c.seq, Body: receipt.Marshal()})
	}
	return true
}

// take checks a message and puts its text into the inbox once all parts are
// there. It gives the receipt asked for.
func (c *centre) take(p smpp.PDU) (smpp.Status, string, *smpp.Message) {
	m, err := smpp.ParseMessage(p.Body)
	switch {
	case err != nil || len(m.Text) == 0:
		return smpp.InvalidLength, "", nil
	case c.bound == 0 || c.bound == smpp.BindReceiver:
		return smpp.NotBound, "", nil
	case m.Source.Addr != Header:
		return smpp.InvalidSource, "", nil
	case refusedNumber(m.Dest.Addr):
		return smpp.InvalidDestination, "", nil
	}
	text, head := m.Text, sms.Header{}
	if m.Class&smpp.ClassUDH != 0 {
		if head, text, err = sms.ParseHeader(m.Text); err != nil {
			return smpp.InvalidLength, "", nil
		}
	}
	var plain, table string
	if m.Coding == smpp.CodingUCS2 {
		plain, table = sms.DecodeUCS2(text), sms.UCS2.String()
	} else {
		plain, table = sms.DecodeSeptets(text, head), sms.GSM7.String()
		if head.Locking != 0 {
			table = sms.TurkishLocking.String()
		} else if head.Single != 0 {
			table = sms.TurkishSingle.String()
		}
	}
	until := time.Time{}
	if sec, ok := smpp.ParseRelative(m.Validity); ok {
		until = c.s.now().Add(time.Duration(sec) * time.Second)
	}
	id := fmt.Sprintf("%08X", c.s.next())
	parts := 1
	whole := true
	if head.Parts > 1 {
		plain, whole = c.gather(m, head, plain)
		parts = int(head.Parts)
	}
	if whole {
		c.s.deliver(Text{Gateway: "smpp", From: m.Source.Addr, To: m.Dest.Addr, Text: plain, Class: "info", Until: until, ID: id, Parts: parts, Table: table})
	}
	if m.Registered&3 == 0 {
		return smpp.OK, id, nil
	}
	at := c.s.now().Format("0601021504")
	return smpp.OK, id, &smpp.Message{
		Source: m.Dest, Dest: m.Source, Class: smpp.ClassReceipt,
		Text:    []byte("id:" + id + " sub:001 dlvrd:001 submit date:" + at + " done date:" + at + " stat:DELIVRD err:000 text:"),
		Options: map[smpp.Tag][]byte{smpp.TagMessageID: []byte(id + "\x00"), smpp.TagMessageState: {2}},
	}
}

// gather keeps a part and gives the text once every part is there. A part that
// comes twice counts once, as a phone has it.
func (c *centre) gather(m smpp.Message, h sms.Header, text string) (string, bool) {
	k := fmt.Sprintf("%s|%s|%d|%d", m.Source.Addr, m.Dest.Addr, h.Ref, h.Parts)
	list := c.parts[k]
	if list == nil {
		list = make([]string, h.Parts)
		c.parts[k] = list
	}
	list[h.Part-1] = text
	for _, p := range list {
		if p == "" {
			return "", false
		}
	}
	delete(c.parts, k)
	return strings.Join(list, ""), true
}
