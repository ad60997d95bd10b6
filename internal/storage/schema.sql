-- The schema of today, as the migrations leave it, to be read: a test holds it
-- to them. SQLite's words; on PostgreSQL INTEGER is BIGINT and BLOB is BYTEA.

-- 0001_pairing.sql
-- Times are microseconds since 1970 UTC, tags 16 bytes of a keyed hash, ids the
-- 16 bytes of a UUIDv7. City leads every key, so a distributed engine can put a
-- city's rows together; ids that rise with time keep every primary key an
-- append. WITHOUT ROWID stores a row in its key's own tree: one insert, not two.

CREATE TABLE request (
	city            TEXT    NOT NULL,
	id              BLOB    NOT NULL,
	version         INTEGER NOT NULL,
	kind            TEXT    NOT NULL,
	state           TEXT    NOT NULL,
	lang            TEXT    NOT NULL,
	channel         TEXT    NOT NULL,
	blind           INTEGER NOT NULL,
	phone_tag       BLOB,
	person_tag      BLOB,
	card_tag        BLOB,
	sealed          BLOB    NOT NULL,
	code_tag        BLOB,
	code_expires_us INTEGER,
	tries           INTEGER NOT NULL,
	sends           INTEGER NOT NULL,
	last_send_us    INTEGER,
	created_us      INTEGER NOT NULL,
	proven_us       INTEGER,
	due_us          INTEGER,
	attempts        INTEGER NOT NULL,
	result          TEXT    NOT NULL,
	pairing_id      BLOB,
	PRIMARY KEY (city, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX request_due ON request (due_us) WHERE state = 'proven';
CREATE INDEX request_old ON request (created_us) WHERE state <> 'proven';

CREATE TABLE pairing (
	city          TEXT    NOT NULL,
	id            BLOB    NOT NULL,
	card_tag      BLOB    NOT NULL,
	last4         TEXT    NOT NULL,
	person_id     BLOB,
	person_tag    BLOB,
	phone_tag     BLOB,
	person_slot   INTEGER NOT NULL,
	code_slot     INTEGER NOT NULL,
	hes_tag       BLOB,
	sealed_hes    BLOB    NOT NULL,
	proof         INTEGER NOT NULL,
	channel       TEXT    NOT NULL,
	lang          TEXT    NOT NULL,
	at_us         INTEGER NOT NULL,
	next_check_us INTEGER,
	ended_us      INTEGER,
	end_reason    TEXT    NOT NULL,
	PRIMARY KEY (city, id)
) STRICT, WITHOUT ROWID;
-- A card has one live pairing. Its key is random, so each row goes to a page of
-- its own, which costs more than the rest of the row; the others go by the
-- holder's id, which rises with time. A person's tag leads to their id.
CREATE UNIQUE INDEX pairing_live_card ON pairing (city, card_tag) WHERE ended_us IS NULL;
-- Where a city lets a person hold one card (slot 1).
CREATE UNIQUE INDEX pairing_live_person ON pairing (city, person_id, person_slot)
	WHERE ended_us IS NULL AND person_slot > 0;
CREATE INDEX pairing_of_person ON pairing (city, person_id)
	WHERE ended_us IS NULL AND person_slot = 0 AND person_id IS NOT NULL;
CREATE UNIQUE INDEX pairing_live_code ON pairing (city, hes_tag, code_slot)
	WHERE ended_us IS NULL AND code_slot > 0;
CREATE INDEX pairing_check ON pairing (next_check_us)
	WHERE ended_us IS NULL AND next_check_us IS NOT NULL;

CREATE TABLE person (
	city       TEXT    NOT NULL,
	id         BLOB    NOT NULL,
	tag        BLOB,
	key_ref    TEXT    NOT NULL,
	sealed     BLOB    NOT NULL,
	created_us INTEGER NOT NULL,
	updated_us INTEGER NOT NULL,
	PRIMARY KEY (city, id)
) STRICT, WITHOUT ROWID;
-- One record for each person; an erased one has no tag.
CREATE UNIQUE INDEX person_tag ON person (city, tag) WHERE tag IS NOT NULL;

CREATE TABLE card (
	city       TEXT    NOT NULL,
	tag        BLOB    NOT NULL,
	scheme     INTEGER NOT NULL,
	idx        INTEGER NOT NULL,
	last4      TEXT    NOT NULL,
	class      INTEGER NOT NULL,
	stop_until INTEGER NOT NULL,
	changed_us INTEGER NOT NULL,
	PRIMARY KEY (city, tag)
) STRICT, WITHOUT ROWID;
CREATE INDEX card_changed ON card (city, changed_us, tag);

CREATE TABLE card_reason (
	city       TEXT    NOT NULL,
	tag        BLOB    NOT NULL,
	kind       INTEGER NOT NULL,
	since_us   INTEGER NOT NULL,
	until_day  INTEGER NOT NULL,
	provenance TEXT    NOT NULL CHECK (provenance <> ''),
	PRIMARY KEY (city, tag, kind)
) STRICT, WITHOUT ROWID;

CREATE TABLE once (
	city  TEXT    NOT NULL,
	key   TEXT    NOT NULL,
	body  BLOB    NOT NULL,
	ref   TEXT    NOT NULL,
	at_us INTEGER NOT NULL,
	PRIMARY KEY (city, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX once_old ON once (at_us);

CREATE TABLE guard (
	city     TEXT    NOT NULL,
	kind     TEXT    NOT NULL,
	tag      BLOB    NOT NULL,
	sent     BLOB    NOT NULL,
	count    INTEGER NOT NULL,
	good     INTEGER NOT NULL,
	fails    INTEGER NOT NULL,
	since_us INTEGER NOT NULL,
	PRIMARY KEY (city, kind, tag)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
	city       TEXT    NOT NULL,
	id         BLOB    NOT NULL,
	at_us      INTEGER NOT NULL,
	actor_kind TEXT    NOT NULL CHECK (actor_kind <> ''),
	actor_ref  TEXT    NOT NULL,
	channel    TEXT    NOT NULL,
	action     TEXT    NOT NULL CHECK (action <> ''),
	subject    BLOB,
	object     TEXT    NOT NULL,
	purpose    TEXT    NOT NULL,
	result     TEXT    NOT NULL,
	PRIMARY KEY (city, id)
) STRICT, WITHOUT ROWID;
-- Who looked at a person: only reads with a purpose are in it, so that a
-- pairing pays nothing.
CREATE INDEX audit_reads ON audit (city, subject, id) WHERE purpose <> '';

CREATE TABLE outbox (
	city       TEXT    NOT NULL,
	id         BLOB    NOT NULL,
	class      INTEGER NOT NULL,
	state      INTEGER NOT NULL,
	sealed     BLOB    NOT NULL,
	due_us     INTEGER NOT NULL,
	expires_us INTEGER NOT NULL,
	attempts   INTEGER NOT NULL,
	reference  TEXT    NOT NULL,
	error      TEXT    NOT NULL,
	done_us    INTEGER,
	PRIMARY KEY (city, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX outbox_due ON outbox (class, due_us) WHERE state = 0;
CREATE INDEX outbox_done ON outbox (done_us) WHERE done_us IS NOT NULL;

CREATE TABLE city_revision (
	city     TEXT    NOT NULL,
	revision INTEGER NOT NULL,
	from_us  INTEGER NOT NULL,
	toml     TEXT    NOT NULL,
	author   TEXT    NOT NULL CHECK (author <> ''),
	at_us    INTEGER NOT NULL,
	PRIMARY KEY (city, revision)
) STRICT, WITHOUT ROWID;

CREATE TABLE setting (
	city  TEXT    NOT NULL,
	key   TEXT    NOT NULL,
	value BLOB    NOT NULL,
	at_us INTEGER NOT NULL,
	PRIMARY KEY (city, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE counter (
	city  TEXT    NOT NULL,
	name  TEXT    NOT NULL,
	value INTEGER NOT NULL,
	PRIMARY KEY (city, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE device (
	city       TEXT    NOT NULL,
	id         BLOB    NOT NULL,
	kind       TEXT    NOT NULL,
	name       TEXT    NOT NULL,
	public_key BLOB    NOT NULL,
	secret_tag BLOB,
	created_us INTEGER NOT NULL,
	seen_us    INTEGER,
	revoked_us INTEGER,
	PRIMARY KEY (city, id)
) STRICT, WITHOUT ROWID;

-- 0002_booking.sql
-- Appointments. Whoever changes anything of a centre's day holds the row of
-- booking_day first. Cells count, they are not places: pool '' is the floor.

CREATE TABLE booking_day (
	city    TEXT    NOT NULL,
	centre  TEXT    NOT NULL,
	day     INTEGER NOT NULL,
	version INTEGER NOT NULL,
	tickets INTEGER NOT NULL,
	events  INTEGER NOT NULL,
	PRIMARY KEY (city, centre, day)
) STRICT, WITHOUT ROWID;

CREATE TABLE booking_cell (
	city       TEXT    NOT NULL,
	centre     TEXT    NOT NULL,
	day        INTEGER NOT NULL,
	pool       TEXT    NOT NULL,
	unit       INTEGER NOT NULL,
	plan       INTEGER NOT NULL,
	cap        INTEGER NOT NULL,
	used       INTEGER NOT NULL,
	phone      INTEGER NOT NULL,
	phone_used INTEGER NOT NULL,
	walk       INTEGER NOT NULL,
	walk_used  INTEGER NOT NULL,
	PRIMARY KEY (city, centre, day, pool, unit),
	CHECK (used >= 0 AND used <= cap AND phone_used >= 0 AND walk_used >= 0 AND phone_used + walk_used <= used)
) STRICT, WITHOUT ROWID;

CREATE TABLE booking_exception (
	city     TEXT    NOT NULL,
	id       BLOB    NOT NULL,
	centre   TEXT    NOT NULL,
	pool     TEXT    NOT NULL,
	day      INTEGER NOT NULL,
	from_min INTEGER NOT NULL,
	to_min   INTEGER NOT NULL,
	desks    INTEGER NOT NULL,
	closed   INTEGER NOT NULL,
	opened   INTEGER NOT NULL,
	why      TEXT    NOT NULL,
	actor    TEXT    NOT NULL CHECK (actor <> ''),
	at_us    INTEGER NOT NULL,
	PRIMARY KEY (city, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX booking_exception_day ON booking_exception (city, day, id);

-- state: 1 held, 2 booked, 3 arrived, 4 resting; from 10 on it is over.
CREATE TABLE booking_visit (
	city          TEXT    NOT NULL,
	id            BLOB    NOT NULL,
	code          INTEGER NOT NULL,
	centre        TEXT    NOT NULL,
	pool          TEXT    NOT NULL,
	day           INTEGER NOT NULL,
	unit          INTEGER NOT NULL,
	units         INTEGER NOT NULL,
	service       TEXT    NOT NULL,
	matters       INTEGER NOT NULL,
	state         INTEGER NOT NULL,
	hold_until_us INTEGER,
	channel       TEXT    NOT NULL,
	holder        BLOB,
	slot          INTEGER NOT NULL,
	phone_tag     BLOB,
	key           TEXT,
	sealed        BLOB    NOT NULL,
	lang          TEXT    NOT NULL,
	wait_id       BLOB,
	sequence      INTEGER NOT NULL,
	due_us        INTEGER,
	confirmed     INTEGER NOT NULL,
	reminded      INTEGER NOT NULL,
	created_us    INTEGER NOT NULL,
	changed_us    INTEGER NOT NULL,
	PRIMARY KEY (city, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX booking_visit_key ON booking_visit (city, key) WHERE key IS NOT NULL;
-- The digits read aloud are free again when a visit is over.
CREATE UNIQUE INDEX booking_visit_code ON booking_visit (city, code) WHERE state < 10;
-- As many open visits as a person has slots, and one for a matter at a centre;
-- a NULL holder never collides.
CREATE UNIQUE INDEX booking_visit_slot ON booking_visit (city, holder, slot) WHERE state < 10 AND holder IS NOT NULL;
CREATE UNIQUE INDEX booking_visit_matter ON booking_visit (city, holder, centre, service)
	WHERE state < 10 AND holder IS NOT NULL;
CREATE INDEX booking_visit_lapse ON booking_visit (city, centre, day, hold_until_us) WHERE hold_until_us IS NOT NULL;
CREATE INDEX booking_visit_day ON booking_visit (city, centre, day, unit, id);
CREATE INDEX booking_visit_phone ON booking_visit (city, phone_tag, id) WHERE phone_tag IS NOT NULL;
CREATE INDEX booking_visit_due ON booking_visit (due_us) WHERE due_us IS NOT NULL;

-- state: 1 open, 2 offered, 3 ended.
CREATE TABLE booking_wait (
	city       TEXT    NOT NULL,
	id         BLOB    NOT NULL,
	centre     TEXT    NOT NULL,
	service    TEXT    NOT NULL,
	pool       TEXT    NOT NULL,
	units      INTEGER NOT NULL,
	matters    INTEGER NOT NULL,
	from_day   INTEGER NOT NULL,
	to_day     INTEGER NOT NULL,
	holder     BLOB    NOT NULL,
	phone_tag  BLOB,
	sealed     BLOB    NOT NULL,
	lang       TEXT    NOT NULL,
	state      INTEGER NOT NULL,
	visit_id   BLOB,
	offers     INTEGER NOT NULL,
	created_us INTEGER NOT NULL,
	PRIMARY KEY (city, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX booking_wait_next ON booking_wait (city, centre, pool, id) WHERE state = 1;
CREATE UNIQUE INDEX booking_wait_holder ON booking_wait (city, holder, centre, service) WHERE state < 3;

CREATE TABLE booking_ticket (
	city       TEXT    NOT NULL,
	centre     TEXT    NOT NULL,
	day        INTEGER NOT NULL,
	number     INTEGER NOT NULL,
	visit_id   BLOB,
	pool       TEXT    NOT NULL,
	service    TEXT    NOT NULL,
	matters    INTEGER NOT NULL,
	state      INTEGER NOT NULL,
	desk       TEXT    NOT NULL,
	recalls    INTEGER NOT NULL,
	slot_us    INTEGER,
	arrived_us INTEGER NOT NULL,
	called_us  INTEGER,
	started_us INTEGER,
	ended_us   INTEGER,
	shown_us   INTEGER,
	PRIMARY KEY (city, centre, day, number)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX booking_ticket_visit ON booking_ticket (city, visit_id) WHERE visit_id IS NOT NULL;

CREATE TABLE booking_event (
	city   TEXT    NOT NULL,
	centre TEXT    NOT NULL,
	day    INTEGER NOT NULL,
	seq    INTEGER NOT NULL,
	ticket INTEGER NOT NULL,
	was    TEXT    NOT NULL,
	state  INTEGER NOT NULL,
	desk   TEXT    NOT NULL,
	actor  TEXT    NOT NULL CHECK (actor <> ''),
	at_us  INTEGER NOT NULL,
	undone INTEGER NOT NULL,
	PRIMARY KEY (city, centre, day, seq)
) STRICT, WITHOUT ROWID;

-- 0003_access.sql
-- Who works here and which screens stand where. What a row says of a person is
-- sealed under that person's key; tokens are kept as digests only.

-- state: 1 works here, 2 has left. centres: ids parted by blanks, '' for all.
CREATE TABLE access_account (
	city        TEXT    NOT NULL,
	id          BLOB    NOT NULL,
	version     INTEGER NOT NULL,
	state       INTEGER NOT NULL,
	role        TEXT    NOT NULL,
	centres     TEXT    NOT NULL,
	login_tag   BLOB,
	outside_tag BLOB,
	key_ref     TEXT    NOT NULL,
	sealed      BLOB    NOT NULL,
	totp_step   INTEGER NOT NULL,
	fails       INTEGER NOT NULL,
	known_fails INTEGER NOT NULL,
	failed_us   INTEGER,
	seen_us     INTEGER,
	created_us  INTEGER NOT NULL,
	changed_us  INTEGER NOT NULL,
	PRIMARY KEY (city, id)
) STRICT, WITHOUT ROWID;
-- A user name is one person's in the whole installation: the sign-in page asks
-- for no city. So this one key does not begin with it.
CREATE UNIQUE INDEX access_account_login ON access_account (login_tag) WHERE login_tag IS NOT NULL;
CREATE UNIQUE INDEX access_account_outside ON access_account (city, outside_tag) WHERE outside_tag IS NOT NULL;

CREATE TABLE access_session (
	city      TEXT    NOT NULL,
	id        BLOB    NOT NULL,
	account   BLOB    NOT NULL,
	sealed    BLOB    NOT NULL,
	how       TEXT    NOT NULL,
	desk      TEXT    NOT NULL,
	made_us   INTEGER NOT NULL,
	seen_us   INTEGER NOT NULL,
	strong_us INTEGER NOT NULL,
	PRIMARY KEY (city, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX access_session_account ON access_session (city, account, id);
CREATE INDEX access_session_made ON access_session (made_us);

CREATE TABLE access_invite (
	city        TEXT    NOT NULL,
	id          BLOB    NOT NULL,
	role        TEXT    NOT NULL,
	centres     TEXT    NOT NULL,
	account     BLOB,
	outside_tag BLOB,
	actor       TEXT    NOT NULL CHECK (actor <> ''),
	made_us     INTEGER NOT NULL,
	expires_us  INTEGER NOT NULL,
	used_us     INTEGER,
	PRIMARY KEY (city, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX access_invite_open ON access_invite (city, expires_us) WHERE used_us IS NULL;
CREATE INDEX access_invite_outside ON access_invite (city, outside_tag) WHERE outside_tag IS NOT NULL;

-- pick is the part of a waiting code that finds its row; the rest is a digest.
CREATE TABLE access_device (
	city        TEXT    NOT NULL,
	id          BLOB    NOT NULL,
	centre      TEXT    NOT NULL,
	kind        TEXT    NOT NULL,
	name        TEXT    NOT NULL,
	pick        INTEGER NOT NULL,
	code        BLOB    NOT NULL,
	code_until_us INTEGER,
	tries       INTEGER NOT NULL,
	token       BLOB    NOT NULL,
	made_us     INTEGER NOT NULL,
	enrolled_us INTEGER,
	seen_us     INTEGER,
	ended_us    INTEGER,
	PRIMARY KEY (city, id)
) STRICT, WITHOUT ROWID;
-- The screen that types a code in does not know its city yet.
CREATE UNIQUE INDEX access_device_pick ON access_device (pick) WHERE code_until_us IS NOT NULL;

-- 0004_visit.sql
-- Who says that a held place, or a place on a waiting list, is theirs, until a
-- code sent to their phone proves it. A claim to a held place has the visit's id.
-- kind: 1 a place, 2 the waiting list. state: 1 waiting, 2 proven, 3 dead.
CREATE TABLE booking_claim (
	city            TEXT NOT NULL,
	id              BLOB NOT NULL,
	kind            INTEGER NOT NULL,
	state           INTEGER NOT NULL,
	centre          TEXT NOT NULL,
	service         TEXT NOT NULL,
	matters         INTEGER NOT NULL,
	from_day        INTEGER NOT NULL,
	to_day          INTEGER NOT NULL,
	phone_tag       BLOB NOT NULL,
	sealed          BLOB NOT NULL,
	lang            TEXT NOT NULL,
	code_tag        BLOB,
	code_expires_us INTEGER,
	tries           INTEGER NOT NULL,
	sends           INTEGER NOT NULL,
	last_send_us    INTEGER,
	created_us      INTEGER NOT NULL,
	PRIMARY KEY (city, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX booking_claim_age ON booking_claim (created_us);

-- 0005_tap.sql
-- What validators tell. A device is named by the first 8 bytes of its key's
-- digest, one run of it (boot) by 16 random bytes.

-- A token lets one device in, once. Only its digest is kept. province is the
-- plate code of a device of the portal of many provinces, 0 elsewhere.
CREATE TABLE tap_token (
	city       TEXT    NOT NULL,
	hash       BLOB    NOT NULL,
	name       TEXT    NOT NULL,
	stop       INTEGER NOT NULL,
	mode       INTEGER NOT NULL,
	province   INTEGER NOT NULL,
	made_us    INTEGER NOT NULL,
	expires_us INTEGER NOT NULL,
	used_us    INTEGER,
	device     BLOB,
	PRIMARY KEY (city, hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX tap_token_old ON tap_token (expires_us);

-- From list on: what the device last said of itself.
CREATE TABLE tap_device (
	city           TEXT    NOT NULL,
	id             BLOB    NOT NULL,
	key            BLOB    NOT NULL,
	seal_key       BLOB    NOT NULL,
	name           TEXT    NOT NULL,
	stop           INTEGER NOT NULL,
	mode           INTEGER NOT NULL,
	province       INTEGER NOT NULL,
	enrolled_us    INTEGER NOT NULL,
	revoked_us     INTEGER,
	forks          INTEGER NOT NULL,
	seen_us        INTEGER NOT NULL,
	list           INTEGER NOT NULL,
	list_issued_us INTEGER NOT NULL,
	waiting        INTEGER NOT NULL,
	dropped        INTEGER NOT NULL,
	program        TEXT    NOT NULL,
	PRIMARY KEY (city, id)
) STRICT, WITHOUT ROWID;

-- One run of a device. Every column only rises, so batches may come in any
-- order. taken falls short of highest by what was lost; receipts up to floor
-- are forgotten; up to chained each batch is known to follow the one before.
CREATE TABLE tap_boot (
	city           TEXT    NOT NULL,
	device         BLOB    NOT NULL,
	boot           BLOB    NOT NULL,
	highest        INTEGER NOT NULL,
	taken          INTEGER NOT NULL,
	seen_us        INTEGER NOT NULL,
	list           INTEGER NOT NULL,
	list_issued_us INTEGER NOT NULL,
	floor          INTEGER NOT NULL,
	chained        INTEGER NOT NULL,
	digest         BLOB    NOT NULL,
	PRIMARY KEY (city, device, boot)
) STRICT, WITHOUT ROWID;

CREATE TABLE tap_receipt (
	city        TEXT    NOT NULL,
	device      BLOB    NOT NULL,
	boot        BLOB    NOT NULL,
	sequence    INTEGER NOT NULL,
	digest      BLOB    NOT NULL,
	follows     BLOB    NOT NULL,
	received_us INTEGER NOT NULL,
	PRIMARY KEY (city, device, boot, sequence)
) STRICT, WITHOUT ROWID;

-- hour counts from 1970 in UTC.
CREATE TABLE tap_count (
	city     TEXT    NOT NULL,
	hour     INTEGER NOT NULL,
	stop     INTEGER NOT NULL,
	mode     INTEGER NOT NULL,
	class    INTEGER NOT NULL,
	unissued INTEGER NOT NULL,
	decision INTEGER NOT NULL,
	taps     INTEGER NOT NULL,
	PRIMARY KEY (city, hour, stop, mode, class, unissued, decision)
) STRICT, WITHOUT ROWID;

-- Taps refused because a stop held, by the card's index in the list. state: 0
-- new, 1 considered. due_us is when a new one may be looked at (a lease moves
-- it) and when a considered one goes.
CREATE TABLE tap_attempt (
	city           TEXT    NOT NULL,
	device         BLOB    NOT NULL,
	boot           BLOB    NOT NULL,
	batch          INTEGER NOT NULL,
	place          INTEGER NOT NULL,
	card           INTEGER NOT NULL,
	class          INTEGER NOT NULL,
	stop           INTEGER NOT NULL,
	mode           INTEGER NOT NULL,
	clock_us       INTEGER NOT NULL,
	earliest_us    INTEGER NOT NULL,
	latest_us      INTEGER NOT NULL,
	certain        INTEGER NOT NULL,
	list           INTEGER NOT NULL,
	list_issued_us INTEGER NOT NULL,
	received_us    INTEGER NOT NULL,
	state          INTEGER NOT NULL,
	due_us         INTEGER NOT NULL,
	PRIMARY KEY (city, device, boot, batch, place)
) STRICT, WITHOUT ROWID;
CREATE INDEX tap_attempt_due ON tap_attempt (state, due_us);
CREATE INDEX tap_attempt_clock ON tap_attempt (city, clock_us);

-- 0006_hook.sql
-- What other machines hold of us: keys and calendar feeds, of which only a hash
-- is kept, and webhooks. An event stands once; a delivery for each endpoint that
-- asked for it. n counts the events of a subject: they arrive in that order.

CREATE TABLE api_key (
	city       TEXT    NOT NULL,
	hash       BLOB    NOT NULL,
	id         BLOB    NOT NULL,
	name       TEXT    NOT NULL,
	scopes     TEXT    NOT NULL,
	centres    TEXT    NOT NULL,
	rate       INTEGER NOT NULL,
	made_by    TEXT    NOT NULL,
	made_us    INTEGER NOT NULL,
	used_us    INTEGER,
	revoked_us INTEGER,
	PRIMARY KEY (city, hash)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX api_key_id ON api_key (city, id);

CREATE TABLE calendar_feed (
	city       TEXT    NOT NULL,
	hash       BLOB    NOT NULL,
	id         BLOB    NOT NULL,
	account    TEXT    NOT NULL,
	centre     TEXT    NOT NULL,
	lang       TEXT    NOT NULL,
	made_us    INTEGER NOT NULL,
	used_us    INTEGER,
	revoked_us INTEGER,
	PRIMARY KEY (city, hash)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX calendar_feed_id ON calendar_feed (city, id);
CREATE INDEX calendar_feed_account ON calendar_feed (city, account, id);

CREATE TABLE hook_endpoint (
	city       TEXT    NOT NULL,
	id         BLOB    NOT NULL,
	name       TEXT    NOT NULL,
	url        TEXT    NOT NULL,
	kinds      TEXT    NOT NULL,
	state      INTEGER NOT NULL,
	key        TEXT    NOT NULL,
	sealed     BLOB    NOT NULL,
	made_by    TEXT    NOT NULL,
	made_us    INTEGER NOT NULL,
	failing_us INTEGER,
	good_us    INTEGER,
	PRIMARY KEY (city, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX hook_endpoint_state ON hook_endpoint (city, state, id);

CREATE TABLE hook_event (
	city    TEXT    NOT NULL,
	id      BLOB    NOT NULL,
	kind    TEXT    NOT NULL,
	subject TEXT    NOT NULL,
	n       INTEGER NOT NULL,
	body    TEXT    NOT NULL,
	at_us   INTEGER NOT NULL,
	PRIMARY KEY (city, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX hook_event_subject ON hook_event (city, subject, n);
CREATE INDEX hook_event_at ON hook_event (city, at_us, id);
CREATE INDEX hook_event_old ON hook_event (at_us);

CREATE TABLE hook_delivery (
	city     TEXT    NOT NULL,
	endpoint BLOB    NOT NULL,
	event    BLOB    NOT NULL,
	subject  TEXT    NOT NULL,
	n        INTEGER NOT NULL,
	state    INTEGER NOT NULL,
	attempts INTEGER NOT NULL,
	due_us   INTEGER NOT NULL,
	made_us  INTEGER NOT NULL,
	done_us  INTEGER,
	status   INTEGER NOT NULL,
	took_us  INTEGER NOT NULL,
	error    TEXT    NOT NULL,
	PRIMARY KEY (city, endpoint, event)
) STRICT, WITHOUT ROWID;
CREATE INDEX hook_delivery_due ON hook_delivery (due_us) WHERE state = 0;
CREATE INDEX hook_delivery_subject ON hook_delivery (city, endpoint, subject, n) WHERE state = 0;
CREATE INDEX hook_delivery_old ON hook_delivery (made_us);

-- 0007_report.sql
-- Stops for isolation with what was said of them, apart from the card's other
-- reasons, and the reports to the interior ministry that follow from them. A
-- report's row knows its state and its stop; what it says is sealed to the
-- receiver's key and opens nowhere here.

CREATE TABLE isolation (
	city         TEXT    NOT NULL,
	id           BLOB    NOT NULL,
	card_tag     BLOB    NOT NULL,
	place        INTEGER NOT NULL,
	pairing_id   BLOB    NOT NULL,
	since_us     INTEGER NOT NULL,
	until_day    INTEGER NOT NULL,
	notice_id    BLOB,
	told_us      INTEGER,
	confirmed_us INTEGER NOT NULL,
	appeal       INTEGER NOT NULL,
	source       TEXT    NOT NULL CHECK (source <> ''),
	ended_us     INTEGER,
	end_why      TEXT    NOT NULL,
	recalled     INTEGER NOT NULL,
	PRIMARY KEY (city, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX isolation_card ON isolation (city, card_tag, id) WHERE ended_us IS NULL;
CREATE INDEX isolation_place ON isolation (city, place, id) WHERE ended_us IS NULL;
CREATE INDEX isolation_untold ON isolation (since_us) WHERE notice_id IS NOT NULL AND told_us IS NULL;
CREATE INDEX isolation_recall ON isolation (ended_us) WHERE ended_us IS NOT NULL AND recalled = 0;
CREATE INDEX isolation_old ON isolation (until_day);

-- state: 1 waiting, 2 filed, 3 received, 4 withdrawing, 5 withdrawn,
-- 6 cancelled, 7 refused, 8 held.
CREATE TABLE report (
	city       TEXT    NOT NULL,
	id         BLOB    NOT NULL,
	stop_id    BLOB    NOT NULL,
	day        INTEGER NOT NULL,
	state      INTEGER NOT NULL,
	sealed     BLOB    NOT NULL,
	due_us     INTEGER,
	attempts   INTEGER NOT NULL,
	receipt    TEXT    NOT NULL,
	why        TEXT    NOT NULL,
	error      TEXT    NOT NULL,
	created_us INTEGER NOT NULL,
	changed_us INTEGER NOT NULL,
	done_us    INTEGER,
	PRIMARY KEY (city, id)
) STRICT, WITHOUT ROWID;
-- One report for a stop and a day.
CREATE UNIQUE INDEX report_once ON report (city, stop_id, day);
CREATE INDEX report_made ON report (city, created_us);
CREATE INDEX report_due ON report (city, state, due_us) WHERE due_us IS NOT NULL;
CREATE INDEX report_done ON report (done_us) WHERE done_us IS NOT NULL;

-- 0008_note.sql
-- Notes that staff leave on a visit, sealed under the visit's own key: who
-- erases the person erases what was written about them.

CREATE TABLE booking_remark (
	city   TEXT    NOT NULL,
	visit  BLOB    NOT NULL,
	id     BLOB    NOT NULL,
	at_us  INTEGER NOT NULL,
	author TEXT    NOT NULL CHECK (author <> ''),
	sealed BLOB    NOT NULL,
	PRIMARY KEY (city, visit, id)
) STRICT, WITHOUT ROWID;

-- 0009_staffing.sql
-- What a manager says over the network's file, and whom that asks to move.

-- A dated change to a centre's week, floor limit or places let out; pool '' is
-- the whole centre. What it says stands in body as JSON: it is read whole.
CREATE TABLE booking_revision (
	city      TEXT    NOT NULL,
	id        BLOB    NOT NULL,
	centre    TEXT    NOT NULL,
	pool      TEXT    NOT NULL,
	kind      TEXT    NOT NULL,
	since_day INTEGER NOT NULL,
	until_day INTEGER NOT NULL,
	body      TEXT    NOT NULL,
	why       TEXT    NOT NULL,
	actor     TEXT    NOT NULL CHECK (actor <> ''),
	at_us     INTEGER NOT NULL,
	PRIMARY KEY (city, id),
	CHECK (since_day <= until_day)
) STRICT, WITHOUT ROWID;
-- By its end, so that what is long over is not read.
CREATE INDEX booking_revision_end ON booking_revision (city, until_day, id);

-- Somebody who was asked whether another place would do; place_id is the visit
-- that holds it. state: 1 asked, 2 accepted, 3 keeps the old one.
CREATE TABLE booking_move (
	city        TEXT    NOT NULL,
	visit_id    BLOB    NOT NULL,
	place_id    BLOB    NOT NULL,
	centre      TEXT    NOT NULL,
	day         INTEGER NOT NULL,
	unit        INTEGER NOT NULL,
	state       INTEGER NOT NULL,
	actor       TEXT    NOT NULL CHECK (actor <> ''),
	made_us     INTEGER NOT NULL,
	until_us    INTEGER NOT NULL,
	answered_us INTEGER,
	PRIMARY KEY (city, visit_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX booking_move_day ON booking_move (city, centre, day, unit, visit_id);
