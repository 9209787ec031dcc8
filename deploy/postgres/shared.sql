-- One role for each module: it owns the tables that it makes, and no other module reaches them. What all modules share,
-- the log and the kernel's other tables, belongs to the group.
--
-- Run it once in the new database, as a superuser; then, for each module (payment_proxy for payment-proxy):
--   CREATE ROLE opencity_payments LOGIN PASSWORD '…' IN ROLE opencity;
CREATE ROLE opencity NOLOGIN;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO opencity;
CREATE FUNCTION opencity_share() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE made record;
BEGIN
    FOR made IN SELECT object_identity FROM pg_event_trigger_ddl_commands()
        WHERE object_type = 'table' AND object_identity LIKE 'public.kernel\_%'
    LOOP
        EXECUTE format('ALTER TABLE %s OWNER TO opencity', made.object_identity);
    END LOOP;
END $$;
CREATE EVENT TRIGGER opencity_share ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION opencity_share();
