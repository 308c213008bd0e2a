-- What people ask: the rule set of a day, what a change changes, how it stands, and the history of a rule.

CREATE OR REPLACE FUNCTION rules.rule_set(as_of date, known_at timestamptz DEFAULT clock_timestamp())
RETURNS SETOF rules.rule LANGUAGE sql STABLE AS $$
    WITH shared AS MATERIALIZED (SELECT rules.shared_parameters(rule_set.known_at) AS all_of_them)  -- asked once, not per row
    SELECT rule_key, version, name, kind, membership_type, weight, category, rule_type, form, frame, sql,
        CASE WHEN shared.all_of_them IS NULL THEN parameters ELSE rules.with_shared(parameters, sql, shared.all_of_them) END,
        when_unknown, reason_code, reason_text, owner, override, shadow, metadata, effective_from, effective_to
    FROM rules.rule_history AS h, shared
    WHERE h.effective @> rule_set.as_of AND h.recorded @> rule_set.known_at
        AND h.rule_id NOT IN (SELECT p.rule_id FROM rules.pause AS p
            WHERE p.effective @> rule_set.as_of AND p.recorded @> rule_set.known_at)
    ORDER BY rule_key COLLATE "C"
$$;
COMMENT ON FUNCTION rules.rule_set IS 'The versions in force on a day, as known at a moment, without rules that are paused.';

CREATE FUNCTION rules.differences(what text, days daterange, before jsonb, after jsonb)
RETURNS TABLE (object text, period daterange, field text, was text, becomes text) LANGUAGE sql IMMUTABLE AS $$
    SELECT what, days, coalesce(a.key, b.key), b.value, a.value
    FROM jsonb_each_text(before) AS b FULL JOIN jsonb_each_text(after) AS a USING (key)
    WHERE a.value IS DISTINCT FROM b.value AND (before IS NOT NULL OR a.value NOT IN ('', '{}', 'false'))
    ORDER BY 3
$$;
COMMENT ON FUNCTION rules.differences IS 'The fields that two JSON objects differ in.';

CREATE FUNCTION rules.policy_said(object text, known bigint) RETURNS jsonb LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('name', i.name, 'value', v.value, 'description', v.description)
    FROM rules.parameter_version AS v JOIN rules.parameter_identity AS i ON i.id = v.parameter_id
    WHERE object = 'parameter' AND v.id = known
    UNION ALL SELECT jsonb_build_object('name', i.name, 'columns', v.columns, 'rows', v.rows, 'description', v.description)
    FROM rules.reference_list_version AS v JOIN rules.reference_list_identity AS i ON i.id = v.list_id
    WHERE object = 'reference list' AND v.id = known
    UNION ALL SELECT jsonb_build_object('key', i.key, 'name', v.name, 'strategy', v.strategy, 'margin', v.margin, 'tie', v.tie,
        'veto_weight', v.veto_weight)
    FROM rules.membership_type_version AS v JOIN rules.membership_type_identity AS i ON i.id = v.membership_type_id
    WHERE object = 'membership type' AND v.id = known
$$;
COMMENT ON FUNCTION rules.policy_said IS
    'What a membership type, a shared parameter or a reference list said, by the number of its row.';

CREATE FUNCTION rules.diff(change bigint)
RETURNS TABLE (object text, period daterange, field text, was text, becomes text) LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
    WITH known AS (
        SELECT p.rule_id, p.id, p.effective, v.version, rules.wording(v)
            || jsonb_build_object('effective_from', lower(p.effective), 'effective_to', upper(p.effective)) AS said
        FROM rules.draft_rule AS d JOIN rules.rule_period AS p ON p.id = ANY (d.base)
        JOIN rules.rule_version AS v ON v.rule_id = p.rule_id AND v.version = p.version
        WHERE d.change_id = diff.change AND d.tenant = rules.tenant()
    ), wanted AS (
        SELECT r.rule_id, r.effective, rules.draft_wording(r)
            || jsonb_build_object('effective_from', lower(r.effective), 'effective_to', upper(r.effective)) AS said,
            coalesce(r.derived_from, (SELECT k.id FROM known AS k WHERE k.rule_id = r.rule_id
                AND k.effective && r.effective ORDER BY lower(k.effective) DESC LIMIT 1)) AS of_period
        FROM rules.draft_row AS r WHERE r.change_id = diff.change AND r.tenant = rules.tenant()
    ), pairs AS (
        SELECT w.rule_id, w.effective, k.said AS before, w.said AS after
        FROM wanted AS w LEFT JOIN known AS k ON k.id = w.of_period
        UNION ALL SELECT k.rule_id, k.effective, jsonb_build_object('version', k.version), '{}'
        FROM known AS k WHERE k.id NOT IN (SELECT w.of_period FROM wanted AS w WHERE w.of_period IS NOT NULL)
        ORDER BY 1, 2
    )
    SELECT d.* FROM pairs AS p JOIN rules.rule_identity AS i ON i.id = p.rule_id,
        LATERAL rules.differences('rule ' || i.key, p.effective, p.before, p.after) AS d
    UNION ALL
    SELECT f.* FROM rules.draft_policy AS d,
        LATERAL rules.differences(d.object || ' ' || d.key, NULL, rules.policy_said(d.object, d.base), d.content) AS f
    WHERE d.change_id = diff.change AND d.tenant = rules.tenant()
