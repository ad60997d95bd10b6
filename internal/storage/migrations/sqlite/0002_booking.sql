-- +goose Up
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
