-- +goose Up
-- Notes that staff leave on a visit, sealed under the visit's own key: who
-- erases the person erases what was written about them.

CREATE TABLE booking_remark (
	city   TEXT    NOT NULL,
	visit  BYTEA   NOT NULL,
	id     BYTEA   NOT NULL,
	at_us  BIGINT  NOT NULL,
	author TEXT    NOT NULL CHECK (author <> ''),
	sealed BYTEA   NOT NULL,
	PRIMARY KEY (city, visit, id)
);
