-- A policy of a membership type holds from a day on, until the day from which another one does. The first one holds from the
-- beginning, so that there is one on every day; a day that has passed keeps the policy that was its own.

ALTER TABLE rules.membership_type_version ADD COLUMN effective_from date NOT NULL DEFAULT '0001-01-01'
    CONSTRAINT membership_type_version_effective_from_check CHECK (effective_from BETWEEN '0001-01-01' AND '9999-12-31');
COMMENT ON COLUMN rules.membership_type_version.effective_from IS
    'The first day it counts, until the day of the next one; 0001-01-01 for the first policy, which counts from the beginning.';
ALTER TABLE rules.membership_type_version DROP CONSTRAINT membership_type_version_no_overlap,
    ADD CONSTRAINT membership_type_version_no_overlap EXCLUDE USING gist (
        int8range(membership_type_id, membership_type_id, '[]') WITH &&,
        daterange(effective_from, effective_from, '[]') WITH &&, recorded WITH &&
    ) DEFERRABLE INITIALLY IMMEDIATE;

CREATE FUNCTION rules.policy_day(content jsonb) RETURNS date LANGUAGE sql STABLE AS $$
    SELECT coalesce((content ->> 'effective_from')::date, '0001-01-01')
$$;
COMMENT ON FUNCTION rules.policy_day IS 'From which day on a drafted policy is to count; the first one says none.';

