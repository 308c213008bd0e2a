-- What is stored can be read back by every run: what the model refuses is refused here.

CREATE FUNCTION rules.is_decimal(written text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN written ~ '^[+-]?(\d{1,76}\.?\d{0,38}|\.\d{1,38})([eE][+-]?\d{1,2})?$'
        THEN scale(written::numeric) <= 38 AND length(ltrim(translate(written::numeric::text, '-.', ''), '0')) <= 38
        ELSE false END
$$;
COMMENT ON FUNCTION rules.is_decimal IS 'Whether a text is a decimal number of at most 38 digits, 38 of them after the point.';

CREATE FUNCTION rules.hides(said text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT said ~ E'[\u0001-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ue000-\uf8ff\ufeff\ufff9-\ufffb]'
$$;
COMMENT ON FUNCTION rules.hides IS 'Whether a text holds characters that show nothing, or change how their neighbours show.';

CREATE OR REPLACE FUNCTION rules.is_parameter(value jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_typeof(value) = 'object' AND (SELECT count(*) FROM jsonb_object_keys(value)) = 1 AND coalesce(
        CASE (SELECT min(k) FROM jsonb_object_keys(value) AS k)
            WHEN 'boolean' THEN jsonb_typeof(value -> 'boolean') = 'boolean'
            WHEN 'bigint' THEN CASE WHEN jsonb_typeof(value -> 'bigint') = 'number' AND value ->> 'bigint' ~ '^-?\d{1,19}$'
                THEN (value ->> 'bigint')::numeric BETWEEN -9223372036854775807 AND 9223372036854775807 ELSE false END
            WHEN 'decimal' THEN jsonb_typeof(value -> 'decimal') = 'string' AND rules.is_decimal(value ->> 'decimal')
            WHEN 'date' THEN jsonb_typeof(value -> 'date') = 'string' AND rules.is_date(value ->> 'date')
            WHEN 'string' THEN jsonb_typeof(value -> 'string') = 'string' AND NOT rules.hides(value ->> 'string')
        END, false)
$$;

CREATE FUNCTION rules.metadata_faults(which text, metadata jsonb) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN jsonb_typeof(metadata) <> 'object' THEN ARRAY[which || ': its metadata are no JSON object. Write {"note": "…"}.']
        WHEN length(metadata::text) > 65536 OR jsonb_path_exists(metadata, '$.**{50 to last}')
        THEN ARRAY[which || ': its metadata are longer than 65536 characters or more than 50 levels deep. Keep that elsewhere, and '
            'say where.']
        WHEN EXISTS (SELECT FROM jsonb_path_query(metadata, 'strict $.** ? (@.type() == "number")') AS n
            WHERE length(n #>> '{}') > 300 OR abs((n #>> '{}')::numeric) > 1e300)
        THEN ARRAY[which || ': its metadata hold a number that no program reads back as it is. Write it as a text.']
        ELSE '{}' END
$$;
COMMENT ON FUNCTION rules.metadata_faults IS 'What is wrong with the metadata of a rule.';

CREATE FUNCTION rules.parameter_cure(named text, value jsonb) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN value ? 'bigint' THEN 'A whole number has 64 bits: from -9223372036854775807 to 9223372036854775807. Write a '
            || format('larger one as {"%s": {"decimal": "…"}}.', named)
        WHEN value ? 'decimal' THEN format('A decimal has at most 38 digits: write {"%s": {"decimal": "12.50"}}.', named)
        WHEN value ? 'string' THEN 'It holds a character that cannot be seen. Type it again.'
        ELSE format('Write {"%1$s": 5}, {"%1$s": "text"}, or with its type {"%1$s": {"date": "2024-06-01"}} (boolean, bigint, '
            'decimal, date, string).', named) END
$$;
COMMENT ON FUNCTION rules.parameter_cure IS 'What to write instead of a value that is no parameter.';

CREATE OR REPLACE FUNCTION rules.parameter_faults(which text, parameters jsonb) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN jsonb_typeof(parameters) <> 'object' THEN ARRAY[which || ': its parameters are no JSON object. '
            'Write them as {"least": 5, "since": {"date": "2024-06-01"}}.']
    ELSE (
        SELECT coalesce(array_agg(which || CASE WHEN key !~ '^[a-z][a-z0-9_]{0,62}$' OR key = 'as_of'
            THEN format(': its parameter ''%s'' has no usable name. Use small letters; not ''as_of''.', key)
            ELSE format(': its parameter ''%s'' is %s. %s', key, value, rules.parameter_cure(key, value)) END
            ORDER BY key), '{}')
        FROM jsonb_each(parameters)
        WHERE key !~ '^[a-z][a-z0-9_]{0,62}$' OR key = 'as_of' OR NOT rules.is_parameter(value)
    ) END
$$;

CREATE OR REPLACE FUNCTION rules.is_list_value(type text, value jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN value = 'null' THEN true WHEN type !~ '^decimal' THEN rules.is_parameter(jsonb_build_object(type, value))
        WHEN NOT rules.is_parameter(jsonb_build_object('decimal', value)) THEN false
        ELSE (value #>> '{}')::numeric = round((value #>> '{}')::numeric, substring(type FROM ',(\d+)')::integer)
            AND abs((value #>> '{}')::numeric) < power(10::numeric,
                substring(type FROM '\((\d+)')::integer - substring(type FROM ',(\d+)')::integer) END
$$;

CREATE FUNCTION rules.is_list_type(type text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT type IN ('boolean', 'bigint', 'date', 'string')
        OR type ~ '^decimal\(([1-9]|[12]\d|3[0-8]),(\d|[12]\d|3[0-8])\)$'
            AND substring(type FROM ',(\d+)')::integer <= substring(type FROM '\((\d+)')::integer
$$;
COMMENT ON FUNCTION rules.is_list_type IS 'Whether a column of a list can be of a type.';
