package api

// Examples of answers about appointments, as the document shows them.

const exampleToken = "AXhCmjQ0cKqXQeJ0yVt3GqIhTXmkbn4y"

type fields = map[string]any

func visitExample(state string) any {
	v := fields{
		"network": "izsu", "token": exampleToken, "state": state, "centre": "konak", "service": "closing", "matters": 1,
		"start": "2021-03-17T09:00:00+03:00", "end": "2021-03-17T09:15:00+03:00", "confirmed": false, "sequence": 0,
	}
	if state == "held" {
		v["hold_until"] = "2021-03-16T11:10:00+03:00"
		return v
	}
	v["code"], v["calendar"] = "4830 1126", "/api/v1/networks/izsu/visits/"+exampleToken+"/calendar.ics"
	if state == "booked" {
		v["confirmed"] = true
	}
	return v
}

func claimExample() any {
	return fields{"token": exampleToken, "stage": "code", "phone": "05** *** ** 17", "resend_at": "2021-03-16T11:01:00+03:00", "tries_left": 5,
		"hold_until": "2021-03-16T11:10:00+03:00"}
}

func waitExample() any {
	return fields{"token": exampleToken, "centre": "konak", "service": "closing", "matters": 1, "from": "2021-03-17", "to": "2021-03-24"}
}

func whoExamples() map[string]any {
	return map[string]any{
		"self":  fields{"name": "Ayşe Yılmaz", "phone": "0532 000 00 17"},
		"other": fields{"name": "Fatma Demir", "phone": "0532 000 00 17", "other": true, "lang": "ar"},
	}
}

func waitExamples() map[string]any {
	return map[string]any{"konak": fields{"centre": "konak", "service": "closing", "from": "2021-03-17", "to": "2021-03-24", "name": "Ayşe Yılmaz", "phone": "0532 000 00 17"}}
}

func bookingExamples() map[string]any {
	return map[string]any{"konak": fields{"centre": "konak", "service": "closing", "start": "2021-03-17T09:00:00+03:00", "name": "Ayşe Yılmaz", "phone": "0532 000 00 17"}}
}

func exampleName() fields {
	return fields{"tr": "İZSU Abone Hizmet Merkezleri", "en": "İZSU Customer Service Centres", "ar": "مراكز خدمة المشتركين في İZSU"}
}

func networksExample() any {
	return fields{"networks": []any{fields{"id": "izsu", "name": exampleName(), "href": "/api/v1/networks/izsu"}}}
}

func networkExample() any {
	return fields{"id": "izsu", "name": exampleName(), "href": "/api/v1/networks/izsu", "zone": "Europe/Istanbul", "phone": "185", "unit_minutes": 15,
		"rules": fields{"days_ahead": 14, "hold_minutes": 10, "offer_minutes": 30, "max_open": 2, "max_matters": 3, "confirm_by": "20:00",
			"reminder_hours": 24, "early_minutes": 10, "late_minutes": 10, "ask_id": false},
		"waves": []any{fields{"days_before": 14, "at": "09:00", "share": 50}, fields{"days_before": 2, "at": "18:00", "share": 100}}}
}

func mattersExample() any {
	return fields{"services": []any{fields{"id": "closing", "name": fields{"tr": "Abonelik kapatma", "en": "Closing an account", "ar": "إغلاق الاشتراك"},
		"minutes": 15, "documents": []any{fields{"tr": "Kimlik kartı", "en": "Identity card", "ar": "بطاقة الهوية"}}}}}
}

func oneCentre() fields {
	return fields{"id": "konak", "name": "Konak", "district": "Konak", "lat": 38.4189, "lon": 27.1287, "counters": 4, "confirm": false, "services": []any{"closing"}}
}

func centresExample() any { return fields{"centres": []any{oneCentre()}} }

func centreExample() any {
	c := oneCentre()
	c["days"] = []any{fields{"day": "2021-03-17", "opens": "2021-03-17T08:30:00+03:00", "closes": "2021-03-17T17:00:00+03:00"}}
	return c
}

func availabilityExample() any {
	return fields{"service": "closing", "matters": 1, "from": "2021-03-17", "days": 1, "centres": []any{
		fields{"centre": "konak", "free": 41, "first": "2021-03-17T08:30:00+03:00",
			"days": []any{fields{"day": "2021-03-17", "free": 41, "first": "2021-03-17T08:30:00+03:00"}}}}}
}

func slotsExample() any {
	return fields{"centre": "konak", "day": "2021-03-17", "version": 118, "slots": []any{fields{"start": "2021-03-17T09:00:00+03:00", "free": 2}},
		"next_release": "2021-03-15T18:00:00+03:00"}
}

func queueExample() any {
	return fields{"centre": "konak", "at": "2021-03-17T10:02:11+03:00", "waiting": 3, "called": []any{fields{"number": 17, "desk": "3", "at": "2021-03-17T10:01:40+03:00"}},
		"next": []any{18, 20, 19}, "waits": []any{fields{"service": "closing", "median_seconds": 240, "most_seconds": 540}}}
}

func ticketExample() any {
	return fields{"number": 17, "state": "called", "service": "closing", "matters": 1, "pool": "counter", "desk": "3",
		"arrived": "2021-03-17T09:55:02+03:00", "called": "2021-03-17T10:01:40+03:00"}
}

func ticketsExample() any {
	return fields{"centre": "konak", "day": "2021-03-17", "tickets": []any{ticketExample()}}
}

func rowExample() fields {
	return fields{"id": "0178429a-3434-70aa-9741-e274c95b771a", "state": "booked", "start": "2021-03-17T09:00:00+03:00", "end": "2021-03-17T09:15:00+03:00",
		"service": "closing", "matters": 1, "pool": "counter", "channel": "web", "sequence": 0}
}

func visitRowsExampleOne() any { return rowExample() }

func visitRowsExample() any {
	return fields{"centre": "konak", "day": "2021-03-17", "visits": []any{rowExample()}}
}

func planExample() any {
	return fields{"centre": "konak", "day": "2021-03-17",
		"units":      []any{fields{"start": "2021-03-17T08:30:00+03:00", "counters": 4, "places": 4}, fields{"pool": "counter", "start": "2021-03-17T08:30:00+03:00", "counters": 4, "places": 4}},
		"exceptions": []any{}}
}

func effectExample() any {
	return fields{"done": false, "more": 0, "fewer": 14, "hit": []any{rowExample()}, "to_move": []any{rowExample()["id"]}, "seen": "3f5a9c0e12b47d88"}
}

func figuresExample() any {
	return fields{"from": "2021-03-11", "days": 7, "visits": fields{"done": 480, "no-show": 61, "cancelled": 44}, "by_service": fields{"closing": 585},
		"by_channel": fields{"web": 402, "call": 183}, "no_show_share": 11.3, "in_time_share": 97.1, "walkins": 112, "unserved": 2,
		"wait_median_seconds": 260, "wait_most_seconds": 690, "wait_kept_share": 82.4}
}
