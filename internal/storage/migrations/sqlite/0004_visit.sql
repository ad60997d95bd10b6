-- +goose Up
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
