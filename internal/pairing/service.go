package pairing

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"

	"turnike/internal/audit"
	"turnike/internal/city"
	"turnike/internal/fault"
	"turnike/internal/health"
	"turnike/internal/notify"
	"turnike/internal/person"
	"turnike/statuslist"
)

// Config is what a Service works with. Store, Keys, Cities and Now are needed;
// without Register or Authority their question is not asked.
type Config struct {
	Store     Store
	Keys      person.Keyring
	Cities    func(id string) (*city.Profile, bool)
	Register  person.Register
	Authority health.Authority
	Now       func() time.Time
	Log       *slog.Logger
	// CheckWait is how long a citizen waits for register and authority before
	// the pairing stands as being checked; 3 s if zero.
	CheckWait time.Duration
	// Wake tells the outbox that a message of a class has committed; without it
	// the outbox looks by itself.
	Wake func(notify.Class)
	// DailyTexts caps the codes a city sends a day; 0 = no cap.
	DailyTexts int64
	// Note is told, within its transaction, that a card was paired: where, by
	// which channel and when, and not whose it is. nil for nobody.
	Note func(ctx context.Context, tx Tx, city, channel string, at time.Time) error
}

// Service is pairing's rules.
type Service struct {
	cfg      Config
	tokenKey [16]byte
}

