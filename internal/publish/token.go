package publish

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"sync"
	"time"

	"turnike/internal/card"
	"turnike/statuslist"
)

// TokenTTL is how long one making of the Token Status List is handed out:
// packing all of İstanbul takes seconds of a processor, and nobody's gate
// goes by it.
const TokenTTL = 15 * time.Minute

// ErrSealedList: a city that seals its list tells it in another form to those
// only who show its bearer word.
var ErrSealedList = errors.New("publish: the city seals its list")

// tokens is the Token Status List last made.
type tokens struct {
	mu       sync.Mutex
	jwt, cwt []byte
	until    time.Time
}

// TokenList gives the published list as an IETF Token Status List under its
// address, in the media type asked for: statuslist.TokenListJWT or
// TokenListCWT. Every stop reads "suspended", dated or not: the difference
// would say why. bearer is what the asker showed; an open list needs none.
func (l *List) TokenList(address, mediaType, bearer string) ([]byte, error) {
	if l.keys.secret != nil && subtle.ConstantTimeCompare([]byte(bearer), []byte(l.keys.bearer)) != 1 {
		return nil, ErrSealedList
	}
	t := &l.tokens
	t.mu.Lock()
	defer t.mu.Unlock()
	if now := l.cfg.Now(); t.jwt == nil || !now.Before(t.until) {
		today := l.today(now)
		var err error
		t.jwt, t.cwt, err = l.pub.TokenList(statuslist.TokenList{
			Subject: address, Issued: now, Expires: now.Add(2 * TokenTTL), TTL: TokenTTL, Key: l.keys.list,
			Status: func(s statuslist.Status) uint8 { return tokenStatus(s, today) },
		})
		if err != nil {
			return nil, fmt.Errorf("tell %s's list as tokens: %w", l.cfg.City.ID, err)
		}
		t.until = now.Add(TokenTTL)
	}
	if mediaType == statuslist.TokenListCWT {
		return t.cwt, nil
	}
	return t.jwt, nil
}

// today is the city's day by the clock its rules go by.
func (l *List) today(now time.Time) (today statuslist.Day) {
	if tables := l.cfg.City.RuleTables(now); len(tables) > 0 {
		today, _, _ = tables[0].Local(now)
	}
	return today
}

func tokenStatus(s statuslist.Status, today statuslist.Day) uint8 {
	switch {
	case s.Stopped(today):
		return statuslist.TokenSuspended
	case s.Class == statuslist.Class(card.Dead):
		return statuslist.TokenInvalid
	case s.Class == statuslist.Class(card.Unpaired):
		return statuslist.TokenApplication
	}
	return statuslist.TokenValid
}
