-- Numbers only go up. Of two checks, of two rows that say how many approvals are needed, the one of the higher number is the later one;
-- and whoever has pg_write_all_data may set a sequence back, so that what is said later counts as said before.

SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL standard_conforming_strings = on;
SET LOCAL datestyle = 'ISO, YMD';
SET LOCAL timezone = 'UTC';
SET LOCAL lock_timeout = '60s';

DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY '{rules_owner,rules_views}'::text[] LOOP
        IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
            EXECUTE format('GRANT %I TO CURRENT_USER', role);
        END IF;
    END LOOP;
END $$;

CREATE FUNCTION rules.numbered() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET standard_conforming_strings = on SET transform_null_equals = off SET lock_timeout = '20s' AS $$
DECLARE
    given bigint;
    sequence text;
BEGIN
    EXECUTE format('SELECT max(id) FROM rules.%I', TG_TABLE_NAME) INTO given;
    IF NEW.id <= given THEN  -- somebody took a higher one since this one was taken, or the sequence was set back
        sequence := pg_get_serial_sequence('rules.' || TG_TABLE_NAME, 'id');
        NEW.id := nextval(sequence);
        IF NEW.id <= given THEN
            NEW.id := setval(sequence, given + 1);
        END IF;
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION rules.numbered IS 'Gives a row a higher number than any before it, whatever its sequence was set to.';
REVOKE ALL ON FUNCTION rules.numbered FROM PUBLIC;
ALTER FUNCTION rules.numbered OWNER TO rules_owner;

DO $$
DECLARE
    relation text;
BEGIN
    FOR relation IN SELECT c.relname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'id'
        WHERE c.relnamespace = 'rules'::regnamespace AND c.relkind = 'r' AND a.attidentity <> '' LOOP
        EXECUTE format('CREATE TRIGGER numbered BEFORE INSERT ON rules.%I FOR EACH ROW EXECUTE FUNCTION rules.numbered()', relation);
        EXECUTE format('ALTER TABLE rules.%I ENABLE ALWAYS TRIGGER numbered', relation);
    END LOOP;
END $$;

SET LOCAL ROLE rules_owner;
SELECT rules.write_audit('schema_version', 'MIGRATION', '{version_num}', NULL,
    jsonb_build_object('version_num', '0006', 'catalogue', rules.catalogue_digest()));
RESET ROLE;
