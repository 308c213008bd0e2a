-- Who owns the schema: a role that is no superuser, logs nobody in and owns nothing else. The views belong to another one,
-- which may only read: LOCK TABLE follows a view to its tables with the rights of the view's owner.

SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL standard_conforming_strings = on;
SET LOCAL datestyle = 'ISO, YMD';
SET LOCAL timezone = 'UTC';
SET LOCAL lock_timeout = '60s';

DO $$
DECLARE
    role text;
    found record;
BEGIN
    FOREACH role IN ARRAY '{rules_owner,rules_views}'::text[] LOOP
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN', role);
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;  -- another database of this server was upgraded at the same moment
        END;
        SELECT * INTO found FROM pg_roles WHERE rolname = role;
        IF found.rolsuper OR found.rolcanlogin OR found.rolcreaterole OR found.rolcreatedb OR found.rolreplication
            OR found.rolbypassrls OR EXISTS (SELECT FROM pg_auth_members WHERE member = found.oid)
        THEN
            RAISE EXCEPTION USING MESSAGE = format('Role %s: it owns the rules and must have no rights of its own, and this '
                'one logs in, has an attribute or belongs to another role. Take that away (ALTER ROLE %1$s NOLOGIN NOSUPERUSER '
                'NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS; REVOKE … FROM %1$s), then upgrade again.', role);
        END IF;
        IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
            EXECUTE format('GRANT %I TO CURRENT_USER', role);  -- until this migration has ended
        END IF;
    END LOOP;
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        EXECUTE format('GRANT CREATE ON DATABASE %I TO rules_owner', current_database());
    END IF;
END $$;

ALTER TABLE rules.audit_entry DISABLE TRIGGER only_by_trigger;  -- this migration writes entries; on again at its end

-- Names are looked up where these functions say and nowhere else; texts of days and moments are the same in every session.
CREATE FUNCTION rules.login_id() RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT oid::bigint FROM pg_catalog.pg_roles WHERE rolname = session_user
$$;
COMMENT ON FUNCTION rules.login_id IS 'The number of the login, which it keeps when it is renamed.';

-- Tables are written by the functions of this schema. Neither a right that an administrator of the server gives by the
-- way (pg_write_all_data) nor a grant made by mistake is enough. Superusers are judged by the other triggers. And
-- whatever the client has set, what is to happen at commit waits for the commit.
CREATE FUNCTION rules.only_database() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT pg_has_role(current_user, 'rules_owner', 'USAGE')
        AND NOT (TG_NARGS > 0 AND pg_has_role(session_user, TG_ARGV[0], 'MEMBER') AND TG_OP = ANY (TG_ARGV[1]::text[]))
    THEN
        RAISE EXCEPTION USING ERRCODE = 'RR001', MESSAGE = format('%s.%s: it is written by the database itself, and an %s by '
            'hand is refused. Edit the views (rules.rule, rules.draft, rules.membership_type, rules.parameter, '
            'rules.reference_list), and move changes by rules.submit, rules.approve, rules.schedule.',
            TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_OP);
    END IF;
    SET CONSTRAINTS rules.audited, rules.settle, rules.judged, rules.wholly_released, rules.release_meant DEFERRED;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION rules.only_database IS
    'Refuses whatever is written to a table by hand, but the operations that its arguments leave to a role; and defers what '
    'is to happen at commit.';
