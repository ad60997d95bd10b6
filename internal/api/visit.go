package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofrs/uuid/v5"

	"turnike/internal/booking"
	"turnike/internal/fault"
	"turnike/internal/i18n"
	"turnike/internal/notify"
)

// Visit is an appointment, or a place kept for one, as the holder of its token
// may see it. It does not say who comes.
type Visit struct {
	Network     string     `json:"network" example:"izsu"`
	Token       string     `json:"token" doc:"Opens the visit until the day after it. Who has it may confirm, move and cancel." example:"AXhCmjQ0cKqXQeJ0yVt3GqIhTXmkbn4y"`
	Code        string     `json:"code,omitempty" doc:"Eight digits to read aloud at the centre; of a visit that was booked" example:"4830 1126"`
	State       string     `json:"state" enum:"held,booked,arrived,done,no-show,cancelled,expired"`
	Centre      string     `json:"centre" example:"konak"`
	Service     string     `json:"service" example:"closing"`
	Matters     int        `json:"matters" minimum:"1"`
	Start       time.Time  `json:"start"`
	End         time.Time  `json:"end"`
	HoldUntil   *time.Time `json:"hold_until,omitempty" doc:"Until when a held place is kept"`
	Offered     bool       `json:"offered,omitempty" doc:"A place from the waiting list: accept it before hold_until"`
	Confirmed   bool       `json:"confirmed" doc:"Nothing more is asked of its holder before the day"`
	ConfirmBy   *time.Time `json:"confirm_by,omitempty" doc:"Until when it is to be confirmed, where the centre asks it"`
	Sequence    int        `json:"sequence" minimum:"0" doc:"Rises with every change, as in the calendar file"`
	Alternative *Place     `json:"alternative,omitempty" doc:"The centre asks whether this would do instead: answer before until"`
	Calendar    string     `json:"calendar,omitempty" format:"uri-reference" doc:"The visit as an iCalendar file"`
}

// Place is where and when.
type Place struct {
	Centre string    `json:"centre"`
	Start  time.Time `json:"start"`
	Until  time.Time `json:"until" doc:"Until when it is kept"`
}

// Claim is a place, or one on a waiting list, whose holder is to type a code.
type Claim struct {
	Token     string     `json:"token" example:"AXhCmjQ0cKqXQeJ0yVt3GqIhTXmkbn4y"`
	Stage     string     `json:"stage" enum:"code,proven,dead" doc:"Type the code; done; five wrong codes, begin again"`
	Phone     string     `json:"phone" doc:"Masked" example:"05** *** ** 17"`
	ResendAt  time.Time  `json:"resend_at" doc:"From when another code may be asked for"`
	TriesLeft int        `json:"tries_left" minimum:"0" doc:"Wrong codes still allowed"`
	HoldUntil *time.Time `json:"hold_until,omitempty" doc:"Of a held place"`
}

// Wait is a place on a waiting list.
type Wait struct {
	Token   string `json:"token" doc:"Takes its holder off the list" example:"AXhCmjQ0cKqXQeJ0yVt3GqIhTXmkbn4y"`
	Centre  string `json:"centre"`
	Service string `json:"service"`
	Matters int    `json:"matters" minimum:"1"`
	From    string `json:"from" format:"date"`
	To      string `json:"to" format:"date"`
}

// What bodies carry, for the document; the reading is ours.
type (
	// HoldBody is a place that is asked for.
	HoldBody struct {
		Centre  string `json:"centre" example:"konak"`
		Service string `json:"service" example:"closing"`
		Matters int    `json:"matters,omitempty" minimum:"1" doc:"1 where absent"`
		Start   string `json:"start" format:"date-time" doc:"One of the start times" example:"2021-03-17T09:00:00+03:00"`
		Lang    string `json:"lang,omitempty" enum:"tr,en,ar" doc:"Language of the text messages; that of Accept-Language where absent"`
	}
	// WhoBody is who comes.
	WhoBody struct {
		Name  string `json:"name" maxLength:"400" doc:"Of who comes"`
		Phone string `json:"phone" maxLength:"400" doc:"Of who books: a Turkish mobile number"`
		ID    string `json:"id,omitempty" maxLength:"400" doc:"T.C. identity number, where the network asks it"`
		Other bool   `json:"other,omitempty" doc:"Booked for a relative or a neighbour"`
		Lang  string `json:"lang,omitempty" enum:"tr,en,ar"`
	}
	waitBody struct {
		Centre  string `json:"centre" example:"konak"`
		Service string `json:"service" example:"closing"`
		Matters int    `json:"matters,omitempty" minimum:"1"`
		From    string `json:"from" format:"date" example:"2021-03-17"`
		To      string `json:"to" format:"date" example:"2021-03-24"`
		WhoBody
	}
	placeBody struct {
		Centre string `json:"centre" example:"bornova"`
		Start  string `json:"start" format:"date-time" example:"2021-03-18T10:15:00+03:00"`
	}
	answerBody struct {
		Answer string `json:"answer" enum:"accept,keep" doc:"Take the place offered, or come at the old hour"`
	}
	findBody struct {
		Code     string `json:"code" maxLength:"400" doc:"The eight digits"`
		PhoneEnd string `json:"phone_end" maxLength:"400" doc:"The last four digits of the phone"`
	}
)