CREATE FUNCTION rules.policy_name(key text, day date) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE day WHEN '0001-01-01' THEN key ELSE key || ' from ' || (to_jsonb(day) #>> '{}') END
$$;
COMMENT ON FUNCTION rules.policy_name IS 'What a draft of a policy is called: GOLD, or GOLD from 2027-01-01.';

CREATE OR REPLACE VIEW rules.membership_type_history AS
SELECT i.key, v.name, v.strategy, v.margin::numeric AS margin, v.tie, v.veto_weight::numeric AS veto_weight,
    lower(v.recorded) AS recorded_from, upper(v.recorded) AS recorded_to, v.recorded_by, v.closed_by,
    v.id AS version_id, v.recorded, v.change_id, v.effective_from
FROM rules.membership_type_version AS v
JOIN rules.membership_type_identity AS i ON i.id = v.membership_type_id
WHERE NOT isempty(v.recorded) AND v.tenant = (SELECT rules.tenant());
COMMENT ON COLUMN rules.membership_type_history.effective_from IS
    'The first day it counts, until the day of the next one; 0001-01-01 for the first policy, which counts from the beginning.';

CREATE OR REPLACE VIEW rules.membership_type AS
SELECT key, name, strategy, margin, tie, veto_weight, effective_from
FROM rules.membership_type_history WHERE upper_inf(recorded);
COMMENT ON VIEW rules.membership_type IS
    'The membership types as known now: one row per type and policy. INSERT drafts one. UPDATE drafts how it is decided: for the '
    'same days (a correction), or from a later day on if effective_from is moved too; where a type has several policies, name the '
    'one meant (AND effective_from = …). What was known stays known.';
COMMENT ON COLUMN rules.membership_type.effective_from IS
    'The first day it counts, until the day of the next one; 0001-01-01 for the first policy, which counts from the beginning.';

CREATE FUNCTION rules.policy_day_faults(m rules.membership_type) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN m.effective_from BETWEEN '0001-01-01' AND '9999-12-31' THEN '{}' ELSE ARRAY[format('Membership type %s: '
        'its day %s is none from 0001-01-01 to 9999-12-31. Give the first day on which the policy counts.', m.key,
        m.effective_from)] END
$$;
COMMENT ON FUNCTION rules.policy_day_faults IS 'What is wrong with the day from which a policy counts.';

CREATE FUNCTION rules.policy_moved_faults(type bigint, was rules.membership_type, wanted date) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN wanted >= was.effective_from AND NOT EXISTS (SELECT FROM rules.membership_type_version AS v
        WHERE v.membership_type_id = type AND upper_inf(v.recorded) AND v.effective_from > was.effective_from
            AND v.effective_from <= wanted) THEN '{}'
    ELSE ARRAY[format('Membership type %s: on %s it is not the policy of %s that counts. Name the one that does: UPDATE '
        'rules.membership_type SET … WHERE key = %L AND effective_from = …; a policy begins on its day for good.', was.key,
        to_jsonb(wanted) #>> '{}', to_jsonb(was.effective_from) #>> '{}', was.key)] END
$$;
COMMENT ON FUNCTION rules.policy_moved_faults IS 'What is wrong with drafting a policy from a day on which another one counts.';

CREATE OR REPLACE FUNCTION rules.membership_type_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    known bigint;
    type bigint;
    said jsonb;
    named text;
    meant text := format('key = %L', NEW.key);
    drafted rules.draft_policy;
BEGIN
    NEW.name := coalesce(NEW.name, '');
    NEW.strategy := lower(coalesce(NEW.strategy, 'weight_sum'));
    NEW.margin := coalesce(NEW.margin, 1);
    NEW.tie := lower(coalesce(NEW.tie, 'deny'));
    NEW.effective_from := coalesce(NEW.effective_from, '0001-01-01');
    PERFORM rules.refuse(rules.membership_type_faults(NEW) || rules.policy_day_faults(NEW));
    IF TG_OP = 'UPDATE' AND NEW.key <> OLD.key THEN
        PERFORM rules.refuse(ARRAY[format('Membership type %s: its key is permanent and cannot become ''%s''. Add '
            'another membership type.', OLD.key, NEW.key)]);
    END IF;
    named := rules.policy_name(NEW.key, NEW.effective_from);
    IF named <> NEW.key THEN
        meant := format('%s AND effective_from = %L', meant, to_jsonb(NEW.effective_from) #>> '{}');
        IF TG_OP = 'INSERT' AND NOT rules.membership_type_at_hand(NEW.key) THEN
            PERFORM rules.refuse(ARRAY[format('Membership type %s: there is none, and the first policy of one counts from the '
                'beginning. Leave effective_from out.', NEW.key)]);
        END IF;
    END IF;
    INSERT INTO rules.membership_type_identity (tenant, key) SELECT rules.tenant(), NEW.key
    WHERE NOT EXISTS (SELECT FROM rules.membership_type_identity WHERE tenant = rules.tenant() AND key = NEW.key)
    ON CONFLICT DO NOTHING;
    SELECT id INTO STRICT type FROM rules.membership_type_identity
    WHERE tenant = rules.tenant() AND key = NEW.key FOR NO KEY UPDATE;
    SELECT id INTO known FROM rules.membership_type_version
    WHERE membership_type_id = type AND effective_from = NEW.effective_from AND upper_inf(recorded);
    IF TG_OP = 'INSERT' AND known IS NOT NULL THEN
        PERFORM rules.refuse(ARRAY[format('Membership type %s: it is there already. Change it: UPDATE '
            'rules.membership_type SET … WHERE %s.', named, meant)]);
    END IF;
    IF TG_OP = 'UPDATE' AND NOT EXISTS (SELECT FROM rules.membership_type AS m WHERE m IS NOT DISTINCT FROM OLD) THEN
        PERFORM rules.refuse(ARRAY[format('Membership type %s: it was changed by somebody else in the meantime. Look at '
            'it again, then repeat the change.', OLD.key)]);
    ELSIF TG_OP = 'UPDATE' THEN
        PERFORM rules.refuse(rules.policy_moved_faults(type, OLD, NEW.effective_from));
    END IF;
    drafted := rules.drafted_policy('membership type', named);
    IF TG_OP = 'UPDATE' AND NEW IS NOT DISTINCT FROM OLD AND drafted.change_id IS NULL THEN
        RETURN NEW;
    END IF;
    said := CASE named WHEN NEW.key THEN to_jsonb(NEW) - 'effective_from' ELSE to_jsonb(NEW) END;
    IF TG_OP = 'UPDATE' AND drafted.change_id IS NOT NULL THEN
        PERFORM rules.held_elsewhere('Membership type ' || named, drafted.change_id);
        said := rules.amended('membership_type', 'Membership type ' || named, drafted.content, to_jsonb(OLD), said, meant,
            drafted.change_id);
    END IF;
    PERFORM rules.draft_policy('membership type', named, said, known);
    RETURN NEW;
END $$;

DO $$  -- the functions as they were, with the day asked in each
DECLARE
    step record;
    source text;
BEGIN
    FOR step IN SELECT * FROM (VALUES
        ('rules.outdated', '    ) AS found
', '        UNION ALL SELECT format(''Membership type %s: it is in another open change. Publish that first.'', d.content ->> ''key'')
        FROM rules.draft_policy AS d WHERE d.change_id = change AND d.object = ''membership type''
            AND d.key <> d.content ->> ''key'' AND NOT EXISTS (SELECT FROM rules.membership_type_version AS v
                JOIN rules.membership_type_identity AS t ON t.id = v.membership_type_id
                WHERE t.tenant = d.tenant AND t.key = d.content ->> ''key'' AND upper_inf(v.recorded))
            AND NOT EXISTS (SELECT FROM rules.draft_policy AS p WHERE p.change_id = change
                AND p.object = ''membership type'' AND p.key = d.content ->> ''key'')
    ) AS found
'),
        ('rules.released_only', 'ON i.tenant = d.tenant AND i.key = d.key
            WHERE c.id = NEW.change_id AND c.released_in = me AND d.object = ''membership type''
                AND i.id = NEW.membership_type_id AND d.tenant = NEW.tenant AND d.content - ''key'' = jsonb_build_object(',
            'ON i.tenant = d.tenant AND d.key = rules.policy_name(i.key, NEW.effective_from)
            WHERE c.id = NEW.change_id AND c.released_in = me AND d.object = ''membership type''
                AND i.id = NEW.membership_type_id AND d.tenant = NEW.tenant AND i.key = d.content ->> ''key''
                AND rules.policy_day(d.content) = NEW.effective_from AND (NEW.effective_from = ''0001-01-01''
                    OR EXISTS (SELECT FROM rules.membership_type_version AS v WHERE v.membership_type_id = i.id
                        AND v.effective_from = ''0001-01-01'' AND upper_inf(v.recorded)))
                AND d.content - ''{key,effective_from}''::text[] = jsonb_build_object('),
        ('rules.released_only', 'ON i.tenant = d.tenant AND i.key = d.key
            WHERE c.released_in = me AND d.object = ''membership type''',
            'ON i.tenant = d.tenant AND d.key = rules.policy_name(i.key, OLD.effective_from)
            WHERE c.released_in = me AND d.object = ''membership type'''),
        ('rules.release_policies', 'ON i.tenant = d.tenant AND i.key = d.key
    WHERE d.change_id = change AND d.object = ''membership type'' AND v.membership_type_id = i.id AND upper_inf(v.recorded);',
            'ON i.tenant = d.tenant AND i.key = d.content ->> ''key''
    WHERE d.change_id = change AND d.object = ''membership type'' AND v.membership_type_id = i.id AND upper_inf(v.recorded)
        AND v.effective_from = rules.policy_day(d.content);'),
        ('rules.release_policies', 'veto_weight, recorded)
    SELECT', 'veto_weight, recorded, effective_from)
    SELECT'),
        ('rules.release_policies', '(d.content ->> ''veto_weight'')::integer, tstzrange(moment, NULL)
    FROM rules.draft_policy AS d JOIN rules.membership_type_identity AS i ON i.tenant = d.tenant AND i.key = d.key
    WHERE d.change_id = change AND d.object = ''membership type'' ORDER BY i.id;',
            '(d.content ->> ''veto_weight'')::integer, tstzrange(moment, NULL), rules.policy_day(d.content)
    FROM rules.draft_policy AS d JOIN rules.membership_type_identity AS i ON i.tenant = d.tenant AND i.key = d.content ->> ''key''
    WHERE d.change_id = change AND d.object = ''membership type'' ORDER BY i.id, rules.policy_day(d.content);'),
        ('rules.wholly_released', 'WHERE d.object = ''membership type'' AND v.change_id = NEW.id AND i.key = d.key)',
            'WHERE d.object = ''membership type'' AND v.change_id = NEW.id
                AND d.key = rules.policy_name(i.key, v.effective_from))')
    ) AS s (named, was, becomes) LOOP
        source := pg_get_functiondef(step.named::regproc);
        IF strpos(source, step.was) = 0 THEN
            RAISE EXCEPTION '% is not the one of revision 0004: it does not say "%"', step.named, step.was;
        END IF;
        EXECUTE replace(source, step.was, step.becomes);
    END LOOP;
END $$;
