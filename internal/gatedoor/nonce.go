package gatedoor

import (
	"sync"
	"time"

	"turnike/gate/agent/door"
	"turnike/statuslist"
)

// nonces remembers the requests of the last minutes, in two generations: what
// is older than a signature may be needs no remembering. Each server remembers
// its own; a request caught and sent to another one within that time changes
// nothing that it had not changed before: batches are counted once, a token
// lets in the same device, a status only rises.
type nonces struct {
	mu          sync.Mutex
	since       time.Time // when the younger generation began
	young, aged map[nonce]struct{}
}

type nonce struct {
	device statuslist.KeyID
	text   string
}

// generation is how long a nonce may have to be remembered: a signature may be
// from one window ahead to one window behind.
const generation = 2 * door.Window

// fresh tells whether a nonce is new, and remembers it.
func (n *nonces) fresh(d statuslist.KeyID, text string, now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.young == nil || now.Sub(n.since) >= generation || now.Before(n.since) {
		n.aged, n.young, n.since = n.young, map[nonce]struct{}{}, now
	}
	k := nonce{d, text}
	if _, known := n.young[k]; known {
		return false
	}
	if _, known := n.aged[k]; known {
		return false
	}
	n.young[k] = struct{}{}
	return true
}
