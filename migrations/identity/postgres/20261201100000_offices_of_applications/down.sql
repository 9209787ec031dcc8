DROP TABLE identity_assigned;
