-- Rights and settings of what this migration made; and what the schema is now.

DO $$
DECLARE
    f record;
BEGIN
    FOR f IN SELECT p.oid::regprocedure AS named, p.proname, p.prosecdef, l.lanname FROM pg_proc AS p
        JOIN pg_language AS l ON l.oid = p.prolang WHERE p.pronamespace = 'rules'::regnamespace LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = pg_catalog, pg_temp', f.named);
        EXECUTE format('ALTER FUNCTION %s SET standard_conforming_strings = on', f.named);  -- a body is read with it
        EXECUTE format('ALTER FUNCTION %s SET transform_null_equals = off', f.named);
        IF f.prosecdef AND f.lanname = 'plpgsql' OR f.proname = 'at_commit' THEN
            EXECUTE format('ALTER FUNCTION %s SET lock_timeout = ''20s''', f.named);
        END IF;
        IF f.proname IN ('audited', 'write_audit', 'audit_text', 'audit_chain', 'content_hash_0002', 'content_of', 'watch', 'catalogue',
            'catalogue_digest') THEN
            EXECUTE format('ALTER FUNCTION %s SET quote_all_identifiers = off', f.named);
            EXECUTE format('ALTER FUNCTION %s SET datestyle = ''ISO, YMD''', f.named);
            EXECUTE format('ALTER FUNCTION %s SET intervalstyle = ''postgres''', f.named);
            EXECUTE format('ALTER FUNCTION %s SET timezone = ''UTC''', f.named);
        END IF;
    END LOOP;
END $$;

DO $$
DECLARE
    made regprocedure;
BEGIN
    FOREACH made IN ARRAY ARRAY['rules.record_check(bigint,text,boolean,text,text,text,text)', 'rules.without_spark(text)',
        'rules.checks_of(bigint)']::regprocedure[] LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', made);
        EXECUTE format('ALTER FUNCTION %s OWNER TO rules_owner', made);
    END LOOP;
END $$;
GRANT CREATE ON SCHEMA rules TO rules_views;
ALTER VIEW rules.rule_check SET (security_barrier = true);
ALTER VIEW rules.rule_check OWNER TO rules_views;
REVOKE CREATE ON SCHEMA rules FROM rules_views;
ALTER VIEW rules.change_overview SET (security_barrier = true);
GRANT SELECT ON rules.rule_check TO rules_owner, rules_analyst, rules_approver, rules_engine, rules_auditor, rules_admin;
GRANT EXECUTE ON FUNCTION rules.record_check TO rules_analyst, rules_approver;
GRANT EXECUTE ON FUNCTION rules.checks_of TO rules_analyst, rules_approver, rules_auditor, rules_admin;
GRANT INSERT (without_spark) ON rules.governance TO rules_admin;
ALTER TABLE rules.check_result ALTER COLUMN spark_version SET STATISTICS 0, ALTER COLUMN schema_digest SET STATISTICS 0,
    ALTER COLUMN gate_version SET STATISTICS 0;

-- Of the tables whose columns changed, what they hold now; and what the schema is.
SET LOCAL ROLE rules_owner;
DO $$
DECLARE
    relation text;
BEGIN
    PERFORM rules.write_audit('schema_version', 'MIGRATION', '{version_num}', NULL,
        jsonb_build_object('version_num', '0004', 'catalogue', rules.catalogue_digest()));
    FOREACH relation IN ARRAY '{approval,check_result,governance,tenant}'::text[] LOOP
        EXECUTE format('SELECT rules.write_audit(%L, ''BASELINE'', %L, NULL, to_jsonb(t)) FROM rules.%I AS t', relation,
            rules.primary_key(('rules.' || relation)::regclass), relation);
    END LOOP;
END $$;
RESET ROLE;
