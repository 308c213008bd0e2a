-- While this migration, too, runs, who is no superuser is a member of the schema's owner; and not afterwards.

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
