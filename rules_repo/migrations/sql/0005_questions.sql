-- Questions about policies are of a day as well as of a moment.

DROP FUNCTION rules.membership_types(timestamptz);
CREATE FUNCTION rules.membership_types(as_of date, known_at timestamptz DEFAULT clock_timestamp())
RETURNS SETOF rules.membership_type LANGUAGE plpgsql VOLATILE SECURITY DEFINER AS $$
BEGIN
    PERFORM rules.wait_for_commits();
    RETURN QUERY SELECT DISTINCT ON (h.key COLLATE "C") h.key, h.name, h.strategy, h.margin, h.tie, h.veto_weight, h.effective_from
    FROM rules.membership_type_history AS h
    WHERE h.effective_from <= membership_types.as_of AND h.recorded @> membership_types.known_at
    ORDER BY h.key COLLATE "C", h.effective_from DESC;
END $$;
COMMENT ON FUNCTION rules.membership_types IS 'The membership types with their policies of a day, as known at a moment.';

CREATE FUNCTION rules.policy_before(d rules.draft_policy) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT coalesce(d.base, (SELECT v.id FROM rules.membership_type_version AS v
        JOIN rules.membership_type_identity AS i ON i.id = v.membership_type_id
        WHERE d.object = 'membership type' AND i.tenant = d.tenant AND i.key = d.content ->> 'key' AND upper_inf(v.recorded)
            AND v.change_id IS DISTINCT FROM d.change_id AND v.effective_from <= rules.policy_day(d.content)
        ORDER BY v.effective_from DESC LIMIT 1))
$$;
COMMENT ON FUNCTION rules.policy_before IS 'The row that counted on the day of a drafted policy: it is compared with that.';

DO $$  -- the function as it was, with the days said
DECLARE
    source text := pg_get_functiondef('rules.diff(bigint)'::regprocedure);
    was text := 'rules.differences(d.object || '' '' || d.key, NULL, rules.policy_said(d.object, d.base), d.content)';
    becomes text := 'rules.differences(d.object || '' '' || d.key,
            CASE WHEN rules.policy_day(d.content) > ''0001-01-01'' THEN daterange(rules.policy_day(d.content), NULL) END,
            rules.policy_said(d.object, rules.policy_before(d)), d.content - ''effective_from'')';
BEGIN
    IF strpos(source, was) = 0 THEN
        RAISE EXCEPTION 'rules.diff is not the one of revision 0004';
    END IF;
    EXECUTE replace(source, was, becomes);
END $$;

-- A policy of a day to come is scheduled, and not live yet.
CREATE OR REPLACE VIEW rules.change_overview AS
SELECT c.id AS change_id, c.title, c.reason, c.author, CASE
        WHEN c.state <> 'scheduled' THEN c.state
        WHEN EXISTS (SELECT FROM rules.published_by(c.id) AS p WHERE p.effective @> (clock_timestamp() AT TIME ZONE 'UTC')::date)
            OR EXISTS (SELECT FROM rules.membership_type_version AS v WHERE v.change_id = c.id AND upper_inf(v.recorded)
                AND v.effective_from <= (clock_timestamp() AT TIME ZONE 'UTC')::date)
            OR EXISTS (SELECT FROM rules.parameter_version AS v WHERE v.change_id = c.id AND upper_inf(v.recorded))
            OR EXISTS (SELECT FROM rules.reference_list_version AS v WHERE v.change_id = c.id AND upper_inf(v.recorded))
        THEN 'live'
        WHEN EXISTS (SELECT FROM rules.published_by(c.id) AS p WHERE lower(p.effective) > (clock_timestamp() AT TIME ZONE 'UTC')::date)
            OR EXISTS (SELECT FROM rules.membership_type_version AS v WHERE v.change_id = c.id AND upper_inf(v.recorded))
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
    rules.plan_of(c.id) AS plan, rules.checks_of(c.id) AS checks
FROM rules.change AS c WHERE c.tenant = (SELECT rules.tenant());
