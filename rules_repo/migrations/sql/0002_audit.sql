-- Every change to every table: who, when, why, before and after, each entry chained to the one before by its hash.
-- Entries are written at commit, one transaction after the other, so that nobody waits for an edit left open.

CREATE TABLE rules.audit_entry (
    position bigint PRIMARY KEY,
    at timestamptz NOT NULL,
    login text NOT NULL,
    transaction bigint NOT NULL,
    tenant text,
    relation text NOT NULL,
    operation text NOT NULL,
    row_key jsonb NOT NULL,
    before jsonb,
    after jsonb,
    reason text NOT NULL,
    previous text NOT NULL,
    hash text NOT NULL
);
CREATE INDEX audit_entry_row ON rules.audit_entry (relation, row_key, position);
COMMENT ON TABLE rules.audit_entry IS
    'Every change to every table of this schema, chained: `rules audit verify` finds the first entry that was tampered with.';
COMMENT ON COLUMN rules.audit_entry.position IS 'Numbers the entries from 1 without a gap.';
COMMENT ON COLUMN rules.audit_entry.at IS 'When the change was committed.';
COMMENT ON COLUMN rules.audit_entry.login IS 'Who made it.';
COMMENT ON COLUMN rules.audit_entry.transaction IS 'The transaction that made it.';
COMMENT ON COLUMN rules.audit_entry.tenant IS 'Whose row it is; none where it is everybody''s.';
COMMENT ON COLUMN rules.audit_entry.relation IS 'The table.';
COMMENT ON COLUMN rules.audit_entry.operation IS 'INSERT, UPDATE, DELETE, or BASELINE for what was there before the audit.';
COMMENT ON COLUMN rules.audit_entry.row_key IS 'The primary key of the row.';
COMMENT ON COLUMN rules.audit_entry.before IS 'The row before; none for one that was inserted.';
COMMENT ON COLUMN rules.audit_entry.after IS 'The row after; none for one that was deleted.';
COMMENT ON COLUMN rules.audit_entry.reason IS 'Why, where it was said.';
COMMENT ON COLUMN rules.audit_entry.previous IS 'The hash of the entry before.';
COMMENT ON COLUMN rules.audit_entry.hash IS 'SHA-256 over all the other columns.';

CREATE FUNCTION rules.audit_text(e rules.audit_entry) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_array(e.position::text, to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), e.login,
        e.transaction::text, e.tenant, e.relation, e.operation, e.row_key::text, e.before::text, e.after::text, e.reason,
        e.previous)::text
$$;
COMMENT ON FUNCTION rules.audit_text IS 'What the hash of an audit entry is over.';

CREATE FUNCTION rules.reason_of(said jsonb) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce(nullif(current_setting('rules.reason', true), ''), nullif(said ->> 'reason', ''),
        (SELECT c.reason FROM rules.change AS c WHERE c.id = (said ->> 'change_id')::bigint), '')
$$;
COMMENT ON FUNCTION rules.reason_of IS 'Why a row changed: what was said with it, or of its change.';

