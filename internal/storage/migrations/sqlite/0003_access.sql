-- +goose Up
-- Who works here and which screens stand where. What a row says of a person is
-- sealed under that person's key; tokens are kept as digests only.

-- state: 1 works here, 2 has left. centres: ids parted by blanks, '' for all.
CREATE TABLE access_account (
	city        TEXT    NOT NULL,
	id          BLOB    NOT NULL,
	version     INTEGER NOT NULL,
	state       INTEGER NOT NULL,
	role        TEXT    NOT NULL,
	centres     TEXT    NOT NULL,
	login_tag   BLOB,
	outside_tag BLOB,
	key_ref     TEXT    NOT NULL,
	sealed      BLOB    NOT NULL,
	totp_step   INTEGER NOT NULL,
	fails       INTEGER NOT NULL,
	known_fails INTEGER NOT NULL,
	failed_us   INTEGER,
	seen_us     INTEGER,
	created_us  INTEGER NOT NULL,
	changed_us  INTEGER NOT NULL,
	PRIMARY KEY (city, id)
) STRICT, WITHOUT ROWID;
-- A user name is one person's in the whole installation: the sign-in page asks
-- for no city. So this one key does not begin with it.
CREATE UNIQUE INDEX access_account_login ON access_account (login_tag) WHERE login_tag IS NOT NULL;
CREATE UNIQUE INDEX access_account_outside ON access_account (city, outside_tag) WHERE outside_tag IS NOT NULL;

CREATE TABLE access_session (
	city      TEXT    NOT NULL,
	id        BLOB    NOT NULL,
	account   BLOB    NOT NULL,
	sealed    BLOB    NOT NULL,
	how       TEXT    NOT NULL,
	desk      TEXT    NOT NULL,
	made_us   INTEGER NOT NULL,
	seen_us   INTEGER NOT NULL,
	strong_us INTEGER NOT NULL,
	PRIMARY KEY (city, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX access_session_account ON access_session (city, account, id);
CREATE INDEX access_session_made ON access_session (made_us);

CREATE TABLE access_invite (
	city        TEXT    NOT NULL,
	id          BLOB    NOT NULL,
	role        TEXT    NOT NULL,
	centres     TEXT    NOT NULL,
	account     BLOB,
	outside_tag BLOB,
	actor       TEXT    NOT NULL CHECK (actor <> ''),
	made_us     INTEGER NOT NULL,
	expires_us  INTEGER NOT NULL,
	used_us     INTEGER,
	PRIMARY KEY (city, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX access_invite_open ON access_invite (city, expires_us) WHERE used_us IS NULL;
CREATE INDEX access_invite_outside ON access_invite (city, outside_tag) WHERE outside_tag IS NOT NULL;

-- pick is the part of a waiting code that finds its row; the rest is a digest.
CREATE TABLE access_device (
	city        TEXT    NOT NULL,
	id          BLOB    NOT NULL,
	centre      TEXT    NOT NULL,
	kind        TEXT    NOT NULL,
	name        TEXT    NOT NULL,
	pick        INTEGER NOT NULL,
	code        BLOB    NOT NULL,
	code_until_us INTEGER,
	tries       INTEGER NOT NULL,
	token       BLOB    NOT NULL,
	made_us     INTEGER NOT NULL,
	enrolled_us INTEGER,
	seen_us     INTEGER,
	ended_us    INTEGER,
	PRIMARY KEY (city, id)
) STRICT, WITHOUT ROWID;
-- The screen that types a code in does not know its city yet.
CREATE UNIQUE INDEX access_device_pick ON access_device (pick) WHERE code_until_us IS NOT NULL;
