package demo

import (
	"context"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"turnike/internal/access"
	"turnike/internal/booking"
	"turnike/internal/web/staff"
)

// visitor is somebody with an appointment.
type visitor struct {
	b     *browser
	phone string // 905...
	link  string // their page
	code  string // the digits they read aloud
	seen  int    // the newest message
}

var (
	hourButton = regexp.MustCompile(`name="unit" value="(\d+)"`)
	formAction = regexp.MustCompile(`<form[^>]*id="form"[^>]*action="([^"]+)"`)
	visitCode  = regexp.MustCompile(`Kod: (\d{4} \d{4})`)
	visitLink  = regexp.MustCompile(`/visit/izsu/v/[\w-]+`)
	numberPath = regexp.MustCompile(`/kiosk/number/(\d+)$`)
	atCounter  = regexp.MustCompile(`<td><bdi>(\d+)</bdi></td>\s*<td><bdi>(\d*)</bdi></td>`)
)

// centreDay is a day at one of İZSU's centres: hours are taken on the web,
// moved, given back, people come and are called, and nobody sees what is not
// theirs.
func (c *checker) centreDay(ctx context.Context) {
	if _, ok := c.w.App.Visits(office); !ok {
		return // the installation has other networks
	}
	var one, other visitor
	var number string
	clerk, kiosk, display := &browser{}, &browser{}, &browser{}
	c.step(ctx, office, "the centre's day is open and partly taken", func() error { return c.filled(ctx) })
	c.step(ctx, office, "an hour is held, confirmed by SMS code and booked; the link comes by SMS", func() (err error) {
		one, err = c.book(ctx, 0)
		return err
	})
	c.step(ctx, office, "the same press sent twice is one place", func() error { return c.pressedTwice(ctx) })
	c.step(ctx, office, "a wrong code books nothing and loses nothing", func() (err error) {
		other, err = c.bookAfterWrongCode(ctx)
		return err
	})
	c.step(ctx, office, "the calendar file is an entry; moving raises its sequence", func() error { return c.move(ctx, &one) })
	c.step(ctx, office, "cancelled from the link: told by SMS, and the calendar forgets it", func() error { return c.cancel(ctx, &other) })
	c.step(ctx, office, "a clerk, a kiosk and a display are let in", func() (err error) {
		if clerk, err = c.signedIn(ctx, staff.SessionCookie, func() (string, error) { return c.w.Enter(ctx, access.Clerk, office, []string{branch}) }); err != nil {
			return err
		}
		if kiosk, err = c.signedIn(ctx, staff.ScreenCookie, func() (string, error) { return c.w.Screen(ctx, access.Kiosk) }); err != nil {
			return err
		}
		display, err = c.signedIn(ctx, staff.ScreenCookie, func() (string, error) { return c.w.Screen(ctx, access.Display) })
		return err
	})
	c.step(ctx, office, "arrival at the kiosk by code gives a number, twice the same", func() (err error) {
		number, err = c.arrive(ctx, kiosk, one)
		return err
	})
	c.step(ctx, office, "who simply comes takes the next number", func() error { return c.walkIn(ctx, kiosk, number) })
	c.step(ctx, office, "called, shown and spoken, served: the clerk works the line off", func() error {
		return c.serve(ctx, clerk, display, number)
	})
	c.step(ctx, office, "another centre, another network, another role: no such page", func() error { return c.walls(ctx, clerk) })
	c.step(ctx, office, "every counter of places adds up", func() error {
		s, _ := c.w.App.Visits(office)
		wrong, err := s.Audit(ctx, booking.DayOf(c.w.Clock.Now(), s.Network().Location()), 14)
		if err == nil && len(wrong) > 0 {
			err = fmt.Errorf("%d counters are not what their visits add up to", len(wrong))
		}
		return err
	})
}

// filled waits until the made-up people have their places.
func (c *checker) filled(ctx context.Context) error {
	s, _ := c.w.App.Visits(office)
	for until := time.Now().Add(60 * time.Second); time.Now().Before(until); time.Sleep(50 * time.Millisecond) {
		ts, _, err := s.Tickets(ctx, s.Network().Centres[len(s.Network().Centres)-1].ID)
		if err != nil {
			return err
		}
		if len(ts) > 0 {
			return nil
		}
	}
	return errors.New("nobody is in the last centre's line after a minute")
}

// hours opens the day's hours at the centre and gives a form that takes the
// one so far from the end.
func (c *checker) hours(ctx context.Context, b *browser, query string, fromEnd int) (url.Values, error) {
	if err := b.open(ctx, "/visit/"+office+"/at/"+branch+"?"+query); err != nil {
		return nil, err
	}
	units := hourButton.FindAllStringSubmatch(b.page, -1)
	if len(units) <= fromEnd {
		return nil, fmt.Errorf("%d hours are shown at %s, want some", len(units), branch)
	}
	form := b.hidden()
	form.Set("unit", units[len(units)-1-fromEnd][1])
	return form, nil
}

