-- What can stop a rule or all publications, and the shared parameters: tables with the clock of knowledge.

CREATE TABLE rules.release_freeze (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text NOT NULL DEFAULT rules.tenant() REFERENCES rules.tenant (key),
    until timestamptz NOT NULL,
    reason text NOT NULL CONSTRAINT release_freeze_reason_check CHECK (reason ~ '\S'),
    recorded tstzrange NOT NULL CONSTRAINT release_freeze_recorded_check
        CHECK (isempty(recorded) OR NOT lower_inf(recorded) AND lower_inc(recorded) AND NOT upper_inc(recorded)),
    recorded_by text NOT NULL DEFAULT session_user,
    closed_by text,
    opened_in bigint NOT NULL,
    closed_in bigint
);
COMMENT ON TABLE rules.release_freeze IS
    'When nothing may be published: rules.freeze_releases begins one, rules.lift_freeze ends it early.';
COMMENT ON COLUMN rules.release_freeze.id IS 'Numbers the freezes.';
COMMENT ON COLUMN rules.release_freeze.tenant IS 'Whose rules.';
COMMENT ON COLUMN rules.release_freeze.until IS 'When it ends by itself.';
COMMENT ON COLUMN rules.release_freeze.reason IS 'Why.';

CREATE TABLE rules.rule_pause (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text NOT NULL DEFAULT rules.tenant() REFERENCES rules.tenant (key),
    rule_id bigint NOT NULL REFERENCES rules.rule_identity (id),
    effective daterange NOT NULL CONSTRAINT rule_pause_effective_check
        CHECK (NOT isempty(effective) AND NOT lower_inf(effective) AND NOT upper_inf(effective)),
    reason text NOT NULL CONSTRAINT rule_pause_reason_check CHECK (reason ~ '\S'),
    recorded tstzrange NOT NULL CONSTRAINT rule_pause_recorded_check
        CHECK (isempty(recorded) OR NOT lower_inf(recorded) AND lower_inc(recorded) AND NOT upper_inc(recorded)),
    recorded_by text NOT NULL DEFAULT session_user,
    closed_by text,
    opened_in bigint NOT NULL,
    closed_in bigint,
    CONSTRAINT rule_pause_no_overlap EXCLUDE USING gist (
        int8range(rule_id, rule_id, '[]') WITH &&, effective WITH &&, recorded WITH &&
    ) DEFERRABLE INITIALLY IMMEDIATE
);
COMMENT ON TABLE rules.rule_pause IS
    'Days on which a rule does not count although it is in force: rules.pause begins one, rules.resume ends it early.';
COMMENT ON COLUMN rules.rule_pause.id IS 'Numbers the pauses.';
COMMENT ON COLUMN rules.rule_pause.tenant IS 'Whose rule it is.';
COMMENT ON COLUMN rules.rule_pause.rule_id IS 'The rule.';
COMMENT ON COLUMN rules.rule_pause.effective IS 'The days it does not count: the first day and those before the end day.';
COMMENT ON COLUMN rules.rule_pause.reason IS 'Why.';
CREATE TABLE rules.parameter_identity (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text NOT NULL DEFAULT rules.tenant() REFERENCES rules.tenant (key),
    name text NOT NULL CONSTRAINT parameter_identity_name_check
        CHECK (name ~ '^[a-z][a-z0-9_]{0,62}$' AND name <> 'as_of'),
    CONSTRAINT parameter_identity_name_key UNIQUE (tenant, name)
);
COMMENT ON TABLE rules.parameter_identity IS 'The permanent names of shared parameters.';
COMMENT ON COLUMN rules.parameter_identity.id IS 'The number that ranges are compared by.';
COMMENT ON COLUMN rules.parameter_identity.tenant IS 'Whose parameter it is.';
COMMENT ON COLUMN rules.parameter_identity.name IS 'The name, which SQL writes as :name. It never changes.';

CREATE TABLE rules.parameter_version (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text NOT NULL DEFAULT rules.tenant() REFERENCES rules.tenant (key),
    parameter_id bigint NOT NULL REFERENCES rules.parameter_identity (id),
    value jsonb NOT NULL CONSTRAINT parameter_version_value_check CHECK (rules.is_parameter(value)),
    description text NOT NULL DEFAULT '',
    recorded tstzrange NOT NULL CONSTRAINT parameter_version_recorded_check
        CHECK (isempty(recorded) OR NOT lower_inf(recorded) AND lower_inc(recorded) AND NOT upper_inc(recorded)),
    recorded_by text NOT NULL DEFAULT session_user,
    closed_by text,
    opened_in bigint NOT NULL,
    closed_in bigint,
    change_id bigint REFERENCES rules.change (id),
    CONSTRAINT parameter_version_no_overlap EXCLUDE USING gist (
        int8range(parameter_id, parameter_id, '[]') WITH &&, recorded WITH &&
    ) DEFERRABLE INITIALLY IMMEDIATE
);
COMMENT ON TABLE rules.parameter_version IS
    'The values of shared parameters, and between which moments each was the known one. Edit rules.parameter.';
