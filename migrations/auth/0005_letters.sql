-- Mail to be sent, written in the transaction that causes it and delivered afterwards. Codes are made at delivery and
-- never stored here.
CREATE TABLE letters (
    id uuid PRIMARY KEY,
    kind text NOT NULL,
    recipient text NOT NULL,
    -- The registration that a verification letter confirms; see codes.
    password_hash text,
    display_name text,
    created_at timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL
);
CREATE INDEX letters_due_at_idx ON letters (due_at);
