-- Transactional outbox. `xid` orders rows by the transaction that wrote them: a reader goes no further than the oldest
-- transaction still running, because a row of that one may yet appear before what was read.
-- Rows keep their place only within one database cluster: after a logical restore into another, readers start anew.
CREATE TABLE events (
    id uuid PRIMARY KEY,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    seq bigint GENERATED ALWAYS AS IDENTITY,
    type text NOT NULL,
    subject uuid NOT NULL,
    version bigint NOT NULL,
    occurred_at timestamptz NOT NULL,
    data jsonb NOT NULL,
    CONSTRAINT events_subject_version_key UNIQUE (subject, version)
);
CREATE INDEX events_position_idx ON events (xid, seq);

-- Tokens that ended before their time; kept until the last of them has expired by itself.
CREATE TABLE revocations (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    session_id uuid,
    subject uuid,
    not_before timestamptz,
    expires_at timestamptz NOT NULL,
    CHECK (session_id IS NOT NULL OR (subject IS NOT NULL AND not_before IS NOT NULL))
);
CREATE INDEX revocations_xid_idx ON revocations (xid);
CREATE INDEX revocations_expires_at_idx ON revocations (expires_at);