type visitOut struct {
	Location string `header:"Location" doc:"Where the visit is found from now on."`
	Body     Visit
}

// VisitPath names a visit.
type VisitPath struct {
	NetworkPath
	Token string `path:"token" doc:"The visit's token" example:"AXhCmjQ0cKqXQeJ0yVt3GqIhTXmkbn4y"`
}

// byToken finds a visit and its network. A token that is not ours, or whose
// time is over, finds nothing.
func (s *server) byToken(ctx context.Context, in VisitPath) (Visits, booking.Visit, error) {
	v, err := s.visits(in.Network)
	if err != nil {
		return v, booking.Visit{}, err
	}
	id, ok := v.Contacts.Links().ID(in.Token)
	if !ok {
		return v, booking.Visit{}, booking.ErrNoVisit
	}
	x, err := v.Service.Visit(ctx, id)
	if err == nil && v.Service.Network().LinkOver(x, s.cfg.Now()) {
		err = booking.ErrNoVisit
	}
	return v, x, err
}

// show is a visit as it goes out, or the problem.
func (s *server) showVisit(ctx context.Context, v Visits, x booking.Visit, err error) (*visitOut, error) {
	if err != nil {
		return nil, s.problem(ctx, err)
	}
	n := v.Service.Network()
	zone := n.Location()
	from, to := n.StartOf(x.Place)
	d := Visit{Network: n.ID, Token: v.Contacts.Links().Token(x.ID), State: x.State.String(), Centre: x.Place.Centre, Service: x.Service,
		Matters: x.Matters, Start: from.In(zone), End: to.In(zone), Confirmed: x.Confirmed, Sequence: x.Sequence}
	if x.State == booking.Held {
		until := x.HoldUntil.In(zone).Truncate(time.Second)
		d.HoldUntil, d.Offered = &until, x.Wait != ""
	} else {
		d.Code = x.Code.String()
		d.Calendar = Prefix + "v1/networks/" + n.ID + "/visits/" + d.Token + "/calendar.ics"
	}
	if x.State == booking.Booked && !x.Confirmed {
		if by, ok := v.Service.ConfirmBy(x); ok {
			by = by.In(zone)
			d.ConfirmBy = &by
		} else {
			d.Confirmed = true
		}
	}
	if x.State == booking.Booked {
		if m, err := v.Service.Moving(ctx, x.ID); err == nil && m.Answer == booking.AnswerNone {
			start, _ := n.StartOf(m.Offer)
			d.Alternative = &Place{m.Offer.Centre, start.In(zone), m.Move.Until.In(zone)}
		}
	}
	return &visitOut{Location: Prefix + "v1/networks/" + n.ID + "/visits/" + d.Token, Body: d}, nil
}

// start reads a start time: the day and unit of a network it names.
func start(n *booking.Network, text string) (booking.Day, int, error) {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || t.Year() < 2000 || t.Year() > 2200 {
		return 0, 0, ErrSlot.On("#/start")
	}
	day, unit := n.UnitAt(t)
	if !n.Start(day, unit).Equal(t) {
		return 0, 0, ErrSlot.On("#/start")
	}
	return day, unit, nil
}

// longKey is readKey for keys that stand for somebody nobody knows yet: one
// that could be guessed would give a stranger their place.
func longKey(h string) (string, error) {
	k, err := readKey(h)
	if err == nil && len(k) < 16 {
		err = fault.List{ErrKeyShort.On(":Idempotency-Key")}
	}
	return k, err
}

func (r *reader) lang(ctx context.Context, o object) i18n.Lang {
	l := r.choice(o, "#", "lang", "tr", "en", "ar")
	if l == "" {
		return i18n.From(ctx)
	}
	return i18n.Lang(l)
}

func (r *reader) who(o object) booking.Form {
	r.need(o, "#", "name", "phone")
	return booking.Form{Name: r.text(o, "#", "name"), Phone: r.text(o, "#", "phone"), ID: r.text(o, "#", "id"), Other: r.flag(o, "#", "other")}
}

