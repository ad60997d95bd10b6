package pairing

import (
	"fmt"
	"time"

	"turnike/internal/card"
	"turnike/internal/city"
	"turnike/internal/fault"
	"turnike/internal/i18n"
)

// The texts of messages stand in the catalogues under "sms."; Turkish ones are
// written without ş, ğ, ı, İ and ç, so that each fits one part of 160
// characters and is alike on every phone. The code comes first, where a phone
// shows it without opening the message.

func lang(s string) i18n.Lang {
	l, ok := i18n.Known(s)
	if !ok {
		return i18n.Turkish
	}
	return l
}

func (s *Service) codeText(p *city.Profile, l, code string) string {
	t := i18n.T(lang(l), "sms.code", "Code", code, "Card", i18n.Plain(p.CardName))
	if p.Site != "" {
		t += fmt.Sprintf("\n@%s #%s", p.Site, code) // the last line lets a phone fill the field in (WebOTP)
	}
	return t
}

func (s *Service) pairedText(p *city.Profile, l string, f Form, id string) string {
	return i18n.T(lang(l), "sms.paired", "Card", i18n.Plain(p.CardName), "Last4", f.Card.Last4(), "Ref", Reference(id))
}

func (s *Service) heldText(p *city.Profile, l string, f Form, id string) string {
	return i18n.T(lang(l), "sms.held", "Card", i18n.Plain(p.CardName), "Last4", f.Card.Last4(), "Ref", Reference(id), "Help", help(p))
}

func (s *Service) noticeText(p *city.Profile, l string) string {
	return i18n.T(lang(l), "sms.notice", "Card", i18n.Plain(p.CardName), "Help", help(p))
}

func (s *Service) phoneChangedText(p *city.Profile, l string) string {
	return i18n.T(lang(l), "sms.phone_changed", "Card", i18n.Plain(p.CardName), "Help", help(p))
}

func (s *Service) unpairedText(p *city.Profile, l string, f Form) string {
	return i18n.T(lang(l), "sms.unpaired", "Card", i18n.Plain(p.CardName), "Last4", f.Card.Last4())
}

func (s *Service) movedText(p *city.Profile, l string, f Form) string {
	return i18n.T(lang(l), "sms.moved", "Card", i18n.Plain(p.CardName), "Last4", f.NewCard.Last4())
}

func (s *Service) unansweredText(p *city.Profile, l string, f Form) string {
	return i18n.T(lang(l), "sms.unanswered", "Card", i18n.Plain(p.CardName), "Last4", f.Card.Last4(), "Site", p.Site)
}

// stoppedText also says that riding is reported, where it is: nobody is told on
// who has not been told.
func (s *Service) stoppedText(p *city.Profile, l string, last4 string, until int32) string {
	key := "sms.stopped"
	if p.Report.Channel != "" {
		key = "sms.stopped_reported"
	}
	return i18n.T(lang(l), key, "Card", i18n.Plain(p.CardName), "Last4", last4, "Date", lang(l).DateShort(dayTime(until, p)), "Help", help(p))
}

// refusedText names the first thing to mend.
func (s *Service) refusedText(p *city.Profile, l string, f Form, faults fault.List) string {
	why := "mismatch"
	if len(faults) > 0 {
		switch faults[0].Code {
		case "hes.unknown":
			why = "hes_unknown"
		case "hes.expired":
			why = "hes_expired"
		case "hes.not_theirs":
			why = "hes_not_theirs"
		}
	}
	return i18n.T(lang(l), "sms.refused."+why, "Card", i18n.Plain(p.CardName), "Last4", f.Card.Last4(), "Site", p.Site)
}

func (s *Service) statusText(p *city.Profile, l string, f Form, c Card, now time.Time) string {
	k := "sms.status.paired"
	args := []any{"Card", i18n.Plain(p.CardName), "Last4", f.Card.Last4(), "Help", help(p)}
	if c.StopUntil == card.NoEnd || c.Class == card.Dead {
		k = "sms.status.closed"
	} else if c.StopUntil >= card.DayOf(now, p.Location()) {
		k = "sms.status.stopped"
		args = append(args, "Date", lang(l).DateShort(dayTime(c.StopUntil, p)))
	}
	return i18n.T(lang(l), k, args...)
}

func dayTime(day int32, p *city.Profile) time.Time {
	t := time.Unix(int64(day)*86400, 0).UTC()
	return time.Date(t.Year(), t.Month(), t.Day(), 12, 0, 0, 0, p.Location())
}

func help(p *city.Profile) string {
	if p.Helpline != "" {
		return p.Helpline
	}
	return p.Site
}

func (s *Service) renewText(p *city.Profile, live Pairing) string {
	return i18n.T(lang(live.Lang), "sms.renew", "Card", i18n.Plain(p.CardName), "Last4", live.Last4, "Site", p.Site)
}
