// Package smpp speaks SMPP 3.4, the protocol text message centres (SMSC) are
// fed by: enough of it to bind, submit, keep the line alive and hear what was
// delivered. Link is the client; the PDU types serve either side.
package smpp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Command is a PDU's command id (SMPP 3.4, 5.1.2.1). Responses have the high
// bit set.
type Command uint32

// The commands this package knows.
const (
	GenericNack     Command = 0x80000000
	BindReceiver    Command = 0x00000001
	BindTransmitter Command = 0x00000002
	SubmitSM        Command = 0x00000004
	DeliverSM       Command = 0x00000005
	Unbind          Command = 0x00000006
	BindTransceiver Command = 0x00000009
	EnquireLink     Command = 0x00000015
	response        Command = 0x80000000
)

// Response is the command that answers c.
func (c Command) Response() Command { return c | response }

// Status is a response's command status (5.1.3).
type Status uint32

// The statuses that are told apart.
const (
	OK                 Status = 0x00
	InvalidLength      Status = 0x01 // message length
	InvalidCommand     Status = 0x03
	NotBound           Status = 0x04 // or bound the wrong way
	SystemError        Status = 0x08
	InvalidSource      Status = 0x0a
	InvalidDestination Status = 0x0b
	BindFailed         Status = 0x0d
	InvalidPassword    Status = 0x0e
	InvalidSystemID    Status = 0x0f
	QueueFull          Status = 0x14
	SubmitFailed       Status = 0x45
	Throttled          Status = 0x58
)

// Error makes a status an error; OK must not be used as one.
func (s Status) Error() string { return fmt.Sprintf("SMPP status 0x%02X", uint32(s)) }

// MaxPDU is the longest PDU that is read: a submit_sm with every optional
// parameter is well under it (5.3.2 allows 64 kB payloads, we never send one).
const MaxPDU = 16 << 10

const headerLen = 16

// Errors of reading.
var (
	ErrTooLong   = errors.New("smpp: PDU longer than is read")
	ErrMalformed = errors.New("smpp: malformed PDU")
)

// PDU is one protocol data unit.
type PDU struct {
	Command  Command
	Status   Status
	Sequence uint32
	Body     []byte
}

// Read reads one PDU.
func Read(r io.Reader) (PDU, error) {
	var h [headerLen]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return PDU{}, err
	}
	n := binary.BigEndian.Uint32(h[0:])
	switch {
	case n < headerLen:
		return PDU{}, ErrMalformed
	case n > MaxPDU:
		return PDU{}, ErrTooLong
	}
	p := PDU{
		Command:  Command(binary.BigEndian.Uint32(h[4:])),
		Status:   Status(binary.BigEndian.Uint32(h[8:])),
		Sequence: binary.BigEndian.Uint32(h[12:]),
		Body:     make([]byte, n-headerLen),
	}
	_, err := io.ReadFull(r, p.Body)
	return p, err
}

// Bytes is the PDU as it goes over the line.
func (p PDU) Bytes() []byte {
	b := make([]byte, 0, headerLen+len(p.Body))
	b = binary.BigEndian.AppendUint32(b, uint32(headerLen+len(p.Body)))
	b = binary.BigEndian.AppendUint32(b, uint32(p.Command))
	b = binary.BigEndian.AppendUint32(b, uint32(p.Status))
	b = binary.BigEndian.AppendUint32(b, p.Sequence)
	return append(b, p.Body...)
}

// Bind is the body of the three bind commands (4.1).
type Bind struct {
	SystemID, Password, SystemType string
	Version                        byte // 0x34
}

// Marshal writes the body.
func (b Bind) Marshal() []byte {
	out := cstring(nil, b.SystemID)
	out = cstring(out, b.Password)
	out = cstring(out, b.SystemType)
	return append(out, b.Version, 0, 0, 0) // address ton, npi and an empty range
}

// ParseBind reads the body.
func ParseBind(body []byte) (Bind, error) {
	r := reader{b: body}
	b := Bind{SystemID: r.cstring(16), Password: r.cstring(9), SystemType: r.cstring(13), Version: r.byte()}
	r.byte()
	r.byte()
	r.cstring(41)
	return b, r.err
}

// Address is a number or name with its type and plan (5.2.5, 5.2.6).
type Address struct {
	TON, NPI byte
	Addr     string
}

// Types of number and plans in use here.
const (
	International = 1 // TON, with the ISDN plan
	Alphanumeric  = 5 // TON, of a sender title
	ISDN          = 1 // NPI
)

// ESM class bits and data codings in use here.
const (
	ClassUDH     = 0x40 // the message begins with a user data header
	ClassReceipt = 0x04 // deliver_sm carries a delivery receipt
	classType    = 0x3c // bits that tell what a deliver_sm is
	CodingGSM    = 0x00 // the centre's default alphabet, an octet per septet
	CodingUCS2   = 0x08
)

// Tag is an optional parameter's tag (5.3.2).
type Tag uint16

// The tags read here.
const (
	TagMessageID    Tag = 0x001e // receipted_message_id
	TagMessageState Tag = 0x0427
	TagPayload      Tag = 0x0424 // message_payload, instead of a short message
)

// Message is the body of submit_sm and of deliver_sm (4.4, 4.6): they are laid
// out alike.
type Message struct {
	ServiceType  string
	Source, Dest Address
	Class        byte // esm_class
	Protocol     byte
	Priority     byte
	Schedule     string
	Validity     string // relative (YYMMDDhhmmss000R) or absolute; empty: the centre's own
	Registered   byte   // 1: tell what became of it
	Replace      byte
	Coding       byte // data_coding
	Default      byte // sm_default_msg_id
	Text         []byte
	Options      map[Tag][]byte
}

