//! Citizens, operators, administrators, offices, credentials and tokens.
