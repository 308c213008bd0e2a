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
    FOREACH made IN ARRAY ARRAY['rules.policy_day(jsonb)', 'rules.policy_name(text,date)',
        'rules.policy_day_faults(rules.membership_type)', 'rules.policy_moved_faults(bigint,rules.membership_type,date)',
        'rules.policy_before(rules.draft_policy)', 'rules.membership_types(date,timestamptz)']::regprocedure[] LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', made);
        EXECUTE format('ALTER FUNCTION %s OWNER TO rules_owner', made);
    END LOOP;
END $$;
ALTER VIEW rules.membership_type_history SET (security_barrier = true);
ALTER VIEW rules.membership_type SET (security_barrier = true);
ALTER VIEW rules.change_overview SET (security_barrier = true);
GRANT UPDATE (effective_from) ON rules.membership_type TO rules_analyst;
GRANT EXECUTE ON FUNCTION rules.membership_types TO rules_analyst, rules_approver, rules_engine, rules_auditor, rules_admin;
ALTER TABLE rules.membership_type_version ALTER COLUMN effective_from SET STATISTICS 0;

-- Days are read year-month-day and are days of UTC, whatever the server's own settings: 01/06/2027 is refused, which is the sixth of
-- January to one server and the first of June to another.
DO $$
BEGIN
    EXECUTE format('ALTER DATABASE %I SET datestyle = ''ISO, YMD''', current_database());
    EXECUTE format('ALTER DATABASE %I SET timezone = ''UTC''', current_database());
END $$;

-- Of the table whose columns changed, what it holds now; and what the schema is.
SET LOCAL ROLE rules_owner;
DO $$
DECLARE
    relation text;
BEGIN
    PERFORM rules.write_audit('schema_version', 'MIGRATION', '{version_num}', NULL,
        jsonb_build_object('version_num', '0005', 'catalogue', rules.catalogue_digest()));
    FOREACH relation IN ARRAY '{membership_type_version}'::text[] LOOP
        EXECUTE format('SELECT rules.write_audit(%L, ''BASELINE'', %L, NULL, to_jsonb(t)) FROM rules.%I AS t', relation,
            rules.primary_key(('rules.' || relation)::regclass), relation);
    END LOOP;
END $$;
RESET ROLE;
