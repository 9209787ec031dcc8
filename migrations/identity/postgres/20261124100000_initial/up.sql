-- Citizens, operators and administrators.
CREATE TABLE identity_user (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('user', 'operator', 'admin', 'platform')),
    username TEXT,
    username_key TEXT COLLATE "C",
    enabled BOOLEAN NOT NULL,
    "system_user" BOOLEAN NOT NULL,
    anonymous BOOLEAN NOT NULL,
    tax_code TEXT COLLATE "C",
    spid_code TEXT,
    given_name TEXT,
    family_name TEXT,
    email TEXT,
    mobile_phone TEXT,
    telephone TEXT,
    gender TEXT,
    date_of_birth TIMESTAMPTZ,
    place_of_birth TEXT,
    birth_code TEXT,
    county_of_birth TEXT,
    country_of_birth TEXT,
    domicile JSONB NOT NULL,
    residency JSONB NOT NULL,
    enabled_services JSONB NOT NULL,
    offices JSONB NOT NULL,
    aliases JSONB NOT NULL,
    last_login_at TIMESTAMPTZ,
    version BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX identity_user_username ON identity_user (tenant_id, username_key);
CREATE UNIQUE INDEX identity_user_tax_code ON identity_user (tenant_id, tax_code);
CREATE INDEX identity_user_list ON identity_user (tenant_id, kind, anonymous, created_at, id);

-- Other ids of a citizen: from fiscal codes that were corrected since.
CREATE TABLE identity_alias (
    tenant_id UUID NOT NULL,
    alias UUID NOT NULL,
    user_id UUID NOT NULL,
    PRIMARY KEY (tenant_id, alias)
);
CREATE INDEX identity_alias_user ON identity_alias (tenant_id, user_id);

-- Offices (user groups), and who is a member.
CREATE TABLE identity_office (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    name TEXT NOT NULL,
    topic_id UUID,
    short_description TEXT,
    main_function TEXT,
    more_info TEXT,
    manager_id UUID,
    contact_point JSONB,
    location_id UUID,
    calendar_id UUID,
    version BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX identity_office_name ON identity_office (tenant_id, name, id);
CREATE TABLE identity_membership (
    tenant_id UUID NOT NULL,
    office_id UUID NOT NULL,
    user_id UUID NOT NULL,
    PRIMARY KEY (tenant_id, office_id, user_id)
);
CREATE INDEX identity_membership_user ON identity_membership (tenant_id, user_id);

-- Passwords, hashed with argon2id.
CREATE TABLE identity_credential (
    tenant_id UUID NOT NULL,
    user_id UUID NOT NULL,
    password_hash TEXT NOT NULL,
    changed_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, user_id)
);

-- Failed logins by a hash of the name given, whether or not somebody has that name.
CREATE TABLE identity_attempt (
    tenant_id UUID NOT NULL,
    account TEXT COLLATE "C" NOT NULL,
    failures JSONB NOT NULL,
    locked_until TIMESTAMPTZ,
    updated_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, account)
);
CREATE INDEX identity_attempt_age ON identity_attempt (tenant_id, updated_at);

-- Keys that sign tokens; they belong to the installation. Two processes that make one at the same time
-- meet at the generation.
CREATE TABLE identity_signing_key (
    kid TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    generation BIGINT NOT NULL UNIQUE,
    private_key TEXT NOT NULL,
    modulus TEXT NOT NULL,
    exponent TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    retired_at TIMESTAMPTZ
);
