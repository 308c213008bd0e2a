-- One thing, one key: who writes 'premium' where there is 'PREMIUM' means that one, and would weigh it twice. Capitals are those of A to Z,
-- as keys have no others, whatever the language of the database. And what an edit says of days and of drafts is said so that it can be
-- followed: what an UPDATE gives a value is read as PostgreSQL reads the statement.

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

CREATE INDEX rule_identity_any_capitals ON rules.rule_identity (tenant, lower(key COLLATE "C"));

-- Asked when a draft is begun, and again at commit, for two who draft at the same time do not see each other; of what no other change has
-- published: two rules of before 0007 can both be edited on.
CREATE FUNCTION rules.new_rule_key() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    stack text;
BEGIN
    IF TG_WHEN = 'AFTER' THEN
        GET DIAGNOSTICS stack = PG_CONTEXT;
        PERFORM rules.at_commit(stack);
    END IF;
    IF EXISTS (SELECT FROM rules.rule_version AS v WHERE v.rule_id = NEW.rule_id AND v.change_id IS DISTINCT FROM NEW.change_id)
        OR TG_WHEN = 'AFTER' AND NOT EXISTS (SELECT FROM rules.rule_version AS v WHERE v.rule_id = NEW.rule_id)
            AND NOT EXISTS (SELECT FROM rules.draft_rule AS d WHERE d.rule_id = NEW.rule_id AND d.open)
    THEN
        RETURN NEW;
    END IF;
    PERFORM rules.refuse(array_agg(format('Rule %s: there is the rule %s, whose key differs in capitals alone. Write %2$s if you '
        'mean that one, or choose another key.', mine.key, other.key) ORDER BY other.key))
    FROM rules.rule_identity AS mine JOIN rules.rule_identity AS other
        ON other.tenant = mine.tenant AND lower(other.key COLLATE "C") = lower(mine.key COLLATE "C") AND other.id <> mine.id
    WHERE mine.id = NEW.rule_id AND (EXISTS (SELECT FROM rules.rule_version AS v WHERE v.rule_id = other.id)
        OR EXISTS (SELECT FROM rules.draft_rule AS d WHERE d.rule_id = other.id AND d.open));
    RETURN NEW;
END $$;
COMMENT ON FUNCTION rules.new_rule_key IS 'Refuses the draft of a new rule whose key differs from a known one in capitals alone.';

CREATE FUNCTION rules.new_type_key() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    stack text;
    named text := NEW.content ->> 'key';
BEGIN
    IF NEW.object <> 'membership type' OR NEW.base IS NOT NULL THEN
        RETURN NEW;
    END IF;
    IF TG_WHEN = 'AFTER' THEN
        GET DIAGNOSTICS stack = PG_CONTEXT;
        PERFORM rules.at_commit(stack);
    END IF;
    PERFORM rules.refuse(array_agg(format('Membership type %s: there is the membership type %s, whose key differs in capitals '
        'alone. Write %2$s if you mean that one, or choose another key.', mine.key, other.key) ORDER BY other.key))
    FROM rules.membership_type_identity AS mine JOIN rules.membership_type_identity AS other
        ON other.tenant = mine.tenant AND lower(other.key COLLATE "C") = lower(mine.key COLLATE "C") AND other.id <> mine.id
    WHERE mine.tenant = NEW.tenant AND mine.key = named
        AND NOT EXISTS (SELECT FROM rules.membership_type_version AS v
            WHERE v.membership_type_id = mine.id AND v.change_id IS DISTINCT FROM NEW.change_id)
        AND (TG_WHEN = 'BEFORE' OR EXISTS (SELECT FROM rules.membership_type_version AS v WHERE v.membership_type_id = mine.id)
            OR EXISTS (SELECT FROM rules.draft_policy AS d WHERE d.tenant = mine.tenant AND d.object = NEW.object
                AND d.content ->> 'key' = named AND d.open))
        AND (EXISTS (SELECT FROM rules.membership_type_version AS v WHERE v.membership_type_id = other.id)
            OR EXISTS (SELECT FROM rules.draft_policy AS d WHERE d.tenant = mine.tenant AND d.object = NEW.object
                AND d.content ->> 'key' = other.key AND d.open));
    RETURN NEW;
END $$;
COMMENT ON FUNCTION rules.new_type_key IS
    'Refuses the draft of a new membership type whose key differs from a known one in capitals alone.';

CREATE TRIGGER new_key BEFORE INSERT ON rules.draft_rule FOR EACH ROW EXECUTE FUNCTION rules.new_rule_key();
CREATE TRIGGER new_key BEFORE INSERT ON rules.draft_policy FOR EACH ROW EXECUTE FUNCTION rules.new_type_key();
ALTER TABLE rules.draft_rule ENABLE ALWAYS TRIGGER new_key;
ALTER TABLE rules.draft_policy ENABLE ALWAYS TRIGGER new_key;
CREATE CONSTRAINT TRIGGER new_key_at_commit AFTER INSERT ON rules.draft_rule DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION rules.new_rule_key();
CREATE CONSTRAINT TRIGGER new_key_at_commit AFTER INSERT ON rules.draft_policy DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION rules.new_type_key();
ALTER TABLE rules.draft_rule ENABLE ALWAYS TRIGGER new_key_at_commit;
ALTER TABLE rules.draft_policy ENABLE ALWAYS TRIGGER new_key_at_commit;

CREATE FUNCTION rules.among_periods(d rules.draft_rule, days daterange) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN count(*) > 1 THEN ' ' || rules.in_words(days) ELSE '' END
    FROM rules.draft_row AS w WHERE w.change_id = d.change_id AND w.rule_id = d.rule_id
