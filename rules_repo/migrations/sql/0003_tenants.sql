-- Tenants are kept apart by keys: what belongs to one cannot name what belongs to another, whoever writes it.

-- Categories, rule types and reason codes were common to all tenants, so that one could read what another drafted.
ALTER TABLE rules.rule_version DROP CONSTRAINT rule_version_category_fkey, DROP CONSTRAINT rule_version_rule_type_fkey,
    DROP CONSTRAINT rule_version_reason_code_fkey;
ALTER TABLE rules.draft_row DROP CONSTRAINT draft_row_category_fkey, DROP CONSTRAINT draft_row_rule_type_fkey,
    DROP CONSTRAINT draft_row_reason_code_fkey;

DO $$
DECLARE
    relation text;
    key text;
    kept text;
BEGIN
    FOREACH relation IN ARRAY '{category,rule_type,reason_code}'::text[] LOOP
        key := CASE relation WHEN 'reason_code' THEN 'code' ELSE 'key' END;
        kept := CASE relation WHEN 'reason_code' THEN 'text' ELSE 'description' END;
        EXECUTE format('SELECT rules.write_audit(%L, ''MIGRATED'', %L, to_jsonb(t), NULL) FROM rules.%1$I AS t ORDER BY t.%3$I',
            relation, ARRAY[key], key);
        EXECUTE format('DROP TRIGGER audited ON rules.%I', relation);
        EXECUTE format('DROP POLICY by_tenant ON rules.%I', relation);
        EXECUTE format('ALTER TABLE rules.%I DROP CONSTRAINT %I, ADD COLUMN tenant text', relation, relation || '_pkey');
        -- To whom it belongs: who uses it; what nobody uses, to the tenants of the login that wrote it, or to the only one.
        EXECUTE format('INSERT INTO rules.%1$I (tenant, %2$I, %3$I) SELECT t.key, c.%2$I, c.%3$I
            FROM rules.%1$I AS c CROSS JOIN rules.tenant AS t
            WHERE EXISTS (SELECT FROM rules.rule_version AS v WHERE v.tenant = t.key AND v.%1$I = c.%2$I)
                OR EXISTS (SELECT FROM rules.draft_row AS d WHERE d.tenant = t.key AND d.%1$I = c.%2$I)
                OR NOT EXISTS (SELECT FROM rules.rule_version AS v WHERE v.%1$I = c.%2$I)
                    AND NOT EXISTS (SELECT FROM rules.draft_row AS d WHERE d.%1$I = c.%2$I)
                    AND ((SELECT count(*) FROM rules.tenant) = 1 OR EXISTS (SELECT FROM rules.audit_entry AS e
                        JOIN rules.tenant_login AS l ON l.login = e.login
                        WHERE e.relation = %1$L AND e.operation = ''INSERT'' AND e.after ->> %2$L = c.%2$I AND l.tenant = t.key))
            ORDER BY 1, 2', relation, key, kept);
        EXECUTE format('DELETE FROM rules.%I WHERE tenant IS NULL', relation);
        EXECUTE format('ALTER TABLE rules.%I ALTER COLUMN tenant SET DEFAULT rules.tenant(), ADD PRIMARY KEY (tenant, %I),
            ADD FOREIGN KEY (tenant) REFERENCES rules.tenant (key)', relation, key);
        EXECUTE format('COMMENT ON COLUMN rules.%I.tenant IS ''Whose it is.''', relation);
        EXECUTE format('ALTER TABLE rules.rule_version ADD FOREIGN KEY (tenant, %1$I) REFERENCES rules.%1$I (tenant, %2$I)',
            relation, key);
        EXECUTE format('ALTER TABLE rules.draft_row ADD FOREIGN KEY (tenant, %1$I) REFERENCES rules.%1$I (tenant, %2$I)',
            relation, key);
        EXECUTE format('CREATE CONSTRAINT TRIGGER audited AFTER INSERT OR UPDATE OR DELETE ON rules.%I DEFERRABLE INITIALLY '
            'DEFERRED FOR EACH ROW EXECUTE FUNCTION rules.audited(%L)', relation, ARRAY['tenant', key]);
        EXECUTE format('CREATE POLICY by_tenant ON rules.%I USING (tenant = ANY ((SELECT rules.tenants())::text[]))', relation);
    END LOOP;
END $$;
COMMENT ON TABLE rules.category IS 'The categories that the rules of a tenant are grouped by; add one by INSERT.';
COMMENT ON TABLE rules.rule_type IS 'The types of rules of a tenant, such as tenure or product; add one by INSERT.';
COMMENT ON TABLE rules.reason_code IS
    'A tenant''s reasons in words for reuse; a version keeps the text it was published with.';

-- Every reference names the tenant too.
DO $$
DECLARE
    mixed text;
    relation text;
    named record;
BEGIN
    FOR named IN SELECT * FROM (VALUES ('rule_identity'), ('membership_type_identity'), ('parameter_identity'),
        ('reference_list_identity'), ('change')) AS r (relation) LOOP
        EXECUTE format('ALTER TABLE rules.%I ADD CONSTRAINT %I UNIQUE (tenant, id)', named.relation, named.relation || '_tenant_key');
    END LOOP;
    ALTER TABLE rules.rule_version ADD CONSTRAINT rule_version_tenant_key UNIQUE (tenant, rule_id, version);
    ALTER TABLE rules.draft_rule ADD CONSTRAINT draft_rule_tenant_key UNIQUE (tenant, change_id, rule_id);
    FOR named IN SELECT * FROM (VALUES
        ('rule_version', 'rule_version_rule_id_fkey', 'rule_id', 'rule_identity', 'id', ''),
        ('rule_version', 'rule_version_change_id_fkey', 'change_id', 'change', 'id', ''),
        ('rule_period', 'rule_period_version_fkey', 'rule_id, version', 'rule_version', 'rule_id, version', ''),
        ('rule_period', 'rule_period_change_id_fkey', 'change_id', 'change', 'id', ''),
        ('membership_type_version', 'membership_type_version_membership_type_id_fkey', 'membership_type_id',
            'membership_type_identity', 'id', ''),
        ('membership_type_version', 'membership_type_version_change_id_fkey', 'change_id', 'change', 'id', ''),
        ('parameter_version', 'parameter_version_parameter_id_fkey', 'parameter_id', 'parameter_identity', 'id', ''),
        ('parameter_version', 'parameter_version_change_id_fkey', 'change_id', 'change', 'id', ''),
        ('reference_list_version', 'reference_list_version_list_id_fkey', 'list_id', 'reference_list_identity', 'id', ''),
        ('reference_list_version', 'reference_list_version_change_id_fkey', 'change_id', 'change', 'id', ''),
        ('rule_pause', 'rule_pause_rule_id_fkey', 'rule_id', 'rule_identity', 'id', ''),
        ('change_author', 'change_author_change_id_fkey', 'change_id', 'change', 'id', ''),
        ('draft_rule', 'draft_rule_change_id_fkey', 'change_id', 'change', 'id', ''),
        ('draft_rule', 'draft_rule_rule_id_fkey', 'rule_id', 'rule_identity', 'id', ''),
        ('draft_row', 'draft_row_rule_fkey', 'change_id, rule_id', 'draft_rule', 'change_id, rule_id', ' ON DELETE CASCADE'),
        ('draft_policy', 'draft_policy_change_id_fkey', 'change_id', 'change', 'id', ''),
        ('check_result', 'check_result_change_id_fkey', 'change_id', 'change', 'id', ''),
        ('approval', 'approval_change_id_fkey', 'change_id', 'change', 'id', ''),
        ('release', 'release_change_id_fkey', 'change_id', 'change', 'id', '')
    ) AS r (relation, constraint_name, columns, target, target_columns, option) LOOP
        BEGIN
            EXECUTE format('ALTER TABLE rules.%I DROP CONSTRAINT %I, ADD CONSTRAINT %2$I FOREIGN KEY (tenant, %s) REFERENCES rules.%I (tenant, %s)%s',
                named.relation, named.constraint_name, named.columns, named.target, named.target_columns, named.option);
        EXCEPTION WHEN foreign_key_violation THEN
            GET STACKED DIAGNOSTICS mixed = PG_EXCEPTION_DETAIL;
            RAISE EXCEPTION 'rules.%: a row of one tenant names a row of another one: %', named.relation, mixed
                USING HINT = 'Somebody went round the walls between tenants. Restore these rows from a backup or remove them '
                    'as the owner of the tables, note down why, and upgrade again.';
        END;
    END LOOP;
END $$;

-- Who belongs to which tenant. An admin lets logins into the tenants that are his; who founds one is its first login.
CREATE FUNCTION rules.tenant_founded() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF pg_has_role(session_user, 'rules_owner', 'USAGE') THEN
        RETURN NULL;  -- a superuser belongs to all
    END IF;
    INSERT INTO rules.tenant_login (tenant, login) SELECT t.key, session_user FROM rules.tenant AS t
    WHERE t.key = NEW.key OR NOT EXISTS (SELECT FROM rules.tenant_login) AND (SELECT count(*) FROM rules.tenant) = 2
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION rules.tenant_founded IS
    'Who adds a tenant belongs to it, and goes on belonging to the only one there was, which was everybody''s.';

CREATE FUNCTION rules.login_let_in() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_user <> 'rules_owner' AND NEW.tenant <> ALL (rules.tenants()) THEN
        PERFORM rules.refuse(ARRAY[format('Tenant %s: the login %s does not belong to it and lets nobody in. Ask one of its '
            'admins.', NEW.tenant, session_user)]);
    ELSIF EXISTS (SELECT FROM rules.tenant_login AS l WHERE l.tenant = NEW.tenant AND l.login = NEW.login) THEN
        RETURN NULL;  -- it belongs to it already
    ELSIF current_user = 'rules_owner' OR pg_has_role(session_user, 'rules_owner', 'USAGE') THEN
        RETURN NEW;  -- rules.tenant_founded, or a superuser
    ELSIF NEW.login <> session_user AND NOT EXISTS (SELECT FROM rules.tenant_login) THEN
        INSERT INTO rules.tenant_login (tenant, login) VALUES (NEW.tenant, session_user);  -- not to lock himself out
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION rules.login_let_in IS 'An admin lets logins into his own tenants only.';

CREATE FUNCTION rules.dismiss(login text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    whose text := rules.tenant();
BEGIN
    DELETE FROM rules.tenant_login AS l WHERE l.tenant = whose AND l.login = dismiss.login;
    IF NOT FOUND THEN
        PERFORM rules.refuse(ARRAY[format('Tenant %s: the login %s does not belong to it. SELECT * FROM rules.tenant_login '
            'lists those that do.', whose, coalesce(dismiss.login, '(none)'))]);
    END IF;
    RETURN format('Tenant %s: %s belongs to it no longer.', whose, dismiss.login);
END $$;
COMMENT ON FUNCTION rules.dismiss IS 'Takes a login out of the tenant. What it did stays.';

CREATE TRIGGER login_let_in BEFORE INSERT OR UPDATE ON rules.tenant_login
    FOR EACH ROW EXECUTE FUNCTION rules.login_let_in();
CREATE TRIGGER tenant_founded AFTER INSERT ON rules.tenant FOR EACH ROW EXECUTE FUNCTION rules.tenant_founded();

CREATE OR REPLACE FUNCTION rules.tenants() RETURNS text[] LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT coalesce(array_agg(t.key ORDER BY t.key), '{}') FROM rules.tenant AS t
    WHERE EXISTS (SELECT FROM rules.tenant_login AS l WHERE l.tenant = t.key AND l.login = session_user)
        OR pg_catalog.pg_has_role(session_user, 'rules_owner', 'USAGE')
        OR NOT EXISTS (SELECT FROM rules.tenant_login) AND (SELECT count(*) FROM rules.tenant) = 1
$$;

CREATE OR REPLACE FUNCTION rules.tenant() RETURNS text LANGUAGE plpgsql STABLE SECURITY DEFINER AS $$
DECLARE
    mine text[] := rules.tenants();
    wanted text := nullif(current_setting('rules.tenant', true), '');
BEGIN
    IF wanted IS NULL AND cardinality(mine) = 1 THEN
        RETURN mine[1];
    ELSIF wanted = ANY (mine) THEN
        RETURN wanted;
    ELSIF mine = '{main}' AND (SELECT count(*) FROM rules.tenant) = 1 THEN
        RETURN 'main';  -- never parted: it is whoever's the database is, by whatever name
    END IF;
    PERFORM rules.refuse(ARRAY[CASE
        WHEN cardinality(mine) = 0 THEN format('Login %s: it belongs to no tenant of this database. Ask an admin for it: '
            'INSERT INTO rules.tenant_login VALUES (…, %L).', session_user, session_user)
        WHEN wanted IS NULL THEN format('Login %s: it belongs to several tenants (%s). Choose one: SET rules.tenant = %L.',
            session_user, array_to_string(mine, ', '), mine[1])
        ELSE format('Tenant %s: the login %s does not belong to it. Choose one of: %s.', wanted, session_user,
            array_to_string(mine, ', ')) END]);
    RETURN NULL;
END $$;