// New makes a Service.
func New(cfg Config) *Service {
	if cfg.CheckWait == 0 {
		cfg.CheckWait = 3 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Wake == nil {
		cfg.Wake = func(notify.Class) {}
	}
	return &Service{cfg: cfg, tokenKey: cfg.Keys.Tag("", person.TagBody, "request tokens")}
}

// Stage is what the citizen sees next.
type Stage string

// The stages.
const (
	StageCode     Stage = "code"     // type the code
	StageAmend    Stage = "amend"    // mend the named fields; the phone stays proven
	StageReceived Stage = "received" // nothing more to do: the result goes by SMS
	StageDead     Stage = "dead"     // five wrong codes
	StageLapsed   Stage = "lapsed"   // too late: begin again
)

// View is a request as its own holder may see it. It is the same, to the
// byte, whether the card was free, taken, stopped or unknown.
type View struct {
	City      string
	Kind      Kind
	Token     string
	Reference string
	Stage     Stage
	Lang      string
	Phone     string // masked
	Card      string // last four digits
	ExpiresAt time.Time
	ResendAt  time.Time
	Left      int // tries left
	At        time.Time
	// Faults and Fields come with StageAmend: what to mend, and the form as
	// typed.
	Faults fault.List
	Fields map[string]string
}

func (s *Service) profile(id string) (*city.Profile, error) {
	p, ok := s.cfg.Cities(id)
	if !ok {
		return nil, city.ErrNoCity
	}
	return p, nil
}

// TagKey is the key of a city's list for cards without ranges; the portal has
// one per province, since its gates belong to one.
func TagKey(keys person.Keyring, city string, province int) (*statuslist.TagKey, error) {
	return statuslist.NewTagKey(TagSecret(keys, city, province))
}

// TagSecret is the secret behind TagKey, 32 bytes, for the devices of a city.
func TagSecret(keys person.Keyring, city string, province int) []byte {
	a := keys.Tag(city, person.TagCard, fmt.Sprintf("list key 1 of %d", province))
	b := keys.Tag(city, person.TagCard, fmt.Sprintf("list key 2 of %d", province))
	return append(a[:], b[:]...)
}

// shapeKey serves where only the shape of a number is looked at.
var shapeKey = func() *statuslist.TagKey {
	k, err := statuslist.NewTagKey(make([]byte, 32))
	if err != nil {
		panic(err) // 32 bytes are in range
	}
	return k
}()

// Begin takes a form and sends a code. The same key with the same form gives
// the same request; with another form, ErrKeyReused. Faults come as a list,
// each on its field.
func (s *Service) Begin(ctx context.Context, in Input) (View, error) {
	now := s.cfg.Now()
	p, err := s.profile(in.City)
	if err != nil {
		return View{}, err
	}
	f, err := Parse(p, in, now)
	if err != nil {
		return View{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return View{}, err
	}
	r := Request{
		City: p.ID, ID: id.String(), Kind: in.Kind, State: Waiting, Lang: in.Lang, Channel: in.Channel,
		PhoneTag:  s.cfg.Keys.Tag(p.ID, person.TagPhone, f.Person.Phone.Reveal()),
		PersonTag: f.Person.TagOf(s.cfg.Keys, p.ID),
		CardTag:   s.cfg.Keys.Tag(p.ID, person.TagCard, cardValue(f.Province, f.Card)),
		CreatedAt: now,
	}
	plain, err := f.revealBytes(typed(in.Fields))
	if err != nil {
		return View{}, err
	}
	if r.Sealed, err = s.cfg.Keys.SealShort("request/"+r.ID, plain); err != nil {
		return View{}, fmt.Errorf("seal form: %w", err)
	}
	key, body, err := s.keyOf(in, r)
	if err != nil {
		return View{}, err
	}

	if in.Kind == Status {
		return s.answerStatus(ctx, p, f, r, key, body, now)
	}

	before, err := s.provenBefore(ctx, p.ID, in.After, r.PhoneTag, now)
	if err != nil {
		return View{}, err
	}
	proven := false
	code, err := notify.NewCode()
	if err != nil {
		return View{}, err
	}
	text := s.codeText(p, in.Lang, code)
	out, err := s.message(p.ID, f.Person.Phone, text, notify.CodeClass, now, CodeLife)
	if err != nil {
		return View{}, err
	}
	var known *Once
	err = s.cfg.Store.Update(ctx, func(tx Tx) error {
		known = nil
		q := r
		if k, err := tx.RememberOnce(ctx, Once{City: p.ID, Key: key, Body: body, Ref: r.ID, At: now}); err != nil || k != nil {
			known = k
			return err
		}
		if in.Kind != Pair {
			blind, err := s.isBlind(ctx, tx, q)
			if err != nil {
				return err
			}
			q.Blind = blind
		}
		if proven, err = s.takeProof(ctx, tx, before, &q); err != nil {
			return err
		}
		if proven {
			q.State, q.DueAt = Proven, now
		} else {
			if err := s.allowSend(ctx, tx, q, f.Person.Phone, now); err != nil {
				return err
			}
			q.CodeTag, q.CodeExpires = s.codeTag(q, code), now.Add(CodeLife)
			q.Sends, q.LastSend = 1, now
			if !q.Blind {
				if err := tx.Enqueue(ctx, out); err != nil {
					return err
				}
			}
		}
		if err := tx.InsertRequest(ctx, q); err != nil {
			return err
		}
		return s.audit(ctx, tx, audit.Citizen(in.Channel), "request.begin", q.CardTag, q.City, q.ID, string(q.Kind), now)
	})
	if err != nil {
		return View{}, fmt.Errorf("begin %s: %w", in.Kind, err)
	}
	if known != nil {
		if known.Body != body {
			return View{}, ErrKeyReused
		}
		return s.Look(ctx, p.ID, s.tokenOf(p.ID, known.Ref))
	}
	s.cfg.Wake(notify.CodeClass)
	token := s.tokenOf(p.ID, r.ID)
	if proven {
		if err := s.Settle(context.WithoutCancel(ctx), p.ID, r.ID); err != nil {
			return View{}, err
		}
	}
	return s.Look(ctx, p.ID, token)
}

// keyOf is the idempotency key as it is stored and the tag of what came with
// it. A form without a key is its own: nothing is done twice by it, but two
// forms without keys are two.
func (s *Service) keyOf(in Input, r Request) (string, person.Tag, error) {
	names := make([]string, 0, len(in.Fields))
	for n := range in.Fields {
		names = append(names, n)
	}
	slices.Sort(names)
	var b strings.Builder
	b.WriteString(string(in.Kind))
	for _, n := range names {
		fmt.Fprintf(&b, "\x00%s\x00%s", n, in.Fields[n])
	}
	body := s.cfg.Keys.Tag(r.City, person.TagBody, b.String())
	if in.Key == "" {
		return r.ID, body, nil
	}
	if len(in.Key) > 200 {
		return "", body, ErrUnreadable.On("idempotency_key")
	}
	if u, err := uuid.FromString(in.Key); err == nil && u.Version() == uuid.V7 {
		return u.String(), body, nil // ours: ordered in time, cheap to index
	}
	t := s.cfg.Keys.Tag(r.City, person.TagBody, "key\x00"+in.Key)
	return fmt.Sprintf("%x", t[:]), body, nil
}

// isBlind tells whether a request about a standing tie is not its holder's.
func (s *Service) isBlind(ctx context.Context, tx Tx, r Request) (bool, error) {
	live, err := tx.LiveByCard(ctx, r.City, r.CardTag)
	if errors.Is(err, ErrNoRow) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return live.PhoneTag != r.PhoneTag, nil
}

// provenBefore finds the request that a form mends, if its phone was proven, is
// still the same one and has not mended too often; else it is nil.
func (s *Service) provenBefore(ctx context.Context, city, token string, phone person.Tag, now time.Time) (*Request, error) {
	id := s.idOf(city, token)
	if id == "" {
		return nil, nil
	}
	var old Request
	err := s.cfg.Store.View(ctx, func(tx Tx) (err error) {
		old, err = tx.Request(ctx, city, id)
		return err
	})
	if errors.Is(err, ErrNoRow) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for the form before: %w", err)
	}
	if old.State != Amend || old.PhoneTag != phone || now.Sub(old.ProvenAt) >= requestLife || old.Tries+1 >= MaxTries {
		return nil, nil
	}
	return &old, nil
}

// takeProof hands the proof of an earlier request on to q. It is handed on once,
// keeps its time, and each mending counts as a try: with one SMS nobody asks the
// ministry about codes without end.
func (s *Service) takeProof(ctx context.Context, tx Tx, before *Request, q *Request) (bool, error) {
	if before == nil {
		return false, nil
	}
	old := *before
	f, _, err := s.openForm(old)
	if err != nil {
		return false, err
	}
	if old, err = s.closed(old, f, "mended"); err != nil {
		return false, err
	}
	ok, err := tx.UpdateRequest(ctx, old)
	if ok {
		q.ProvenAt, q.Tries = before.ProvenAt, before.Tries+1
	}
	return ok, err
}

func (s *Service) codeTag(r Request, code string) person.Tag {
	return s.cfg.Keys.Tag(r.City, person.TagCode, r.ID+":"+code)
}

// typed keeps what a person typed, for mending; ticks and keys are not asked
// again.
func typed(fields map[string]string) map[string]string {
	kept := map[string]string{}
	for k, v := range fields {
		if v != "" && !strings.HasPrefix(k, "_") {
			kept[k] = v
		}
	}
	return kept
}

// outboxBody is a message as it is sealed.
type outboxBody struct {
	To   string `json:"t"`
	Text string `json:"x"`
}

// SealMessage makes an outbox row; OpenMessage undoes it for the one who
// sends.
func SealMessage(k person.Keyring, id, city string, to person.Phone, text string, c notify.Class, due, expires time.Time) (notify.Queued, error) {
	b, err := json.Marshal(outboxBody{to.Reveal(), text})
	if err != nil {
		return notify.Queued{}, err
	}
	sealed, err := k.SealShort("outbox/"+id, b)
	if err != nil {
		return notify.Queued{}, fmt.Errorf("seal message: %w", err)
	}
	return notify.Queued{ID: id, City: city, Class: c, Sealed: sealed, DueAt: due, Expires: expires}, nil
}

// OpenMessage gives phone and text of an outbox row.
func OpenMessage(k person.Keyring, q notify.Queued) (notify.Message, error) {
	b, err := k.OpenShort("outbox/"+q.ID, q.Sealed)
	if err != nil {
		return notify.Message{}, fmt.Errorf("open message: %w", err)
	}
	var body outboxBody
	if err := json.Unmarshal(b, &body); err != nil {
		return notify.Message{}, fmt.Errorf("open message: %w", err)
	}
	return notify.Message{ID: q.ID, City: q.City, To: person.RestorePhone(body.To), Text: body.Text, Class: q.Class, Expires: q.Expires}, nil
}

// message makes an outbox row for a phone.
func (s *Service) message(city string, to person.Phone, text string, c notify.Class, now time.Time, life time.Duration) (notify.Queued, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return notify.Queued{}, err
	}
	return SealMessage(s.cfg.Keys, id.String(), city, to, text, c, now, now.Add(life))
}