// Marshal writes the body. The text is cut at 254 octets; longer ones go as
// several messages.
func (m Message) Marshal() []byte {
	b := cstring(nil, m.ServiceType)
	for _, a := range []Address{m.Source, m.Dest} {
		b = cstring(append(b, a.TON, a.NPI), a.Addr)
	}
	b = append(b, m.Class, m.Protocol, m.Priority)
	b = cstring(b, m.Schedule)
	b = cstring(b, m.Validity)
	text := m.Text[:min(len(m.Text), 254)]
	b = append(b, m.Registered, m.Replace, m.Coding, m.Default, byte(len(text)))
	b = append(b, text...)
	for _, t := range []Tag{TagMessageID, TagMessageState, TagPayload} {
		if v, ok := m.Options[t]; ok {
			b = binary.BigEndian.AppendUint16(b, uint16(t))
			b = binary.BigEndian.AppendUint16(b, uint16(len(v)))
			b = append(b, v...)
		}
	}
	return b
}

// ParseMessage reads the body. Optional parameters of any tag are kept.
func ParseMessage(body []byte) (Message, error) {
	r := reader{b: body}
	m := Message{ServiceType: r.cstring(6)}
	for _, a := range []*Address{&m.Source, &m.Dest} {
		*a = Address{r.byte(), r.byte(), r.cstring(21)}
	}
	m.Class, m.Protocol, m.Priority = r.byte(), r.byte(), r.byte()
	m.Schedule, m.Validity = r.cstring(17), r.cstring(17)
	m.Registered, m.Replace, m.Coding, m.Default = r.byte(), r.byte(), r.byte(), r.byte()
	m.Text = r.bytes(int(r.byte()))
	m.Options = map[Tag][]byte{}
	for r.err == nil && len(r.b) > 0 {
		t := Tag(r.uint16())
		m.Options[t] = r.bytes(int(r.uint16()))
	}
	if v, ok := m.Options[TagPayload]; ok && len(m.Text) == 0 {
		m.Text = v
	}
	return m, r.err
}

// ID is the body of a bind or submit response: one C string. Some centres send
// none with an error status.
func ID(body []byte) (string, error) {
	if len(body) == 0 {
		return "", nil
	}
	r := reader{b: body}
	s := r.cstring(65)
	return s, r.err
}

// MarshalID writes such a body.
func MarshalID(id string) []byte { return cstring(nil, id) }

// Receipt is what a deliver_sm tells about a message submitted before.
type Receipt struct {
	ID    string // the centre's id, as submit_sm_resp gave it
	State string // DELIVRD, EXPIRED, DELETED, UNDELIV, ACCEPTD, UNKNOWN, REJECTD (appendix B)
}

// states are message_state's values by number (5.2.28).
var states = [...]string{1: "ENROUTE", 2: "DELIVRD", 3: "EXPIRED", 4: "DELETED", 5: "UNDELIV", 6: "ACCEPTD", 7: "UNKNOWN", 8: "REJECTD"}

// ReceiptOf reads a delivery receipt from its options or, where the centre
// sends none, from the text of appendix B ("id:... stat:...").
func ReceiptOf(m Message) (Receipt, bool) {
	if m.Class&classType != ClassReceipt {
		return Receipt{}, false
	}
	var rc Receipt
	for _, word := range strings.Fields(string(m.Text)) {
		if v, ok := strings.CutPrefix(word, "id:"); ok {
			rc.ID = v
		}
		if v, ok := strings.CutPrefix(word, "stat:"); ok {
			rc.State = v
		}
	}
	if v, ok := m.Options[TagMessageID]; ok {
		rc.ID = strings.TrimRight(string(v), "\x00")
	}
	if v := m.Options[TagMessageState]; len(v) == 1 && int(v[0]) < len(states) && states[v[0]] != "" {
		rc.State = states[v[0]]
	}
	return rc, rc.ID != "" && rc.State != ""
}

// RelativeValidity writes a time to live of up to 99 days.
func RelativeValidity(seconds int) string {
	d, h, m, s := seconds/86400, seconds/3600%24, seconds/60%60, seconds%60
	return fmt.Sprintf("0000%02d%02d%02d%02d000R", min(d, 99), h, m, s)
}

// ParseRelative reads one; months and years count 30 and 365 days.
func ParseRelative(s string) (seconds int, ok bool) {
	if len(s) != 16 || s[15] != 'R' {
		return 0, false
	}
	weight := []int{365 * 86400, 30 * 86400, 86400, 3600, 60, 1}
	for i, w := range weight {
		n, err := strconv.ParseUint(s[2*i:2*i+2], 10, 8)
		if err != nil {
			return 0, false
		}
		seconds += int(n) * w
	}
	return seconds, true
}

// cstring appends a text with its closing zero. A zero inside would end it
// early, so it is cut there.
func cstring(b []byte, s string) []byte {
	s, _, _ = strings.Cut(s, "\x00")
	return append(append(b, s...), 0)
}

// reader takes a body apart; after the first shortage everything is empty.
type reader struct {
	b   []byte
	err error
}

func (r *reader) bytes(n int) []byte {
	if r.err != nil || n > len(r.b) {
		r.err = ErrMalformed
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

func (r *reader) byte() byte {
	if v := r.bytes(1); v != nil {
		return v[0]
	}
	return 0
}

func (r *reader) uint16() uint16 {
	if v := r.bytes(2); v != nil {
		return binary.BigEndian.Uint16(v)
	}
	return 0
}

// cstring reads up to the closing zero; limit counts the zero.
func (r *reader) cstring(limit int) string {
	for i := 0; i < min(limit, len(r.b)); i++ {
		if r.b[i] == 0 {
			s := string(r.b[:i])
			r.b = r.b[i+1:]
			return s
		}
	}
	r.err = ErrMalformed
	return ""
}
