-- +goose Up
-- Who says that a held place, or a place on a waiting list, is theirs, until a
-- code sent to their phone proves it. A claim to a held place has the visit's id.
-- kind: 1 a place, 2 the waiting list. state: 1 waiting, 2 proven, 3 dead.
CREATE TABLE booking_claim (
	city            TEXT NOT NULL,
	id              BYTEA NOT NULL,
	kind            BIGINT NOT NULL,
	state           BIGINT NOT NULL,
	centre          TEXT NOT NULL,
	service         TEXT NOT NULL,
	matters         BIGINT NOT NULL,
	from_day        BIGINT NOT NULL,
	to_day          BIGINT NOT NULL,
	phone_tag       BYTEA NOT NULL,
	sealed          BYTEA NOT NULL,
	lang            TEXT NOT NULL,
	code_tag        BYTEA,
	code_expires_us BIGINT,
	tries           BIGINT NOT NULL,
	sends           BIGINT NOT NULL,
	last_send_us    BIGINT,
	created_us      BIGINT NOT NULL,
	PRIMARY KEY (city, id)
);
CREATE INDEX booking_claim_age ON booking_claim (created_us);
