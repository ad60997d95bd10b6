-- +goose Up
-- What other machines hold of us: keys and calendar feeds, of which only a hash
-- is kept, and webhooks. An event stands once; a delivery for each endpoint that
-- asked for it. n counts the events of a subject: they arrive in that order.

CREATE TABLE api_key (
	city       TEXT    NOT NULL,
	hash       BLOB    NOT NULL,
	id         BLOB    NOT NULL,
	name       TEXT    NOT NULL,
	scopes     TEXT    NOT NULL,
	centres    TEXT    NOT NULL,
	rate       INTEGER NOT NULL,
	made_by    TEXT    NOT NULL,
	made_us    INTEGER NOT NULL,
	used_us    INTEGER,
	revoked_us INTEGER,
	PRIMARY KEY (city, hash)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX api_key_id ON api_key (city, id);

CREATE TABLE calendar_feed (
	city       TEXT    NOT NULL,
	hash       BLOB    NOT NULL,
	id         BLOB    NOT NULL,
	account    TEXT    NOT NULL,
	centre     TEXT    NOT NULL,
	lang       TEXT    NOT NULL,
	made_us    INTEGER NOT NULL,
	used_us    INTEGER,
	revoked_us INTEGER,
	PRIMARY KEY (city, hash)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX calendar_feed_id ON calendar_feed (city, id);
CREATE INDEX calendar_feed_account ON calendar_feed (city, account, id);

CREATE TABLE hook_endpoint (
	city       TEXT    NOT NULL,
	id         BLOB    NOT NULL,
	name       TEXT    NOT NULL,
	url        TEXT    NOT NULL,
	kinds      TEXT    NOT NULL,
	state      INTEGER NOT NULL,
	key        TEXT    NOT NULL,
	sealed     BLOB    NOT NULL,
	made_by    TEXT    NOT NULL,
	made_us    INTEGER NOT NULL,
	failing_us INTEGER,
	good_us    INTEGER,
	PRIMARY KEY (city, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX hook_endpoint_state ON hook_endpoint (city, state, id);

CREATE TABLE hook_event (
	city    TEXT    NOT NULL,
	id      BLOB    NOT NULL,
	kind    TEXT    NOT NULL,
	subject TEXT    NOT NULL,
	n       INTEGER NOT NULL,
	body    TEXT    NOT NULL,
	at_us   INTEGER NOT NULL,
	PRIMARY KEY (city, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX hook_event_subject ON hook_event (city, subject, n);
CREATE INDEX hook_event_at ON hook_event (city, at_us, id);
CREATE INDEX hook_event_old ON hook_event (at_us);

CREATE TABLE hook_delivery (
	city     TEXT    NOT NULL,
	endpoint BLOB    NOT NULL,
	event    BLOB    NOT NULL,
	subject  TEXT    NOT NULL,
	n        INTEGER NOT NULL,
	state    INTEGER NOT NULL,
	attempts INTEGER NOT NULL,
	due_us   INTEGER NOT NULL,
	made_us  INTEGER NOT NULL,
	done_us  INTEGER,
	status   INTEGER NOT NULL,
	took_us  INTEGER NOT NULL,
	error    TEXT    NOT NULL,
	PRIMARY KEY (city, endpoint, event)
) STRICT, WITHOUT ROWID;
CREATE INDEX hook_delivery_due ON hook_delivery (due_us) WHERE state = 0;
CREATE INDEX hook_delivery_subject ON hook_delivery (city, endpoint, subject, n) WHERE state = 0;
CREATE INDEX hook_delivery_old ON hook_delivery (made_us);
