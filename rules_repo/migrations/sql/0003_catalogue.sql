-- What the schema is on this server, line by line, and the audit for those who may see a part of it.

CREATE FUNCTION rules.catalogue() RETURNS SETOF text LANGUAGE sql STABLE AS $catalogue$
WITH relations AS (
    SELECT c.oid, c.relname, c.relkind, c.relowner, c.relacl, c.reloptions, c.relrowsecurity, c.relforcerowsecurity, c.relpersistence
    FROM pg_catalog.pg_class AS c WHERE c.relnamespace = 'rules'::pg_catalog.regnamespace AND c.relkind IN ('r', 'v', 'S', 'm', 'f', 'p')
)
SELECT line FROM (
    SELECT pg_catalog.format('role %s super=%s login=%s createrole=%s createdb=%s replication=%s bypassrls=%s', r.rolname, r.rolsuper,
        r.rolcanlogin, r.rolcreaterole, r.rolcreatedb, r.rolreplication, r.rolbypassrls) AS line
    FROM pg_catalog.pg_roles AS r WHERE r.rolname IN ('rules_owner', 'rules_views', 'rules_analyst', 'rules_approver', 'rules_engine',
        'rules_auditor', 'rules_admin')
    UNION ALL SELECT pg_catalog.format('schema owner=%s acl=%s', pg_catalog.pg_get_userbyid(n.nspowner), (
        SELECT pg_catalog.string_agg(pg_catalog.format('%s:%s', CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.pg_get_userbyid(a.grantee) END,
            a.privilege_type), ' ' ORDER BY CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.pg_get_userbyid(a.grantee)::text END COLLATE "C",
            a.privilege_type COLLATE "C")
        FROM pg_catalog.aclexplode(n.nspacl) AS a WHERE a.grantee <> n.nspowner))
    FROM pg_catalog.pg_namespace AS n WHERE n.nspname = 'rules'
    UNION ALL SELECT pg_catalog.format('function %s(%s) returns %s language=%s kind=%s definer=%s volatility=%s strict=%s leakproof=%s config=%s owner=%s acl=%s source=%s',
        p.proname, pg_catalog.pg_get_function_arguments(p.oid), pg_catalog.pg_get_function_result(p.oid), l.lanname, p.prokind, p.prosecdef,
        p.provolatile, p.proisstrict, p.proleakproof, p.proconfig, pg_catalog.pg_get_userbyid(p.proowner), CASE WHEN p.proacl IS NULL THEN 'default' ELSE (
            SELECT pg_catalog.string_agg(CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.pg_get_userbyid(a.grantee)::text END, ' '
                ORDER BY CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.pg_get_userbyid(a.grantee)::text END COLLATE "C")
            FROM pg_catalog.aclexplode(p.proacl) AS a WHERE a.grantee <> p.proowner) END, pg_catalog.md5(p.prosrc))
    FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang
    WHERE p.pronamespace = 'rules'::pg_catalog.regnamespace
    UNION ALL SELECT pg_catalog.format('relation %s kind=%s owner=%s options=%s rls=%s forced=%s persistence=%s acl=%s', r.relname, r.relkind,
        pg_catalog.pg_get_userbyid(r.relowner), r.reloptions, r.relrowsecurity, r.relforcerowsecurity, r.relpersistence, (
            SELECT pg_catalog.string_agg(pg_catalog.format('%s:%s', CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.pg_get_userbyid(a.grantee)::text END,
                a.privilege_type), ' ' ORDER BY CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.pg_get_userbyid(a.grantee)::text END COLLATE "C",
                a.privilege_type COLLATE "C")
            FROM pg_catalog.aclexplode(r.relacl) AS a WHERE a.grantee <> r.relowner))
    FROM relations AS r
    UNION ALL SELECT pg_catalog.format('column %s.%s type=%s not_null=%s default=%s identity=%s generated=%s acl=%s', r.relname, a.attname,
        pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_catalog.pg_get_expr(d.adbin, d.adrelid), a.attidentity, a.attgenerated, (
            SELECT pg_catalog.string_agg(pg_catalog.format('%s:%s', CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.pg_get_userbyid(x.grantee)::text END,
                x.privilege_type), ' ' ORDER BY CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.pg_get_userbyid(x.grantee)::text END COLLATE "C",
                x.privilege_type COLLATE "C") FROM pg_catalog.aclexplode(a.attacl) AS x))
    FROM relations AS r JOIN pg_catalog.pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum WHERE r.relkind <> 'S'
    UNION ALL SELECT pg_catalog.format('view %s %s', r.relname, pg_catalog.pg_get_viewdef(r.oid)) FROM relations AS r WHERE r.relkind IN ('v', 'm')
    UNION ALL SELECT pg_catalog.format('constraint %s.%s %s valid=%s', r.relname, k.conname, pg_catalog.pg_get_constraintdef(k.oid), k.convalidated)
    FROM relations AS r JOIN pg_catalog.pg_constraint AS k ON k.conrelid = r.oid WHERE k.contype IN ('c', 'f', 'p', 'u', 'x')
    UNION ALL SELECT pg_catalog.format('index valid=%s %s', x.indisvalid, pg_catalog.pg_get_indexdef(x.indexrelid))
    FROM relations AS r JOIN pg_catalog.pg_index AS x ON x.indrelid = r.oid
    UNION ALL SELECT pg_catalog.format('trigger %s.%s enabled=%s %s', r.relname, t.tgname, t.tgenabled, pg_catalog.pg_get_triggerdef(t.oid))
    FROM relations AS r JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = r.oid WHERE NOT t.tgisinternal
    UNION ALL SELECT pg_catalog.format('foreign key triggers %s disabled=%s', r.relname, pg_catalog.count(*))
    FROM relations AS r JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = r.oid WHERE t.tgisinternal AND t.tgenabled <> 'O' GROUP BY r.relname
    UNION ALL SELECT pg_catalog.format('policy %s.%s permissive=%s command=%s roles=%s using=%s check=%s', r.relname, p.polname, p.polpermissive, p.polcmd,
        p.polroles, pg_catalog.pg_get_expr(p.polqual, p.polrelid), pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid))
    FROM relations AS r JOIN pg_catalog.pg_policy AS p ON p.polrelid = r.oid
    UNION ALL SELECT pg_catalog.format('rule %s.%s enabled=%s %s', r.relname, w.rulename, w.ev_enabled, pg_catalog.pg_get_ruledef(w.oid))
    FROM relations AS r JOIN pg_catalog.pg_rewrite AS w ON w.ev_class = r.oid WHERE w.rulename <> '_RETURN'
    UNION ALL SELECT pg_catalog.format('type %s owner=%s', t.typname, pg_catalog.pg_get_userbyid(t.typowner)) FROM pg_catalog.pg_type AS t
    WHERE t.typnamespace = 'rules'::pg_catalog.regnamespace AND t.typtype IN ('d', 'e', 'r', 'b') AND t.typelem = 0
    UNION ALL SELECT pg_catalog.format('default privileges of %s on %s: %s', pg_catalog.pg_get_userbyid(d.defaclrole), d.defaclobjtype, d.defaclacl)
    FROM pg_catalog.pg_default_acl AS d WHERE d.defaclnamespace IN (0, 'rules'::pg_catalog.regnamespace)
        AND pg_catalog.pg_get_userbyid(d.defaclrole) IN ('rules_owner', 'rules_views')
) AS found
ORDER BY line COLLATE "C"
$catalogue$;
COMMENT ON FUNCTION rules.catalogue IS 'What this schema is on this server: owners, rights, functions, triggers, policies, views, columns.';

