-- Questions wait for the transactions that have their moment and are not committed, so that an answer about a moment that
-- has passed is the same for ever; and functions of revision 0002 with what this one changes in them.

CREATE OR REPLACE FUNCTION rules.shared_parameters(known_at timestamptz DEFAULT clock_timestamp()) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER AS $$
BEGIN
    PERFORM rules.wait_for_commits();
    RETURN (SELECT jsonb_object_agg(h.name, h.value) FROM rules.parameter_history AS h WHERE h.recorded @> known_at);
END $$;

CREATE OR REPLACE FUNCTION rules.membership_types(known_at timestamptz DEFAULT clock_timestamp())
RETURNS SETOF rules.membership_type LANGUAGE plpgsql VOLATILE SECURITY DEFINER AS $$
BEGIN
    PERFORM rules.wait_for_commits();
    RETURN QUERY SELECT h.key, h.name, h.strategy, h.margin, h.tie, h.veto_weight FROM rules.membership_type_history AS h
    WHERE h.recorded @> known_at ORDER BY h.key COLLATE "C";
END $$;

CREATE OR REPLACE FUNCTION rules.reference_lists(known_at timestamptz DEFAULT clock_timestamp())
RETURNS SETOF rules.reference_list LANGUAGE plpgsql VOLATILE SECURITY DEFINER AS $$
BEGIN
    PERFORM rules.wait_for_commits();
    RETURN QUERY SELECT h.name, h.columns, h.rows, h.description FROM rules.reference_list_history AS h
    WHERE h.recorded @> known_at ORDER BY h.name COLLATE "C";
END $$;

-- The tables themselves are asked, not their view: a barrier lets no condition through to the periods of other days.
CREATE FUNCTION rules.rules_known(as_of date, known_at timestamptz) RETURNS SETOF rules.rule
LANGUAGE sql STABLE AS $$
    SELECT i.key, v.version, v.name, v.kind, v.membership_type, v.weight::numeric, coalesce(v.category, ''),
        coalesce(v.rule_type, ''), v.form, v.frame, v.sql, v.parameters, v.when_unknown, coalesce(v.reason_code, ''),
        v.reason_text, v.owner, v.override, v.shadow, v.metadata, lower(p.effective), upper(p.effective)
    FROM rules.rule_period AS p JOIN rules.rule_version AS v USING (rule_id, version)
    JOIN rules.rule_identity AS i ON i.id = p.rule_id
    WHERE p.tenant = (SELECT rules.tenant()) AND p.effective @> rules_known.as_of AND NOT isempty(p.recorded)
        AND CASE rules_known.known_at WHEN 'infinity' THEN upper_inf(p.recorded) ELSE p.recorded @> rules_known.known_at END
$$;
COMMENT ON FUNCTION rules.rules_known IS
    'The versions of a day, paused rules too, as known at a moment; as known now for infinity. It waits for no commit.';

CREATE FUNCTION rules.rules_on(as_of date) RETURNS SETOF rules.rule LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT * FROM rules.rules_known(rules_on.as_of, 'infinity')
$$;
COMMENT ON FUNCTION rules.rules_on IS 'The versions of a day as known now, paused rules too.';

CREATE OR REPLACE FUNCTION rules.rule_set(as_of date, known_at timestamptz DEFAULT clock_timestamp())
RETURNS SETOF rules.rule LANGUAGE plpgsql VOLATILE SECURITY DEFINER AS $$
DECLARE
    shared jsonb := rules.shared_parameters(known_at);
BEGIN
    RETURN QUERY SELECT h.rule_key, h.version, h.name, h.kind, h.membership_type, h.weight, h.category, h.rule_type, h.form,
        h.frame, h.sql, CASE WHEN shared IS NULL THEN h.parameters ELSE rules.with_shared(h.parameters, h.sql, shared) END,
        h.when_unknown, h.reason_code, h.reason_text, h.owner, h.override, h.shadow, h.metadata, h.effective_from,
        h.effective_to
    FROM rules.rules_known(rule_set.as_of, rule_set.known_at) AS h
    WHERE h.rule_key NOT IN (SELECT p.rule_key FROM rules.pause AS p
        WHERE p.effective @> rule_set.as_of AND p.recorded @> rule_set.known_at)
    ORDER BY h.rule_key COLLATE "C";
END $$;