func (s *Service) audit(ctx context.Context, tx Tx, who audit.Actor, action string, subject person.Tag, city, object, result string, now time.Time) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	return tx.Audit(ctx, audit.Entry{ID: id.String(), City: city, At: now, Actor: who, Action: action, Subject: subject, Object: object, Result: result})
}

// Enter takes a code as typed. A right one leads to the outside checks, which
// run at once for as long as a citizen would wait and by themselves after.
func (s *Service) Enter(ctx context.Context, city, token, typed string) (View, error) {
	now := s.cfg.Now()
	id := s.idOf(city, token)
	if id == "" {
		return View{}, ErrNoRequest
	}
	code, err := notify.ParseCode(typed)
	if err != nil {
		var faults fault.List
		_ = faults.Add("code", err)
		return View{}, faults
	}
	p, err := s.profile(city)
	if err != nil {
		return View{}, err
	}
	for range 20 {
		var r Request
		err := s.cfg.Store.View(ctx, func(tx Tx) (err error) {
			r, err = tx.Request(ctx, city, id)
			return err
		})
		if errors.Is(err, ErrNoRow) {
			return View{}, ErrNoRequest
		} else if err != nil {
			return View{}, fmt.Errorf("enter code: %w", err)
		}
		switch {
		case r.State == Dead:
			return View{}, fault.List{ErrCodeDead}
		case r.State != Waiting: // the same code a second time: a double click, a back button
			return s.view(r, token, now)
		case now.Sub(r.CreatedAt) > requestLife:
			return View{}, fault.List{ErrLapsed}
		case !now.Before(r.CodeExpires):
			return View{}, fault.List{ErrCodeExpired.On("code")}
		}
		if r.Blind || s.codeTag(r, code) != r.CodeTag {
			verdict, moved, err := s.wrongCode(ctx, r, now)
			if err != nil {
				return View{}, fmt.Errorf("enter code: %w", err)
			}
			if !moved {
				return View{}, fault.List{verdict}
			}
			continue
		}
		// From here on the citizen may leave: what was begun is finished.
		ctx := context.WithoutCancel(ctx)
		r.State, r.ProvenAt, r.CodeTag = Proven, now, person.Tag{}
		after, moved, err := s.settle(ctx, p, r, true)
		if err != nil {
			return View{}, fmt.Errorf("enter code: %w", err)
		}
		if !moved {
			s.cfg.Wake(notify.Info)
			return s.view(after, token, now)
		}
	}
	return View{}, fmt.Errorf("enter code: request %s does not stand still", id)
}

