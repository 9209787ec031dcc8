DROP TABLE identity_signing_key;
DROP TABLE identity_attempt;
DROP TABLE identity_credential;
DROP TABLE identity_membership;
DROP TABLE identity_office;
DROP TABLE identity_alias;
DROP TABLE identity_user;
