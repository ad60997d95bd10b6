-- +goose Up
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
