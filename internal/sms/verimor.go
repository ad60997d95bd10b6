package sms

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"turnike/internal/notify"
	"turnike/internal/peer"
)

const verimorURL = "https://sms.verimor.com.tr/"

// Verimor's own limits (its SMS API guide): 240 requests a minute, 50,000
// messages and 10 MB a request. Ours stay well inside: the guide asks senders
// of codes to gather and post once a second.
const (
	verimorBatch     = 5000
	verimorPerSecond = 3.5
	verimorBurst     = 10
)

// verimor sends through Verimor. Each request carries a name of ours
// (custom_id), so that after a lost answer the gateway can be asked whether it
// has it; and it refuses the same text to the same number within a day, so
// that even a repeated request is not a second text.
type verimor struct {
	peer           *peer.Client
	user, password string
	header         string
	recipient      string
	atOnce         int
	now            func() time.Time
	pace           *rate.Limiter
}

func newVerimor(c Config) (*verimor, error) {
	p, err := c.dial("verimor", verimorURL)
	if err != nil {
		return nil, err
	}
	return &verimor{peer: p, user: c.User, password: c.Password, header: c.Header, recipient: c.Recipient, atOnce: c.MaxCalls, now: c.Now,
		pace: rate.NewLimiter(verimorPerSecond, verimorBurst)}, nil
}

func (*verimor) Name() string { return "verimor" }

// verimorRequest is the body of send.json. Alphabet, validity and the consent
// switch belong to the whole request, so messages are grouped by them.
type verimorRequest struct {
	User       string           `json:"username"`
	Password   string           `json:"password"`
	Header     string           `json:"source_addr"`
	ValidFor   string           `json:"valid_for"` // H:MM
	CustomID   string           `json:"custom_id"`
	DataCoding string           `json:"datacoding"` // 0 plain, 1 Turkish, 2 UCS-2
	Commercial bool             `json:"is_commercial"`
	Recipient  string           `json:"iys_recipient_type,omitempty"`
	Messages   []verimorMessage `json:"messages"`
}

type verimorMessage struct {
	Text string `json:"msg"`
	Dest string `json:"dest"`
	ID   string `json:"id"`
}

func (v *verimor) Send(ctx context.Context, ms []notify.Message) ([]notify.Receipt, error) {
	now := v.now()
	key := func(m notify.Message) string {
		coding := "0"
		switch Fit(m.Text).Table {
		case TurkishSingle, TurkishLocking:
			coding = "1"
		case UCS2:
			coding = "2"
		}
		left := minutesLeft(m, now)
		return fmt.Sprintf("%s|%d:%02d|%t", coding, left/60, left%60, m.Class == notify.Commercial)
	}
	return send(ctx, ms, now, verimorBatch, v.atOnce, key, func(key string) call {
		return func(ctx context.Context, ms []notify.Message) (string, error) {
			part := strings.Split(key, "|")
			req := verimorRequest{User: v.user, Password: v.password, Header: v.header, DataCoding: part[0], ValidFor: part[1], Commercial: part[2] == "true"}
			if req.Commercial {
				req.Recipient = v.recipient
			}
			h := sha256.New()
			for _, m := range ms {
				req.Messages = append(req.Messages, verimorMessage{m.Text, m.To.Reveal(), m.ID})
				fmt.Fprintf(h, "%s\n", m.ID)
			}
			req.CustomID = hex.EncodeToString(h.Sum(nil)[:16])
			return v.post(ctx, req)
		}
	})
}

// post sends a request, and asks after it if its answer was lost.
func (v *verimor) post(ctx context.Context, req verimorRequest) (string, error) {
	body, err := json.Marshal(req)
	if err != nil {
		return "", err
	}
	if err := v.pace.Wait(ctx); err != nil {
		return "", fmt.Errorf("%w: %w", ErrBusy, err)
	}
	a, err := v.peer.Call(ctx, peer.Request{Path: "v2/send.json", Type: "application/json", Body: body})
	if err == nil {
		var ref string
		if ref, err = readVerimor(a); err == nil || !errors.Is(err, ErrUnsure) {
			return ref, err
		}
	} else {
		err = sorted(err)
	}
	if errors.Is(err, ErrUnsure) {
		return v.find(ctx, req.CustomID, err)
	}
	return "", err
}

// readVerimor reads the bare campaign number of a 200, or the error word of
// anything else.
func readVerimor(a peer.Answer) (string, error) {
	text := strings.TrimSpace(string(a.Body))
	if a.Status == http.StatusOK {
		if n, err := strconv.ParseUint(text, 10, 63); err == nil && n > 0 {
			return text, nil
		}
		return "", refusal("verimor", "", unread(a))
	}
	kind := unread(a)
	switch text {
	case "INVALID_SOURCE_ADDRESS":
		kind = ErrHeader
	case "MISSING_MESSAGE", "MESSAGE_TOO_LONG", "FORBIDDEN_MESSAGE":
		kind = ErrText
	case "INVALID_DESTINATION_ADDRESS", "MISSING_DESTINATION_ADDRESS":
		kind = ErrNumber
	case "DOUBLE_SEND_ERROR":
		kind = ErrRepeated
	case "INSUFFICIENT_CREDITS":
		kind = ErrAccount
	}
	switch a.Status {
	case http.StatusUnauthorized, http.StatusForbidden: // a sentence in Turkish: password, or address not on the list
		kind = ErrAccount
	case http.StatusRequestEntityTooLarge:
		kind = ErrBusy
	}
	return "", refusal("verimor", text, kind)
}

// find asks whether a request whose answer was lost has arrived. Where that
// cannot be told either, the doubt stays.
func (v *verimor) find(ctx context.Context, customID string, doubt error) (string, error) {
	if err := v.pace.Wait(ctx); err != nil {
		return "", doubt
	}
	a, err := v.peer.Call(ctx, peer.Request{Method: http.MethodGet, Path: "v2/status",
		Query: url.Values{"custom_id": {customID}, "username": {v.user}, "password": {v.password}}})
	switch {
	case err != nil:
		return "", doubt
	case a.Status == http.StatusNotFound:
		return "", fmt.Errorf("verimor: %w: answer lost, request not arrived", ErrGateway)
	}
	var rows []struct {
		Campaign json.Number `json:"campaign_id"`
		CustomID string      `json:"campaign_custom_id"`
	}
	if a.Status == http.StatusOK && json.Unmarshal(a.Body, &rows) == nil && len(rows) > 0 && rows[0].CustomID == customID && rows[0].Campaign != "" {
		return rows[0].Campaign.String(), nil
	}
	return "", doubt
}
