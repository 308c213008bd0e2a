-- Of another tenant's rows EXPLAIN ANALYZE tells how many there are and nothing of what they say. PostgreSQL asks a condition of the
-- caller's before the policy where it is cheaper and cannot leak by itself (=, <, IS NULL), and its plan then shows whether any row met
-- it. Conditions that cost the same are asked in the order that puts the policy first, and none costs less than nothing: a subscript
-- costs nothing, = ANY does. This one stays beside it for the indexes that begin with the tenant, of which no condition is left out.

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

DO $$
DECLARE
    mine text := '((SELECT jsonb_object_agg(mine, true) FROM unnest(rules.tenants()) AS mine))[%1$s] IS NOT NULL';
    indexed text := ' AND %1$s = ANY ((SELECT rules.tenants())::text[])';
    was text := $was$THEN 'tenant = ANY ((SELECT rules.tenants())::text[])'
        WHEN relation = 'tenant' THEN 'key = ANY ((SELECT rules.tenants())::text[])' ELSE 'true' END$was$;
    relation text;
    source text;
BEGIN
    FOR relation IN SELECT c.relname FROM pg_policy AS p JOIN pg_class AS c ON c.oid = p.polrelid
        WHERE c.relnamespace = 'rules'::regnamespace AND c.relname NOT IN ('audit_entry', 'schema_version', 'settling') LOOP
        EXECUTE format('ALTER POLICY by_tenant ON rules.%I USING (%s)', relation,
            format(mine || indexed, CASE relation WHEN 'tenant' THEN 'key' ELSE 'tenant' END));
    END LOOP;
    -- What rules.may_see says of an entry without a tenant.
    EXECUTE format('ALTER POLICY by_tenant ON rules.audit_entry USING (%s OR tenant IS NULL AND ((SELECT rules.may_see(NULL, '
        '''category'')) OR (''{"category": true, "rule_type": true, "reason_code": true}''::jsonb)[relation] IS NULL))',
        format(mine, 'tenant'));
    source := pg_get_functiondef('rules.watch(text)'::regprocedure);
    IF strpos(source, was) = 0 THEN
        RAISE EXCEPTION 'rules.watch is not the one of revision 0007';
    END IF;
    EXECUTE replace(source, was, format('THEN %L WHEN relation = ''tenant'' THEN %L ELSE ''true'' END',
        format(mine || indexed, 'tenant'), format(mine || indexed, 'key')));
END $$;

-- An index that holds texts begins with the tenant; the audit goes on calling these rows by what it called them.
ALTER TABLE rules.change_author DROP CONSTRAINT change_author_pkey, ADD PRIMARY KEY (tenant, change_id, login);
ALTER TABLE rules.draft_policy DROP CONSTRAINT draft_policy_pkey, ADD PRIMARY KEY (tenant, change_id, object, key);
CREATE INDEX change_author_change ON rules.change_author (change_id);
CREATE INDEX draft_policy_change ON rules.draft_policy (change_id);

-- Who belongs to no tenant, or to several and has chosen none, is told so by every view before any row is read. It was told where the
-- planner happened to ask the view's condition before the policy, and saw no rows elsewhere.
DO $$
DECLARE
    was text := '= ( SELECT rules.tenant() AS tenant))';
    v record;
    changed integer := 0;
BEGIN
    FOR v IN SELECT c.relname, pg_get_viewdef(c.oid) AS said FROM pg_class AS c
        WHERE c.relnamespace = 'rules'::regnamespace AND c.relkind = 'v' AND strpos(pg_get_viewdef(c.oid), was) > 0 LOOP
        EXECUTE format('CREATE OR REPLACE VIEW rules.%I WITH (security_barrier = true) AS %s', v.relname,
            replace(v.said, was, was || ' AND (( SELECT rules.tenant() AS tenant) IS NOT NULL)'));
        changed := changed + 1;
    END LOOP;
    IF changed <> 8 THEN
        RAISE EXCEPTION 'the views are not those of revision 0007: % ask whose rows they show, and 8 are known', changed;
    END IF;
END $$;
