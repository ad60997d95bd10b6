package sms

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"turnike/internal/notify"
	"turnike/internal/peer"
)

const iletiMerkeziURL = "https://api.iletimerkezi.com/"

// iletiBatch is how many numbers share one order.
const iletiBatch = 1000

// iletiMemory is how long the gateway refuses the same text to the same
// numbers ("451"), and so how long we remember an order whose answer was lost.
const iletiMemory = 10 * time.Minute

// iletiMerkezi sends through İleti Merkezi. An order is one text to many
// numbers. The gateway takes no validity, so a code may be delivered late
// here; and it names no order of ours, but its refusal of repeats tells us
// that an order whose answer was lost had arrived after all.
type iletiMerkezi struct {
	peer      *peer.Client
	key, hash string
	header    string
	recipient string
	atOnce    int
	now       func() time.Time

	mu    sync.Mutex
	doubt map[string]time.Time // message ids whose answer was lost, and when
}

func newIletiMerkezi(c Config) (*iletiMerkezi, error) {
	p, err := c.dial("iletimerkezi", iletiMerkeziURL)
	if err != nil {
		return nil, err
	}
	return &iletiMerkezi{peer: p, key: c.User, hash: c.Password, header: c.Header, recipient: c.Recipient, atOnce: c.MaxCalls, now: c.Now, doubt: map[string]time.Time{}}, nil
}

func (*iletiMerkezi) Name() string { return "iletimerkezi" }

// The order as it stands on the wire; "receipents" is the gateway's spelling.
type iletiOrder struct {
	Request struct {
		Authentication struct {
			Key  string `json:"key"`
			Hash string `json:"hash"`
		} `json:"authentication"`
		Order struct {
			Sender  string `json:"sender"`
			IYS     string `json:"iys"`
			IYSList string `json:"iysList,omitempty"`
			Message struct {
				Text       string `json:"text"`
				Receipents struct {
					Number []string `json:"number"`
				} `json:"receipents"`
			} `json:"message"`
		} `json:"order"`
	} `json:"request"`
}

func (i *iletiMerkezi) Send(ctx context.Context, ms []notify.Message) ([]notify.Receipt, error) {
	key := func(m notify.Message) string {
		if m.Class == notify.Commercial {
			return "1" + m.Text
		}
		return "0" + m.Text
	}
	return send(ctx, ms, i.now(), iletiBatch, i.atOnce, key, func(key string) call {
		return func(ctx context.Context, ms []notify.Message) (string, error) {
			var o iletiOrder
			r := &o.Request
			r.Authentication.Key, r.Authentication.Hash = i.key, i.hash
			r.Order.Sender, r.Order.IYS, r.Order.Message.Text = i.header, key[:1], key[1:]
			if r.Order.IYS == "1" {
				r.Order.IYSList = i.recipient
			}
			for _, m := range ms {
				r.Order.Message.Receipents.Number = append(r.Order.Message.Receipents.Number, m.To.Reveal())
			}
			ref, err := i.post(ctx, o)
			return i.settle(ms, ref, err)
		}
	})
}

func (i *iletiMerkezi) post(ctx context.Context, o iletiOrder) (string, error) {
	body, err := json.Marshal(o)
	if err != nil {
		return "", err
	}
	a, err := i.peer.Call(ctx, peer.Request{Path: "v1/send-sms/json", Type: "application/json", Body: body, Accept: []string{"application/json", "text/json"}})
	if err != nil {
		return "", sorted(err)
	}
	return readIletiMerkezi(a)
}

// settle remembers orders whose answer was lost, and takes the refusal of a
// repeat of one for what it is: the news that it had arrived.
func (i *iletiMerkezi) settle(ms []notify.Message, ref string, err error) (string, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	now := time.Now()
	for id, at := range i.doubt {
		if now.Sub(at) > iletiMemory {
			delete(i.doubt, id)
		}
	}
	doubted := 0
	for _, m := range ms {
		if _, ok := i.doubt[m.ID]; ok {
			doubted++
		}
	}
	switch {
	case errors.Is(err, ErrUnsure):
		for _, m := range ms {
			i.doubt[m.ID] = now
		}
	case errors.Is(err, ErrRepeated) && doubted == len(ms):
		ref, err = "repeat", nil
		fallthrough
	case err == nil:
		for _, m := range ms {
			delete(i.doubt, m.ID)
		}
	}
	return ref, err
}

// readIletiMerkezi reads response{status{code,message},order{id}}; codes and
// ids come as numbers or as text.
func readIletiMerkezi(a peer.Answer) (string, error) {
	var w struct {
		Response struct {
			Status struct {
				Code json.RawMessage `json:"code"`
			} `json:"status"`
			Order struct {
				ID json.RawMessage `json:"id"`
			} `json:"order"`
		} `json:"response"`
	}
	if json.Unmarshal(a.Body, &w) != nil {
		return "", refusal("iletimerkezi", "", unread(a))
	}
	code, id := scalar(w.Response.Status.Code), scalar(w.Response.Order.ID)
	if code == "200" && id != "" && a.Status == 200 {
		return id, nil
	}
	kind := unread(a)
	switch code {
	case "401", "402":
		kind = ErrAccount
	case "450":
		kind = ErrHeader
	case "451":
		kind = ErrRepeated
	case "452":
		kind = ErrNumber
	case "453", "454":
		kind = ErrText
	case "400", "404", "457", "503":
		kind = ErrGateway
	}
	return "", refusal("iletimerkezi", code, kind)
}