CREATE FUNCTION rules.write_audit(relation text, operation text, keys text[], before jsonb, after jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    said jsonb := coalesce(after, before);
    e rules.audit_entry;
BEGIN
    SELECT a.position, a.hash INTO e.position, e.previous FROM rules.audit_entry AS a ORDER BY a.position DESC LIMIT 1;
    e.position := coalesce(e.position, 0) + 1;
    e.previous := coalesce(e.previous, '');
    e.at := clock_timestamp();
    e.login := session_user;
    e.transaction := rules.this_change();
    e.tenant := CASE relation WHEN 'tenant' THEN said ->> 'key' ELSE said ->> 'tenant' END;
    e.relation := relation;
    e.operation := operation;
    e.row_key := (SELECT jsonb_object_agg(k, said -> k) FROM unnest(keys) AS k);
    e.before := before;
    e.after := after;
    e.reason := rules.reason_of(said);
    e.hash := encode(sha256(convert_to(rules.audit_text(e), 'UTF8')), 'hex');
    INSERT INTO rules.audit_entry VALUES (e.*);
END $$;
COMMENT ON FUNCTION rules.write_audit IS 'Adds an entry to the end of the chain.';

CREATE FUNCTION rules.audited() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
BEGIN
    LOCK TABLE rules.settling IN EXCLUSIVE MODE;
    PERFORM rules.write_audit(TG_TABLE_NAME, TG_OP, TG_ARGV[0]::text[],
        CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END, CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION rules.audited IS 'At commit: writes the audit entry of a changed row.';

CREATE FUNCTION rules.primary_key(relation regclass) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_index AS x
    JOIN pg_attribute AS a ON a.attrelid = x.indrelid AND a.attnum = ANY (x.indkey)
    WHERE x.indrelid = relation AND x.indisprimary
$$;
COMMENT ON FUNCTION rules.primary_key IS 'The columns of the primary key of a table.';

-- For this migration and later ones: audits a table, protects it, shows it by tenant.
CREATE FUNCTION rules.watch(relation text) RETURNS void LANGUAGE plpgsql SET timezone = 'UTC' AS $$
DECLARE
    keys text[] := rules.primary_key(('rules.' || quote_ident(relation))::regclass);
    guard text;
BEGIN
    EXECUTE format('CREATE CONSTRAINT TRIGGER audited AFTER INSERT OR UPDATE OR DELETE ON rules.%I DEFERRABLE INITIALLY '
        'DEFERRED FOR EACH ROW EXECUTE FUNCTION rules.audited(%L)', relation, keys);
    EXECUTE format('SELECT rules.write_audit(%L, ''BASELINE'', %L, NULL, to_jsonb(t)) FROM rules.%I AS t', relation, keys,
        relation);
    FOR guard IN SELECT tgname FROM pg_trigger WHERE tgrelid = ('rules.' || quote_ident(relation))::regclass
        AND NOT tgisinternal LOOP
        EXECUTE format('ALTER TABLE rules.%I ENABLE ALWAYS TRIGGER %I', relation, guard);
    END LOOP;
    EXECUTE format('ALTER TABLE rules.%I ENABLE ROW LEVEL SECURITY', relation);
    EXECUTE format('CREATE POLICY by_tenant ON rules.%I USING (%s)', relation, CASE WHEN EXISTS (SELECT FROM pg_attribute
        WHERE attrelid = ('rules.' || quote_ident(relation))::regclass AND attname = 'tenant' AND NOT attisdropped)
        THEN 'tenant = ANY ((SELECT rules.tenants())::text[])'
        WHEN relation = 'tenant' THEN 'key = ANY ((SELECT rules.tenants())::text[])' ELSE 'true' END
        || CASE WHEN relation IN ('tenant', 'tenant_login') THEN ') WITH CHECK (true' ELSE '' END);
END $$;
COMMENT ON FUNCTION rules.watch IS
    'Audits a table from now on, what it holds included, keeps its triggers on for everybody, and shows rows by tenant.';

CREATE TRIGGER never_emptied BEFORE TRUNCATE ON rules.tenant FOR EACH STATEMENT
    EXECUTE FUNCTION rules.never_edited('Remove rows one by one.');
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON rules.tenant_login FOR EACH STATEMENT
    EXECUTE FUNCTION rules.never_edited('Remove rows one by one.');
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON rules.category FOR EACH STATEMENT
    EXECUTE FUNCTION rules.never_edited('Remove rows one by one.');
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON rules.rule_type FOR EACH STATEMENT
    EXECUTE FUNCTION rules.never_edited('Remove rows one by one.');
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON rules.reason_code FOR EACH STATEMENT
    EXECUTE FUNCTION rules.never_edited('Remove rows one by one.');

SELECT rules.watch(relation) FROM unnest('{tenant,tenant_login,governance,category,rule_type,reason_code,'
    'membership_type_identity,membership_type_version,rule_identity,rule_version,rule_period,change,change_author,'
    'draft_rule,draft_row,draft_policy,check_result,approval,release,rule_pause,release_freeze,'
    'parameter_identity,parameter_version,reference_list_identity,reference_list_version}'::text[]) AS relation;

CREATE FUNCTION rules.only_by_trigger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_trigger_depth() < 2 AND NEW.operation <> 'BASELINE' THEN
        PERFORM rules.refuse(ARRAY['rules.audit_entry: the audit is written by the database alone. Nothing is added by hand.']);
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION rules.only_by_trigger IS 'Refuses audit entries written by hand.';
CREATE TRIGGER only_by_trigger BEFORE INSERT ON rules.audit_entry
    FOR EACH ROW EXECUTE FUNCTION rules.only_by_trigger();
CREATE TRIGGER never_edited BEFORE UPDATE OR DELETE OR TRUNCATE ON rules.audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION rules.never_edited('It is evidence.');
ALTER TABLE rules.audit_entry ENABLE ALWAYS TRIGGER only_by_trigger, ENABLE ALWAYS TRIGGER never_edited,
    ENABLE ROW LEVEL SECURITY;
CREATE POLICY by_tenant ON rules.audit_entry USING (tenant IS NULL OR tenant = ANY ((SELECT rules.tenants())::text[]));