// begin holds an hour and fills in who comes; what follows is the code.
func (c *checker) beginVisit(ctx context.Context, fromEnd int) (visitor, error) {
	v := visitor{}
	var err error
	if v.b, err = c.w.browser(); err != nil {
		return v, err
	}
	form, err := c.hours(ctx, v.b, "service=closing", fromEnd)
	if err != nil {
		return v, err
	}
	if err := v.b.post(ctx, "/visit/"+office+"/hold", form); err != nil {
		return v, err
	}
	c.phone += 1_001
	v.phone = fmt.Sprintf("90%d", c.phone)
	return v, v.send(ctx, url.Values{"name": {"Elif Kaya"}, "phone": {fmt.Sprintf("0%d", c.phone)}})
}

// send posts the page's one form with what is filled in.
func (v *visitor) send(ctx context.Context, fields url.Values) error {
	m := formAction.FindStringSubmatch(v.b.page)
	if m == nil {
		return fmt.Errorf("no form at %s (%d): %s", v.b.at, v.b.code, v.b.problems())
	}
	form := v.b.hidden()
	for k, vs := range fields {
		form[k] = vs
	}
	return v.b.post(ctx, html.UnescapeString(m[1]), form)
}

// finish types the code of the newest message and waits for the one with the
// link.
func (c *checker) finishVisit(ctx context.Context, v *visitor) error {
	code, n, err := c.w.codeFor(ctx, v.phone, v.seen)
	if err != nil {
		return err
	}
	if err := v.send(ctx, url.Values{"code": {code}}); err != nil {
		return err
	}
	t, err := c.w.text(ctx, v.phone, n, visitLink.MatchString)
	if err != nil {
		return fmt.Errorf("no message with the link, page at %s (%d): %w", v.b.at, v.b.code, err)
	}
	v.seen, v.link = t.N, visitLink.FindString(t.Text)
	m := visitCode.FindStringSubmatch(t.Text)
	if m == nil {
		return errors.New("the message has no code to read aloud")
	}
	v.code = m[1]
	return nil
}

func (c *checker) book(ctx context.Context, fromEnd int) (visitor, error) {
	v, err := c.beginVisit(ctx, fromEnd)
	if err != nil {
		return v, err
	}
	return v, c.finishVisit(ctx, &v)
}

func (c *checker) bookAfterWrongCode(ctx context.Context) (visitor, error) {
	v, err := c.beginVisit(ctx, 2)
	if err != nil {
		return v, err
	}
	code, _, err := c.w.codeFor(ctx, v.phone, 0)
	if err != nil {
		return v, err
	}
	wrong := "000000"
	if code == wrong {
		wrong = "111111"
	}
	if err := v.send(ctx, url.Values{"code": {wrong}}); err != nil {
		return v, err
	}
	if v.b.problems() == "" {
		return v, fmt.Errorf("a wrong code was not refused: %d at %s", v.b.code, v.b.at)
	}
	return v, c.finishVisit(ctx, &v)
}

func (c *checker) pressedTwice(ctx context.Context) error {
	b, err := c.w.browser()
	if err != nil {
		return err
	}
	form, err := c.hours(ctx, b, "service=deposit-refund", 4)
	if err != nil {
		return err
	}
	var places [2]string
	for i := range places {
		if err := b.post(ctx, "/visit/"+office+"/hold", form); err != nil {
			return err
		}
		m := formAction.FindStringSubmatch(b.page)
		if m == nil {
			return fmt.Errorf("press %d: no form at %s (%d): %s", i+1, b.at, b.code, b.problems())
		}
		places[i] = m[1]
	}
	if places[0] != places[1] {
		return errors.New("two presses hold two places")
	}
	return nil
}

// entry reads the calendar file's sequence and whether it takes the entry back.
func (v *visitor) entry(ctx context.Context) (sequence int, cancelled bool, err error) {
	if err := v.b.open(ctx, v.link+"/randevu.ics"); err != nil {
		return 0, false, err
	}
	m := regexp.MustCompile(`SEQUENCE:(\d+)`).FindStringSubmatch(v.b.page)
	if m == nil || !strings.HasPrefix(v.b.page, "BEGIN:VCALENDAR") {
		return 0, false, fmt.Errorf("no calendar entry at %s (%d)", v.b.at, v.b.code)
	}
	sequence, err = strconv.Atoi(m[1])
	return sequence, strings.Contains(v.b.page, "STATUS:CANCELLED"), err
}

func (c *checker) move(ctx context.Context, v *visitor) error {
	before, _, err := v.entry(ctx)
	if err != nil {
		return err
	}
	if err := v.b.open(ctx, v.link); err != nil {
		return err
	}
	m := regexp.MustCompile(`href="([^"]*[?&;]move=[^"]*)"`).FindStringSubmatch(v.b.page)
	if m == nil {
		return errors.New("the visit's page has no way to move it")
	}
	_, query, _ := strings.Cut(html.UnescapeString(m[1]), "?")
	form, err := c.hours(ctx, v.b, query, 1)
	if err != nil {
		return err
	}
	if err := v.b.post(ctx, v.link+"/move", form); err != nil {
		return err
	}
	if _, err := c.w.text(ctx, v.phone, v.seen, visitLink.MatchString); err != nil {
		return fmt.Errorf("moved and not told (%d at %s: %s): %w", v.b.code, v.b.at, v.b.problems(), err)
	}
	after, _, err := v.entry(ctx)
	if err == nil && after <= before {
		err = fmt.Errorf("the entry's sequence went from %d to %d, want it to rise", before, after)
	}
	return err
}

