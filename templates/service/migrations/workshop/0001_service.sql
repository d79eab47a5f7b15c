-- The answers to requests that carried an Idempotency-Key, written in the transaction of their effect.
CREATE TABLE idempotency_keys (
    subject     uuid        NOT NULL,
    key         text        NOT NULL CONSTRAINT idempotency_keys_key_check CHECK (length(key) BETWEEN 1 AND 255),
    -- SHA-256 of the method, the address and the body.
    fingerprint bytea       NOT NULL,
    -- The answer; null only inside the transaction that is still making it.
    status      smallint,
    headers     jsonb,
    body        bytea,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (subject, key)
);

CREATE INDEX idempotency_keys_expires_idx ON idempotency_keys (expires_at);

-- Transactional outbox. `xid` orders rows by the transaction that wrote them: a reader goes no further than the oldest
-- transaction still running, because a row of that one may yet appear before what was read.
-- Rows keep their place only within one database cluster: after a logical restore into another, readers start anew.
CREATE TABLE events (
    id          uuid        NOT NULL CONSTRAINT events_pkey PRIMARY KEY,
    xid         xid8        NOT NULL DEFAULT pg_current_xact_id(),
    seq         bigint      GENERATED ALWAYS AS IDENTITY,
    type        text        NOT NULL,
    subject     uuid        NOT NULL,
    version     bigint      NOT NULL,
    occurred_at timestamptz NOT NULL,
    data        jsonb       NOT NULL,
    CONSTRAINT events_subject_version_key UNIQUE (subject, version)
);

CREATE INDEX events_position_idx ON events (xid, seq);
