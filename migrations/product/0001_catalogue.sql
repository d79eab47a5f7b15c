-- The catalogue. Ids and times come from Rust; there are no triggers, no functions and no extensions, so that a plain
-- role which owns nothing but this schema can run it.

CREATE TABLE products (
    id           uuid        NOT NULL CONSTRAINT products_pkey PRIMARY KEY,
    slug         text        NOT NULL CONSTRAINT products_slug_check
                             CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(slug) <= 200),
    title        text        NOT NULL CONSTRAINT products_title_check CHECK (length(title) BETWEEN 1 AND 300),
    description  text        CONSTRAINT products_description_check CHECK (length(description) <= 20000),
    status       text        NOT NULL CONSTRAINT products_status_check CHECK (status IN ('draft', 'active', 'archived')),
    attributes   jsonb       NOT NULL CONSTRAINT products_attributes_check
                             CHECK (jsonb_typeof(attributes) = 'object' AND octet_length(attributes::text) < 65536),
    tags         text[]      NOT NULL CONSTRAINT products_tags_check CHECK (cardinality(tags) <= 50),
    search       tsvector    NOT NULL,
    version      bigint      NOT NULL CONSTRAINT products_version_check CHECK (version >= 1),
    -- The account that made it; null for what the system made, such as demonstration data.
    created_by   uuid,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    published_at timestamptz,
    deleted_at   timestamptz,
    CONSTRAINT products_published_check CHECK (status <> 'active' OR published_at IS NOT NULL)
);

-- A slug is free again after a soft delete.
CREATE UNIQUE INDEX products_slug_key ON products (slug) WHERE deleted_at IS NULL;

-- One keyset index for each sort of the public list, all under the same predicate; an index is read both ways.
CREATE INDEX products_public_created_idx ON products (created_at, id) WHERE status = 'active' AND deleted_at IS NULL;
CREATE INDEX products_public_updated_idx ON products (updated_at, id) WHERE status = 'active' AND deleted_at IS NULL;
CREATE INDEX products_public_title_idx ON products (title, id) WHERE status = 'active' AND deleted_at IS NULL;
-- The editors' lists include drafts.
CREATE INDEX products_editor_created_idx ON products (created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX products_editor_updated_idx ON products (updated_at, id) WHERE deleted_at IS NULL;

CREATE INDEX products_search_idx ON products USING gin (search) WHERE status = 'active' AND deleted_at IS NULL;
CREATE INDEX products_tags_idx ON products USING gin (tags) WHERE status = 'active' AND deleted_at IS NULL;
CREATE INDEX products_attributes_idx ON products USING gin (attributes jsonb_path_ops)
    WHERE status = 'active' AND deleted_at IS NULL;

CREATE TABLE variants (
    id            uuid        NOT NULL CONSTRAINT variants_pkey PRIMARY KEY,
    product_id    uuid        NOT NULL CONSTRAINT variants_product_fkey REFERENCES products (id) ON DELETE CASCADE,
    sku           text        NOT NULL CONSTRAINT variants_sku_check
                              CHECK (sku ~ '^[A-Za-z0-9][A-Za-z0-9._-]*$' AND length(sku) <= 64),
    title         text        CONSTRAINT variants_title_check CHECK (length(title) BETWEEN 1 AND 300),
    option_values jsonb       NOT NULL CONSTRAINT variants_option_values_check
                              CHECK (jsonb_typeof(option_values) = 'object' AND octet_length(option_values::text) <= 2100),
    -- Where it stands among the variants of its product.
    position      integer     NOT NULL CONSTRAINT variants_position_check CHECK (position >= 0),
    version       bigint      NOT NULL CONSTRAINT variants_version_check CHECK (version >= 1),
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    deleted_at    timestamptz
);

CREATE UNIQUE INDEX variants_sku_key ON variants (sku) WHERE deleted_at IS NULL;
-- Two variants of a product differ in their options, unless they have none.
CREATE UNIQUE INDEX variants_option_values_key ON variants (product_id, option_values)
    WHERE deleted_at IS NULL AND option_values <> '{}';
CREATE INDEX variants_product_idx ON variants (product_id, position, id) WHERE deleted_at IS NULL;

-- Without price lists and validity a plain unique key decides. Those two bring an EXCLUDE constraint with a range, which
-- needs the btree_gist extension, and that is for whoever owns the database to create.
CREATE TABLE prices (
    id               uuid    NOT NULL CONSTRAINT prices_pkey PRIMARY KEY,
    variant_id       uuid    NOT NULL CONSTRAINT prices_variant_fkey REFERENCES variants (id) ON DELETE CASCADE,
    currency         text    NOT NULL CONSTRAINT prices_currency_check CHECK (currency ~ '^[A-Z]{3}$'),
    amount_minor     bigint  NOT NULL CONSTRAINT prices_amount_check CHECK (amount_minor BETWEEN 0 AND 9007199254740991),
    compare_at_minor bigint  CONSTRAINT prices_compare_at_check
                             CHECK (compare_at_minor BETWEEN amount_minor AND 9007199254740991),
    min_quantity     integer NOT NULL CONSTRAINT prices_min_quantity_check CHECK (min_quantity >= 1),
    CONSTRAINT prices_tier_key UNIQUE (variant_id, currency, min_quantity)
);

-- What one piece of the product costs, from the cheapest variant to the dearest: kept beside the products so that a page
-- sorted by price is one range scan, and so that a change of price rewrites no product row's indexes.
CREATE TABLE price_ranges (
    product_id    uuid   NOT NULL CONSTRAINT price_ranges_product_fkey REFERENCES products (id) ON DELETE CASCADE,
    currency      text   NOT NULL,
    lowest_minor  bigint NOT NULL,
    highest_minor bigint NOT NULL,
    CONSTRAINT price_ranges_pkey PRIMARY KEY (product_id, currency)
);

CREATE INDEX price_ranges_lowest_idx ON price_ranges (currency, lowest_minor, product_id);
