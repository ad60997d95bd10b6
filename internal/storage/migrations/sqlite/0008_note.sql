-- +goose Up
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
