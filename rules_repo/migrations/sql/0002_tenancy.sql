-- Whose rules they are: several tenants can share a database, and a login sees those it belongs to.

CREATE TABLE rules.tenant (
    key text PRIMARY KEY CONSTRAINT tenant_key_check CHECK (key ~ '^[a-z][a-z0-9-]{0,30}$'),
    description text NOT NULL DEFAULT ''
);
COMMENT ON TABLE rules.tenant IS 'Whose rules there are in this database; most databases have one tenant.';
COMMENT ON COLUMN rules.tenant.key IS 'The tenant as SET rules.tenant = … names it.';
COMMENT ON COLUMN rules.tenant.description IS 'Who that is.';
INSERT INTO rules.tenant VALUES ('main', 'The tenant of this database until another is added.');

CREATE TABLE rules.tenant_login (
    tenant text NOT NULL REFERENCES rules.tenant (key),
    login text NOT NULL,
    PRIMARY KEY (tenant, login)
);
COMMENT ON TABLE rules.tenant_login IS
    'Which logins belong to which tenant. While it is empty and there is one tenant, whoever has a right may use it.';
COMMENT ON COLUMN rules.tenant_login.tenant IS 'The tenant.';
COMMENT ON COLUMN rules.tenant_login.login IS 'A login of the database server.';

CREATE FUNCTION rules.tenants() RETURNS text[] LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(array_agg(t.key ORDER BY t.key), '{}') FROM rules.tenant AS t
    WHERE EXISTS (SELECT FROM rules.tenant_login AS l WHERE l.tenant = t.key AND l.login = session_user)
        OR (SELECT pg_has_role(session_user, nspowner, 'USAGE') FROM pg_namespace WHERE nspname = 'rules')
        OR NOT EXISTS (SELECT FROM rules.tenant_login) AND (SELECT count(*) FROM rules.tenant) = 1
$$;
COMMENT ON FUNCTION rules.tenants IS 'The tenants that the login may see.';

CREATE FUNCTION rules.tenant() RETURNS text LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    mine text[] := rules.tenants();
    wanted text := nullif(current_setting('rules.tenant', true), '');
BEGIN
    IF wanted IS NULL AND cardinality(mine) = 1 THEN
        RETURN mine[1];
    ELSIF wanted = ANY (mine) THEN
        RETURN wanted;
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
COMMENT ON FUNCTION rules.tenant IS 'The tenant whose rules the session works on.';

-- What is known so far is the first tenant's. Adding a column fires no trigger and changes no wording.
ALTER TABLE rules.rule_identity ADD COLUMN tenant text NOT NULL DEFAULT 'main' REFERENCES rules.tenant (key);
ALTER TABLE rules.rule_version ADD COLUMN tenant text NOT NULL DEFAULT 'main' REFERENCES rules.tenant (key);
ALTER TABLE rules.rule_period ADD COLUMN tenant text NOT NULL DEFAULT 'main' REFERENCES rules.tenant (key);
ALTER TABLE rules.membership_type_identity ADD COLUMN tenant text NOT NULL DEFAULT 'main' REFERENCES rules.tenant (key);
ALTER TABLE rules.membership_type_version ADD COLUMN tenant text NOT NULL DEFAULT 'main' REFERENCES rules.tenant (key);
ALTER TABLE rules.rule_identity ALTER COLUMN tenant SET DEFAULT rules.tenant();
ALTER TABLE rules.rule_version ALTER COLUMN tenant SET DEFAULT rules.tenant();
ALTER TABLE rules.rule_period ALTER COLUMN tenant SET DEFAULT rules.tenant();
ALTER TABLE rules.membership_type_identity ALTER COLUMN tenant SET DEFAULT rules.tenant();
ALTER TABLE rules.membership_type_version ALTER COLUMN tenant SET DEFAULT rules.tenant();
COMMENT ON COLUMN rules.rule_identity.tenant IS 'Whose rule it is.';
COMMENT ON COLUMN rules.rule_version.tenant IS 'Whose rule it is.';
COMMENT ON COLUMN rules.rule_period.tenant IS 'Whose rule it is.';
COMMENT ON COLUMN rules.membership_type_identity.tenant IS 'Whose membership type it is.';
COMMENT ON COLUMN rules.membership_type_version.tenant IS 'Whose membership type it is.';

