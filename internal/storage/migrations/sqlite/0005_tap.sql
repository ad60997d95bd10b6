-- +goose Up
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
