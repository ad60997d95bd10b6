-- +goose Up
-- Times are microseconds since 1970 UTC, tags 16 bytes of a keyed hash, ids the
-- 16 bytes of a UUIDv7. City leads every key, so a distributed engine can put a
-- city's rows together; ids that rise with time keep every primary key an
-- append. Values that are rewritten often leave room on their pages (fillfactor),
-- so that a new version of a row needs no new index entry.

CREATE TABLE request (
	city            TEXT    NOT NULL,
	id              BYTEA   NOT NULL,
	version         BIGINT  NOT NULL,
	kind            TEXT    NOT NULL,
	state           TEXT    NOT NULL,
	lang            TEXT    NOT NULL,
	channel         TEXT    NOT NULL,
	blind           BIGINT  NOT NULL,
	phone_tag       BYTEA,
	person_tag      BYTEA,
	card_tag        BYTEA,
	sealed          BYTEA   NOT NULL,
	code_tag        BYTEA,
	code_expires_us BIGINT,
	tries           BIGINT  NOT NULL,
	sends           BIGINT  NOT NULL,
	last_send_us    BIGINT,
	created_us      BIGINT  NOT NULL,
	proven_us       BIGINT,
	due_us          BIGINT,
	attempts        BIGINT  NOT NULL,
	result          TEXT    NOT NULL,
	pairing_id      BYTEA,
	PRIMARY KEY (city, id)
);
CREATE INDEX request_due ON request (due_us) WHERE state = 'proven';
CREATE INDEX request_old ON request (created_us) WHERE state <> 'proven';

CREATE TABLE pairing (
	city          TEXT    NOT NULL,
	id            BYTEA   NOT NULL,
	card_tag      BYTEA   NOT NULL,
	last4         TEXT    NOT NULL,
	person_id     BYTEA,
	person_tag    BYTEA,
	phone_tag     BYTEA,
	person_slot   BIGINT  NOT NULL,
	code_slot     BIGINT  NOT NULL,
	hes_tag       BYTEA,
	sealed_hes    BYTEA   NOT NULL,
	proof         BIGINT  NOT NULL,
	channel       TEXT    NOT NULL,
	lang          TEXT    NOT NULL,
	at_us         BIGINT  NOT NULL,
	next_check_us BIGINT,
	ended_us      BIGINT,
	end_reason    TEXT    NOT NULL,
	PRIMARY KEY (city, id)
);
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
	id         BYTEA   NOT NULL,
	tag        BYTEA,
	key_ref    TEXT    NOT NULL,
	sealed     BYTEA   NOT NULL,
	created_us BIGINT  NOT NULL,
	updated_us BIGINT  NOT NULL,
	PRIMARY KEY (city, id)
);
-- One record for each person; an erased one has no tag.
CREATE UNIQUE INDEX person_tag ON person (city, tag) WHERE tag IS NOT NULL;

CREATE TABLE card (
	city       TEXT    NOT NULL,
	tag        BYTEA   NOT NULL,
	scheme     BIGINT  NOT NULL,
	idx        BIGINT  NOT NULL,
	last4      TEXT    NOT NULL,
	class      BIGINT  NOT NULL,
	stop_until BIGINT  NOT NULL,
	changed_us BIGINT  NOT NULL,
	PRIMARY KEY (city, tag)
);
CREATE INDEX card_changed ON card (city, changed_us, tag);

CREATE TABLE card_reason (
	city       TEXT    NOT NULL,
	tag        BYTEA   NOT NULL,
	kind       BIGINT  NOT NULL,
	since_us   BIGINT  NOT NULL,
	until_day  BIGINT  NOT NULL,
	provenance TEXT    NOT NULL CHECK (provenance <> ''),
	PRIMARY KEY (city, tag, kind)
);

CREATE TABLE once (
	city  TEXT    NOT NULL,
	key   TEXT    NOT NULL,
	body  BYTEA   NOT NULL,
	ref   TEXT    NOT NULL,
	at_us BIGINT  NOT NULL,
	PRIMARY KEY (city, key)
);
CREATE INDEX once_old ON once (at_us);

CREATE TABLE guard (
	city     TEXT    NOT NULL,
	kind     TEXT    NOT NULL,
	tag      BYTEA   NOT NULL,
	sent     BYTEA   NOT NULL,
	count    BIGINT  NOT NULL,
	good     BIGINT  NOT NULL,
	fails    BIGINT  NOT NULL,
	since_us BIGINT  NOT NULL,
	PRIMARY KEY (city, kind, tag)
) WITH (fillfactor = 70);

CREATE TABLE audit (
	city       TEXT    NOT NULL,
	id         BYTEA   NOT NULL,
	at_us      BIGINT  NOT NULL,
	actor_kind TEXT    NOT NULL CHECK (actor_kind <> ''),
	actor_ref  TEXT    NOT NULL,
	channel    TEXT    NOT NULL,
	action     TEXT    NOT NULL CHECK (action <> ''),
	subject    BYTEA,
	object     TEXT    NOT NULL,
	purpose    TEXT    NOT NULL,
	result     TEXT    NOT NULL,
	PRIMARY KEY (city, id)
);
-- Who looked at a person: only reads with a purpose are in it, so that a
-- pairing pays nothing.
CREATE INDEX audit_reads ON audit (city, subject, id) WHERE purpose <> '';

CREATE TABLE outbox (
	city       TEXT    NOT NULL,
	id         BYTEA   NOT NULL,
	class      BIGINT  NOT NULL,
	state      BIGINT  NOT NULL,
	sealed     BYTEA   NOT NULL,
	due_us     BIGINT  NOT NULL,
	expires_us BIGINT  NOT NULL,
	attempts   BIGINT  NOT NULL,
	reference  TEXT    NOT NULL,
	error      TEXT    NOT NULL,
	done_us    BIGINT,
	PRIMARY KEY (city, id)
);
CREATE INDEX outbox_due ON outbox (class, due_us) WHERE state = 0;
CREATE INDEX outbox_done ON outbox (done_us) WHERE done_us IS NOT NULL;

CREATE TABLE city_revision (
	city     TEXT    NOT NULL,
	revision BIGINT  NOT NULL,
	from_us  BIGINT  NOT NULL,
	toml     TEXT    NOT NULL,
	author   TEXT    NOT NULL CHECK (author <> ''),
	at_us    BIGINT  NOT NULL,
	PRIMARY KEY (city, revision)
);

CREATE TABLE setting (
	city  TEXT    NOT NULL,
	key   TEXT    NOT NULL,
	value BYTEA   NOT NULL,
	at_us BIGINT  NOT NULL,
	PRIMARY KEY (city, key)
);

CREATE TABLE counter (
	city  TEXT    NOT NULL,
	name  TEXT    NOT NULL,
	value BIGINT  NOT NULL,
	PRIMARY KEY (city, name)
);

CREATE TABLE device (
	city       TEXT    NOT NULL,
	id         BYTEA   NOT NULL,
	kind       TEXT    NOT NULL,
	name       TEXT    NOT NULL,
	public_key BYTEA   NOT NULL,
	secret_tag BYTEA,
	created_us BIGINT  NOT NULL,
	seen_us    BIGINT,
	revoked_us BIGINT,
	PRIMARY KEY (city, id)
);
