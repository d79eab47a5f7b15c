CREATE TABLE gizmos (
    id uuid NOT NULL CONSTRAINT gizmos_pkey PRIMARY KEY,
    owner_id uuid NOT NULL,
    name text NOT NULL
        CONSTRAINT gizmos_name_check CHECK (length(name) BETWEEN 1 AND 200),
    description text
        CONSTRAINT gizmos_description_check CHECK (length(description) <= 5000),
    quantity bigint NOT NULL
        CONSTRAINT gizmos_quantity_check CHECK (quantity BETWEEN -9007199254740991 AND 9007199254740991),
    is_ready boolean NOT NULL,
    price_minor bigint NOT NULL
        CONSTRAINT gizmos_price_minor_check CHECK (price_minor BETWEEN 0 AND 9007199254740991),
    price_currency text NOT NULL
        CONSTRAINT gizmos_price_currency_check CHECK (price_currency ~ '^[A-Z]{3}$'),
    former_price_minor bigint
        CONSTRAINT gizmos_former_price_minor_check CHECK (former_price_minor BETWEEN 0 AND 9007199254740991),
    former_price_currency text
        CONSTRAINT gizmos_former_price_currency_check CHECK (former_price_currency ~ '^[A-Z]{3}$'),
    built_at timestamptz NOT NULL,
    inspected_on date,
    serial uuid,
    color text NOT NULL
        CONSTRAINT gizmos_color_check CHECK (color IN ('red', 'green', 'dark_blue')),
    parent_id uuid
        CONSTRAINT gizmos_parent_id_fkey REFERENCES gizmos (id),
    search tsvector NOT NULL GENERATED ALWAYS AS (
        to_tsvector('simple', name || ' ' || coalesce(description, ''))
    ) STORED,
    version bigint NOT NULL CONSTRAINT gizmos_version_check CHECK (version >= 1),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz,
    CONSTRAINT gizmos_former_price_check CHECK ((former_price_minor IS NULL) = (former_price_currency IS NULL))
);

CREATE INDEX gizmos_owner_idx ON gizmos (owner_id, id) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX gizmos_name_key ON gizmos (owner_id, name) WHERE deleted_at IS NULL;
CREATE INDEX gizmos_parent_id_idx ON gizmos (parent_id) WHERE deleted_at IS NULL;
CREATE INDEX gizmos_search_idx ON gizmos USING gin (search) WHERE deleted_at IS NULL;
