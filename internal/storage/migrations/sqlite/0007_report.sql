-- +goose Up
-- Stops for isolation with what was said of them, apart from the card's other
-- reasons, and the reports to the interior ministry that follow from them. A
-- report's row knows its state and its stop; what it says is sealed to the
-- receiver's key and opens nowhere here.

CREATE TABLE isolation (
	city         TEXT    NOT NULL,
	id           BLOB    NOT NULL,
	card_tag     BLOB    NOT NULL,
	place        INTEGER NOT NULL,
	pairing_id   BLOB    NOT NULL,
	since_us     INTEGER NOT NULL,
	until_day    INTEGER NOT NULL,
	notice_id    BLOB,
	told_us      INTEGER,
	confirmed_us INTEGER NOT NULL,
	appeal       INTEGER NOT NULL,
	source       TEXT    NOT NULL CHECK (source <> ''),
	ended_us     INTEGER,
	end_why      TEXT    NOT NULL,
	recalled     INTEGER NOT NULL,
	PRIMARY KEY (city, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX isolation_card ON isolation (city, card_tag, id) WHERE ended_us IS NULL;
CREATE INDEX isolation_place ON isolation (city, place, id) WHERE ended_us IS NULL;
CREATE INDEX isolation_untold ON isolation (since_us) WHERE notice_id IS NOT NULL AND told_us IS NULL;
CREATE INDEX isolation_recall ON isolation (ended_us) WHERE ended_us IS NOT NULL AND recalled = 0;
CREATE INDEX isolation_old ON isolation (until_day);

-- state: 1 waiting, 2 filed, 3 received, 4 withdrawing, 5 withdrawn,
-- 6 cancelled, 7 refused, 8 held.
CREATE TABLE report (
	city       TEXT    NOT NULL,
	id         BLOB    NOT NULL,
	stop_id    BLOB    NOT NULL,
	day        INTEGER NOT NULL,
	state      INTEGER NOT NULL,
	sealed     BLOB    NOT NULL,
	due_us     INTEGER,
	attempts   INTEGER NOT NULL,
	receipt    TEXT    NOT NULL,
	why        TEXT    NOT NULL,
	error      TEXT    NOT NULL,
	created_us INTEGER NOT NULL,
	changed_us INTEGER NOT NULL,
	done_us    INTEGER,
	PRIMARY KEY (city, id)
) STRICT, WITHOUT ROWID;
-- One report for a stop and a day.
CREATE UNIQUE INDEX report_once ON report (city, stop_id, day);
CREATE INDEX report_made ON report (city, created_us);
CREATE INDEX report_due ON report (city, state, due_us) WHERE due_us IS NOT NULL;
CREATE INDEX report_done ON report (done_us) WHERE done_us IS NOT NULL;
