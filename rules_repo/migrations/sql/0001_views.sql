-- What analysts read and edit: rules.rule and rules.membership_type, and the two questions of a run.

CREATE VIEW rules.rule_history AS
SELECT i.key AS rule_key, v.version, v.name, v.kind, v.membership_type, v.weight::numeric AS weight,
    coalesce(v.category, '') AS category, coalesce(v.rule_type, '') AS rule_type, v.form, v.frame, v.sql, v.parameters,
    v.when_unknown, coalesce(v.reason_code, '') AS reason_code, v.reason_text, v.owner, v.override, v.shadow, v.metadata,
    lower(p.effective) AS effective_from, upper(p.effective) AS effective_to,
    lower(p.recorded) AS recorded_from, upper(p.recorded) AS recorded_to, p.recorded_by, p.closed_by,
    v.created_by, v.created_at, v.content_hash, p.id AS period_id, p.effective, p.recorded
FROM rules.rule_period AS p
JOIN rules.rule_version AS v USING (rule_id, version)
JOIN rules.rule_identity AS i ON i.id = p.rule_id
WHERE NOT isempty(p.recorded);
COMMENT ON VIEW rules.rule_history IS
    'Everything ever known about rules: which wording counts on which days, and between which moments that was known.';

CREATE VIEW rules.rule AS
SELECT rule_key, version, name, kind, membership_type, weight, category, rule_type, form, frame, sql, parameters,
    when_unknown, reason_code, reason_text, owner, override, shadow, metadata, effective_from, effective_to
FROM rules.rule_history WHERE upper_inf(recorded);
COMMENT ON VIEW rules.rule IS
    'The rules as known now: one row per rule and effective period. INSERT publishes a rule. UPDATE publishes its next '
    'version: for the same days (a correction), or from a later day on if effective_from is moved too; where a rule has '
    'several periods, name the one meant (AND effective_from = …). Retire a rule by setting effective_to.';
COMMENT ON COLUMN rules.rule.rule_key IS 'The permanent key, such as BOND-001.';
COMMENT ON COLUMN rules.rule.version IS 'Numbers the wordings of the rule; given by the database.';
COMMENT ON COLUMN rules.rule.name IS 'The rule in a few words.';
COMMENT ON COLUMN rules.rule.kind IS 'inclusion speaks for the membership, exclusion against it.';
COMMENT ON COLUMN rules.rule.membership_type IS 'The membership type it argues about.';
COMMENT ON COLUMN rules.rule.weight IS 'A whole number above zero; multiples of ten leave room between rules.';
COMMENT ON COLUMN rules.rule.category IS 'A key of rules.category, or empty.';
COMMENT ON COLUMN rules.rule.rule_type IS 'A key of rules.rule_type, or empty.';
COMMENT ON COLUMN rules.rule.form IS 'predicate or statement; read from the SQL if left out.';
COMMENT ON COLUMN rules.rule.frame IS 'The frame whose rows a predicate is about; empty for a statement.';
COMMENT ON COLUMN rules.rule.sql IS 'The condition, or a whole SELECT of subject keys.';
COMMENT ON COLUMN rules.rule.parameters IS 'Values the SQL names as :name: {"least": 5, "since": {"date": "2024-06-01"}}.';
COMMENT ON COLUMN rules.rule.when_unknown IS 'What a condition that is NULL means: miss, hit or hold.';
COMMENT ON COLUMN rules.rule.reason_code IS 'The reason code that decisions quote.';
COMMENT ON COLUMN rules.rule.reason_text IS 'The reason in words; taken from rules.reason_code if left out.';
COMMENT ON COLUMN rules.rule.owner IS 'Who answers for the rule.';
COMMENT ON COLUMN rules.rule.override IS 'An inclusion meant to outweigh every exclusion it can meet.';
COMMENT ON COLUMN rules.rule.shadow IS 'Run and counted, and no part of the sums.';
COMMENT ON COLUMN rules.rule.metadata IS 'Anything else worth keeping, as a JSON object.';
COMMENT ON COLUMN rules.rule.effective_from IS 'The first day it counts; today (UTC) if left out.';
COMMENT ON COLUMN rules.rule.effective_to IS 'The first day it no longer counts; NULL until further notice.';

CREATE FUNCTION rules.rule_set(as_of date, known_at timestamptz DEFAULT clock_timestamp())
RETURNS SETOF rules.rule LANGUAGE sql STABLE AS $$
    SELECT rule_key, version, name, kind, membership_type, weight, category, rule_type, form, frame, sql, parameters,
        when_unknown, reason_code, reason_text, owner, override, shadow, metadata, effective_from, effective_to
    FROM rules.rule_history AS h WHERE h.effective @> rule_set.as_of AND h.recorded @> rule_set.known_at
    ORDER BY rule_key
$$;
COMMENT ON FUNCTION rules.rule_set IS 'The versions in force on a day, as known at a moment.';

CREATE VIEW rules.membership_type_history AS
SELECT i.key, v.name, v.strategy, v.margin::numeric AS margin, v.tie, v.veto_weight::numeric AS veto_weight,
    lower(v.recorded) AS recorded_from, upper(v.recorded) AS recorded_to, v.recorded_by, v.closed_by,
    v.id AS version_id, v.recorded
FROM rules.membership_type_version AS v
JOIN rules.membership_type_identity AS i ON i.id = v.membership_type_id
WHERE NOT isempty(v.recorded);
COMMENT ON VIEW rules.membership_type_history IS
    'Everything ever known about membership types, and between which moments it was known.';

CREATE VIEW rules.membership_type AS
SELECT key, name, strategy, margin, tie, veto_weight FROM rules.membership_type_history WHERE upper_inf(recorded);
COMMENT ON VIEW rules.membership_type IS
    'The membership types as known now. INSERT adds one, UPDATE changes how it is decided; what was known stays known.';
COMMENT ON COLUMN rules.membership_type.key IS 'The permanent key, such as GOLD.';
COMMENT ON COLUMN rules.membership_type.name IS 'Its name for people.';
COMMENT ON COLUMN rules.membership_type.strategy IS 'weight_sum, any_exclusion_blocks or max_weight.';
COMMENT ON COLUMN rules.membership_type.margin IS 'How much the inclusions must outweigh the exclusions by.';
COMMENT ON COLUMN rules.membership_type.tie IS 'What an equal weight means: deny, grant or keep.';
COMMENT ON COLUMN rules.membership_type.veto_weight IS 'An exclusion of this weight or more blocks; NULL for no veto.';

CREATE FUNCTION rules.membership_types(known_at timestamptz DEFAULT clock_timestamp())
RETURNS SETOF rules.membership_type LANGUAGE sql STABLE AS $$
    SELECT key, name, strategy, margin, tie, veto_weight FROM rules.membership_type_history AS h
    WHERE h.recorded @> membership_types.known_at ORDER BY key
$$;
COMMENT ON FUNCTION rules.membership_types IS 'The membership types as known at a moment.';
