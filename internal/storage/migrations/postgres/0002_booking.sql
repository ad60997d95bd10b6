-- +goose Up
-- Appointments. Whoever changes anything of a centre's day holds the row of
-- booking_day first. Cells count, they are not places: pool '' is the floor.

CREATE TABLE booking_day (
	city    TEXT    NOT NULL,
	centre  TEXT    NOT NULL,
	day     BIGINT  NOT NULL,
	version BIGINT  NOT NULL,
	tickets BIGINT  NOT NULL,
	events  BIGINT  NOT NULL,
	PRIMARY KEY (city, centre, day)
) WITH (fillfactor = 70);

CREATE TABLE booking_cell (
	city       TEXT    NOT NULL,
	centre     TEXT    NOT NULL,
	day        BIGINT  NOT NULL,
	pool       TEXT    NOT NULL,
	unit       BIGINT  NOT NULL,
	plan       BIGINT  NOT NULL,
	cap        BIGINT  NOT NULL,
	used       BIGINT  NOT NULL,
	phone      BIGINT  NOT NULL,
	phone_used BIGINT  NOT NULL,
	walk       BIGINT  NOT NULL,
	walk_used  BIGINT  NOT NULL,
	PRIMARY KEY (city, centre, day, pool, unit),
	CHECK (used >= 0 AND used <= cap AND phone_used >= 0 AND walk_used >= 0 AND phone_used + walk_used <= used)
) WITH (fillfactor = 70);

CREATE TABLE booking_exception (
	city     TEXT    NOT NULL,
	id       BYTEA   NOT NULL,
	centre   TEXT    NOT NULL,
	pool     TEXT    NOT NULL,
	day      BIGINT  NOT NULL,
	from_min BIGINT  NOT NULL,
	to_min   BIGINT  NOT NULL,
	desks    BIGINT  NOT NULL,
	closed   BIGINT  NOT NULL,
	opened   BIGINT  NOT NULL,
	why      TEXT    NOT NULL,
	actor    TEXT    NOT NULL CHECK (actor <> ''),
	at_us    BIGINT  NOT NULL,
	PRIMARY KEY (city, id)
);
CREATE INDEX booking_exception_day ON booking_exception (city, day, id);

-- state: 1 held, 2 booked, 3 arrived, 4 resting; from 10 on it is over.
CREATE TABLE booking_visit (
	city          TEXT    NOT NULL,
	id            BYTEA   NOT NULL,
	code          BIGINT  NOT NULL,
	centre        TEXT    NOT NULL,
	pool          TEXT    NOT NULL,
	day           BIGINT  NOT NULL,
	unit          BIGINT  NOT NULL,
	units         BIGINT  NOT NULL,
	service       TEXT    NOT NULL,
	matters       BIGINT  NOT NULL,
	state         BIGINT  NOT NULL,
	hold_until_us BIGINT,
	channel       TEXT    NOT NULL,
	holder        BYTEA,
	slot          BIGINT  NOT NULL,
	phone_tag     BYTEA,
	key           TEXT,
	sealed        BYTEA   NOT NULL,
	lang          TEXT    NOT NULL,
	wait_id       BYTEA,
	sequence      BIGINT  NOT NULL,
	due_us        BIGINT,
	confirmed     BIGINT  NOT NULL,
	reminded      BIGINT  NOT NULL,
	created_us    BIGINT  NOT NULL,
	changed_us    BIGINT  NOT NULL,
	PRIMARY KEY (city, id)
);
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
	id         BYTEA   NOT NULL,
	centre     TEXT    NOT NULL,
	service    TEXT    NOT NULL,
	pool       TEXT    NOT NULL,
	units      BIGINT  NOT NULL,
	matters    BIGINT  NOT NULL,
	from_day   BIGINT  NOT NULL,
	to_day     BIGINT  NOT NULL,
	holder     BYTEA   NOT NULL,
	phone_tag  BYTEA,
	sealed     BYTEA   NOT NULL,
	lang       TEXT    NOT NULL,
	state      BIGINT  NOT NULL,
	visit_id   BYTEA,
	offers     BIGINT  NOT NULL,
	created_us BIGINT  NOT NULL,
	PRIMARY KEY (city, id)
);
CREATE INDEX booking_wait_next ON booking_wait (city, centre, pool, id) WHERE state = 1;
CREATE UNIQUE INDEX booking_wait_holder ON booking_wait (city, holder, centre, service) WHERE state < 3;

CREATE TABLE booking_ticket (
	city       TEXT    NOT NULL,
	centre     TEXT    NOT NULL,
	day        BIGINT  NOT NULL,
	number     BIGINT  NOT NULL,
	visit_id   BYTEA,
	pool       TEXT    NOT NULL,
	service    TEXT    NOT NULL,
	matters    BIGINT  NOT NULL,
	state      BIGINT  NOT NULL,
	desk       TEXT    NOT NULL,
	recalls    BIGINT  NOT NULL,
	slot_us    BIGINT,
	arrived_us BIGINT  NOT NULL,
	called_us  BIGINT,
	started_us BIGINT,
	ended_us   BIGINT,
	shown_us   BIGINT,
	PRIMARY KEY (city, centre, day, number)
);
CREATE UNIQUE INDEX booking_ticket_visit ON booking_ticket (city, visit_id) WHERE visit_id IS NOT NULL;

CREATE TABLE booking_event (
	city   TEXT    NOT NULL,
	centre TEXT    NOT NULL,
	day    BIGINT  NOT NULL,
	seq    BIGINT  NOT NULL,
	ticket BIGINT  NOT NULL,
	was    TEXT    NOT NULL,
	state  BIGINT  NOT NULL,
	desk   TEXT    NOT NULL,
	actor  TEXT    NOT NULL CHECK (actor <> ''),
	at_us  BIGINT  NOT NULL,
	undone BIGINT  NOT NULL,
	PRIMARY KEY (city, centre, day, seq)
);
