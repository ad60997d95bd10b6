-- +goose Up
-- Stops for isolation with what was said of them, apart from the card's other
-- reasons, and the reports to the interior ministry that follow from them. A
-- report's row knows its state and its stop; what it says is sealed to the
-- receiver's key and opens nowhere here.

CREATE TABLE isolation (
	city         TEXT    NOT NULL,
	id           BYTEA   NOT NULL,
	card_tag     BYTEA   NOT NULL,
	place        BIGINT  NOT NULL,
	pairing_id   BYTEA   NOT NULL,
	since_us     BIGINT  NOT NULL,
	until_day    BIGINT  NOT NULL,
	notice_id    BYTEA,
	told_us      BIGINT,
	confirmed_us BIGINT  NOT NULL,
	appeal       BIGINT  NOT NULL,
	source       TEXT    NOT NULL CHECK (source <> ''),
	ended_us     BIGINT,
	end_why      TEXT    NOT NULL,
	recalled     BIGINT  NOT NULL,
	PRIMARY KEY (city, id)
) WITH (fillfactor = 70);
CREATE INDEX isolation_card ON isolation (city, card_tag, id) WHERE ended_us IS NULL;
CREATE INDEX isolation_place ON isolation (city, place, id) WHERE ended_us IS NULL;
CREATE INDEX isolation_untold ON isolation (since_us) WHERE notice_id IS NOT NULL AND told_us IS NULL;
CREATE INDEX isolation_recall ON isolation (ended_us) WHERE ended_us IS NOT NULL AND recalled = 0;
CREATE INDEX isolation_old ON isolation (until_day);

-- state: 1 waiting, 2 filed, 3 received, 4 withdrawing, 5 withdrawn,
-- 6 cancelled, 7 refused, 8 held.
CREATE TABLE report (
	city       TEXT    NOT NULL,
	id         BYTEA   NOT NULL,
	stop_id    BYTEA   NOT NULL,
	day        BIGINT  NOT NULL,
	state      BIGINT  NOT NULL,
	sealed     BYTEA   NOT NULL,
	due_us     BIGINT,
	attempts   BIGINT  NOT NULL,
	receipt    TEXT    NOT NULL,
	why        TEXT    NOT NULL,
	error      TEXT    NOT NULL,
	created_us BIGINT  NOT NULL,
	changed_us BIGINT  NOT NULL,
	done_us    BIGINT,
	PRIMARY KEY (city, id)
) WITH (fillfactor = 70);
-- One report for a stop and a day.
CREATE UNIQUE INDEX report_once ON report (city, stop_id, day);
CREATE INDEX report_made ON report (city, created_us);
CREATE INDEX report_due ON report (city, state, due_us) WHERE due_us IS NOT NULL;
CREATE INDEX report_done ON report (done_us) WHERE done_us IS NOT NULL;
