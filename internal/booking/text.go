package booking

import (
	"strings"
	"time"

	"turnike/internal/i18n"
)

// Say is the text of a notice about a visit in a language. Turkish and English
// ones are written with the letters that every phone alphabet has, so that each
// is as short as it looks.
func (n *Network) Say(k Notice, v Visit, l i18n.Lang) string { return n.say(k, v, l, n.help()) }

// say is Say with where to see, change and cancel the visit.
func (n *Network) say(k Notice, v Visit, l i18n.Lang, link string) string {
	start, _ := n.StartOf(v.Place)
	centre := v.Place.Centre
	if c := n.byID[centre]; c != nil {
		centre = c.Name
	}
	if l != i18n.Arabic {
		centre = i18n.Plain(centre)
	}
	return i18n.T(l, "sms.visit."+string(k), "Centre", centre, "When", l.DateShort(start.In(n.zone))+" "+l.Time(start.In(n.zone)),
		"Code", v.Code.String(), "Help", n.help(), "Link", link, "By", n.Rules.ConfirmBy, "Until", l.Time(v.HoldUntil.In(n.zone)), "UntilDay", l.DateShort(v.HoldUntil.In(n.zone)))
}

// help is where to change a visit: the telephone, or the site.
func (n *Network) help() string {
	return strings.Trim(n.Site+" / "+n.Phone, " /")
}

// Fresh is how long after now a notice still makes sense: not once the visit
// has begun, nor an offer once it has lapsed.
func (n *Network) Fresh(k Notice, v Visit, now time.Time) time.Time {
	start, _ := n.StartOf(v.Place)
	switch {
	case k == NoticeOffered || k == NoticeAsked:
		return v.HoldUntil
	case k == NoticeCancelled || k == NoticeUnconfirmed:
		return now.Add(24 * time.Hour)
	}
	return start
}
