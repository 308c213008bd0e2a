-- Reference lists: rows that the SQL of any rule looks up as a frame, changed like rules, known like rules.

CREATE TABLE rules.reference_list_identity (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text NOT NULL DEFAULT rules.tenant() REFERENCES rules.tenant (key),
    name text NOT NULL CONSTRAINT reference_list_identity_name_check CHECK (name ~ '^[a-z][a-z0-9_]{0,62}$'),
    CONSTRAINT reference_list_identity_name_key UNIQUE (tenant, name)
);
COMMENT ON TABLE rules.reference_list_identity IS 'The permanent names of reference lists.';
COMMENT ON COLUMN rules.reference_list_identity.id IS 'The number that ranges are compared by.';
COMMENT ON COLUMN rules.reference_list_identity.tenant IS 'Whose list it is.';
COMMENT ON COLUMN rules.reference_list_identity.name IS 'The name, by which SQL asks it as a frame. It never changes.';

CREATE TABLE rules.reference_list_version (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text NOT NULL DEFAULT rules.tenant() REFERENCES rules.tenant (key),
    list_id bigint NOT NULL REFERENCES rules.reference_list_identity (id),
    columns jsonb NOT NULL CONSTRAINT reference_list_version_columns_check CHECK (jsonb_typeof(columns) = 'object'),
    rows jsonb NOT NULL CONSTRAINT reference_list_version_rows_check CHECK (jsonb_typeof(rows) = 'array'),
    description text NOT NULL DEFAULT '',
    recorded tstzrange NOT NULL CONSTRAINT reference_list_version_recorded_check
        CHECK (isempty(recorded) OR NOT lower_inf(recorded) AND lower_inc(recorded) AND NOT upper_inc(recorded)),
    recorded_by text NOT NULL DEFAULT session_user,
    closed_by text,
    opened_in bigint NOT NULL,
    closed_in bigint,
    change_id bigint REFERENCES rules.change (id),
    CONSTRAINT reference_list_version_no_overlap EXCLUDE USING gist (
        int8range(list_id, list_id, '[]') WITH &&, recorded WITH &&
    ) DEFERRABLE INITIALLY IMMEDIATE
);
COMMENT ON TABLE rules.reference_list_version IS
    'What reference lists hold, and between which moments that was known. Edit rules.reference_list.';
COMMENT ON COLUMN rules.reference_list_version.id IS 'Numbers the rows in the order of their making.';
COMMENT ON COLUMN rules.reference_list_version.tenant IS 'Whose list it is.';
COMMENT ON COLUMN rules.reference_list_version.list_id IS 'The list.';
COMMENT ON COLUMN rules.reference_list_version.columns IS
    'Its columns and their types (boolean, bigint, date, string, decimal(12,2)): {"code": "string"}.';
COMMENT ON COLUMN rules.reference_list_version.rows IS
    'All its rows: [{"code": "XA"}, {"code": "XB"}]; days and decimals as texts.';
COMMENT ON COLUMN rules.reference_list_version.description IS 'What it lists.';
COMMENT ON COLUMN rules.reference_list_version.change_id IS 'The change that published it.';

CREATE VIEW rules.reference_list_history AS
SELECT i.name, v.columns, v.rows, v.description, lower(v.recorded) AS recorded_from, upper(v.recorded) AS recorded_to,
    v.recorded_by, v.closed_by, v.id AS version_id, v.recorded, v.change_id
FROM rules.reference_list_version AS v
JOIN rules.reference_list_identity AS i ON i.id = v.list_id
WHERE NOT isempty(v.recorded) AND v.tenant = (SELECT rules.tenant());
COMMENT ON VIEW rules.reference_list_history IS
    'Everything ever known about reference lists, and between which moments it was known.';

CREATE VIEW rules.reference_list AS
SELECT name, columns, rows, description FROM rules.reference_list_history WHERE upper_inf(recorded);
COMMENT ON VIEW rules.reference_list IS
    'The reference lists as known now, which the SQL of any rule asks as frames: country IN (SELECT code FROM high_risk). '
    'INSERT drafts one, UPDATE drafts what it holds next. Of one column, rows may be plain values: ["XA", "XB"].';