COMMENT ON COLUMN rules.parameter_version.id IS 'Numbers the rows in the order of their making.';
COMMENT ON COLUMN rules.parameter_version.tenant IS 'Whose parameter it is.';
COMMENT ON COLUMN rules.parameter_version.parameter_id IS 'The parameter.';
COMMENT ON COLUMN rules.parameter_version.value IS 'The value with its type: {"date": "2024-06-01"}.';
COMMENT ON COLUMN rules.parameter_version.description IS 'What it means.';
COMMENT ON COLUMN rules.parameter_version.change_id IS 'The change that published it.';
DO $$
DECLARE
    relation text;
BEGIN
    FOREACH relation IN ARRAY '{release_freeze,rule_pause,parameter_version,reference_list_version}'::text[] LOOP
        EXECUTE format('COMMENT ON COLUMN rules.%I.recorded IS %L', relation,
            'From when until when this was what was known; empty if its own transaction replaced it.');
        EXECUTE format('COMMENT ON COLUMN rules.%I.recorded_by IS %L', relation, 'The login that recorded it.');
        EXECUTE format('COMMENT ON COLUMN rules.%I.closed_by IS %L', relation, 'The login that ended it, or whose change took its place.');
        EXECUTE format('COMMENT ON COLUMN rules.%I.opened_in IS %L', relation, 'The transaction that recorded it.');
        EXECUTE format('COMMENT ON COLUMN rules.%I.closed_in IS %L', relation, 'The transaction that ended it, or took its place.');
        EXECUTE format('CREATE TRIGGER recorded_now BEFORE INSERT ON rules.%I
            FOR EACH ROW EXECUTE FUNCTION rules.record_now()', relation);
        EXECUTE format('CREATE TRIGGER only_closed BEFORE UPDATE ON rules.%I
            FOR EACH ROW EXECUTE FUNCTION rules.only_closed(%L)', relation, 'End it: rules.resume, rules.lift_freeze; or change it: UPDATE rules.parameter, rules.reference_list.');
        EXECUTE format('CREATE TRIGGER never_removed BEFORE DELETE OR TRUNCATE ON rules.%I
            FOR EACH STATEMENT EXECUTE FUNCTION rules.never_edited(%L)', relation, 'End it: rules.resume, rules.lift_freeze; or change it: UPDATE rules.parameter, rules.reference_list.');
        EXECUTE format('CREATE CONSTRAINT TRIGGER settle AFTER INSERT OR UPDATE ON rules.%I
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION rules.settle()', relation);
    END LOOP;
END $$;

DO $$  -- rules.settle as it was, for these tables too
DECLARE
    source text := pg_get_functiondef('rules.settle'::regproc);
    asked text := 'UNION ALL SELECT recorded FROM rules.membership_type_version WHERE opened_in <> me';
    last text;
    relation text;
BEGIN
    last := substr(source, strpos(source, '    UPDATE rules.membership_type_version SET recorded'));
    last := left(last, strpos(last, '    RETURN NULL;') - 1);
    IF strpos(source, asked) = 0 OR last = '' THEN
        RAISE EXCEPTION 'rules.settle is not the one of revision 0001';
    END IF;
    FOREACH relation IN ARRAY '{release_freeze,rule_pause,parameter_version,reference_list_version}'::text[] LOOP
        source := replace(source, asked, asked || E'\n        ' || replace(asked, 'membership_type_version', relation));
        source := replace(source, last, last || replace(last, 'membership_type_version', relation));
    END LOOP;
    EXECUTE source;
END $$;

CREATE FUNCTION rules.freeze_faults(c rules.change) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT coalesce(array_agg(format('Change %s: nothing is published until %s: %s froze the rules (%s). Wait, or lift '
        'the freeze: SELECT rules.lift_freeze(''why'').', c.id, to_char(f.until AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'),
        f.recorded_by, f.reason) ORDER BY f.until DESC), '{}')
    FROM rules.release_freeze AS f
    WHERE f.tenant = c.tenant AND upper_inf(f.recorded) AND f.until > clock_timestamp()
$$;
COMMENT ON FUNCTION rules.freeze_faults IS 'Why nothing may be published at this moment, in words.';

