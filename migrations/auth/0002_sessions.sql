-- A signed-in device. Its row is locked by everything that changes it: refresh, logout, revocation.
CREATE TABLE sessions (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
    -- How often the refresh token was rotated; only the token of this generation may rotate it again.
    generation bigint NOT NULL DEFAULT 0,
    authenticated_at timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,
    -- The end whatever happens; it ends earlier when it is idle for too long.
    expires_at timestamptz NOT NULL,
    ended_at timestamptz,
    end_reason text,
    ip text,
    user_agent text
);
CREATE INDEX sessions_account_id_idx ON sessions (account_id, id);
-- What the sweep looks for.
CREATE INDEX sessions_ended_at_idx ON sessions (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX sessions_expires_at_idx ON sessions (expires_at);
CREATE INDEX sessions_last_used_at_idx ON sessions (last_used_at);

-- Every refresh token of a living session, so that a used one is recognised when it comes back.
CREATE TABLE refresh_tokens (
    -- SHA-256 of the token, which has 256 random bits and needs no salt.
    token_hash bytea PRIMARY KEY,
    session_id uuid NOT NULL REFERENCES sessions ON DELETE CASCADE,
    generation bigint NOT NULL,
    rotated_at timestamptz,
    -- The token that replaced this one, readable only with this one: the key is derived from it.
    successor_sealed bytea,
    CONSTRAINT refresh_tokens_generation_key UNIQUE (session_id, generation)
);
