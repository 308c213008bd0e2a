-- What was published since the rules in force were read is known by when its commit made it known, and not by when its transaction said
-- so: one that was open when they were read is not in the plan.

CREATE FUNCTION rules.published_since(c rules.change, known timestamptz) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT s.change_id FROM (
        SELECT r.change_id, r.released_at AS moment FROM rules.release AS r WHERE r.tenant = c.tenant AND r.released_at > known
        UNION ALL SELECT p.change_id, lower(p.recorded) FROM rules.rule_period AS p
        WHERE p.tenant = c.tenant AND lower(p.recorded) > known
        UNION ALL SELECT e.id, upper(p.recorded) FROM rules.rule_period AS p
        JOIN rules.change AS e ON e.tenant = p.tenant AND e.released_in = p.closed_in
        WHERE p.tenant = c.tenant AND upper(p.recorded) > known
        UNION ALL SELECT v.change_id, lower(v.recorded) FROM rules.membership_type_version AS v
        WHERE v.tenant = c.tenant AND lower(v.recorded) > known
        UNION ALL SELECT v.change_id, lower(v.recorded) FROM rules.parameter_version AS v
        WHERE v.tenant = c.tenant AND lower(v.recorded) > known
        UNION ALL SELECT v.change_id, lower(v.recorded) FROM rules.reference_list_version AS v
        WHERE v.tenant = c.tenant AND lower(v.recorded) > known
    ) AS s WHERE s.change_id <> c.id ORDER BY s.moment DESC, s.change_id DESC LIMIT 1
$$;
COMMENT ON FUNCTION rules.published_since IS
    'The change of the same tenant, other than this one, that became known last after a moment; NULL if none did.';

DO $$  -- the function as it was, with one thing changed in it
DECLARE
    source text := pg_get_functiondef('rules.plan_staleness(rules.change,integer)'::regprocedure);
    step record;
BEGIN
    FOR step IN SELECT * FROM (VALUES
        ('    since rules.release;', '    since bigint;'),
        ('    SELECT * INTO since FROM rules.release AS r WHERE r.tenant = c.tenant AND r.change_id <> c.id AND r.released_at > p.known_at
    ORDER BY r.released_at DESC LIMIT 1;', '    since := rules.published_since(c, p.known_at);'),
        ('IF since.change_id IS NOT NULL', 'IF since IS NOT NULL'),
        ('were read'', since.change_id);', 'were read'', since);')
    ) AS s (was, becomes) LOOP
        IF strpos(source, step.was) = 0 THEN
            RAISE EXCEPTION 'rules.plan_staleness is not the one of revision 0007: it does not say "%"', step.was;
        END IF;
        source := replace(source, step.was, step.becomes);
    END LOOP;
    EXECUTE source;
END $$;