// wrongCode counts a wrong code against the request and the number. moved says
// that the request has changed since it was read.
func (s *Service) wrongCode(ctx context.Context, r Request, now time.Time) (verdict *fault.Fault, moved bool, err error) {
	r.Tries++
	verdict = ErrCodeWrong.On("code").With("left", MaxTries-r.Tries)
	if r.Tries >= MaxTries {
		r.State, r.Sealed = Dead, nil
		verdict = ErrCodeDead
	}
	err = s.cfg.Store.Update(ctx, func(tx Tx) error {
		moved = false
		ok, err := tx.UpdateRequest(ctx, r)
		if err != nil || !ok {
			moved = err == nil
			return err
		}
		return s.noteWrong(ctx, tx, r, now)
	})
	return verdict, moved, err
}

// Resend sends another code for a request, within the number's limits. The
// count of wrong codes stays.
func (s *Service) Resend(ctx context.Context, city, token string) (View, error) {
	now := s.cfg.Now()
	id := s.idOf(city, token)
	p, err := s.profile(city)
	if err != nil {
		return View{}, err
	}
	if id == "" {
		return View{}, ErrNoRequest
	}
	code, err := notify.NewCode()
	if err != nil {
		return View{}, err
	}
	err = s.cfg.Store.Update(ctx, func(tx Tx) error {
		r, err := tx.Request(ctx, city, id)
		if err != nil {
			return err
		}
		if r.State != Waiting {
			return nil
		}
		if now.Sub(r.CreatedAt) > requestLife {
			return ErrLapsed
		}
		f, _, err := s.openForm(r)
		if err != nil {
			return err
		}
		if err := s.allowSend(ctx, tx, r, f.Person.Phone, now); err != nil {
			return err
		}
		r.CodeTag, r.CodeExpires = s.codeTag(r, code), now.Add(CodeLife)
		r.Sends, r.LastSend = r.Sends+1, now
		if !r.Blind {
			out, err := s.message(city, f.Person.Phone, s.codeText(p, r.Lang, code), notify.CodeClass, now, CodeLife)
			if err != nil {
				return err
			}
			if err := tx.Enqueue(ctx, out); err != nil {
				return err
			}
		}
		if ok, err := tx.UpdateRequest(ctx, r); err != nil || !ok {
			return cmp.Or(err, errMoved)
		}
		return s.audit(ctx, tx, audit.Citizen(r.Channel), "request.resend", r.CardTag, city, r.ID, "ok", now)
	})
	switch {
	case errors.Is(err, ErrNoRow):
		return View{}, ErrNoRequest
	case err != nil && !errors.Is(err, errMoved): // moved: a code was sent or taken a moment ago
		return View{}, fmt.Errorf("resend code: %w", err)
	}
	s.cfg.Wake(notify.CodeClass)
	return s.Look(ctx, city, token)
}