CREATE FUNCTION rules.reference_lists(known_at timestamptz DEFAULT clock_timestamp())
RETURNS SETOF rules.reference_list LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT h.name, h.columns, h.rows, h.description FROM rules.reference_list_history AS h
    WHERE h.recorded @> reference_lists.known_at ORDER BY h.name COLLATE "C"
$$;
COMMENT ON FUNCTION rules.reference_lists IS 'The reference lists as known at a moment.';

CREATE FUNCTION rules.list_rows(columns jsonb, rows jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(jsonb_agg(CASE jsonb_typeof(said.row) WHEN 'object' THEN said.row || (
        SELECT coalesce(jsonb_object_agg(c.key, CASE
            WHEN c.value #>> '{}' ~ '^decimal' AND jsonb_typeof(said.row -> c.key) = 'number'
            THEN to_jsonb((said.row -> c.key)::text) ELSE coalesce(said.row -> c.key, 'null') END), '{}')
        FROM jsonb_each(columns) AS c) ELSE said.row END ORDER BY said.number), '[]')
    FROM (SELECT r.ordinality AS number, CASE WHEN jsonb_typeof(r.value) <> 'object' AND sole.name IS NOT NULL
            THEN jsonb_build_object(sole.name, r.value) ELSE r.value END AS row
        FROM jsonb_array_elements(rows) WITH ORDINALITY AS r, (SELECT CASE count(*) WHEN 1 THEN min(k) END AS name
            FROM jsonb_object_keys(columns) AS k) AS sole) AS said
$$;
COMMENT ON FUNCTION rules.list_rows IS 'The rows of a list as they are kept: objects, every column said, decimals as texts.';

CREATE FUNCTION rules.is_list_value(type text, value jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN value = 'null' THEN true WHEN type !~ '^decimal' THEN rules.is_parameter(jsonb_build_object(type, value))
        WHEN NOT rules.is_parameter(jsonb_build_object('decimal', value)) THEN false
        ELSE (value #>> '{}')::numeric = round((value #>> '{}')::numeric, substring(type FROM ',(\d+)')::integer)
            AND abs((value #>> '{}')::numeric) < power(10::numeric,
                substring(type FROM '\((\d+)')::integer - substring(type FROM ',(\d+)')::integer) END
$$;
COMMENT ON FUNCTION rules.is_list_value IS 'Whether a JSON value fits a column of a list; NULL fits all.';

CREATE FUNCTION rules.list_faults(which text, columns jsonb, rows jsonb) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF coalesce(jsonb_typeof(columns), '') <> 'object' OR columns = '{}' OR EXISTS (SELECT FROM jsonb_each_text(columns) AS c
        WHERE c.key !~ '^[a-z][a-z0-9_]{0,62}$'
            OR c.value !~ '^(boolean|bigint|date|string|decimal\(([1-9]|[12]\d|3[0-8]),(\d|[12]\d|3[0-8])\))$')
    THEN
        RETURN ARRAY[format('%s: its columns are %s. Write small names and types (boolean, bigint, date, string, '
            'decimal(12,2)): {"code": "string"}.', which, coalesce(columns::text, 'left out'))];
    ELSIF coalesce(jsonb_typeof(rows), '') <> 'array' THEN
        RETURN ARRAY[which || ': its rows are no list. Write [{"code": "XA"}, {"code": "XB"}].'];
    ELSIF jsonb_array_length(rows) > 10000 THEN
        RETURN ARRAY[format('%s: it has %s rows, and 10000 are the most. Land it as a frame of the lake.', which,
            jsonb_array_length(rows))];
    END IF;
    RETURN (SELECT coalesce(array_agg(f.fault ORDER BY f.number), '{}') FROM (
        SELECT r.ordinality AS number, CASE WHEN jsonb_typeof(r.value) <> 'object' THEN format('%s: its row %s is %s and no '
                'object. Write {"code": "XA"}.', which, r.ordinality, r.value)
            WHEN columns -> v.key IS NULL THEN format('%s: its row %s names the column %s, which it does not have. It has %s.',
                which, r.ordinality, v.key, (SELECT string_agg(k, ', ') FROM jsonb_object_keys(columns) AS k))
            ELSE format('%s: in its row %s, %s is %s and not of type %s.', which, r.ordinality, v.key, v.value,
                columns ->> v.key) END AS fault
        FROM jsonb_array_elements(rows) WITH ORDINALITY AS r LEFT JOIN LATERAL jsonb_each(
            CASE jsonb_typeof(r.value) WHEN 'object' THEN r.value ELSE '{"":null}' END) AS v ON true
        WHERE jsonb_typeof(r.value) <> 'object' OR columns -> v.key IS NULL
            OR NOT rules.is_list_value(columns ->> v.key, v.value)
        ORDER BY 1 LIMIT 5) AS f);
END $$;
COMMENT ON FUNCTION rules.list_faults IS 'What is wrong with the columns and the rows of a list, the first of it.';

CREATE FUNCTION rules.reference_list_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    which text := 'Reference list ' || coalesce(nullif(NEW.name, ''), '(no name)');
    list bigint;
    known bigint;
BEGIN
    IF coalesce(NEW.name, '') !~ '^[a-z][a-z0-9_]{0,62}$' THEN
        PERFORM rules.refuse(ARRAY[which || ': it has no usable name. Use small letters, digits and ''_''.']);
    ELSIF TG_OP = 'UPDATE' AND NEW.name <> OLD.name THEN
        PERFORM rules.refuse(ARRAY[format('Reference list %s: its name is permanent and cannot become ''%s''. Add another.',
            OLD.name, NEW.name)]);
    END IF;
    IF jsonb_typeof(NEW.columns) = 'object' AND jsonb_typeof(NEW.rows) = 'array' THEN
        NEW.rows := rules.list_rows(NEW.columns, NEW.rows);
    END IF;
    NEW.description := coalesce(NEW.description, '');
    PERFORM rules.refuse(rules.list_faults(which, NEW.columns, NEW.rows));
    INSERT INTO rules.reference_list_identity (tenant, name) SELECT rules.tenant(), NEW.name
    WHERE NOT EXISTS (SELECT FROM rules.reference_list_identity AS i WHERE i.tenant = rules.tenant() AND i.name = NEW.name)
    ON CONFLICT DO NOTHING;
    SELECT i.id INTO STRICT list FROM rules.reference_list_identity AS i
    WHERE i.tenant = rules.tenant() AND i.name = NEW.name FOR NO KEY UPDATE;
    SELECT v.id INTO known FROM rules.reference_list_version AS v WHERE v.list_id = list AND upper_inf(v.recorded);
    IF TG_OP = 'INSERT' AND known IS NOT NULL THEN
        PERFORM rules.refuse(ARRAY[format('%s: it is there already. Change it: UPDATE rules.reference_list SET rows = … '
            'WHERE name = %L.', which, NEW.name)]);
    ELSIF TG_OP = 'UPDATE' AND NEW IS NOT DISTINCT FROM OLD THEN
        RETURN NEW;
    END IF;
    IF EXISTS (SELECT FROM rules.draft_policy AS d WHERE d.tenant = rules.tenant() AND d.open AND d.object = 'reference list'
        AND d.key = NEW.name AND d.content -> 'rows' NOT IN (NEW.rows, OLD.rows))
    THEN
        RAISE WARNING '%: the rows that were drafted before are replaced by these, which say all of them.', which;
    END IF;
    PERFORM rules.draft_policy('reference list', NEW.name, to_jsonb(NEW), known);
    RETURN NEW;
END $$;
COMMENT ON FUNCTION rules.reference_list_changed IS 'INSERT and UPDATE on rules.reference_list: drafts what it holds.';

CREATE FUNCTION rules.reference_list_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM rules.refuse(ARRAY[format('Reference list %s: it is never deleted, past rule sets hold it. Empty it (UPDATE '
        'rules.reference_list SET rows = ''[]''), or leave it be and do not name it.', OLD.name)]);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION rules.reference_list_deleted IS 'DELETE on rules.reference_list: refused, with what to do instead.';
CREATE TRIGGER changed INSTEAD OF INSERT OR UPDATE ON rules.reference_list
    FOR EACH ROW EXECUTE FUNCTION rules.reference_list_changed();
CREATE TRIGGER deleted INSTEAD OF DELETE ON rules.reference_list
    FOR EACH ROW EXECUTE FUNCTION rules.reference_list_deleted();
CREATE TRIGGER never_edited BEFORE UPDATE OR DELETE OR TRUNCATE ON rules.reference_list_identity
    FOR EACH STATEMENT EXECUTE FUNCTION rules.never_edited('Add another reference list.');