CREATE OR REPLACE VIEW rules.change_overview AS
SELECT c.id AS change_id, c.title, c.reason, c.author, CASE
        WHEN c.state <> 'scheduled' THEN c.state
        WHEN EXISTS (SELECT FROM rules.published_by(c.id) AS p WHERE p.effective @> (clock_timestamp() AT TIME ZONE 'UTC')::date)
            OR EXISTS (SELECT FROM rules.membership_type_version AS v WHERE v.change_id = c.id AND upper_inf(v.recorded))
            OR EXISTS (SELECT FROM rules.parameter_version AS v WHERE v.change_id = c.id AND upper_inf(v.recorded))
            OR EXISTS (SELECT FROM rules.reference_list_version AS v WHERE v.change_id = c.id AND upper_inf(v.recorded))
        THEN 'live'
        WHEN EXISTS (SELECT FROM rules.published_by(c.id) AS p WHERE lower(p.effective) > (clock_timestamp() AT TIME ZONE 'UTC')::date)
        THEN 'scheduled' ELSE 'retired' END AS state,
    c.edition, rules.content_hash(c.id) AS content_hash, c.created_at, c.moved_by, c.moved_at,
    (SELECT string_agg(i.key, ', ' ORDER BY i.key) FROM rules.draft_rule AS d
        JOIN rules.rule_identity AS i ON i.id = d.rule_id WHERE d.change_id = c.id) AS rules,
    (SELECT string_agg(d.key, ', ' ORDER BY d.key) FROM rules.draft_policy AS d WHERE d.change_id = c.id) AS policies,
    (SELECT string_agg(a.login, ', ' ORDER BY a.login) FROM rules.change_author AS a WHERE a.change_id = c.id) AS authors,
    rules.approvers_of(c.id) AS approved_by,
    coalesce((SELECT r.approvals_needed FROM rules.release AS r WHERE r.change_id = c.id),
        rules.approvals_needed(c.tenant)) AS approvals_needed,
    (SELECT bool_and(r.passed) FROM (SELECT DISTINCT ON (k.checked_by) k.passed FROM rules.check_result AS k
        WHERE k.change_id = c.id AND k.edition = c.edition ORDER BY k.checked_by, k.id DESC) AS r) AS check_passed,
    rules.plan_of(c.id) AS plan
FROM rules.change AS c WHERE c.tenant = (SELECT rules.tenant());
COMMENT ON COLUMN rules.change_overview.plan IS
    'What the newest plan of the change says that it does, when it was made and by whom, and why it no longer tells.';