ALTER TABLE rules.rule_version DROP CONSTRAINT rule_version_membership_type_fkey;
ALTER TABLE rules.rule_identity DROP CONSTRAINT rule_identity_key_key,
    ADD CONSTRAINT rule_identity_key_key UNIQUE (tenant, key);
ALTER TABLE rules.membership_type_identity DROP CONSTRAINT membership_type_identity_key_key,
    ADD CONSTRAINT membership_type_identity_key_key UNIQUE (tenant, key);
ALTER TABLE rules.rule_version ADD CONSTRAINT rule_version_membership_type_fkey
    FOREIGN KEY (tenant, membership_type) REFERENCES rules.membership_type_identity (tenant, key);

-- How many other people must approve a change before it is published. It can be lowered only while there is no rule:
-- what was once protected by four eyes stays so, and a tutorial begins as one.
CREATE TABLE rules.governance (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text NOT NULL DEFAULT rules.tenant() REFERENCES rules.tenant (key),
    approvals_needed integer NOT NULL CONSTRAINT governance_approvals_needed_check CHECK (approvals_needed BETWEEN 0 AND 9),
    reason text NOT NULL,
    set_by text NOT NULL DEFAULT session_user,
    set_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE rules.governance IS
    'How many people who did not write a change must approve it; the newest row of a tenant counts, one approval without '
    'any. INSERT to change it. With 0 an edit is published at once: for tutorials, and only as long as there is no rule.';
COMMENT ON COLUMN rules.governance.id IS 'Numbers the rows in the order of their making.';
COMMENT ON COLUMN rules.governance.tenant IS 'Whose changes.';
COMMENT ON COLUMN rules.governance.approvals_needed IS 'How many approvals a change needs.';
COMMENT ON COLUMN rules.governance.reason IS 'Why.';
COMMENT ON COLUMN rules.governance.set_by IS 'The login that said so.';
COMMENT ON COLUMN rules.governance.set_at IS 'When.';

CREATE FUNCTION rules.approvals_needed(whose text DEFAULT NULL) RETURNS integer LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce((SELECT approvals_needed FROM rules.governance
        WHERE tenant = coalesce(whose, rules.tenant()) ORDER BY id DESC LIMIT 1), 1)
$$;
COMMENT ON FUNCTION rules.approvals_needed IS 'How many people other than its authors must approve a change.';

CREATE FUNCTION rules.governance_set() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.set_by := session_user;
    NEW.set_at := clock_timestamp();
    PERFORM pg_advisory_xact_lock(7310589202);
    IF NEW.reason !~ '\S' THEN
        PERFORM rules.refuse(ARRAY[format('Tenant %s: the number of approvals changes for a reason. Say it in "reason".',
            NEW.tenant)]);
    END IF;
    IF NEW.approvals_needed < rules.approvals_needed(NEW.tenant)
        AND EXISTS (SELECT FROM rules.rule_identity WHERE tenant = NEW.tenant)
    THEN
        PERFORM rules.refuse(ARRAY[format('Tenant %s: its changes need %s approvals, and it has rules already, so they '
            'cannot come to need %s. Only a tenant without a rule can be opened for fewer: use another database for a '
            'tutorial.', NEW.tenant, rules.approvals_needed(NEW.tenant), NEW.approvals_needed)]);
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION rules.governance_set IS
    'Stamps a row of rules.governance; refuses one without a reason, and fewer approvals where there are rules.';
CREATE TRIGGER governance_set BEFORE INSERT ON rules.governance
    FOR EACH ROW EXECUTE FUNCTION rules.governance_set();
CREATE TRIGGER never_edited BEFORE UPDATE OR DELETE OR TRUNCATE ON rules.governance
    FOR EACH STATEMENT EXECUTE FUNCTION rules.never_edited('Add a row: INSERT INTO rules.governance ….');
ALTER TABLE rules.governance ENABLE ALWAYS TRIGGER governance_set, ENABLE ALWAYS TRIGGER never_edited;
