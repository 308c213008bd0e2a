-- Least privilege by construction: nothing is everybody's; what is granted stands here, in full.

-- Guards on every table: of writing by hand, and of everything that is to wait for the commit.
DO $$
DECLARE
    relation text;
    granted text;
BEGIN
    FOR relation IN SELECT c.relname FROM pg_class AS c WHERE c.relnamespace = 'rules'::regnamespace AND c.relkind = 'r'
        AND c.relname <> 'audit_entry' LOOP
        granted := CASE WHEN relation IN ('category', 'rule_type', 'reason_code') THEN '''rules_analyst'', ''{INSERT,UPDATE}'''
            WHEN relation = 'change' THEN '''rules_analyst'', ''{UPDATE}'''
            WHEN relation IN ('tenant', 'governance', 'tenant_login') THEN '''rules_admin'', ''{INSERT}''' ELSE '' END;
        EXECUTE format('CREATE TRIGGER only_database BEFORE INSERT OR UPDATE OR DELETE ON rules.%I FOR EACH STATEMENT
            EXECUTE FUNCTION rules.only_database(%s)', relation, granted);
    END LOOP;
END $$;

-- Names are looked up in PostgreSQL's own schema alone, and locks are not waited for without end.
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
-- Ranges are guessed to hold few rows, and a nested loop over thousands is slow: it hashes.
ALTER FUNCTION rules.rules_known SET enable_nestloop = off;
ALTER FUNCTION rules.rules_known SET jit = off;

-- Views are barriers: no condition of a reader is asked of a row before it is known to be his tenant's.
DO $$
DECLARE
    relation record;
    guard record;
BEGIN
    EXECUTE 'ALTER SCHEMA rules OWNER TO rules_owner';
    GRANT USAGE, CREATE ON SCHEMA rules TO rules_views;
    FOR relation IN SELECT c.oid, c.relname, c.relkind FROM pg_class AS c WHERE c.relnamespace = 'rules'::regnamespace
        AND c.relkind IN ('r', 'v') ORDER BY c.relkind, c.relname LOOP
        IF relation.relkind = 'v' THEN
            EXECUTE format('ALTER VIEW rules.%I SET (security_barrier = true)', relation.relname);
            EXECUTE format('ALTER VIEW rules.%I OWNER TO rules_views', relation.relname);
            EXECUTE format('GRANT SELECT ON rules.%I TO rules_owner', relation.relname);
        ELSE
            EXECUTE format('ALTER TABLE rules.%I OWNER TO rules_owner', relation.relname);
            EXECUTE format('GRANT SELECT ON rules.%I TO rules_views', relation.relname);
            FOR guard IN SELECT tgname FROM pg_trigger WHERE tgrelid = relation.oid AND NOT tgisinternal LOOP
                EXECUTE format('ALTER TABLE rules.%I ENABLE ALWAYS TRIGGER %I', relation.relname, guard.tgname);
            END LOOP;
        END IF;
    END LOOP;
    REVOKE CREATE ON SCHEMA rules FROM rules_views;
    FOR guard IN SELECT p.oid::regprocedure AS named FROM pg_proc AS p WHERE p.pronamespace = 'rules'::regnamespace LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC, rules_analyst, rules_approver, rules_engine, rules_auditor, rules_admin',
            guard.named);
        EXECUTE format('ALTER FUNCTION %s OWNER TO rules_owner', guard.named);
    END LOOP;
END $$;
REVOKE ALL ON rules.settling FROM PUBLIC;
REVOKE DELETE ON rules.tenant_login FROM rules_admin;
ALTER DEFAULT PRIVILEGES FOR ROLE rules_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE rules_owner REVOKE USAGE ON TYPES FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE rules_views REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE rules_views REVOKE USAGE ON TYPES FROM PUBLIC;

-- Everybody: who one is, and what time it is.
GRANT EXECUTE ON FUNCTION rules.tenants, rules.tenant, rules.refuse, rules.wait_for_commits, rules.known_now
    TO rules_analyst, rules_approver, rules_engine, rules_auditor, rules_admin;
-- Readers, and what their views ask.
GRANT EXECUTE ON FUNCTION rules.history, rules.diff(bigint), rules.diff(text, text), rules.content_hash, rules.approvers_of,
    rules.plan_of, rules.approvals_needed, rules.published_by, rules.with_shared, rules.rules_on
    TO rules_analyst, rules_approver, rules_auditor, rules_admin;
GRANT EXECUTE ON FUNCTION rules.rule_set, rules.membership_types, rules.reference_lists, rules.shared_parameters
    TO rules_analyst, rules_approver, rules_engine, rules_auditor, rules_admin;
