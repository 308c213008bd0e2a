-- Shared parameters: values with a type that the SQL of any rule names as :name, changed like rules, known like rules.

CREATE VIEW rules.parameter_history AS
SELECT i.name, v.value, v.description, lower(v.recorded) AS recorded_from, upper(v.recorded) AS recorded_to, v.recorded_by,
    v.closed_by, v.id AS version_id, v.recorded, v.change_id
FROM rules.parameter_version AS v
JOIN rules.parameter_identity AS i ON i.id = v.parameter_id
WHERE NOT isempty(v.recorded) AND v.tenant = (SELECT rules.tenant());
COMMENT ON VIEW rules.parameter_history IS
    'Everything ever known about shared parameters, and between which moments it was known.';

CREATE VIEW rules.parameter AS
SELECT name, value, description FROM rules.parameter_history WHERE upper_inf(recorded);
COMMENT ON VIEW rules.parameter IS
    'The shared parameters as known now, which the SQL of a rule names as :name unless the rule has one of its own by that '
    'name. INSERT drafts one, UPDATE drafts its next value. Plain values get their type: 5, "text", {"date": "2024-06-01"}.';

CREATE FUNCTION rules.shared_parameters(known_at timestamptz DEFAULT clock_timestamp()) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_object_agg(h.name, h.value) FROM rules.parameter_history AS h WHERE h.recorded @> shared_parameters.known_at
$$;
COMMENT ON FUNCTION rules.shared_parameters IS 'The shared parameters as known at a moment, by name; NULL if there is none.';

CREATE FUNCTION rules.with_shared(own jsonb, sql text, shared jsonb) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF shared IS NULL OR strpos(sql, ':') = 0 THEN
        RETURN own;
    END IF;
    RETURN coalesce((SELECT jsonb_object_agg(s.key, s.value) FROM jsonb_each(shared) AS s
        WHERE strpos(sql, ':' || s.key) > 0 AND sql ~ ('(^|[^:[:alnum:]_]):' || s.key || '\M')), '{}') || own;
END $$;
COMMENT ON FUNCTION rules.with_shared IS 'The parameters of a rule with the shared ones that its SQL names.';

CREATE FUNCTION rules.parameter_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    which text := 'Parameter ' || coalesce(nullif(NEW.name, ''), '(no name)');
    parameter bigint;
    known bigint;
BEGIN
    NEW.value := rules.encoded_parameters(jsonb_build_object('value', NEW.value)) -> 'value';
    NEW.description := coalesce(NEW.description, '');
    IF coalesce(NEW.name, '') !~ '^[a-z][a-z0-9_]{0,62}$' OR NEW.name = 'as_of' THEN
        PERFORM rules.refuse(ARRAY[which || ': it has no usable name. Use small letters; not ''as_of''.']);
    ELSIF NOT rules.is_parameter(NEW.value) THEN
        PERFORM rules.refuse(ARRAY[format('%s: its value is %s. Write 5, "text", true, or with its type {"date": '
            '"2024-06-01"} (boolean, bigint, decimal, date, string).', which, coalesce(NEW.value::text, 'left out'))]);
    ELSIF TG_OP = 'UPDATE' AND NEW.name <> OLD.name THEN
        PERFORM rules.refuse(ARRAY[format('Parameter %s: its name is permanent and cannot become ''%s''. Add another.',
            OLD.name, NEW.name)]);
    END IF;
    INSERT INTO rules.parameter_identity (tenant, name) SELECT rules.tenant(), NEW.name
    WHERE NOT EXISTS (SELECT FROM rules.parameter_identity AS i WHERE i.tenant = rules.tenant() AND i.name = NEW.name)
    ON CONFLICT DO NOTHING;
    SELECT i.id INTO STRICT parameter FROM rules.parameter_identity AS i
    WHERE i.tenant = rules.tenant() AND i.name = NEW.name FOR NO KEY UPDATE;
    SELECT v.id INTO known FROM rules.parameter_version AS v WHERE v.parameter_id = parameter AND upper_inf(v.recorded);
    IF TG_OP = 'INSERT' AND known IS NOT NULL THEN
        PERFORM rules.refuse(ARRAY[format('%s: it is there already. Change it: UPDATE rules.parameter SET value = … WHERE '
            'name = %L.', which, NEW.name)]);
    ELSIF TG_OP = 'UPDATE' AND NEW IS NOT DISTINCT FROM OLD THEN
        RETURN NEW;
    END IF;
    PERFORM rules.draft_policy('parameter', NEW.name, to_jsonb(NEW), known);
    RETURN NEW;
END $$;
COMMENT ON FUNCTION rules.parameter_changed IS 'INSERT and UPDATE on rules.parameter: drafts the value.';

CREATE FUNCTION rules.parameter_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM rules.refuse(ARRAY[format('Parameter %s: a parameter is never deleted, past rule sets name it. Leave it be, and '
        'do not name it.', OLD.name)]);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION rules.parameter_deleted IS 'DELETE on rules.parameter: refused, with what to do instead.';
CREATE TRIGGER changed INSTEAD OF INSERT OR UPDATE ON rules.parameter
    FOR EACH ROW EXECUTE FUNCTION rules.parameter_changed();
CREATE TRIGGER deleted INSTEAD OF DELETE ON rules.parameter FOR EACH ROW EXECUTE FUNCTION rules.parameter_deleted();
CREATE TRIGGER never_edited BEFORE UPDATE OR DELETE OR TRUNCATE ON rules.parameter_identity
    FOR EACH STATEMENT EXECUTE FUNCTION rules.never_edited('Add another parameter.');
