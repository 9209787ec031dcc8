-- PostgreSQL keeps no table by its key.
SELECT 1;
