-- One row per account of auth, under auth's id; made by the account's event or by the first call of its owner.
CREATE TABLE profiles (
    id uuid PRIMARY KEY,

    -- Auth decides these two groups. Each keeps the version of the newest event that set it, so that
    -- events may come twice and in any order; 0 means that they come from a token, not from an event.
    email text,
    email_verified boolean NOT NULL,
    email_version bigint NOT NULL,
    roles text[] NOT NULL,
    roles_version bigint NOT NULL,

    -- The owner decides these.
    display_name text,
    locale text,
    time_zone text,

    -- Admins decide these.
    status text NOT NULL,
    status_reason text,

    -- What search and sorting compare: lower case, '' for nothing, in code point order on every machine.
    email_key text COLLATE "C" NOT NULL,
    name_key text COLLATE "C" NOT NULL,

    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz,

    CONSTRAINT profiles_status_known CHECK (status IN ('active', 'suspended', 'deleted')),
    CONSTRAINT profiles_versions_count_up CHECK (version > 0 AND email_version >= 0 AND roles_version >= 0),
    CONSTRAINT profiles_display_name_length CHECK (char_length(display_name) BETWEEN 1 AND 100),
    CONSTRAINT profiles_status_reason_length CHECK (char_length(status_reason) BETWEEN 1 AND 500),
    CONSTRAINT profiles_email_length CHECK (char_length(email) BETWEEN 1 AND 320),
    CONSTRAINT profiles_email_known CHECK (status = 'deleted' OR email IS NOT NULL),
    -- A tombstone keeps the id, so that it is never used again, and nothing about the person.
    CONSTRAINT profiles_deleted_are_erased CHECK (
        (status = 'deleted') = (deleted_at IS NOT NULL)
        AND (status <> 'deleted' OR (
            num_nonnulls(email, display_name, locale, time_zone, status_reason) = 0
            AND email_key = '' AND name_key = '' AND roles = '{}' AND NOT email_verified
        ))
    )
);

-- One index per sort, the id as its tie-break; the first two serve the prefix search as well.
CREATE INDEX profiles_email_idx ON profiles (email_key, id);
CREATE INDEX profiles_name_idx ON profiles (name_key, id);
CREATE INDEX profiles_created_idx ON profiles (created_at, id);
CREATE INDEX profiles_roles_idx ON profiles USING gin (roles);
CREATE INDEX profiles_not_active_idx ON profiles (status, created_at, id) WHERE status <> 'active';
