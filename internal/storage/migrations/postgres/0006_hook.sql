-- +goose Up
-- What other machines hold of us: keys and calendar feeds, of which only a hash
-- is kept, and webhooks. An event stands once; a delivery for each endpoint that
-- asked for it. n counts the events of a subject: they arrive in that order.

CREATE TABLE api_key (
	city       TEXT    NOT NULL,
	hash       BYTEA   NOT NULL,
	id         BYTEA   NOT NULL,
	name       TEXT    NOT NULL,
	scopes     TEXT    NOT NULL,
	centres    TEXT    NOT NULL,
	rate       BIGINT  NOT NULL,
	made_by    TEXT    NOT NULL,
	made_us    BIGINT  NOT NULL,
	used_us    BIGINT,
	revoked_us BIGINT,
	PRIMARY KEY (city, hash)
);
CREATE UNIQUE INDEX api_key_id ON api_key (city, id);

CREATE TABLE calendar_feed (
	city       TEXT    NOT NULL,
	hash       BYTEA   NOT NULL,
	id         BYTEA   NOT NULL,
	account    TEXT    NOT NULL,
	centre     TEXT    NOT NULL,
	lang       TEXT    NOT NULL,
	made_us    BIGINT  NOT NULL,
	used_us    BIGINT,
	revoked_us BIGINT,
	PRIMARY KEY (city, hash)
);
CREATE UNIQUE INDEX calendar_feed_id ON calendar_feed (city, id);
CREATE INDEX calendar_feed_account ON calendar_feed (city, account, id);

CREATE TABLE hook_endpoint (
	city       TEXT    NOT NULL,
	id         BYTEA   NOT NULL,
	name       TEXT    NOT NULL,
	url        TEXT    NOT NULL,
	kinds      TEXT    NOT NULL,
	state      BIGINT  NOT NULL,
	key        TEXT    NOT NULL,
	sealed     BYTEA   NOT NULL,
	made_by    TEXT    NOT NULL,
	made_us    BIGINT  NOT NULL,
	failing_us BIGINT,
	good_us    BIGINT,
	PRIMARY KEY (city, id)
);
CREATE INDEX hook_endpoint_state ON hook_endpoint (city, state, id);

CREATE TABLE hook_event (
	city    TEXT    NOT NULL,
	id      BYTEA   NOT NULL,
	kind    TEXT    NOT NULL,
	subject TEXT    NOT NULL,
	n       BIGINT  NOT NULL,
	body    TEXT    NOT NULL,
	at_us   BIGINT  NOT NULL,
	PRIMARY KEY (city, id)
);
CREATE UNIQUE INDEX hook_event_subject ON hook_event (city, subject, n);
CREATE INDEX hook_event_at ON hook_event (city, at_us, id);
CREATE INDEX hook_event_old ON hook_event (at_us);

CREATE TABLE hook_delivery (
	city     TEXT    NOT NULL,
	endpoint BYTEA   NOT NULL,
	event    BYTEA   NOT NULL,
	subject  TEXT    NOT NULL,
	n        BIGINT  NOT NULL,
	state    BIGINT  NOT NULL,
	attempts BIGINT  NOT NULL,
	due_us   BIGINT  NOT NULL,
	made_us  BIGINT  NOT NULL,
	done_us  BIGINT,
	status   BIGINT  NOT NULL,
	took_us  BIGINT  NOT NULL,
	error    TEXT    NOT NULL,
	PRIMARY KEY (city, endpoint, event)
);
CREATE INDEX hook_delivery_due ON hook_delivery (due_us) WHERE state = 0;
CREATE INDEX hook_delivery_subject ON hook_delivery (city, endpoint, subject, n) WHERE state = 0;
CREATE INDEX hook_delivery_old ON hook_delivery (made_us);