$$;
COMMENT ON FUNCTION rules.diff(bigint) IS 'What a change changes: object, days, field, what it was and what it becomes.';

CREATE FUNCTION rules.diff(a text, b text)
RETURNS TABLE (object text, period daterange, field text, was text, becomes text) LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    said jsonb[];
    named text;
BEGIN
    FOREACH named IN ARRAY ARRAY[a, b] LOOP
        said := said || (SELECT rules.wording(v) FROM rules.rule_version AS v JOIN rules.rule_identity AS i ON i.id = v.rule_id
            WHERE i.tenant = rules.tenant() AND i.key || '/' || v.version = named);
        IF said[cardinality(said)] IS NULL THEN
            PERFORM rules.refuse(ARRAY[format('Version %s: there is none. Name it as BOND-001/2; SELECT * FROM '
                'rules.history(''BOND-001'') lists those of a rule.', named)]);
        END IF;
    END LOOP;
    RETURN QUERY SELECT * FROM rules.differences(a || ' → ' || b, NULL, said[1], said[2]);
END $$;
COMMENT ON FUNCTION rules.diff(text, text) IS 'The fields in which two versions, such as BOND-001/1 and BOND-001/2, differ.';

CREATE FUNCTION rules.published_by(change bigint) RETURNS SETOF rules.rule_period LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
    SELECT p.* FROM rules.rule_period AS p JOIN rules.draft_row AS d
        ON d.change_id = p.change_id AND d.rule_id = p.rule_id AND d.effective = p.effective AND d.edited
    WHERE p.change_id = change AND upper_inf(p.recorded) AND p.tenant = rules.tenant()
$$;
COMMENT ON FUNCTION rules.published_by IS 'The periods of a published change that are still known, without those it left alone.';

CREATE VIEW rules.change_overview AS
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
    array_to_string(rules.valid_approvals(c), ', ') AS approved_by,
    coalesce((SELECT r.approvals_needed FROM rules.release AS r WHERE r.change_id = c.id),
        rules.approvals_needed(c.tenant)) AS approvals_needed,
    (SELECT r.passed FROM rules.check_result AS r WHERE r.change_id = c.id AND r.edition = c.edition
        ORDER BY r.id DESC LIMIT 1) AS check_passed
FROM rules.change AS c WHERE c.tenant = (SELECT rules.tenant());
COMMENT ON VIEW rules.change_overview IS
    'The changes and how they stand. A published one is scheduled before its first day, then live, and retired once '
    'nothing it published is in force or to come.';

CREATE FUNCTION rules.history(key text) RETURNS TABLE (
    version integer, weight numeric, effective_from date, effective_to date, recorded_from timestamptz,
    recorded_to timestamptz, recorded_by text, closed_by text, change_id bigint, title text, reason text, approvers text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT h.version, h.weight, h.effective_from, h.effective_to, h.recorded_from, h.recorded_to, h.recorded_by,
        h.closed_by, h.change_id, c.title, c.reason, array_to_string(r.approvers, ', ')
    FROM rules.rule_history AS h LEFT JOIN rules.change AS c ON c.id = h.change_id
    LEFT JOIN rules.release AS r ON r.change_id = h.change_id
    WHERE h.rule_key = history.key ORDER BY h.recorded_from, h.period_id
$$;
COMMENT ON FUNCTION rules.history IS 'Everything ever known of a rule, oldest knowledge first, with why and by whose approval.';
