-- Citizens, operators and administrators.
CREATE TABLE identity_user (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('user', 'operator', 'admin', 'platform')),
    username TEXT,
    username_key TEXT,
    enabled INTEGER NOT NULL,
    "system_user" INTEGER NOT NULL,
    anonymous INTEGER NOT NULL,
    tax_code TEXT,
    spid_code TEXT,
    given_name TEXT,
    family_name TEXT,
    email TEXT,
    mobile_phone TEXT,
    telephone TEXT,
    gender TEXT,
    date_of_birth INTEGER,
    place_of_birth TEXT,
    birth_code TEXT,
    county_of_birth TEXT,
    country_of_birth TEXT,
    domicile TEXT NOT NULL,
    residency TEXT NOT NULL,
    enabled_services TEXT NOT NULL,
    offices TEXT NOT NULL,
    aliases TEXT NOT NULL,
    last_login_at INTEGER,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX identity_user_username ON identity_user (tenant_id, username_key);
CREATE UNIQUE INDEX identity_user_tax_code ON identity_user (tenant_id, tax_code);
CREATE INDEX identity_user_list ON identity_user (tenant_id, kind, anonymous, created_at, id);

-- Other ids of a citizen: from fiscal codes that were corrected since.
CREATE TABLE identity_alias (
    tenant_id BLOB NOT NULL,
    alias BLOB NOT NULL,
    user_id BLOB NOT NULL,
    PRIMARY KEY (tenant_id, alias)
) STRICT, WITHOUT ROWID;
CREATE INDEX identity_alias_user ON identity_alias (tenant_id, user_id);

-- Offices (user groups), and who is a member.
CREATE TABLE identity_office (
    tenant_id BLOB NOT NULL,
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    topic_id BLOB,
    short_description TEXT,
    main_function TEXT,
    more_info TEXT,
    manager_id BLOB,
    contact_point TEXT,
    location_id BLOB,
    calendar_id BLOB,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX identity_office_name ON identity_office (tenant_id, name, id);
CREATE TABLE identity_membership (
    tenant_id BLOB NOT NULL,
    office_id BLOB NOT NULL,
    user_id BLOB NOT NULL,
    PRIMARY KEY (tenant_id, office_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX identity_membership_user ON identity_membership (tenant_id, user_id);

-- Passwords, hashed with argon2id.
CREATE TABLE identity_credential (
    tenant_id BLOB NOT NULL,
    user_id BLOB NOT NULL,
    password_hash TEXT NOT NULL,
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, user_id)
) STRICT, WITHOUT ROWID;

-- Failed logins by a hash of the name given, whether or not somebody has that name.
CREATE TABLE identity_attempt (
    tenant_id BLOB NOT NULL,
    account TEXT NOT NULL,
    failures TEXT NOT NULL,
    locked_until INTEGER,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, account)
) STRICT, WITHOUT ROWID;
CREATE INDEX identity_attempt_age ON identity_attempt (tenant_id, updated_at);

-- Keys that sign tokens; they belong to the installation. Two processes that make one at the same time
-- meet at the generation.
CREATE TABLE identity_signing_key (
    kid TEXT NOT NULL PRIMARY KEY,
    generation INTEGER NOT NULL UNIQUE,
    private_key TEXT NOT NULL,
    modulus TEXT NOT NULL,
    exponent TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    retired_at INTEGER
) STRICT, WITHOUT ROWID;
