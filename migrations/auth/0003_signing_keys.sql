-- The keys access tokens are signed with. Times make the state: pending until `active_from`, active until
-- `retired_from`, published until `gone_from`; then the row is deleted.
CREATE TABLE signing_keys (
    -- RFC 7638 thumbprint.
    kid text PRIMARY KEY,
    algorithm text NOT NULL CHECK (algorithm IN ('ES256', 'EdDSA', 'RS256')),
    public_jwk jsonb NOT NULL,
    -- AES-256-GCM under the master key, bound to the kid.
    private_sealed bytea NOT NULL,
    created_at timestamptz NOT NULL,
    active_from timestamptz NOT NULL,
    retired_from timestamptz,
    gone_from timestamptz
);
