-- What a row of rules.rule or rules.membership_type must be, in the words an analyst reads.

CREATE FUNCTION rules.encoded_parameters(plain jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN jsonb_typeof(plain) = 'object' THEN (
        SELECT coalesce(jsonb_object_agg(key, CASE jsonb_typeof(value)
            WHEN 'boolean' THEN jsonb_build_object('boolean', value)
            WHEN 'string' THEN jsonb_build_object('string', value)
            WHEN 'number' THEN CASE WHEN value::text ~ '^-?\d+$' THEN jsonb_build_object('bigint', value)
                ELSE jsonb_build_object('decimal', value::text) END
            ELSE value END), '{}')
        FROM jsonb_each(plain)
    ) ELSE coalesce(plain, '{}') END
$$;
COMMENT ON FUNCTION rules.encoded_parameters IS 'Parameters with their types: {"least": 5} is {"least": {"bigint": 5}}.';

CREATE FUNCTION rules.is_date(written text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN written ~ '^\d{4}-\d{2}-\d{2}$' AND make_date(
        left(written, 4)::integer, substr(written, 6, 2)::integer, right(written, 2)::integer) IS NOT NULL;
EXCEPTION WHEN datetime_field_overflow THEN
    RETURN false;
END $$;
COMMENT ON FUNCTION rules.is_date IS 'Whether a text is a day, as 2024-06-01.';

CREATE FUNCTION rules.is_parameter(value jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_typeof(value) = 'object' AND (SELECT count(*) FROM jsonb_object_keys(value)) = 1 AND coalesce(
        CASE (SELECT min(k) FROM jsonb_object_keys(value) AS k)
            WHEN 'boolean' THEN jsonb_typeof(value -> 'boolean') = 'boolean'
            WHEN 'bigint' THEN jsonb_typeof(value -> 'bigint') = 'number' AND value ->> 'bigint' ~ '^-?\d{1,19}$'
            WHEN 'decimal' THEN jsonb_typeof(value -> 'decimal') = 'string'
                AND value ->> 'decimal' ~ '^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$'
            WHEN 'date' THEN jsonb_typeof(value -> 'date') = 'string' AND rules.is_date(value ->> 'date')
            WHEN 'string' THEN jsonb_typeof(value -> 'string') = 'string'
        END, false)
$$;
COMMENT ON FUNCTION rules.is_parameter IS 'Whether a JSON value is one typed parameter: {"date": "2024-06-01"}.';

CREATE FUNCTION rules.parameter_faults(which text, parameters jsonb) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN jsonb_typeof(parameters) <> 'object' THEN ARRAY[which || ': its parameters are no JSON object. '
            'Write them as {"least": 5, "since": {"date": "2024-06-01"}}.']
    ELSE (
        SELECT coalesce(array_agg(which || CASE WHEN key !~ '^[a-z][a-z0-9_]{0,62}$' OR key = 'as_of'
            THEN format(': its parameter ''%s'' has no usable name. Use small letters; not ''as_of''.', key)
            ELSE format(': its parameter ''%s'' is %s. Write {"%1$s": 5}, {"%1$s": "text"}, or with its type '
                '{"%1$s": {"date": "2024-06-01"}} (boolean, bigint, decimal, date, string).', key, value) END
            ORDER BY key), '{}')
        FROM jsonb_each(parameters)
        WHERE key !~ '^[a-z][a-z0-9_]{0,62}$' OR key = 'as_of' OR NOT rules.is_parameter(value)
    ) END
$$;
COMMENT ON FUNCTION rules.parameter_faults IS 'What is wrong with the parameters of a rule.';

CREATE FUNCTION rules.one_of(which text, what text, given text, known text[]) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN given IS NULL OR given <> ALL (known) THEN format('%s: its %s %s is none of %s. Choose one.',
        which, what, coalesce('''' || given || '''', '(left out)'), array_to_string(known, ', ')) END
$$;
COMMENT ON FUNCTION rules.one_of IS 'The fault of a value that is not on a list, or NULL.';

CREATE FUNCTION rules.whole(number numeric, lowest numeric, highest numeric) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(number = trunc(number) AND number BETWEEN lowest AND highest, false)
$$;
COMMENT ON FUNCTION rules.whole IS 'Whether a number is whole and within limits.';

CREATE FUNCTION rules.rule_faults(r rules.rule) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
DECLARE
    which text := 'Rule ' || coalesce(nullif(r.rule_key, ''), '(no key)');
    types text := (SELECT string_agg(key, ', ' ORDER BY key) FROM rules.membership_type);
    faults text[] := rules.parameter_faults(which, r.parameters);
BEGIN
    IF coalesce(r.rule_key, '') !~ '^[A-Za-z0-9][A-Za-z0-9_:-]{0,99}$' THEN
        faults := faults || (which || ': its key is not of letters, digits, ''_'', ''-'' and '':''. Say BOND-001.');
    END IF;
    faults := faults || rules.one_of(which, 'kind', r.kind, '{inclusion,exclusion}');
    IF r.membership_type IS NULL OR NOT EXISTS (SELECT FROM rules.membership_type WHERE key = r.membership_type) THEN
        faults := faults || format('%s: its membership type ''%s'' does not exist. Name one that does (%s), or add it: '
            'INSERT INTO rules.membership_type (key) VALUES (…).', which, r.membership_type, coalesce(types, 'none yet'));
    END IF;
    IF NOT rules.whole(r.weight, 1, 2147483647) THEN
        faults := faults || format('%s: its weight %s is not a whole number from 1 to 2147483647. An exclusion is said '
            'by its kind, never by a negative weight.', which, coalesce(r.weight::text, '(left out)'));
    END IF;
    IF r.category <> '' AND NOT EXISTS (SELECT FROM rules.category WHERE key = r.category) THEN
        faults := faults || format('%s: its category ''%s'' does not exist. Add it: INSERT INTO rules.category (key) '
            'VALUES (%L).', which, r.category, r.category);
    END IF;
    IF r.rule_type <> '' AND NOT EXISTS (SELECT FROM rules.rule_type WHERE key = r.rule_type) THEN
        faults := faults || format('%s: its rule type ''%s'' does not exist. Add it: INSERT INTO rules.rule_type (key) '
            'VALUES (%L).', which, r.rule_type, r.rule_type);
    END IF;
    faults := faults || rules.one_of(which, 'form', r.form, '{predicate,statement}');
    IF coalesce(r.sql, '') !~ '\S' THEN
        faults := faults || (which || ': its SQL is empty. Write a condition, say: country = ''GB''.');
    END IF;
    IF r.form = 'predicate' AND r.frame !~ '\S' THEN
        faults := faults || (which || ': it is a predicate and names no frame. Name the frame whose rows it is about.');
    END IF;
    IF r.form = 'statement' AND r.frame <> '' THEN
        faults := faults || format('%s: it is a statement and names the frame ''%s''. A statement names its own: set '
            'frame to ''''.', which, r.frame);
    END IF;
    faults := faults || rules.one_of(which, 'when_unknown', r.when_unknown, '{miss,hit,hold}');
    IF r.override AND r.kind = 'exclusion' THEN
        faults := faults || (which || ': it is an exclusion marked as an override. Only an inclusion can override.');
    END IF;
    IF jsonb_typeof(r.metadata) <> 'object' THEN
        faults := faults || (which || ': its metadata are no JSON object. Write {"note": "…"}.');
    END IF;
    RETURN array_remove(faults || rules.period_faults(which, r.effective_from, r.effective_to), NULL);
END $$;
COMMENT ON FUNCTION rules.rule_faults IS 'Everything that is wrong with a row of rules.rule, in words.';

CREATE FUNCTION rules.period_faults(which text, first date, ended date) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN first IS NULL OR NOT isfinite(first) OR first < '0001-01-01' OR first > '9999-12-30'
            OR ended > '9999-12-31' OR NOT isfinite(ended)
        THEN ARRAY[which || ': its effective period needs a first day, and days from 0001-01-01 to 9999-12-31. Give '
            'effective_from, and leave effective_to NULL until further notice.']
        WHEN ended <= first
        THEN ARRAY[format('%s: its effective period ends on %s and starts on %s, so it holds no day. The end day is the '
            'first on which the rule no longer counts: choose a later one.', which, ended, first)]
        ELSE '{}' END
$$;
COMMENT ON FUNCTION rules.period_faults IS 'What is wrong with an effective period.';

CREATE FUNCTION rules.membership_type_faults(m rules.membership_type) RETURNS text[] LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    which text := 'Membership type ' || coalesce(nullif(m.key, ''), '(no key)');
    faults text[] := '{}';
BEGIN
    IF coalesce(m.key, '') !~ '^[A-Za-z0-9][A-Za-z0-9_:-]{0,99}$' THEN
        faults := faults || (which || ': its key is not of letters, digits, ''_'', ''-'' and '':''. Rename it.');
    END IF;
    faults := faults || rules.one_of(which, 'strategy', m.strategy, '{weight_sum,any_exclusion_blocks,max_weight}');
    faults := faults || rules.one_of(which, 'tie policy', m.tie, '{deny,grant,keep}');
    IF NOT rules.whole(m.margin, -9223372036854775807, 9223372036854775807) THEN
        faults := faults || format('%s: its margin %s is not a whole number. Give one, such as 1.', which, m.margin);
    ELSIF m.tie IN ('grant', 'keep') AND m.margin <> 1 THEN
        faults := faults || format('%s: its tie policy is ''%s'' and its margin %s: a tie would be granted where a '
            'narrow win is not, or the margin decides ties already. Set the margin to 1, or the tie policy to ''deny''.',
            which, m.tie, m.margin);
    END IF;
    IF m.veto_weight IS NOT NULL AND NOT rules.whole(m.veto_weight, 1, 2147483647) THEN
        faults := faults || format('%s: its veto weight %s is not a whole number above zero. Mend it, or set it to NULL.',
            which, m.veto_weight);
    END IF;
    RETURN array_remove(faults, NULL);
END $$;
COMMENT ON FUNCTION rules.membership_type_faults IS 'Everything that is wrong with a row of rules.membership_type.';
