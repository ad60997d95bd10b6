package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"turnike/internal/booking"
	"turnike/internal/fault"
	"turnike/internal/i18n"
	"turnike/internal/notify"
	"turnike/internal/person"
)

type claimOut struct {
	Location string `header:"Location" doc:"Where it is found from now on."`
	Body     Claim
}

type waitOut struct{ Body Wait }

// showClaim is a claim as it goes out, or the problem.
func (s *server) showClaim(ctx context.Context, v Visits, id, path string, err error) (*claimOut, error) {
	if err != nil {
		return nil, s.problem(ctx, onBody(err))
	}
	c, err := v.Proof.Look(ctx, id)
	if err != nil {
		return nil, s.problem(ctx, err)
	}
	n := v.Service.Network()
	stage := map[booking.ClaimState]string{booking.ClaimWaiting: "code", booking.ClaimProven: "proven", booking.ClaimDead: "dead"}[c.State]
	d := Claim{Token: v.Contacts.Links().Token(id), Stage: stage, Phone: c.Phone, ResendAt: c.ResendAt.In(n.Location()).Truncate(time.Second), TriesLeft: max(c.Left, 0)}
	if c.Kind == booking.ClaimPlace {
		if x, err := v.Service.Visit(ctx, id); err == nil && x.State == booking.Held {
			until := x.HoldUntil.In(n.Location()).Truncate(time.Second)
			d.HoldUntil = &until
		}
	}
	return &claimOut{Prefix + "v1/networks/" + n.ID + path + d.Token, d}, nil
}