$$;
COMMENT ON FUNCTION rules.among_periods IS 'Which of its periods an edit was of, in words, where a rule has several; else nothing.';

-- What stands in brackets gives no column a value, and ends no list of columns. A backslash in a text that is not written E'…', a text
-- between dollars, a name of code points (U&) and a statement within a function can be read in several ways.
CREATE OR REPLACE FUNCTION rules.assigned(relation text, named text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
    stack text;
    said text := regexp_replace(current_query(), '"(\w+)"', ' \1 ', 'g');
    whole text := '(--[^\n\r]*|/\*(?:[^*]|\*+[^*/])*\*+/|''(?:[^'']|'''')*'')|(?<=[\s,=(|])[eE]''(?:[^''\\]|''''|\\.)*''';
    brackets text := '\([^][()]*\)|\[[^][()]*\]';
    rest text := '(?i)\m(where|returning)\M.*$';
    asked text := '\m' || named || '\M';
    outer_words text;
BEGIN
    GET DIAGNOSTICS stack = PG_CONTEXT;
    IF stack ~ '\n(PL/pgSQL function (?!rules\.)|SQL function )'
        OR EXISTS (SELECT FROM regexp_matches(said, whole, 'g') AS m (parts) WHERE m.parts[1] ~ '\\')
    THEN
        RETURN NULL;
    END IF;
    said := regexp_replace(said, whole, ' ''''', 'g');
    IF said ~ '\\|\$(?!\d)' THEN
        RETURN NULL;
    END IF;
    said := substring(said FROM '(?i)^[\s'']*update\s+(?:only\s+)?(?:rules\s*\.\s*)?' || relation
        || '(?:\s*\*)?(?:\s+as\s+\w+|\s+(?!set\M)\w+)?\s+set\s(.*)$');
    IF said IS NULL OR said ~* '\m(update|set|select|from|uescape)\M|;.*\w|"|\*/' THEN
        RETURN NULL;
    END IF;
    outer_words := said;
    WHILE outer_words ~ brackets LOOP
        outer_words := regexp_replace(outer_words, brackets, '@', 'g');
    END LOOP;
    outer_words := regexp_replace(outer_words, rest, '');
    IF outer_words ~ '(^|,)[\s'']*@' THEN
        RETURN CASE WHEN said !~* asked THEN false END;  -- a list of columns
    ELSIF outer_words !~* asked AND regexp_replace(said, rest, '') !~* asked THEN
        RETURN false;
    END IF;
    RETURN CASE WHEN outer_words ~* ('(^|,)[\s'']*(\w+\.)?' || named || '\s*=') THEN true END;
END $$;

DO $$  -- the functions as they were, but for what is replaced in each
DECLARE
    step record;
    source text;
BEGIN
    FOR step IN SELECT * FROM (VALUES
        ('rules.rule_inserted', 'PERFORM rules.drafted(d.change_id, ''Rule '' || r.rule_key);',
            'PERFORM rules.drafted(d.change_id, ''Rule '' || r.rule_key
        || rules.among_periods(d, daterange(r.effective_from, r.effective_to)));'),
        ('rules.rule_updated', 'PERFORM rules.drafted(d.change_id, ''Rule '' || OLD.rule_key);',
            'PERFORM rules.drafted(d.change_id, ''Rule '' || OLD.rule_key
        || rules.among_periods(d, daterange(r.effective_from, r.effective_to)));'),
        ('rules.draft_changed', 'PERFORM rules.drafted(d.change_id, ''Rule '' || r.rule_key);',
            'PERFORM rules.drafted(d.change_id, ''Rule '' || r.rule_key
        || rules.among_periods(d, daterange(r.effective_from, r.effective_to)));'),
        ('rules.amended', 'WHERE %s.'',
            which, change, array_to_string(unclear, '', ''), relation, array_to_string(unclear, '' = …, ''), key)]);',
            'WHERE %s.%s'',
            which, change, array_to_string(unclear, '', ''), relation, array_to_string(unclear, '' = …, ''), key,
            CASE relation WHEN ''rule'' THEN format('' If what is drafted is to stay, amend the draft: UPDATE rules.draft SET … '
                'WHERE change_id = %s AND %s AND effective_from = %L.'', change, split_part(key, '' AND '', 1),
                drafted ->> ''effective_from'') ELSE '''' END)]);')
    ) AS s (named, was, becomes) LOOP
        source := pg_get_functiondef(step.named::regproc);
        IF strpos(source, step.was) = 0 THEN
            RAISE EXCEPTION '% is not the one of revision 0006: it does not say "%"', step.named, step.was;
        END IF;
        EXECUTE replace(source, step.was, step.becomes);
    END LOOP;
END $$;

DO $$
DECLARE
    made regprocedure;
BEGIN
    FOREACH made IN ARRAY ARRAY['rules.new_rule_key()', 'rules.new_type_key()', 'rules.among_periods(rules.draft_rule,daterange)',
        'rules.assigned(text,text)']::regprocedure[] LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = pg_catalog, pg_temp', made);
        EXECUTE format('ALTER FUNCTION %s SET standard_conforming_strings = on', made);
        EXECUTE format('ALTER FUNCTION %s SET transform_null_equals = off', made);
        IF (SELECT prosecdef FROM pg_proc WHERE oid = made) THEN
            EXECUTE format('ALTER FUNCTION %s SET lock_timeout = ''20s''', made);
        END IF;
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', made);
        EXECUTE format('ALTER FUNCTION %s OWNER TO rules_owner', made);
    END LOOP;
END $$;

SET LOCAL ROLE rules_owner;
SELECT rules.write_audit('schema_version', 'MIGRATION', '{version_num}', NULL,
    jsonb_build_object('version_num', '0007', 'catalogue', rules.catalogue_digest()));
RESET ROLE;