// Look shows a request to the holder of its token.
func (s *Service) Look(ctx context.Context, city, token string) (View, error) {
	now := s.cfg.Now()
	id := s.idOf(city, token)
	if id == "" {
		return View{}, ErrNoRequest
	}
	var r Request
	err := s.cfg.Store.View(ctx, func(tx Tx) (err error) {
		r, err = tx.Request(ctx, city, id)
		return err
	})
	switch {
	case errors.Is(err, ErrNoRow):
		return View{}, ErrNoRequest
	case err != nil:
		return View{}, fmt.Errorf("look at request: %w", err)
	}
	return s.view(r, token, now)
}

// view is what a request's holder sees of it.
func (s *Service) view(r Request, token string, now time.Time) (View, error) {
	v := View{City: r.City, Kind: r.Kind, Token: token, Reference: Reference(r.ID), Lang: r.Lang, At: r.CreatedAt, Left: MaxTries - r.Tries}
	switch r.State {
	case Waiting:
		v.Stage, v.ExpiresAt, v.ResendAt = StageCode, r.CodeExpires, r.LastSend.Add(time.Minute)
		if now.Sub(r.CreatedAt) > requestLife {
			v.Stage = StageLapsed
		}
	case Amend:
		v.Stage = StageAmend
		if now.Sub(r.ProvenAt) > requestLife {
			v.Stage = StageLapsed
		}
	case Dead:
		v.Stage = StageDead
	default:
		v.Stage = StageReceived
	}
	if len(r.Sealed) > 0 && (v.Stage == StageCode || v.Stage == StageAmend || v.Stage == StageReceived) {
		f, fields, err := s.openForm(r)
		if err != nil {
			return View{}, err
		}
		v.Phone, v.Card = f.Person.Phone.String(), f.Card.Last4()
		if v.Stage != StageReceived {
			v.Fields = fields
		}
	}
	if v.Stage == StageAmend {
		v.Faults = restoreFaults(r.Result)
	}
	return v, nil
}

func (s *Service) openForm(r Request) (Form, map[string]string, error) {
	b, err := s.cfg.Keys.OpenShort("request/"+r.ID, r.Sealed)
	if err != nil {
		return Form{}, nil, fmt.Errorf("open form: %w", err)
	}
	return restoreForm(b)
}

// amendable are the faults the outside checks can find, by code.
var amendable = map[string]*fault.Fault{
	health.ErrCodeUnknown.Code: health.ErrCodeUnknown,
	health.ErrCodeExpired.Code: health.ErrCodeExpired,
	health.ErrNotTheirs.Code:   health.ErrNotTheirs,
	ErrMismatch.Code:           ErrMismatch,
}

func storeFaults(l fault.List) string {
	var parts []string
	for _, f := range l {
		parts = append(parts, f.Field+":"+f.Code)
	}
	return strings.Join(parts, ",")
}

func restoreFaults(s string) (l fault.List) {
	for part := range strings.SplitSeq(s, ",") {
		field, code, _ := strings.Cut(part, ":")
		if f, ok := amendable[code]; ok {
			l = append(l, f.On(field))
		}
	}
	return l
}