-- Analysts draft and hand in.
GRANT EXECUTE ON FUNCTION rules.begin_change, rules.work_on, rules.submit, rules.schedule, rules.publish_at_once,
    rules.draft_timelines, rules.withdraw, rules.record_check, rules.record_plan TO rules_analyst;
-- Approvers judge and publish.
GRANT EXECUTE ON FUNCTION rules.record_check, rules.record_plan, rules.approve, rules.reject, rules.schedule TO rules_approver;
-- Brakes.
GRANT EXECUTE ON FUNCTION rules.pause(text, text, date, date), rules.resume TO rules_analyst, rules_approver, rules_admin;
GRANT EXECUTE ON FUNCTION rules.freeze_releases, rules.lift_freeze, rules.withdraw, rules.dismiss TO rules_admin;
-- Auditors prove.
GRANT EXECUTE ON FUNCTION rules.audit_chain, rules.catalogue, rules.catalogue_digest, rules.may_see, rules.wording
    TO rules_auditor, rules_admin;

-- Tables: columns only, for UPDATE and DELETE on a whole table are the right to lock it against everybody.
REVOKE INSERT, UPDATE ON rules.category, rules.rule_type, rules.reason_code FROM rules_analyst;
GRANT INSERT (key, description), UPDATE (description) ON rules.category, rules.rule_type TO rules_analyst;
GRANT INSERT (code, text), UPDATE (text) ON rules.reason_code TO rules_analyst;
REVOKE INSERT ON rules.governance, rules.tenant, rules.tenant_login FROM rules_admin;
REVOKE UPDATE (description) ON rules.tenant FROM rules_admin;
GRANT INSERT (tenant, approvals_needed, reason, plan_days) ON rules.governance TO rules_admin;
GRANT SELECT ON rules.plan_result TO rules_analyst, rules_approver, rules_auditor, rules_admin;
GRANT INSERT (key, description) ON rules.tenant TO rules_admin;
GRANT INSERT (tenant, login) ON rules.tenant_login TO rules_admin;

-- The planner's samples of contents would be read by whoever reads all catalogues, row level security or not.
DO $$
DECLARE
    content record;
BEGIN
    FOR content IN SELECT c.relname, a.attname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
        WHERE c.relnamespace = 'rules'::regnamespace AND c.relkind = 'r' AND NOT a.attisdropped AND a.attname <> 'tenant'
            AND a.atttypid IN ('text'::regtype, 'jsonb'::regtype) LOOP
        EXECUTE format('ALTER TABLE rules.%I ALTER COLUMN %I SET STATISTICS 0', content.relname, content.attname);
    END LOOP;
END $$;

-- Nobody makes objects here without a right of his own: a table or a function of one's own is where an attack begins.
DO $$
DECLARE
    writer text;
BEGIN
    EXECUTE format('REVOKE TEMPORARY, CREATE ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('ALTER DATABASE %I SET idle_in_transaction_session_timeout = ''30min''', current_database());
    EXECUTE format('ALTER DATABASE %I SET lock_timeout = ''60s''', current_database());
    IF EXISTS (SELECT FROM pg_namespace WHERE nspname = 'public') THEN
        REVOKE CREATE ON SCHEMA public FROM PUBLIC;
    END IF;
    -- Who writes a history of decisions that is kept in this database copies it into a temporary table first.
    FOR writer IN SELECT DISTINCT a.grantee::regrole::text FROM pg_namespace AS n, aclexplode(n.nspacl) AS a
        WHERE n.nspname = 'history' AND a.grantee <> 0 AND a.grantee <> n.nspowner LOOP
        EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO %s', current_database(), writer);
    END LOOP;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE WARNING 'Database %: its owner or a superuser must take the right to make temporary tables away: REVOKE TEMPORARY, CREATE ON DATABASE % FROM PUBLIC. `rules doctor` says whether that is done.',
        current_database(), current_database();
END $$;

-- Of the tables whose columns changed, what they hold now; and what the schema is.
SET LOCAL ROLE rules_owner;
DO $$
DECLARE
    relation text;
BEGIN
    PERFORM rules.write_audit('schema_version', 'MIGRATION', '{version_num}', NULL,
        jsonb_build_object('version_num', '0003', 'catalogue', rules.catalogue_digest()));
    FOREACH relation IN ARRAY '{category,rule_type,reason_code,change_author,approval,check_result,governance,rule_pause,'
        'release_freeze}'::text[] LOOP
        EXECUTE format('SELECT rules.write_audit(%L, ''BASELINE'', %L, NULL, to_jsonb(t)) FROM rules.%I AS t', relation,
            rules.primary_key(('rules.' || relation)::regclass), relation);
    END LOOP;
END $$;
RESET ROLE;
