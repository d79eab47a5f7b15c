CREATE TABLE categories (
    id          uuid        NOT NULL CONSTRAINT categories_pkey PRIMARY KEY,
    parent_id   uuid        CONSTRAINT categories_parent_fkey REFERENCES categories (id),
    slug        text        NOT NULL CONSTRAINT categories_slug_check
                            CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(slug) <= 200),
    name        text        NOT NULL CONSTRAINT categories_name_check CHECK (length(name) BETWEEN 1 AND 200),
    description text        CONSTRAINT categories_description_check CHECK (length(description) <= 5000),
    -- From the root of the tree to the category itself.
    path        uuid[]      NOT NULL CONSTRAINT categories_path_check
                            CHECK (cardinality(path) BETWEEN 1 AND 8 AND path[cardinality(path)] = id),
    version     bigint      NOT NULL CONSTRAINT categories_version_check CHECK (version >= 1),
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    deleted_at  timestamptz
);

-- Siblings differ in their slugs, and so do the roots.
CREATE UNIQUE INDEX categories_slug_key
    ON categories (coalesce(parent_id, '00000000-0000-0000-0000-000000000000'), slug) WHERE deleted_at IS NULL;
CREATE INDEX categories_name_idx ON categories (name, id) WHERE deleted_at IS NULL;
CREATE INDEX categories_parent_idx ON categories (parent_id, name, id) WHERE deleted_at IS NULL;
CREATE INDEX categories_path_idx ON categories USING gin (path) WHERE deleted_at IS NULL;

-- The categories of a product and all their ancestors, so that the products of a subtree are one range.
CREATE TABLE product_categories (
    category_id uuid    NOT NULL CONSTRAINT product_categories_category_fkey REFERENCES categories (id),
    product_id  uuid    NOT NULL CONSTRAINT product_categories_product_fkey REFERENCES products (id) ON DELETE CASCADE,
    -- Whether the product was put into this very category, or into one below it.
    direct      boolean NOT NULL,
    CONSTRAINT product_categories_pkey PRIMARY KEY (category_id, product_id)
);

CREATE INDEX product_categories_product_idx ON product_categories (product_id);
