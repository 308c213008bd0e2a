-- The emergency brakes: a rule that does not count for some days, and a freeze of all publications. One login suffices,
-- for a reason and not for long; both are audited and can be ended early.

CREATE VIEW rules.pause AS
SELECT i.key AS rule_key, p.effective, p.reason, p.recorded, p.recorded_by, p.closed_by, p.rule_id, p.id AS pause_id
FROM rules.rule_pause AS p JOIN rules.rule_identity AS i ON i.id = p.rule_id
WHERE NOT isempty(p.recorded) AND p.tenant = (SELECT rules.tenant());
COMMENT ON VIEW rules.pause IS 'The pauses ever known; those with an open end of "recorded" are known now.';

CREATE FUNCTION rules.pause(key text, reason text, until date, first date DEFAULT NULL) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    begins date := coalesce(first, (clock_timestamp() AT TIME ZONE 'UTC')::date);
    rule bigint;
    which text := 'Rule ' || coalesce(pause.key, '(no key)');
    faults text[] := '{}';
BEGIN
    SELECT i.id INTO rule FROM rules.rule_identity AS i WHERE i.tenant = rules.tenant() AND i.key = pause.key
        AND EXISTS (SELECT FROM rules.rule_period AS p WHERE p.rule_id = i.id) FOR NO KEY UPDATE;
    IF rule IS NULL THEN
        faults := faults || (which || ': there is no such rule to pause. SELECT rule_key FROM rules.rule lists them.');
    END IF;
    IF coalesce(pause.reason, '') !~ '\S' THEN
        faults := faults || (which || ': a pause has a reason. Say it as the second argument.');
    END IF;
    IF until IS NULL OR until <= begins OR until > begins + 31 THEN
        faults := faults || format('%s: a pause ends, after 1 to 31 days, and this one would last from %s to %s. Choose '
            'another day, or retire the rule.', which, begins, coalesce(until::text, 'for ever'));
    END IF;
    PERFORM rules.refuse(faults);
    PERFORM rules.refuse(array_agg(format('%s: it is paused from %s to %s already (%s). Resume it first: SELECT '
        'rules.resume(%L, ''why'').', which, lower(p.effective), upper(p.effective), p.reason, pause.key)))
    FROM rules.rule_pause AS p WHERE p.rule_id = rule AND upper_inf(p.recorded) AND p.effective && daterange(begins, until);
    INSERT INTO rules.rule_pause (tenant, rule_id, effective, reason)
    VALUES (rules.tenant(), rule, daterange(begins, until), pause.reason);
    RETURN format('%s: paused from %s to %s.', which, begins, until);
END $$;
COMMENT ON FUNCTION rules.pause(text, text, date, date) IS
    'Pauses a rule from today (or a first day) until a day, for a reason: on these days it does not count.';

CREATE FUNCTION rules.resume(key text, reason text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    today date := (clock_timestamp() AT TIME ZONE 'UTC')::date;
    found rules.rule_pause;
BEGIN
    PERFORM FROM rules.rule_identity AS i WHERE i.tenant = rules.tenant() AND i.key = resume.key FOR NO KEY UPDATE;
    SELECT p.* INTO found FROM rules.rule_pause AS p JOIN rules.rule_identity AS i ON i.id = p.rule_id
    WHERE i.tenant = rules.tenant() AND i.key = resume.key AND upper_inf(p.recorded) AND upper(p.effective) > today
    ORDER BY p.effective LIMIT 1;
    IF found.id IS NULL OR coalesce(resume.reason, '') !~ '\S' THEN
        PERFORM rules.refuse(ARRAY[format('Rule %s: %s', resume.key, CASE WHEN found.id IS NULL
            THEN 'it is not paused. SELECT * FROM rules.pause lists the pauses.'
            ELSE 'it resumes for a reason. Say it as the second argument.' END)]);
    END IF;
    UPDATE rules.rule_pause SET recorded = tstzrange(lower(recorded), greatest(clock_timestamp(),
        lower(recorded) + interval '1 microsecond')) WHERE id = found.id;
    IF lower(found.effective) < today THEN
        INSERT INTO rules.rule_pause (tenant, rule_id, effective, reason)
        VALUES (found.tenant, found.rule_id, daterange(lower(found.effective), today),
            found.reason || ' (resumed: ' || resume.reason || ')');
    END IF;
    RETURN format('Rule %s: it counts again from %s.', resume.key, greatest(today, lower(found.effective)));
END $$;
COMMENT ON FUNCTION rules.resume IS 'Ends the pause of a rule today; days that have passed stay paused.';

CREATE FUNCTION rules.freeze_releases(reason text, until timestamptz) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF coalesce(freeze_releases.reason, '') !~ '\S' OR freeze_releases.until IS NULL
        OR freeze_releases.until <= clock_timestamp() OR freeze_releases.until > clock_timestamp() + interval '31 days'
    THEN
        PERFORM rules.refuse(ARRAY['Freeze: it has a reason and ends, within 31 days from now. Say both: SELECT '
            'rules.freeze_releases(''year end'', now() + interval ''3 days'').']);
    END IF;
    INSERT INTO rules.release_freeze (tenant, until, reason)
    VALUES (rules.tenant(), freeze_releases.until, freeze_releases.reason);
    RETURN format('Nothing is published until %s.', to_char(until AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'));
END $$;
COMMENT ON FUNCTION rules.freeze_releases IS 'Stops all publications until a moment, for a reason; drafts and reviews go on.';

CREATE FUNCTION rules.lift_freeze(reason text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    lifted integer;
BEGIN
    IF coalesce(lift_freeze.reason, '') !~ '\S' THEN
        PERFORM rules.refuse(ARRAY['Freeze: it is lifted for a reason. Say it: SELECT rules.lift_freeze(''why'').']);
    END IF;
    PERFORM set_config('rules.reason', lift_freeze.reason, true);
    UPDATE rules.release_freeze SET recorded = tstzrange(lower(recorded), greatest(clock_timestamp(),
        lower(recorded) + interval '1 microsecond'))
    WHERE tenant = rules.tenant() AND upper_inf(recorded) AND until > clock_timestamp();
    GET DIAGNOSTICS lifted = ROW_COUNT;
    PERFORM rules.refuse(CASE lifted WHEN 0 THEN ARRAY['Freeze: there is none to lift. Publications go on.'] ELSE '{}' END);
    RETURN 'Changes can be published again.';
END $$;
COMMENT ON FUNCTION rules.lift_freeze IS 'Ends a freeze of publications early.';
