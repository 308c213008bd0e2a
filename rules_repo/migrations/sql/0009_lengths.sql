-- Texts have bounds. Each is held where it comes in, by whom it is written, and only if it is another one than before: what was kept
-- longer stays, can be published, and stays as it is when something else of the row is edited.

SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL standard_conforming_strings = on;
SET LOCAL datestyle = 'ISO, YMD';
SET LOCAL timezone = 'UTC';
SET LOCAL lock_timeout = '60s';

DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY '{rules_owner,rules_views}'::text[] LOOP
        IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
            EXECUTE format('GRANT %I TO CURRENT_USER', role);
        END IF;
    END LOOP;
END $$;

CREATE FUNCTION rules.within_lengths() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    said jsonb := to_jsonb(NEW);
    was jsonb := CASE TG_OP WHEN 'UPDATE' THEN to_jsonb(OLD) ELSE '{}' END;
    which text := concat_ws(' ', TG_ARGV[0], left(said ->> TG_ARGV[1], 60));
    faults text[];
    cell record;
BEGIN
    SELECT array_agg(format('%s: in its %s are %s characters, and %s are the most. Shorten it; keep what is longer elsewhere, '
        'and say where.', which, replace(b.key, '_', ' '), length(said ->> b.key), b.value) ORDER BY b.key COLLATE "C") INTO faults
    FROM jsonb_each_text(TG_ARGV[2]::jsonb) AS b
    WHERE length(said ->> b.key) > b.value::integer AND said -> b.key IS DISTINCT FROM was -> b.key;
    PERFORM rules.refuse(faults);
    IF TG_NARGS > 3 AND said -> 'rows' IS DISTINCT FROM was -> 'rows' AND jsonb_typeof(said -> 'rows') = 'array' THEN
        SELECT r.ordinality AS number, length(v #>> '{}') AS long INTO cell
        FROM jsonb_array_elements(said -> 'rows') WITH ORDINALITY AS r, jsonb_path_query(r.value, '$.**') AS v
        WHERE jsonb_typeof(v) = 'string' AND length(v #>> '{}') > TG_ARGV[3]::integer ORDER BY r.ordinality LIMIT 1;
        IF FOUND THEN
            PERFORM rules.refuse(ARRAY[format('%s: a text in its row %s has %s characters, and %s are the most. Land it as a frame '
                'of the lake.', which, cell.number, cell.long, TG_ARGV[3])]);
        END IF;
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION rules.within_lengths IS
    'Refuses a text that is too long: its arguments say what the row is called, which column names it, the most characters of each '
    'column, and those of a text in the rows of a list.';

-- What the views say comes first, before anything else looks at it; what the tables say as soon as it is there.
DO $$
DECLARE
    bound record;
    rule text := '{"name": 200, "frame": 200, "category": 200, "rule_type": 200, "reason_code": 200, "owner": 200, '
        '"reason_text": 4000, "sql": 131072, "parameters": 65536}';
BEGIN
    -- Of time lines that are drafted whole, as files are: a text that a wording of the rule, or its draft, has already may stay.
    EXECUTE format($made$
CREATE FUNCTION rules.too_long(whose text, wanted rules.rule[]) RETURNS text[] LANGUAGE sql STABLE AS $body$
    SELECT array_agg(format('Rule %%s: in its %%s are %%s characters, and %%s are the most. Shorten it; keep what is longer elsewhere, '
        'and say where.', left(s.said ->> 'rule_key', 60), replace(b.key, '_', ' '), length(s.said ->> b.key), b.value))
    FROM (SELECT to_jsonb(t) AS said FROM unnest(wanted) AS t OFFSET 0) AS s, jsonb_each_text(%L) AS b
    WHERE length(s.said ->> b.key) > b.value::integer AND NOT EXISTS (SELECT FROM rules.rule_identity AS i
        LEFT JOIN rules.rule_version AS v ON v.rule_id = i.id LEFT JOIN rules.draft_row AS d ON d.rule_id = i.id
        WHERE i.tenant = whose AND i.key = s.said ->> 'rule_key' AND s.said -> b.key IN (to_jsonb(v) -> b.key, to_jsonb(d) -> b.key))
$body$
    $made$, rule);
    COMMENT ON FUNCTION rules.too_long IS 'What is too long of rules that are drafted with their whole time line, and was not before.';
    FOR bound IN SELECT * FROM (VALUES
        ('rule', true, 'Rule', 'rule_key', rule, NULL),
        ('draft', true, 'Rule', 'rule_key', rule, NULL),
        ('membership_type', true, 'Membership type', 'key', '{"name": 200}', NULL),
        ('parameter', true, 'Parameter', 'name', '{"description": 4000, "value": 4000}', NULL),
        ('reference_list', true, 'Reference list', 'name', '{"description": 4000, "columns": 16384, "rows": 4000000}', 1000),
        ('category', false, 'Category', 'key', '{"key": 200, "description": 4000}', NULL),
        ('rule_type', false, 'Rule type', 'key', '{"key": 200, "description": 4000}', NULL),
        ('reason_code', false, 'Reason', 'code', '{"code": 200, "text": 4000}', NULL),
        ('tenant', false, 'Tenant', 'key', '{"description": 4000}', NULL),
        ('tenant_login', false, 'Login', 'login', '{"login": 63}', NULL),
        ('governance', false, 'Tenant', 'tenant', '{"reason": 4000}', NULL),
        ('change', false, 'Change', 'id', '{"title": 200, "reason": 4000}', NULL),
        ('check_result', false, 'Check of change', 'change_id', '{"findings": 65536}', NULL),
        ('plan_result', false, 'Plan of change', 'change_id', '{"said": 1000000}', NULL),
        ('approval', false, 'Verdict on change', 'change_id', '{"reason": 4000}', NULL),
        ('rule_pause', false, 'Pause', '', '{"reason": 4000, "ended_because": 4000}', NULL),
        ('release_freeze', false, 'Freeze', '', '{"reason": 4000, "ended_because": 4000}', NULL)
    ) AS b (relation, shown, called, key, longest, cell) LOOP
        EXECUTE format('CREATE TRIGGER bounded %s INSERT OR UPDATE ON rules.%I FOR EACH ROW EXECUTE FUNCTION rules.within_lengths(%s)',
            CASE WHEN bound.shown THEN 'INSTEAD OF' ELSE 'AFTER' END, bound.relation,
            concat_ws(', ', quote_literal(bound.called), quote_literal(bound.key), quote_literal(bound.longest), quote_literal(bound.cell)));
        IF NOT bound.shown THEN
            EXECUTE format('ALTER TABLE rules.%I ENABLE ALWAYS TRIGGER bounded', bound.relation);
        END IF;
    END LOOP;
END $$;

DO $$  -- the function as it was: of both reasons of a pause that is cut short, in its new row, as much as a reason may have
DECLARE
    source text := pg_get_functiondef('rules.resume(text,text)'::regprocedure);
    was text := 'found.reason || '' (resumed: '' || resume.reason || '')'')';
BEGIN
    IF strpos(source, was) = 0 THEN
        RAISE EXCEPTION 'rules.resume is not the one of revision 0008';
    END IF;
    EXECUTE replace(source, was, 'left(found.reason || '' (resumed: '' || resume.reason || '')'', 4000))');
END $$;

DO $$  -- the function as it was, with one thing asked in it
DECLARE
    source text := pg_get_functiondef('rules.draft_timelines(bigint,jsonb)'::regprocedure);
    was text := '    PERFORM rules.the_change(change);
';
BEGIN
    IF strpos(source, was) = 0 THEN
        RAISE EXCEPTION 'rules.draft_timelines is not the one of revision 0008';
    END IF;
    EXECUTE replace(source, was, was || '    PERFORM rules.refuse(rules.too_long(whose, targets));
');
END $$;
