-- A draft says what was written last. The views show what is published, so an UPDATE that writes what is published again
-- looks like one that says nothing of it: which of the two it is stands in the text of the statement, or is asked.

CREATE FUNCTION rules.assigned(relation text, named text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
    said text := regexp_replace(current_query(), '"(\w+)"', '\1', 'g');
BEGIN
    IF said ~ '\\|\$\w*\$' THEN
        RETURN NULL;  -- texts that are read in several ways
    END IF;
    said := regexp_replace(said, '--[^\n]*|/\*([^*]|\*+[^*/])*\*+/|''([^'']|'''')*''', ' ''''', 'g');
    said := substring(said FROM '(?i)^[\s'']*update\s+(?:only\s+)?(?:rules\s*\.\s*)?' || relation
        || '(?:\s*\*)?(?:\s+as\s+\w+|\s+(?!set\M)\w+)?\s+set\s(.*)$');
    IF said IS NULL OR said ~* '\m(update|set|select|from)\M|;.*\w|"|\*/' THEN
        RETURN NULL;
    END IF;
    said := regexp_replace(said, '(?i)\m(where|returning)\M.*$', '');
    IF said !~* ('\m' || named || '\M') THEN
        RETURN false;
    END IF;
    RETURN CASE WHEN said ~* ('(^|,)[\s'']*(\w+\.)?' || named || '\s*=') THEN true END;
END $$;
COMMENT ON FUNCTION rules.assigned IS
    'Whether the statement that the client sent gives a column of a view a value; NULL if that cannot be told.';

CREATE FUNCTION rules.amended(relation text, which text, drafted jsonb, was jsonb, said jsonb, key text, change bigint)
RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
    told jsonb := drafted;
    unclear text[] := '{}';
    field record;
    named boolean;
BEGIN
    FOR field IN SELECT s.key AS name, s.value AS becomes, w.value AS before, d.value AS draft
        FROM jsonb_each(said) AS s JOIN jsonb_each(was) AS w USING (key) JOIN jsonb_each(drafted) AS d USING (key)
        WHERE s.value <> d.value AND s.key <> 'version' ORDER BY s.key LOOP
        named := field.becomes <> field.before OR rules.assigned(relation, field.name);
        IF NOT named AND field.name IN ('form', 'reason_text') THEN  -- they follow what they belong to
            named := rules.assigned(relation, CASE field.name WHEN 'form' THEN 'sql' ELSE 'reason_code' END);
        END IF;
        IF named IS NULL THEN
            unclear := unclear || field.name;
        ELSIF named THEN
            told := jsonb_set(told, ARRAY[field.name], field.becomes);
        END IF;
    END LOOP;
    IF unclear <> '{}' THEN
        PERFORM rules.refuse(ARRAY[format('%s: change %s has drafted its %s, and this statement does not say plainly whether '
            'what is published is to stand again. Say it in a statement of its own: UPDATE rules.%s SET %s = … WHERE %s.',
            which, change, array_to_string(unclear, ', '), relation, array_to_string(unclear, ' = …, '), key)]);
    END IF;
    RETURN told;
END $$;
COMMENT ON FUNCTION rules.amended IS
    'What a draft says after an update: what the update gives, and of the rest what was drafted; refused if that is unclear.';

CREATE FUNCTION rules.drafted_policy(what text, named text) RETURNS rules.draft_policy LANGUAGE sql STABLE AS $$
    SELECT d FROM rules.draft_policy AS d WHERE d.tenant = rules.tenant() AND d.object = what AND d.key = named AND d.open
$$;
COMMENT ON FUNCTION rules.drafted_policy IS 'The open draft of a membership type, a shared parameter or a reference list.';

DO $$  -- the functions as they were, with this asked in each
DECLARE
    step record;
    source text;
    policy text := '    drafted := rules.drafted_policy(%1$L, NEW.%2$s);
    IF TG_OP = ''UPDATE'' AND NEW IS NOT DISTINCT FROM OLD AND drafted.change_id IS NULL THEN
        RETURN NEW;
    END IF;
    said := to_jsonb(NEW);
    IF TG_OP = ''UPDATE'' AND drafted.change_id IS NOT NULL THEN
        PERFORM rules.held_elsewhere(%3$L || NEW.%2$s, drafted.change_id);
        said := rules.amended(%4$L, %3$L || NEW.%2$s, drafted.content, to_jsonb(OLD), said,
            format(''%2$s = %%L'', NEW.%2$s), drafted.change_id);
    END IF;
';
BEGIN
    FOR step IN SELECT * FROM (VALUES
        ('rules.rule_updated', '    IF r IS NOT DISTINCT FROM OLD THEN
        RETURN r;', '    IF r IS NOT DISTINCT FROM OLD AND NOT EXISTS (SELECT FROM rules.draft_row AS w
        JOIN rules.draft_rule AS o USING (change_id, rule_id) WHERE w.derived_from = known AND w.edited AND o.open) THEN
        RETURN r;'),
        ('rules.rule_updated', '        r := jsonb_populate_record(rules.rule_of(earlier), (SELECT coalesce(jsonb_object_agg(n.key, n.value), ''{}'')
            FROM jsonb_each(to_jsonb(r)) AS n JOIN jsonb_each(to_jsonb(before)) AS o USING (key) WHERE n.value <> o.value));
', '        r := jsonb_populate_record(r, rules.amended(''rule'', ''Rule '' || OLD.rule_key, to_jsonb(rules.rule_of(earlier)),
            to_jsonb(before), to_jsonb(r), format(''rule_key = %L AND effective_from = %L'', OLD.rule_key, OLD.effective_from),
            d.change_id));
'),
        ('rules.rule_updated', 'PERFORM rules.put_draft(d, r, known, true);',
            'PERFORM rules.put_draft(d, r, known, r IS DISTINCT FROM OLD);'),
        ('rules.membership_type_changed', '    said jsonb;
BEGIN', '    said jsonb;
    drafted rules.draft_policy;
BEGIN'),
        ('rules.membership_type_changed', '    IF TG_OP = ''UPDATE'' AND NEW IS NOT DISTINCT FROM OLD THEN
        RETURN NEW;
    END IF;
    said := to_jsonb(NEW);
    IF TG_OP = ''UPDATE'' AND EXISTS (SELECT FROM rules.draft_policy WHERE object = ''membership type'' AND key = NEW.key
        AND tenant = rules.tenant() AND open)
    THEN  -- what this update leaves alone stays as drafted before
        said := (SELECT jsonb_object_agg(n.key, n.value) FROM jsonb_each(to_jsonb(NEW)) AS n
            JOIN jsonb_each(to_jsonb(OLD)) AS o USING (key) WHERE n.value <> o.value);
    END IF;
', format(policy, 'membership type', 'key', 'Membership type ', 'membership_type')),
        ('rules.parameter_changed', '    known bigint;
BEGIN', '    known bigint;
    said jsonb;
    drafted rules.draft_policy;
BEGIN'),
        ('rules.parameter_changed', '    ELSIF TG_OP = ''UPDATE'' AND NEW IS NOT DISTINCT FROM OLD THEN
        RETURN NEW;
    END IF;
    PERFORM rules.draft_policy(''parameter'', NEW.name, to_jsonb(NEW), known);', '    END IF;
' || format(policy, 'parameter', 'name', 'Parameter ', 'parameter')
            || '    PERFORM rules.draft_policy(''parameter'', NEW.name, said, known);'),
        ('rules.reference_list_changed', '    known bigint;
BEGIN', '    known bigint;
    said jsonb;
    drafted rules.draft_policy;
BEGIN'),
        ('rules.reference_list_changed', '    ELSIF TG_OP = ''UPDATE'' AND NEW IS NOT DISTINCT FROM OLD THEN
        RETURN NEW;
    END IF;
    IF EXISTS (SELECT FROM rules.draft_policy AS d WHERE d.tenant = rules.tenant() AND d.open AND d.object = ''reference list''
        AND d.key = NEW.name AND d.content -> ''rows'' NOT IN (NEW.rows, OLD.rows))
    THEN', '    END IF;
' || format(policy, 'reference list', 'name', 'Reference list ', 'reference_list')
            || '    IF drafted.content -> ''rows'' NOT IN (said -> ''rows'', OLD.rows) THEN'),
        ('rules.reference_list_changed', 'rules.draft_policy(''reference list'', NEW.name, to_jsonb(NEW), known)',
            'rules.draft_policy(''reference list'', NEW.name, said, known)')
    ) AS s (named, was, becomes) LOOP
        source := pg_get_functiondef(step.named::regproc);
        IF strpos(source, step.was) = 0 THEN
            RAISE EXCEPTION '% is not the one of revision 0002: it does not say "%"', step.named, step.was;
        END IF;
        EXECUTE replace(source, step.was, step.becomes);
    END LOOP;
END $$;
