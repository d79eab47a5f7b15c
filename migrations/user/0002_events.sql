-- How far auth's feed has been read. The row is locked while events are applied, and moves in the same transaction.
CREATE TABLE event_cursors (
    feed text PRIMARY KEY,
    position text,
    moved_at timestamptz
);

INSERT INTO event_cursors (feed) VALUES ('auth');

-- The events applied lately: what comes again is known by its id.
CREATE TABLE applied_events (
    id uuid PRIMARY KEY,
    applied_at timestamptz NOT NULL
);

CREATE INDEX applied_events_applied_at_idx ON applied_events (applied_at);

-- Events that could not be applied, set aside so that the ones behind them can. They are tried again when due;
-- after the last attempt `due_at` is null, and someone must look. To try again: UPDATE parked_events SET attempts = 0, due_at = now().
CREATE TABLE parked_events (
    id uuid PRIMARY KEY,
    subject uuid,
    payload text NOT NULL,
    reason text NOT NULL,
    attempts integer NOT NULL,
    due_at timestamptz,
    parked_at timestamptz NOT NULL,

    CONSTRAINT parked_events_attempts_count_up CHECK (attempts >= 1 OR due_at IS NOT NULL)
);

CREATE INDEX parked_events_due_at_idx ON parked_events (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX parked_events_subject_idx ON parked_events (subject);
