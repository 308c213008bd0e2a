-- One thing, one key: who writes 'premium' where there is 'PREMIUM' means that one, and would weigh it twice. And what an edit says of days
-- and of drafts is said so that it can be followed.

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

CREATE INDEX rule_identity_any_capitals ON rules.rule_identity (tenant, lower(key));

-- Asked when a draft is begun, of what was never published: two rules of before 0007 can both be edited on.
CREATE FUNCTION rules.new_rule_key() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF EXISTS (SELECT FROM rules.rule_version AS v WHERE v.rule_id = NEW.rule_id) THEN
        RETURN NEW;
    END IF;
    PERFORM rules.refuse(array_agg(format('Rule %s: there is the rule %s, whose key differs in capitals alone. Write %2$s if you '
        'mean that one, or choose another key.', mine.key, other.key) ORDER BY other.key))
    FROM rules.rule_identity AS mine JOIN rules.rule_identity AS other
        ON other.tenant = mine.tenant AND lower(other.key) = lower(mine.key) AND other.id <> mine.id
    WHERE mine.id = NEW.rule_id AND (EXISTS (SELECT FROM rules.rule_version AS v WHERE v.rule_id = other.id)
        OR EXISTS (SELECT FROM rules.draft_rule AS d WHERE d.rule_id = other.id AND d.open));
    RETURN NEW;
END $$;
COMMENT ON FUNCTION rules.new_rule_key IS 'Refuses the draft of a new rule whose key differs from a known one in capitals alone.';

CREATE FUNCTION rules.new_type_key() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF NEW.object <> 'membership type' OR NEW.base IS NOT NULL THEN
        RETURN NEW;
    END IF;
    PERFORM rules.refuse(array_agg(format('Membership type %s: there is the membership type %s, whose key differs in capitals '
        'alone. Write %2$s if you mean that one, or choose another key.', mine.key, other.key) ORDER BY other.key))
    FROM rules.membership_type_identity AS mine JOIN rules.membership_type_identity AS other
        ON other.tenant = mine.tenant AND lower(other.key) = lower(mine.key) AND other.id <> mine.id
    WHERE mine.tenant = NEW.tenant AND mine.key = NEW.content ->> 'key'
        AND NOT EXISTS (SELECT FROM rules.membership_type_version AS v WHERE v.membership_type_id = mine.id)
        AND (EXISTS (SELECT FROM rules.membership_type_version AS v WHERE v.membership_type_id = other.id)
            OR EXISTS (SELECT FROM rules.draft_policy AS d WHERE d.tenant = mine.tenant AND d.object = NEW.object
                AND d.key = other.key AND d.open));
    RETURN NEW;
END $$;
COMMENT ON FUNCTION rules.new_type_key IS
    'Refuses the draft of a new membership type whose key differs from a known one in capitals alone.';

CREATE TRIGGER new_key BEFORE INSERT ON rules.draft_rule FOR EACH ROW EXECUTE FUNCTION rules.new_rule_key();
CREATE TRIGGER new_key BEFORE INSERT ON rules.draft_policy FOR EACH ROW EXECUTE FUNCTION rules.new_type_key();
ALTER TABLE rules.draft_rule ENABLE ALWAYS TRIGGER new_key;
ALTER TABLE rules.draft_policy ENABLE ALWAYS TRIGGER new_key;

CREATE FUNCTION rules.among_periods(d rules.draft_rule, days daterange) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN count(*) > 1 THEN ' ' || rules.in_words(days) ELSE '' END
    FROM rules.draft_row AS w WHERE w.change_id = d.change_id AND w.rule_id = d.rule_id
$$;
COMMENT ON FUNCTION rules.among_periods IS 'Which of its periods an edit was of, in words, where a rule has several; else nothing.';

-- A text that is written E'…' is read as one, too; a backslash in any other, and a text between dollars, can be read in several ways.
CREATE OR REPLACE FUNCTION rules.assigned(relation text, named text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
    said text := regexp_replace(current_query(), '"(\w+)"', '\1', 'g');
    whole text := '(--[^\n]*|/\*(?:[^*]|\*+[^*/])*\*+/|''(?:[^'']|'''')*'')|\m[eE]''(?:[^''\\]|''''|\\.)*''';
BEGIN
    IF EXISTS (SELECT FROM regexp_matches(said, whole, 'g') AS m (parts) WHERE m.parts[1] ~ '\\') THEN
        RETURN NULL;
    END IF;
    said := regexp_replace(said, whole, ' ''''', 'g');
    IF said ~ '\\|\$\w*\$' THEN
        RETURN NULL;
    END IF;
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
