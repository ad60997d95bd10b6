package booking

import (
	"strings"

	ics "github.com/arran4/golang-ical"

	"turnike/internal/i18n"
)

// Calendar is a visit as an iCalendar file (RFC 5545). A visit keeps its UID,
// and its SEQUENCE rises with each change, so a calendar that has an older one
// moves its entry, or takes it away where the visit is cancelled. The file says
// nothing of who comes.
func (n *Network) Calendar(v Visit, l i18n.Lang) []byte {
	c := ics.NewCalendar()
	c.SetProductId("-//Turnike//Randevu//" + strings.ToUpper(string(l)))
	gone := v.State == Cancelled || v.State == Expired
	c.SetMethod(ics.MethodPublish)
	if gone {
		c.SetMethod(ics.MethodCancel)
	}
	start, end := n.StartOf(v.Place)
	e := c.AddEvent(v.ID + "@" + n.ID + ".turnike")
	e.SetSequence(v.Sequence)
	e.SetDtStampTime(v.ChangedAt)
	e.SetCreatedTime(v.CreatedAt)
	e.SetModifiedAt(v.ChangedAt)
	e.SetStartAt(start)
	e.SetEndAt(end)
	e.SetStatus(ics.ObjectStatusConfirmed)
	if gone {
		e.SetStatus(ics.ObjectStatusCancelled)
	}
	e.SetClass(ics.ClassificationPrivate)
	service, about := v.Service, []string{i18n.T(l, "visit.calendar.text", "Code", v.Code.String())}
	if m := n.served[v.Service]; m != nil {
		service = m.Name.In(string(l))
		var papers []string
		for _, d := range m.Documents {
			papers = append(papers, d.In(string(l)))
		}
		if len(papers) > 0 {
			about = append(about, i18n.T(l, "visit.calendar.bring", "Documents", strings.Join(papers, "; ")))
		}
	}
	if n.Phone != "" || n.Site != "" {
		about = append(about, n.help())
	}
	centre := v.Place.Centre
	if at := n.byID[centre]; at != nil {
		centre = at.Name
		where := at.Name
		for _, s := range []string{at.Address, at.District} {
			if s != "" {
				where += ", " + s
			}
		}
		e.SetLocation(where)
		if at.Lat != 0 || at.Lon != 0 {
			e.SetGeo(at.Lat, at.Lon)
		}
	}
	e.SetSummary(i18n.T(l, "visit.calendar.title", "Service", service, "Centre", centre))
	e.SetDescription(strings.Join(about, "\n"))
	if !gone {
		a := e.AddAlarm()
		a.SetAction(ics.ActionDisplay)
		a.SetTrigger("-PT2H")
		a.SetProperty(ics.ComponentPropertyDescription, service)
	}
	return []byte(c.Serialize(ics.WithNewLineWindows))
}