// onBody puts the faults of a form to their places in the body.
func onBody(err error) error {
	faults := fault.Of(err)
	if faults == nil {
		return err
	}
	var out fault.List
	for _, f := range faults {
		switch f.Field {
		case "name", "phone", "id":
			f = f.On("#/" + f.Field)
		}
		out = append(out, f)
	}
	return out
}

func (s *server) visitRoutes(doc huma.API) {
	s.holdRoutes(doc)
	s.waitRoutes(doc)
	base := networkBase + "/visits/{token}"
	type bodied struct {
		VisitPath
		RawBody []byte `contentType:"application/json"`
	}
	// at makes an operation on a visit; do is given what the body says.
	at := func(ctx context.Context, in VisitPath, do func(v Visits, x booking.Visit) (booking.Visit, error)) (*visitOut, error) {
		v, x, err := s.byToken(ctx, in)
		if err == nil {
			x, err = do(v, x)
		}
		return s.showVisit(ctx, v, x, err)
	}
	operation[struct{}](doc, huma.Operation{
		OperationID: "look-at-visit", Method: http.MethodGet, Path: base, Tags: []string{"visits"},
		Summary: "See a visit",
	}, "The visit", visitExample("booked"), func(ctx context.Context, in *VisitPath) (*visitOut, error) {
		return at(ctx, *in, func(_ Visits, x booking.Visit) (booking.Visit, error) { return x, nil })
	}, nil, booking.ErrNoVisit, errBusy)

	type file struct {
		Type         string `header:"Content-Type"`
		CacheControl string `header:"Cache-Control"`
		Body         []byte
	}
	operation[struct{}](doc, huma.Operation{
		OperationID: "get-calendar", Method: http.MethodGet, Path: base + "/calendar.ics", Tags: []string{"visits"},
		Summary:     "Take a visit into a calendar",
		Description: "iCalendar (RFC 5545). Its SEQUENCE rises with each change; of a cancelled visit it takes the entry away.",
	}, "The file", nil, func(ctx context.Context, in *VisitPath) (*file, error) {
		v, x, err := s.byToken(ctx, *in)
		if err == nil && x.State == booking.Held {
			err = booking.ErrNoVisit
		}
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return &file{"text/calendar; charset=utf-8", "no-store", v.Service.Network().Calendar(x, i18n.From(ctx))}, nil
	}, nil, booking.ErrNoVisit, errBusy)
	asText(doc, base+"/calendar.ics", "text/calendar")

	order := func(id, path, summary, about string, do func(ctx context.Context, v Visits, x booking.Visit) (booking.Visit, error), failures ...*fault.Fault) {
		operation[noBody](doc, huma.Operation{
			OperationID: id, Method: http.MethodPost, Path: base + path, Tags: []string{"visits"}, Summary: summary, Description: about,
		}, "The visit as it stands now", visitExample("booked"), func(ctx context.Context, in *bodied) (*visitOut, error) {
			if err := readNothing(in.RawBody); err != nil {
				return nil, s.problem(ctx, err)
			}
			return at(ctx, in.VisitPath, func(v Visits, x booking.Visit) (booking.Visit, error) { return do(ctx, v, x) })
		}, map[string]any{"none": map[string]any{}}, append(failures, ErrJSON, booking.ErrNoVisit, ErrTooLarge, ErrMedia, ErrNoField.On("#"), errBusy)...)
	}
	order("confirm-visit", "/confirm", "Confirm the day before that one will come", "Said twice it stands once.",
		func(ctx context.Context, v Visits, x booking.Visit) (booking.Visit, error) {
			return v.Service.Promise(ctx, x.ID, actor(ctx))
		}, booking.ErrEnded)
	order("cancel-visit", "/cancel", "Cancel a visit", "What is cancelled stays so.",
		func(ctx context.Context, v Visits, x booking.Visit) (booking.Visit, error) {
			return v.Service.Cancel(ctx, x.ID, actor(ctx))
		}, booking.ErrEnded)
	order("accept-offer", "/accept", "Take a place offered from the waiting list",
		"In place of a later visit for the same matter at that centre, where there is one: that is given back in the same moment.",
		func(ctx context.Context, v Visits, x booking.Visit) (booking.Visit, error) {
			return v.Service.Accept(ctx, x.ID, actor(ctx))
		}, booking.ErrLapsed, booking.ErrTwice, booking.ErrMany.With("most", 2))

	operation[placeBody](doc, huma.Operation{
		OperationID: "move-visit", Method: http.MethodPost, Path: base + "/move", Tags: []string{"visits"},
		Summary:     "Move a visit to another hour or centre",
		Description: "The new place is taken and the old one given back, both or neither: where the new one is gone, the old one stands.",
	}, "The visit at its new place", visitExample("booked"), func(ctx context.Context, in *bodied) (*visitOut, error) {
		return at(ctx, in.VisitPath, func(v Visits, x booking.Visit) (booking.Visit, error) {
			centre, day, unit, err := readPlace(v.Service.Network(), in.RawBody)
			if err != nil {
				return x, err
			}
			return v.Service.Move(ctx, x.ID, centre, day, unit, booking.API, actor(ctx))
		})
	}, map[string]any{"bornova": map[string]any{"centre": "bornova", "start": "2021-03-18T10:15:00+03:00"}},
		ErrJSON, booking.ErrPast, booking.ErrNoVisit, booking.ErrFull, booking.ErrLapsed, ErrTooLarge, ErrMedia, ErrSlot.On("#/start"), errBusy)

	operation[answerBody](doc, huma.Operation{
		OperationID: "answer-visit", Method: http.MethodPost, Path: base + "/answer", Tags: []string{"visits"},
		Summary:     "Answer a centre that asks to move",
		Description: "Nobody is moved without a yes. Who does not answer keeps the old hour.",
	}, "The visit as it stands now", visitExample("booked"), func(ctx context.Context, in *bodied) (*visitOut, error) {
		return at(ctx, in.VisitPath, func(v Visits, x booking.Visit) (booking.Visit, error) {
			o, err := readObject(in.RawBody)
			if err != nil {
				return x, err
			}
			var r reader
			r.only(o, "#", "answer")
			r.need(o, "#", "answer")
			answer := r.choice(o, "#", "answer", "accept", "keep")
			if err := r.faults.Err(); err != nil {
				return x, err
			}
			if answer == "accept" {
				return v.Service.AcceptMove(ctx, x.ID, actor(ctx))
			}
			return v.Service.KeepPlace(ctx, x.ID, actor(ctx))
		})
	}, map[string]any{"accept": map[string]any{"answer": "accept"}},
		ErrJSON, booking.ErrNoMove, booking.ErrEnded, booking.ErrLapsed, ErrTooLarge, ErrMedia, ErrChoice.On("#/answer").With("of", "accept, keep"), errBusy)

	type sent struct{}
	type findIn struct {
		NetworkPath
		RawBody []byte `contentType:"application/json"`
	}
	operation[findBody](doc, huma.Operation{
		OperationID: "find-visit", Method: http.MethodPost, Path: networkBase + "/links", Tags: []string{"visits"},
		Summary:       "Have the link of a visit sent to its phone",
		Description:   "Answers alike whether there is such a visit: what there is to know goes to the phone it concerns.",
		DefaultStatus: http.StatusAccepted,
	}, "Taken", nil, func(ctx context.Context, in *findIn) (*sent, error) {
		v, err := s.visits(in.Network)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		o, err := readObject(in.RawBody)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		var r reader
		r.only(o, "#", "code", "phone_end")
		r.need(o, "#", "code", "phone_end")
		code, ok := booking.ParseCode(r.text(o, "#", "code"))
		if !ok && len(r.faults) == 0 {
			r.faults = append(r.faults, notify.ErrCodeShape.On("#/code"))
		}
		end := r.text(o, "#", "phone_end")
		if err := r.faults.Err(); err != nil {
			return nil, s.problem(ctx, err)
		}
		if err := v.Proof.Find(ctx, code, end); err != nil {
			return nil, s.problem(ctx, err)
		}
		return &sent{}, nil
	}, map[string]any{"digits": map[string]any{"code": "4830 1126", "phone_end": "0017"}},
		ErrJSON, ErrNoNetwork, ErrTooLarge, ErrMedia, ErrMissing.On("#/code"), errBusy)
}

// readPlace reads {centre, start}.
func readPlace(n *booking.Network, raw []byte) (centre string, day booking.Day, unit int, err error) {
	o, err := readObject(raw)
	if err != nil {
		return "", 0, 0, err
	}
	var r reader
	r.only(o, "#", "centre", "start")
	r.need(o, "#", "centre", "start")
	centre = r.text(o, "#", "centre")
	text := r.text(o, "#", "start")
	if err := r.faults.Err(); err != nil {
		return "", 0, 0, err
	}
	day, unit, err = start(n, text)
	return centre, day, unit, err
}

// claimID names a waiting list's claim by its key: sent twice, it is one.
func claimID(v Visits, key string) string {
	tag := v.Proof.Session("wait:"+key, "").Holder
	u := uuid.FromBytesOrNil(tag[:])
	u.SetVersion(uuid.V4)
	u.SetVariant(uuid.VariantRFC9562)
	return u.String()
}