CREATE FUNCTION rules.catalogue_digest() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT encode(sha256(convert_to(string_agg(line, E'\n' ORDER BY line COLLATE "C"), 'UTF8')), 'hex') FROM rules.catalogue() AS line
$$;
COMMENT ON FUNCTION rules.catalogue_digest IS 'SHA-256 of what this schema is; the audit has the one that its migration left.';

DROP POLICY by_tenant ON rules.audit_entry;
CREATE FUNCTION rules.may_see(whose text, relation text) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT CASE WHEN whose IS NOT NULL THEN whose = ANY (rules.tenants())
        ELSE relation NOT IN ('category', 'rule_type', 'reason_code')  -- they were common to all tenants before revision 0003
            OR cardinality(rules.tenants()) = (SELECT count(*) FROM rules.tenant) END
$$;
COMMENT ON FUNCTION rules.may_see IS 'Whether the content of an audit entry of a tenant, or of none, may be read by the login.';
CREATE POLICY by_tenant ON rules.audit_entry USING (tenant = ANY ((SELECT rules.tenants())::text[])
    OR tenant IS NULL AND rules.may_see(tenant, relation));

CREATE FUNCTION rules.audit_chain(since bigint DEFAULT 0) RETURNS TABLE ("position" bigint, at text, login text, transaction text,
    tenant text, relation text, operation text, row_key text, before text, after text, reason text, previous text, hash text,
    withheld boolean)
LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT e.position, CASE WHEN s.seen THEN to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') END,
        CASE WHEN s.seen THEN e.login END, CASE WHEN s.seen THEN e.transaction::text END, CASE WHEN s.seen THEN e.tenant END,
        CASE WHEN s.seen THEN e.relation END, CASE WHEN s.seen THEN e.operation END, CASE WHEN s.seen THEN e.row_key::text END,
        CASE WHEN s.seen THEN e.before::text END, CASE WHEN s.seen THEN e.after::text END, CASE WHEN s.seen THEN e.reason END,
        e.previous, e.hash, NOT s.seen
    FROM (SELECT rules.tenants() AS mine) AS m, rules.audit_entry AS e, LATERAL (SELECT CASE WHEN e.tenant IS NOT NULL
        THEN e.tenant = ANY (m.mine) ELSE rules.may_see(NULL, e.relation) END AS seen) AS s
    WHERE e.position > since ORDER BY e.position
$$;
COMMENT ON FUNCTION rules.audit_chain IS
    'The whole chain of the audit: of entries of other tenants only place and hashes, so that an auditor of one can prove it.';
