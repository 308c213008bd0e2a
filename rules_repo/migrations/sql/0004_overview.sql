-- What reviewers and operators see of checks.

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
    rules.plan_of(c.id) AS plan, rules.checks_of(c.id) AS checks
FROM rules.change AS c WHERE c.tenant = (SELECT rules.tenant());
COMMENT ON COLUMN rules.change_overview.checks IS
    'The newest check of each login of the change as it is now: what it found, which Spark and gates it asked, under which frames.';

CREATE VIEW rules.rule_check AS
SELECT i.key AS rule_key, p.version, lower(p.effective) AS effective_from, upper(p.effective) AS effective_to, p.change_id,
    k.passed, k.spark_version, k.schema_digest, k.gate_version, k.checked_by, k.checked_at
FROM rules.rule_period AS p JOIN rules.rule_identity AS i ON i.id = p.rule_id
LEFT JOIN LATERAL (SELECT r.* FROM rules.check_result AS r JOIN rules.release AS s ON s.change_id = r.change_id
    WHERE r.change_id = p.change_id AND r.content_hash = s.content_hash ORDER BY r.id DESC LIMIT 1) AS k ON true
WHERE p.tenant = (SELECT rules.tenant()) AND NOT isempty(p.recorded) AND upper_inf(p.recorded)
    AND (upper_inf(p.effective) OR upper(p.effective) > (clock_timestamp() AT TIME ZONE 'UTC')::date);
COMMENT ON VIEW rules.rule_check IS
    'The rules that are in force or to come, each with the newest check of the change that published it; NULL where none was made.';
COMMENT ON COLUMN rules.rule_check.rule_key IS 'The key of the rule.';
COMMENT ON COLUMN rules.rule_check.version IS 'The number of its version.';
COMMENT ON COLUMN rules.rule_check.effective_from IS 'The first day on which it counts.';
COMMENT ON COLUMN rules.rule_check.effective_to IS 'The first day on which it no longer counts; NULL without an end.';
COMMENT ON COLUMN rules.rule_check.change_id IS 'The change that published it; none where it is older than changes.';
COMMENT ON COLUMN rules.rule_check.passed IS 'Whether nothing was found that forbids it.';
COMMENT ON COLUMN rules.rule_check.spark_version IS 'The Spark that was asked; empty where none was, unsaid in older checks.';
COMMENT ON COLUMN rules.rule_check.schema_digest IS 'Under which frames and columns: the digest of what rules may name.';
COMMENT ON COLUMN rules.rule_check.gate_version IS 'Which version of the gates judged; empty where a person did.';
COMMENT ON COLUMN rules.rule_check.checked_by IS 'The login that checked.';
COMMENT ON COLUMN rules.rule_check.checked_at IS 'When.';