-- Only the analyst's role drafts, in changes of his tenant, whatever right a statement came by.
CREATE OR REPLACE FUNCTION rules.edited() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    c rules.change;
BEGIN
    FOR c IN SELECT * FROM rules.change WHERE id IN (SELECT change_id FROM touched) ORDER BY id FOR UPDATE LOOP
        IF c.state IN ('scheduled', 'withdrawn') THEN
            IF TG_OP = 'UPDATE' AND rules.only_freed(TG_TABLE_NAME, c.id) THEN
                CONTINUE;
            END IF;
            PERFORM rules.refuse(ARRAY[format('Change %s: it is %s, and its drafts stay as they were approved. Begin another '
                'change.', c.id, c.state)]);
        END IF;
        IF c.tenant <> ALL (rules.tenants()) OR NOT pg_has_role(session_user, 'rules_analyst', 'MEMBER') THEN
            PERFORM rules.refuse(ARRAY[format('Login %s: it may not edit change %s. Edits are made by an analyst of the tenant '
                '(GRANT rules_analyst TO …).', session_user, c.id)]);
        END IF;
        INSERT INTO rules.change_author (change_id, login, tenant) VALUES (c.id, session_user, c.tenant)
        ON CONFLICT DO NOTHING;
        IF c.state <> 'draft' OR c.edited_in IS DISTINCT FROM rules.this_change() THEN
            UPDATE rules.change SET state = 'draft', edition = edition + 1, edited_in = rules.this_change() WHERE id = c.id;
        END IF;
        IF c.state <> 'draft' THEN
            RAISE NOTICE 'Change %: edited, so it is a draft again and its approvals are void. Hand it in again: SELECT rules.submit(%).',
                c.id, c.id;
        END IF;
    END LOOP;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION rules.held_elsewhere(which text, change bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM rules.refuse(array_agg(CASE WHEN c.tenant <> rules.tenant()
        THEN format('%s: change %s is none of tenant %s.', which, c.id, rules.tenant())
        ELSE format('%s: it is being changed in change %s of %s (%s). Wait until that is published or withdrawn, or edit it '
            'there: SELECT rules.work_on(%2$s).', which, c.id, c.author, c.state) END))
    FROM rules.change AS c WHERE c.id = held_elsewhere.change AND (c.tenant <> rules.tenant()
        OR coalesce(current_setting('rules.change', true), '') <> held_elsewhere.change::text
        AND NOT EXISTS (SELECT FROM rules.change_author AS a WHERE a.change_id = c.id AND a.login = session_user));
END $$;

DO $$  -- the other functions as they were, with one thing changed in each
DECLARE
    step record;
    source text;
BEGIN
    FOR step IN SELECT * FROM (VALUES
        ('rules.completed', 'FROM rules.reason_code WHERE code = r.reason_code',
            'FROM rules.reason_code WHERE tenant = rules.tenant() AND code = r.reason_code'),
        ('rules.rule_updated', 'FROM rules.reason_code WHERE code = NEW.reason_code',
            'FROM rules.reason_code WHERE tenant = rules.tenant() AND code = NEW.reason_code'),
        ('rules.rule_faults', 'FROM rules.category WHERE key', 'FROM rules.category WHERE tenant = rules.tenant() AND key'),
        ('rules.rule_faults', 'FROM rules.rule_type WHERE key', 'FROM rules.rule_type WHERE tenant = rules.tenant() AND key'),
        ('rules.rule_faults', 'coalesce(r.sql, '''') !~ ''\S''', 'coalesce(r.sql, '''') !~ ''[!-~]'''),
        ('rules.rule_faults', '    IF jsonb_typeof(r.metadata) <> ''object'' THEN
        faults := faults || (which || '': its metadata are no JSON object. Write {"note": "…"}.'');
    END IF;', '    faults := faults || rules.metadata_faults(which, r.metadata);'),
        ('rules.parameter_changed', 'format(''%s: its value is %s. Write 5, "text", true, or with its type {"date": ''
            ''"2024-06-01"} (boolean, bigint, decimal, date, string).'', which, coalesce(NEW.value::text, ''left out''))',
            'format(''%s: its value is %s. %s'', which, coalesce(NEW.value::text, ''left out''), rules.parameter_cure(''value'', NEW.value))'),
        ('rules.list_faults', 'c.value !~ ''^(boolean|bigint|date|string|decimal\(([1-9]|[12]\d|3[0-8]),(\d|[12]\d|3[0-8])\))$''',
            'NOT rules.is_list_type(c.value)'),
        ('rules.move_faults', 'rules.approvals_needed(o.tenant)', 'rules.approvals_of(o.tenant)'),
        ('rules.move_faults', 'rules.freeze_faults(o) ELSE', 'rules.freeze_faults(o) || rules.plan_faults(o) ELSE'),
        ('rules.publish_change', 'rules.approvals_needed(c.tenant)', 'rules.approvals_of(c.tenant)'),
        ('rules.publish_change', 'rules.content_hash(change)', 'rules.content_of(change)'),
        ('rules.release_stamped', 'rules.approvals_needed(c.tenant)', 'rules.approvals_of(c.tenant)'),
        ('rules.release_stamped', 'rules.content_hash(c.id)', 'rules.content_of(c.id)'),
        ('rules.submit', 'rules.content_hash(c.id)', 'rules.content_of(c.id)'),
        ('rules.reject', 'rules.content_hash(c.id)', 'rules.content_of(c.id)'),
        ('rules.approve', 'rules.approvals_needed()', 'rules.approvals_of(rules.tenant())'),
        ('rules.drafted', 'rules.approvals_needed() = 0',
            '(SELECT rules.approvals_of(c.tenant) FROM rules.change AS c WHERE c.id = change) = 0'),
        ('rules.draft_timelines', '    holder record;
BEGIN', '    holder record;
BEGIN
    PERFORM rules.the_change(change);')
    ) AS s (named, was, becomes) LOOP
        source := pg_get_functiondef(step.named::regproc);
        IF strpos(source, step.was) = 0 THEN
            RAISE EXCEPTION '% is not the one of revision 0002: it does not say "%"', step.named, step.was;
        END IF;
        EXECUTE replace(source, step.was, step.becomes);
    END LOOP;
END $$;

-- Nothing has called these since revision 0002.
DROP FUNCTION rules.add_version, rules.add_period, rules.moment;
