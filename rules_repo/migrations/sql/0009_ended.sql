-- Rights and settings of what this migration made; and what the schema is now.

DO $$
DECLARE
    made regprocedure;
BEGIN
    FOREACH made IN ARRAY ARRAY['rules.within_lengths()', 'rules.may_approve(text,text,bigint)',
        'rules.unreadable(text,jsonb)', 'rules.too_long(text,rules.rule[])', 'rules.still_entitled(text,text,jsonb)']::regprocedure[] LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = pg_catalog, pg_temp', made);
        EXECUTE format('ALTER FUNCTION %s SET standard_conforming_strings = on', made);
        EXECUTE format('ALTER FUNCTION %s SET transform_null_equals = off', made);
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', made);
        EXECUTE format('ALTER FUNCTION %s OWNER TO rules_owner', made);
    END LOOP;
END $$;

SET LOCAL ROLE rules_owner;
SELECT rules.write_audit('schema_version', 'MIGRATION', '{version_num}', NULL,
    jsonb_build_object('version_num', '0009', 'catalogue', rules.catalogue_digest()));
RESET ROLE;