// holdRoutes are the way to a visit: hold a place, say who comes, type the code.
func (s *server) holdRoutes(doc huma.API) {
	base := networkBase + "/holds"
	type begin struct {
		NetworkPath
		Key     string `header:"Idempotency-Key" required:"true" doc:"Made by you for this place, at random: a UUID for instance; 16 to 200 printable ASCII characters. Who knows it gets the same place." example:"\"018f6b2e-1c9a-7d3e-9b2a-5f0c7e1d4a66\""`
		RawBody []byte `contentType:"application/json"`
	}
	operation[HoldBody](doc, huma.Operation{
		OperationID: "hold-place", Method: http.MethodPost, Path: base, Tags: []string{"visits"},
		Summary:       "Hold a place while a form is filled in",
		Description:   "The same key and place give the same hold however often they are sent. A hold lapses by itself.",
		DefaultStatus: http.StatusCreated,
	}, "The held place", visitExample("held"), func(ctx context.Context, in *begin) (*visitOut, error) {
		v, err := s.visits(in.Network)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		key, err := longKey(in.Key)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		o, err := readObject(in.RawBody)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		var r reader
		r.only(o, "#", "centre", "service", "matters", "start", "lang")
		r.need(o, "#", "centre", "service", "start")
		q := booking.Request{Centre: r.text(o, "#", "centre"), Service: r.text(o, "#", "service"), Matters: r.number(o, "#", "matters", 1),
			Channel: booking.API, Actor: actor(ctx), Key: "api " + key}
		lang := r.lang(ctx, o)
		if text := r.text(o, "#", "start"); text != "" {
			var serr error
			if q.Day, q.Unit, serr = start(v.Service.Network(), text); serr != nil {
				r.faults = append(r.faults, fault.Of(serr)...)
			}
		}
		if err := r.faults.Err(); err != nil {
			return nil, s.problem(ctx, err)
		}
		q.Who = v.Proof.Session("api "+key, string(lang))
		x, err := v.Service.Hold(ctx, q)
		return s.showVisit(ctx, v, x, onMatters(err))
	}, map[string]any{"konak": map[string]any{"centre": "konak", "service": "closing", "start": "2021-03-17T09:00:00+03:00"}},
		ErrKeyMissing.On(":Idempotency-Key"), booking.ErrPast, ErrNoNetwork, booking.ErrFull, ErrTooLarge, ErrMedia, ErrSlot.On("#/start"), booking.ErrQueueFull.After(2*time.Second))

	type bodied struct {
		VisitPath
		RawBody []byte `contentType:"application/json"`
	}
	held := func(ctx context.Context, in VisitPath) (Visits, string, error) {
		v, x, err := s.byToken(ctx, in)
		return v, x.ID, err
	}
	operation[WhoBody](doc, huma.Operation{
		OperationID: "claim-hold", Method: http.MethodPost, Path: base + "/{token}/who", Tags: []string{"visits"},
		Summary:     "Say who comes",
		Description: "Checks the form and sends a code to the phone. The place is kept at least as long as the code is good. All faults come at once.",
	}, "The claim, waiting for its code", claimExample(), func(ctx context.Context, in *bodied) (*claimOut, error) {
		v, id, err := held(ctx, in.VisitPath)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		o, err := readObject(in.RawBody)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		var r reader
		r.only(o, "#", "name", "phone", "id", "other", "lang")
		form, lang := r.who(o), r.lang(ctx, o)
		if err := r.faults.Err(); err != nil {
			return nil, s.problem(ctx, err)
		}
		return s.showClaim(ctx, v, id, "/holds/", v.Proof.Ask(ctx, id, form, lang))
	}, whoExamples(), ErrJSON, notify.ErrPhoneDesk, booking.ErrNoVisit, booking.ErrEnded, booking.ErrLapsed, ErrTooLarge, ErrMedia,
		person.ErrPhoneShape.On("#/phone"), notify.ErrCodeSoon.After(time.Minute), notify.ErrSMSAway.After(time.Minute))

	operation[struct{}](doc, huma.Operation{
		OperationID: "look-at-claim", Method: http.MethodGet, Path: base + "/{token}/who", Tags: []string{"visits"},
		Summary: "See how far a claim is",
	}, "The claim", claimExample(), func(ctx context.Context, in *VisitPath) (*claimOut, error) {
		v, id, err := held(ctx, *in)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return s.showClaim(ctx, v, id, "/holds/", nil)
	}, nil, booking.ErrNoVisit, errBusy)

	operation[noBody](doc, huma.Operation{
		OperationID: "resend-visit-code", Method: http.MethodPost, Path: base + "/{token}/resend", Tags: []string{"visits"},
		Summary: "Send another code",
	}, "The claim with its new code", claimExample(), func(ctx context.Context, in *bodied) (*claimOut, error) {
		if err := readNothing(in.RawBody); err != nil {
			return nil, s.problem(ctx, err)
		}
		v, id, err := held(ctx, in.VisitPath)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return s.showClaim(ctx, v, id, "/holds/", v.Proof.Again(ctx, id))
	}, map[string]any{"none": map[string]any{}},
		ErrJSON, notify.ErrPhoneDesk, booking.ErrNoVisit, booking.ErrEnded, booking.ErrLapsed, ErrTooLarge, ErrMedia, ErrNoField.On("#"), notify.ErrCodeSoon.After(time.Minute), notify.ErrSMSAway.After(time.Minute))

	operation[codeBody](doc, huma.Operation{
		OperationID: "enter-visit-code", Method: http.MethodPost, Path: base + "/{token}/code", Tags: []string{"visits"},
		Summary:     "Type the code and book",
		Description: "A right code makes the held place a visit; typed twice it does so once. Wrong codes are counted; the fifth ends the claim.",
	}, "The visit", visitExample("booked"), func(ctx context.Context, in *bodied) (*visitOut, error) {
		code, err := readCode(in.RawBody)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		v, id, err := held(ctx, in.VisitPath)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		p, err := v.Proof.Enter(ctx, id, code, actor(ctx))
		return s.showVisit(ctx, v, p.Visit, err)
	}, map[string]any{"code": map[string]any{"code": "493028"}},
		ErrJSON, booking.ErrMany.With("most", 2), booking.ErrNoVisit, booking.ErrTwice, notify.ErrCodeDead, ErrTooLarge, ErrMedia, notify.ErrCodeWrong.On("code").With("left", 4), errBusy)

	operation[noBody](doc, huma.Operation{
		OperationID: "release-hold", Method: http.MethodPost, Path: base + "/{token}/release", Tags: []string{"visits"},
		Summary: "Give a held place back",
	}, "The place, given back", visitExample("cancelled"), func(ctx context.Context, in *bodied) (*visitOut, error) {
		if err := readNothing(in.RawBody); err != nil {
			return nil, s.problem(ctx, err)
		}
		v, x, err := s.byToken(ctx, in.VisitPath)
		if err == nil && x.State != booking.Held && x.State != booking.Cancelled && x.State != booking.Expired {
			err = booking.ErrEnded // it is a visit by now: that is cancelled as one
		}
		if err == nil {
			x, err = v.Service.Cancel(ctx, x.ID, actor(ctx))
		}
		return s.showVisit(ctx, v, x, err)
	}, map[string]any{"none": map[string]any{}}, ErrJSON, booking.ErrNoVisit, booking.ErrEnded, ErrTooLarge, ErrMedia, ErrNoField.On("#"), errBusy)
}

