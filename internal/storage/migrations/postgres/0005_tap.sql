-- +goose Up
-- What validators tell. A device is named by the first 8 bytes of its key's
-- digest, one run of it (boot) by 16 random bytes.

-- A token lets one device in, once. Only its digest is kept. province is the
-- plate code of a device of the portal of many provinces, 0 elsewhere.
CREATE TABLE tap_token (
	city       TEXT    NOT NULL,
	hash       BYTEA   NOT NULL,
	name       TEXT    NOT NULL,
	stop       BIGINT  NOT NULL,
	mode       BIGINT  NOT NULL,
	province   BIGINT  NOT NULL,
	made_us    BIGINT  NOT NULL,
	expires_us BIGINT  NOT NULL,
	used_us    BIGINT,
	device     BYTEA,
	PRIMARY KEY (city, hash)
);
CREATE INDEX tap_token_old ON tap_token (expires_us);

-- From list on: what the device last said of itself.
CREATE TABLE tap_device (
	city           TEXT    NOT NULL,
	id             BYTEA   NOT NULL,
	key            BYTEA   NOT NULL,
	seal_key       BYTEA   NOT NULL,
	name           TEXT    NOT NULL,
	stop           BIGINT  NOT NULL,
	mode           BIGINT  NOT NULL,
	province       BIGINT  NOT NULL,
	enrolled_us    BIGINT  NOT NULL,
	revoked_us     BIGINT,
	forks          BIGINT  NOT NULL,
	seen_us        BIGINT  NOT NULL,
	list           BIGINT  NOT NULL,
	list_issued_us BIGINT  NOT NULL,
	waiting        BIGINT  NOT NULL,
	dropped        BIGINT  NOT NULL,
	program        TEXT    NOT NULL,
	PRIMARY KEY (city, id)
);

-- One run of a device. Every column only rises, so batches may come in any
-- order. taken falls short of highest by what was lost; receipts up to floor
-- are forgotten; up to chained each batch is known to follow the one before.
CREATE TABLE tap_boot (
	city           TEXT    NOT NULL,
	device         BYTEA   NOT NULL,
	boot           BYTEA   NOT NULL,
	highest        BIGINT  NOT NULL,
	taken          BIGINT  NOT NULL,
	seen_us        BIGINT  NOT NULL,
	list           BIGINT  NOT NULL,
	list_issued_us BIGINT  NOT NULL,
	floor          BIGINT  NOT NULL,
	chained        BIGINT  NOT NULL,
	digest         BYTEA   NOT NULL,
	PRIMARY KEY (city, device, boot)
) WITH (fillfactor = 80);

CREATE TABLE tap_receipt (
	city        TEXT    NOT NULL,
	device      BYTEA   NOT NULL,
	boot        BYTEA   NOT NULL,
	sequence    BIGINT  NOT NULL,
	digest      BYTEA   NOT NULL,
	follows     BYTEA   NOT NULL,
	received_us BIGINT  NOT NULL,
	PRIMARY KEY (city, device, boot, sequence)
);

-- hour counts from 1970 in UTC.
CREATE TABLE tap_count (
	city     TEXT    NOT NULL,
	hour     BIGINT  NOT NULL,
	stop     BIGINT  NOT NULL,
	mode     BIGINT  NOT NULL,
	class    BIGINT  NOT NULL,
	unissued BIGINT  NOT NULL,
	decision BIGINT  NOT NULL,
	taps     BIGINT  NOT NULL,
	PRIMARY KEY (city, hour, stop, mode, class, unissued, decision)
) WITH (fillfactor = 80);

-- Taps refused because a stop held, by the card's index in the list. state: 0
-- new, 1 considered. due_us is when a new one may be looked at (a lease moves
-- it) and when a considered one goes.
CREATE TABLE tap_attempt (
	city           TEXT    NOT NULL,
	device         BYTEA   NOT NULL,
	boot           BYTEA   NOT NULL,
	batch          BIGINT  NOT NULL,
	place          BIGINT  NOT NULL,
	card           BIGINT  NOT NULL,
	class          BIGINT  NOT NULL,
	stop           BIGINT  NOT NULL,
	mode           BIGINT  NOT NULL,
	clock_us       BIGINT  NOT NULL,
	earliest_us    BIGINT  NOT NULL,
	latest_us      BIGINT  NOT NULL,
	certain        BIGINT  NOT NULL,
	list           BIGINT  NOT NULL,
	list_issued_us BIGINT  NOT NULL,
	received_us    BIGINT  NOT NULL,
	state          BIGINT  NOT NULL,
	due_us         BIGINT  NOT NULL,
	PRIMARY KEY (city, device, boot, batch, place)
);
CREATE INDEX tap_attempt_due ON tap_attempt (state, due_us);
CREATE INDEX tap_attempt_clock ON tap_attempt (city, clock_us);
