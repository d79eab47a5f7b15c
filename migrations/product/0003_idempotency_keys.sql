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