// onMatters says where in the body a service or its number is wrong.
func onMatters(err error) error {
	if f := fault.Of(err); len(f) == 1 {
		switch f[0].Code {
		case booking.ErrMatters.Code:
			return fault.List{f[0].On("#/matters")}
		case booking.ErrKeyReused.Code:
			return fault.List{f[0].On(":Idempotency-Key")}
		}
	}
	return err
}

// waitRoutes are the waiting lists.
func (s *server) waitRoutes(doc huma.API) {
	base := networkBase + "/waits"
	type begin struct {
		NetworkPath
		Key     string `header:"Idempotency-Key" required:"true" doc:"As for a hold." example:"\"018f6b2e-1c9a-7d3e-9b2a-5f0c7e1d4a67\""`
		RawBody []byte `contentType:"application/json"`
	}
	operation[waitBody](doc, huma.Operation{
		OperationID: "join-waiting-list", Method: http.MethodPost, Path: base, Tags: []string{"waits"},
		Summary:       "Ask to be on a centre's waiting list",
		Description:   "Sends a code to the phone. Whoever is first and whom a freed place serves gets it held for them, with a link by text message.",
		DefaultStatus: http.StatusCreated,
	}, "The claim, waiting for its code", claimExample(), func(ctx context.Context, in *begin) (*claimOut, error) {
		v, err := s.visits(in.Network)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		key, err := longKey(in.Key)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		o, err := readObject(in.RawBody)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		var r reader
		r.only(o, "#", "centre", "service", "matters", "from", "to", "name", "phone", "id", "other", "lang")
		r.need(o, "#", "centre", "service", "from", "to")
		q := booking.Request{Centre: r.text(o, "#", "centre"), Service: r.text(o, "#", "service"), Matters: r.number(o, "#", "matters", 1),
			Channel: booking.API, Actor: actor(ctx)}
		var to booking.Day
		q.Day, to = r.day(o, "#", "from"), r.day(o, "#", "to")
		form, lang := r.who(o), r.lang(ctx, o)
		if today := booking.DayOf(s.cfg.Now(), v.Service.Network().Location()); len(r.faults) == 0 && (to < q.Day || to < today) {
			r.faults = append(r.faults, booking.ErrDay.On("#/to"))
		}
		if err := r.faults.Err(); err != nil {
			return nil, s.problem(ctx, err)
		}
		id := claimID(v, key)
		return s.showClaim(ctx, v, id, "/waits/", onMatters(v.Proof.AskWait(ctx, id, q, to, form, lang)))
	}, waitExamples(),
		ErrKeyMissing.On(":Idempotency-Key"), notify.ErrPhoneDesk, ErrNoNetwork, booking.ErrEnded, notify.ErrCodeDead, ErrTooLarge, ErrMedia,
		booking.ErrDay.On("#/to"), notify.ErrCodeSoon.After(time.Minute), notify.ErrSMSAway.After(time.Minute))

	type bodied struct {
		VisitPath
		RawBody []byte `contentType:"application/json"`
	}
	claim := func(ctx context.Context, in VisitPath) (v Visits, id string, err error) {
		if v, err = s.visits(in.Network); err != nil {
			return v, "", err
		}
		id, ok := v.Contacts.Links().ID(in.Token)
		if !ok {
			return v, "", booking.ErrNoVisit
		}
		return v, id, nil
	}
	operation[noBody](doc, huma.Operation{
		OperationID: "resend-waiting-code", Method: http.MethodPost, Path: base + "/{token}/resend", Tags: []string{"waits"},
		Summary: "Send another code",
	}, "The claim with its new code", claimExample(), func(ctx context.Context, in *bodied) (*claimOut, error) {
		if err := readNothing(in.RawBody); err != nil {
			return nil, s.problem(ctx, err)
		}
		v, id, err := claim(ctx, in.VisitPath)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return s.showClaim(ctx, v, id, "/waits/", v.Proof.Again(ctx, id))
	}, map[string]any{"none": map[string]any{}}, ErrJSON, notify.ErrPhoneDesk, booking.ErrNoVisit, booking.ErrEnded, notify.ErrCodeDead, ErrTooLarge, ErrMedia,
		ErrNoField.On("#"), notify.ErrCodeSoon.After(time.Minute), notify.ErrSMSAway.After(time.Minute))

	operation[codeBody](doc, huma.Operation{
		OperationID: "enter-waiting-code", Method: http.MethodPost, Path: base + "/{token}/code", Tags: []string{"waits"},
		Summary: "Type the code and be on the list",
	}, "The place on the list", waitExample(), func(ctx context.Context, in *bodied) (*waitOut, error) {
		code, err := readCode(in.RawBody)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		v, id, err := claim(ctx, in.VisitPath)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		p, err := v.Proof.Enter(ctx, id, code, actor(ctx))
		return s.showWait(ctx, v, p.Wait, err)
	}, map[string]any{"code": map[string]any{"code": "493028"}},
		ErrJSON, booking.ErrNoVisit, booking.ErrWaiting, notify.ErrCodeDead, ErrTooLarge, ErrMedia, notify.ErrCodeWrong.On("code").With("left", 4), errBusy)

	type left struct{}
	operation[noBody](doc, huma.Operation{
		OperationID: "leave-waiting-list", Method: http.MethodPost, Path: base + "/{token}/leave", Tags: []string{"waits"},
		Summary: "Leave the list", DefaultStatus: http.StatusNoContent,
	}, "Off the list", nil, func(ctx context.Context, in *bodied) (*left, error) {
		if err := readNothing(in.RawBody); err != nil {
			return nil, s.problem(ctx, err)
		}
		v, id, err := claim(ctx, in.VisitPath)
		if err == nil {
			err = v.Service.LeaveWait(ctx, id)
		}
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return &left{}, nil
	}, map[string]any{"none": map[string]any{}}, ErrJSON, booking.ErrNoVisit, ErrTooLarge, ErrMedia, ErrNoField.On("#"), errBusy)

	operation[noBody](doc, huma.Operation{
		OperationID: "wait-for-earlier", Method: http.MethodPost, Path: networkBase + "/visits/{token}/earlier", Tags: []string{"waits"},
		Summary:     "Wait for an earlier hour than a visit's",
		Description: "The visit stands until an earlier place is offered and taken.",
	}, "The place on the list", waitExample(), func(ctx context.Context, in *bodied) (*waitOut, error) {
		if err := readNothing(in.RawBody); err != nil {
			return nil, s.problem(ctx, err)
		}
		v, x, err := s.byToken(ctx, in.VisitPath)
		if err == nil && x.State != booking.Booked {
			err = booking.ErrEnded
		}
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		// The place on the list has a record under a key of its own, as every
		// visit has.
		rec, err := v.Contacts.Open(ctx, x)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		l, _ := i18n.Known(x.Lang)
		who, err := v.Contacts.Who(ctx, rec, l)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		w, err := v.Service.JoinWait(ctx, booking.Request{Centre: x.Place.Centre, Service: x.Service, Matters: x.Matters,
			Day: booking.DayOf(s.cfg.Now(), v.Service.Network().Location()), Channel: booking.API, Actor: actor(ctx), Who: who}, x.Place.Day)
		return s.showWait(ctx, v, w, err)
	}, map[string]any{"none": map[string]any{}}, ErrJSON, booking.ErrNoVisit, booking.ErrWaiting, ErrTooLarge, ErrMedia, ErrNoField.On("#"), errBusy)
}

func (s *server) showWait(ctx context.Context, v Visits, w booking.Wait, err error) (*waitOut, error) {
	if err != nil {
		return nil, s.problem(ctx, err)
	}
	return &waitOut{Wait{v.Contacts.Links().Token(w.ID), w.Centre, w.Service, w.Matters, w.From.String(), w.To.String()}}, nil
}
