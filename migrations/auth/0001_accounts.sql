-- Who may sign in. Ids and times come from the service; `email` is stored as it is compared: trimmed and in lower case.
CREATE TABLE accounts (
    id uuid PRIMARY KEY,
    email text NOT NULL CONSTRAINT accounts_email_key UNIQUE CHECK (length(email) BETWEEN 3 AND 254),
    email_verified_at timestamptz,
    display_name text CHECK (length(display_name) BETWEEN 1 AND 100),
    password_hash text NOT NULL,
    roles text[] NOT NULL CHECK (cardinality(roles) >= 1),
    locked_at timestamptz,
    -- Access tokens issued earlier are void; set when the rights in them changed.
    tokens_valid_from timestamptz NOT NULL,
    -- Counts what happened to the account, for readers of the event feed and for If-Match.
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX accounts_unverified_idx ON accounts (updated_at) WHERE email_verified_at IS NULL;

-- One-time codes sent by mail; only a keyed hash is kept.
CREATE TABLE codes (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
    purpose text NOT NULL CHECK (purpose IN ('verify_email', 'reset_password')),
    code_hash bytea NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    -- The registration this code confirms: its password and name take effect with it, so that someone else
    -- registering the same address cannot slip in their own.
    password_hash text,
    display_name text,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX codes_account_purpose_idx ON codes (account_id, purpose);
CREATE INDEX codes_expires_at_idx ON codes (expires_at);