func (c *checker) cancel(ctx context.Context, v *visitor) error {
	if err := v.b.open(ctx, v.link+"/cancel"); err != nil {
		return err
	}
	if err := v.b.post(ctx, v.link+"/cancel", v.b.hidden()); err != nil {
		return err
	}
	if _, err := c.w.text(ctx, v.phone, v.seen, func(string) bool { return true }); err != nil {
		return fmt.Errorf("cancelled and not told: %w", err)
	}
	_, cancelled, err := v.entry(ctx)
	if err == nil && !cancelled {
		err = errors.New("the calendar keeps a cancelled visit")
	}
	return err
}

// signedIn is a browser that carries a cookie somebody was given.
func (c *checker) signedIn(_ context.Context, cookie string, let func() (string, error)) (*browser, error) {
	b, err := c.w.browser()
	if err != nil {
		return nil, err
	}
	token, err := let()
	if err != nil {
		return nil, err
	}
	site, err := url.Parse(c.w.Site)
	if err != nil {
		return nil, err
	}
	b.http.Jar.SetCookies(site, []*http.Cookie{{Name: cookie, Value: token, Path: "/"}})
	return b, nil
}

const kioskAt = "/screen/" + office + "/" + branch + "/kiosk"

func (c *checker) arrive(ctx context.Context, kiosk *browser, v visitor) (number string, err error) {
	for range 2 {
		if err := kiosk.post(ctx, kioskAt+"/visit", url.Values{"typed": {v.code}}); err != nil {
			return "", err
		}
		m := numberPath.FindStringSubmatch(kiosk.at)
		if m == nil {
			return "", fmt.Errorf("no number but %d at %s", kiosk.code, kiosk.at)
		}
		if number != "" && number != m[1] {
			return "", fmt.Errorf("numbers %s and %s for one visit", number, m[1])
		}
		number = m[1]
	}
	return number, nil
}

func (c *checker) walkIn(ctx context.Context, kiosk *browser, after string) error {
	if err := kiosk.open(ctx, kioskAt+"/walk"); err != nil {
		return err
	}
	form := kiosk.hidden()
	form.Set("service", "closing")
	if err := kiosk.post(ctx, kioskAt+"/walk", form); err != nil {
		return err
	}
	m := numberPath.FindStringSubmatch(kiosk.at)
	if m == nil {
		return fmt.Errorf("no number but %d at %s", kiosk.code, kiosk.at)
	}
	was, _ := strconv.Atoi(after)
	if now, _ := strconv.Atoi(m[1]); now != was+1 {
		return fmt.Errorf("number %s after %s, want the next", m[1], after)
	}
	return nil
}

// serve sits down at the second counter and works the line off until a number
// has been called, seen on the display and served.
func (c *checker) serve(ctx context.Context, clerk, display *browser, number string) error {
	const desk, at = "2", "/staff/" + office + "/queue/" + branch
	if err := clerk.post(ctx, at+"/desk", url.Values{"desk": {desk}}); err != nil {
		return err
	}
	act := func(do, number string) error {
		if err := clerk.post(ctx, at+"/act", url.Values{"do": {do}, "number": {number}}); err != nil {
			return err
		}
		if clerk.code >= http.StatusBadRequest {
			return fmt.Errorf("%s %s answered %d", do, number, clerk.code)
		}
		return nil
	}
	for range 30 {
		if err := act("next", ""); err != nil {
			return err
		}
		if err := display.open(ctx, "/screen/"+office+"/"+branch+"/display?part"); err != nil {
			return err
		}
		called := ""
		for _, m := range atCounter.FindAllStringSubmatch(display.page, -1) {
			if m[2] == desk {
				called = m[1]
			}
		}
		if called == "" {
			return fmt.Errorf("nobody is shown at counter %s: %d at %s", desk, clerk.code, clerk.at)
		}
		if !strings.Contains(display.page, `data-say="numara `) {
			return fmt.Errorf("number %s is called and not spoken", called)
		}
		if err := act("begin", called); err != nil {
			return err
		}
		if err := act("finish", called); err != nil {
			return err
		}
		if called == number {
			return nil
		}
	}
	return fmt.Errorf("number %s was not called in thirty calls", number)
}

// walls tries pages that are not the clerk's.
func (c *checker) walls(ctx context.Context, clerk *browser) error {
	for _, path := range []string{
		"/staff/" + office + "/queue/bornova/", "/staff/izmir-desks/queue/" + branch + "/", "/staff/" + office + "/call/",
		"/staff/" + office + "/people", "/staff/" + office + "/screens",
	} {
		if err := clerk.open(ctx, path); err != nil {
			return err
		}
		if clerk.code != http.StatusNotFound {
			return fmt.Errorf("%s answered %d, want %d", path, clerk.code, http.StatusNotFound)
		}
	}
	return nil
}
