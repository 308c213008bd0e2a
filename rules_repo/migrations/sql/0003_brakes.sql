-- Brakes with bounds, and a second person where one is not enough; what was judged is judged again at commit.

-- How many approvals. More at once; fewer, but never none where there are rules, when two admins say so.
ALTER TABLE rules.governance ADD COLUMN in_force boolean NOT NULL DEFAULT true, ADD COLUMN set_by_id bigint;
ALTER TABLE rules.governance DISABLE TRIGGER USER;
UPDATE rules.governance AS g SET set_by_id = r.oid::bigint FROM pg_roles AS r WHERE r.rolname = g.set_by;
COMMENT ON COLUMN rules.governance.in_force IS
    'Whether it counts: fewer approvals than before are proposed by one admin, and count when another one says the same.';
COMMENT ON COLUMN rules.governance.set_by_id IS 'The number of the login, which it keeps when it is renamed.';
COMMENT ON TABLE rules.governance IS
    'How many people who did not write a change must approve it; the newest row in force of a tenant counts, one approval '
    'without any. INSERT to change it; fewer than before need a second admin who says the same within 7 days. With 0 an edit '
    'is published at once: for tutorials, and only as long as there is no rule.';

-- An approval can be of the effect, too: it then needs a plan, of what a change says, that is no older than so many days.
ALTER TABLE rules.governance ADD COLUMN plan_days integer
    CONSTRAINT governance_plan_days_check CHECK (plan_days BETWEEN 0 AND 366);
COMMENT ON COLUMN rules.governance.plan_days IS
    'How old, in days, the plan of a change may be that is approved; 0 where none is needed. Left out it stays as it was.';

CREATE FUNCTION rules.plan_days_of(whose text) RETURNS integer LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT g.plan_days FROM rules.governance AS g
        WHERE g.tenant = whose AND g.in_force ORDER BY g.id DESC LIMIT 1), 0)
$$;
COMMENT ON FUNCTION rules.plan_days_of IS 'How old, in days, the plan of a change of a tenant may be; 0 where none is needed.';

CREATE FUNCTION rules.laxer(days integer, earlier integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(nullif(days, 0), 1000) > coalesce(nullif(earlier, 0), 1000)
$$;
COMMENT ON FUNCTION rules.laxer IS 'Whether plans may be older than before, or are no longer needed.';

CREATE FUNCTION rules.approvals_of(whose text) RETURNS integer LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT g.approvals_needed FROM rules.governance AS g
        WHERE g.tenant = whose AND g.in_force ORDER BY g.id DESC LIMIT 1), 1)
$$;
COMMENT ON FUNCTION rules.approvals_of IS 'How many people other than its authors must approve a change of a tenant.';

CREATE OR REPLACE FUNCTION rules.approvals_needed(whose text DEFAULT NULL) RETURNS integer LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT rules.approvals_of(coalesce((SELECT t FROM unnest(rules.tenants()) AS t WHERE t = whose), rules.tenant()))
$$;

CREATE FUNCTION rules.seconded(g rules.governance) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT NOT b.in_force AND b.approvals_needed = g.approvals_needed
            AND coalesce(b.plan_days, 0) = coalesce(g.plan_days, 0) AND b.set_by <> g.set_by
            AND b.set_by_id IS DISTINCT FROM g.set_by_id AND b.set_at > g.set_at - interval '7 days'
        FROM rules.governance AS b WHERE b.tenant = g.tenant AND b.id < coalesce(g.id, 9223372036854775807)
        ORDER BY b.id DESC LIMIT 1), false)
$$;
COMMENT ON FUNCTION rules.seconded IS 'Whether the row before proposes the same number, and is another admin''s and not older than 7 days.';

CREATE FUNCTION rules.governance_faults(g rules.governance) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN g.in_force AND EXISTS (SELECT FROM rules.rule_identity AS i WHERE i.tenant = g.tenant)
        AND g.approvals_needed < coalesce((SELECT b.approvals_needed FROM rules.governance AS b
            WHERE b.tenant = g.tenant AND b.in_force AND b.id < g.id ORDER BY b.id DESC LIMIT 1), 1)
        AND (g.approvals_needed = 0 OR NOT rules.seconded(g))
    THEN ARRAY[format('Tenant %s: its changes need %s approvals, and it has rules already, so they cannot come to need %s. Only '
        'a tenant without a rule can be opened for none, use another database for a tutorial; fewer need two admins.', g.tenant,
        (SELECT b.approvals_needed FROM rules.governance AS b WHERE b.tenant = g.tenant AND b.in_force AND b.id < g.id
            ORDER BY b.id DESC LIMIT 1), g.approvals_needed)]
    WHEN g.in_force AND EXISTS (SELECT FROM rules.rule_identity AS i WHERE i.tenant = g.tenant) AND NOT rules.seconded(g)
        AND rules.laxer(g.plan_days, coalesce((SELECT b.plan_days FROM rules.governance AS b
            WHERE b.tenant = g.tenant AND b.in_force AND b.id < g.id ORDER BY b.id DESC LIMIT 1), 0))
    THEN ARRAY[format('Tenant %s: it has rules already, so that plans may be older, or are not needed, is said by two admins.',
        g.tenant)]
    ELSE '{}' END
$$;
COMMENT ON FUNCTION rules.governance_faults IS 'Why a number of approvals cannot count, in words.';

CREATE OR REPLACE FUNCTION rules.governance_set() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    now_needed integer;
    now_days integer;
BEGIN
    PERFORM FROM rules.tenant AS t WHERE t.key = NEW.tenant FOR NO KEY UPDATE;
    now_needed := rules.approvals_of(NEW.tenant);
    now_days := rules.plan_days_of(NEW.tenant);
    NEW.plan_days := coalesce(NEW.plan_days, now_days);
    NEW.set_by := session_user;
    NEW.set_by_id := rules.login_id();
    NEW.set_at := clock_timestamp();
    NEW.in_force := true;
    IF NEW.reason !~ '\S' THEN
        PERFORM rules.refuse(ARRAY[format('Tenant %s: the number of approvals changes for a reason. Say it in "reason".',
            NEW.tenant)]);
    ELSIF NEW.tenant <> ALL (rules.tenants()) THEN
        PERFORM rules.refuse(ARRAY[format('Tenant %s: the login %s does not belong to it.', NEW.tenant, session_user)]);
    END IF;
    IF NEW.approvals_needed < now_needed AND EXISTS (SELECT FROM rules.rule_identity WHERE tenant = NEW.tenant) THEN
        IF NEW.approvals_needed = 0 THEN
            PERFORM rules.refuse(ARRAY[format('Tenant %s: its changes need %s approvals, and it has rules already, so they '
                'cannot come to need %s. Only a tenant without a rule can be opened for fewer: use another database for a '
                'tutorial.', NEW.tenant, now_needed, NEW.approvals_needed)]);
        END IF;
        NEW.in_force := rules.seconded(NEW);
        IF NOT NEW.in_force THEN
            RAISE NOTICE 'Tenant %: it has rules already, so % approvals instead of % are proposed and do not count yet. Another admin says the same within 7 days.',
                NEW.tenant, NEW.approvals_needed, now_needed;
        END IF;
    ELSIF rules.laxer(NEW.plan_days, now_days) AND EXISTS (SELECT FROM rules.rule_identity WHERE tenant = NEW.tenant) THEN
        NEW.in_force := rules.seconded(NEW);
        IF NOT NEW.in_force THEN
            RAISE NOTICE 'Tenant %: it has rules already, so plans of % days instead of % are proposed and do not count yet. Another admin says the same within 7 days.',
                NEW.tenant, NEW.plan_days, now_days;
        END IF;
    END IF;
    RETURN NEW;
END $$;

-- Pauses: one login pauses a rule for 31 days in 366, and ten rules at a time; more needs somebody else.
CREATE FUNCTION rules.pause_faults(p rules.rule_pause) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
DECLARE
    today date := (clock_timestamp() AT TIME ZONE 'UTC')::date;
    key text := (SELECT i.key FROM rules.rule_identity AS i WHERE i.id = p.rule_id);
    which text := 'Rule ' || coalesce(key, '(no key)');
    days integer;
    others text[];
BEGIN
    IF EXISTS (SELECT FROM rules.rule_pause AS o WHERE o.rule_id = p.rule_id AND o.closed_in = rules.this_change()
        AND upper(o.recorded) >= transaction_timestamp() AND o.effective @> p.effective)
    THEN
        RETURN '{}';  -- what was paused until today stays so: rules.resume
    ELSIF lower(p.effective) < today OR lower(p.effective) > today + 31 THEN
        RETURN ARRAY[format('%s: a pause begins today (%s, UTC) or within 31 days, and this one would on %s. Choose another '
            'first day.', which, today, lower(p.effective))];
    ELSIF upper(p.effective) - lower(p.effective) > 31 THEN
        RETURN ARRAY[format('%s: a pause ends, after 1 to 31 days, and this one would last from %s to %s. Choose another day, '
            'or retire the rule.', which, lower(p.effective), upper(p.effective))];
    END IF;
    SELECT coalesce(sum(upper(o.effective) - lower(o.effective)), 0) INTO days FROM rules.rule_pause AS o
    WHERE o.rule_id = p.rule_id AND o.recorded_by = session_user AND upper_inf(o.recorded) AND o.id IS DISTINCT FROM p.id
        AND upper(o.effective) > lower(p.effective) - 366;
    IF days + upper(p.effective) - lower(p.effective) > 31 THEN
        RETURN ARRAY[format('%s: %s has paused it for %s days in a year already, and 31 are the most for one login. Ask '
            'somebody else to pause it, or retire it: UPDATE rules.rule SET effective_to = ….', which, session_user, days)];
    END IF;
    SELECT array_agg(DISTINCT i.key) INTO others FROM rules.rule_pause AS o JOIN rules.rule_identity AS i ON i.id = o.rule_id
    WHERE o.tenant = p.tenant AND o.rule_id <> p.rule_id AND o.recorded_by = session_user AND upper_inf(o.recorded)
        AND upper(o.effective) > today;
    IF cardinality(others) >= 10 THEN
        RETURN ARRAY[format('%s: %s has paused ten rules already (%s), the most for one login at a time. Ask somebody else, or '
            'change the rules.', which, session_user, array_to_string(others, ', '))];
    END IF;
    RETURN '{}';
END $$;
COMMENT ON FUNCTION rules.pause_faults IS 'Why the login cannot pause a rule like that, in words.';

CREATE FUNCTION rules.freeze_bounds(f rules.release_freeze) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
DECLARE
    began timestamptz := lower(f.recorded);
    frozen interval;
BEGIN
    IF f.until <= began OR f.until > began + interval '31 days' THEN
        RETURN ARRAY['Freeze: it has a reason and ends, within 31 days from now. Say both: SELECT '
            'rules.freeze_releases(''year end'', now() + interval ''3 days'').'];
    END IF;
    SELECT sum(least(o.until, coalesce(upper(o.recorded), o.until)) - lower(o.recorded)) INTO frozen
    FROM rules.release_freeze AS o WHERE o.tenant = f.tenant AND o.recorded_by = session_user AND NOT isempty(o.recorded)
        AND o.id IS DISTINCT FROM f.id AND o.until > began - interval '92 days';
    IF coalesce(frozen, '0') + (f.until - began) > interval '31 days 1 minute' THEN
        RETURN ARRAY[format('Freeze: %s has frozen the rules for %s of the last 92 days already, and 31 days are the most for '
            'one login. Another admin can.', session_user, date_trunc('hour', frozen))];
    END IF;
    RETURN '{}';
END $$;
COMMENT ON FUNCTION rules.freeze_bounds IS 'Why the login cannot freeze publications like that, in words.';

CREATE FUNCTION rules.brake_set() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF NEW.tenant <> ALL (rules.tenants()) THEN
        PERFORM rules.refuse(ARRAY[format('Tenant %s: the login %s does not belong to it.', NEW.tenant, session_user)]);
    ELSIF TG_TABLE_NAME = 'rule_pause' THEN
        PERFORM rules.refuse(rules.pause_faults(NEW));
    ELSE
        PERFORM rules.refuse(rules.freeze_bounds(NEW));
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION rules.brake_set IS 'Refuses a pause or a freeze that is out of bounds.';
CREATE TRIGGER within_bounds BEFORE INSERT ON rules.rule_pause FOR EACH ROW EXECUTE FUNCTION rules.brake_set();
CREATE TRIGGER within_bounds BEFORE INSERT ON rules.release_freeze FOR EACH ROW EXECUTE FUNCTION rules.brake_set();

CREATE OR REPLACE FUNCTION rules.resume(key text, reason text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$
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
    UPDATE rules.rule_pause SET ended_because = resume.reason, recorded = tstzrange(lower(recorded), greatest(
        clock_timestamp(), lower(recorded) + interval '1 microsecond')) WHERE id = found.id;
    IF lower(found.effective) < today THEN
        INSERT INTO rules.rule_pause (tenant, rule_id, effective, reason)
        VALUES (found.tenant, found.rule_id, daterange(lower(found.effective), today),
            found.reason || ' (resumed: ' || resume.reason || ')');
    END IF;
    RETURN format('Rule %s: it counts again from %s.', resume.key, greatest(today, lower(found.effective)));
END $$;

CREATE OR REPLACE FUNCTION rules.lift_freeze(reason text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF coalesce(lift_freeze.reason, '') !~ '\S' THEN
        PERFORM rules.refuse(ARRAY['Freeze: it is lifted for a reason. Say it: SELECT rules.lift_freeze(''why'').']);
    END IF;
    UPDATE rules.release_freeze SET ended_because = lift_freeze.reason, recorded = tstzrange(lower(recorded), greatest(
        clock_timestamp(), lower(recorded) + interval '1 microsecond'))
    WHERE tenant = rules.tenant() AND upper_inf(recorded) AND until > clock_timestamp();
    IF NOT FOUND THEN
        PERFORM rules.refuse(ARRAY['Freeze: there is none to lift. Publications go on.']);
    END IF;
    RETURN 'Changes can be published again.';
END $$;

-- Once more at commit, under the lock: what others have committed since the statement was judged counts too.
CREATE FUNCTION rules.judged() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    stack text;
    needed integer;
    given text[];
BEGIN
    GET DIAGNOSTICS stack = PG_CONTEXT;
    PERFORM rules.at_commit(stack);
    IF TG_TABLE_NAME = 'governance' THEN
        PERFORM rules.refuse(rules.governance_faults(NEW));
    ELSIF TG_TABLE_NAME = 'rule_pause' THEN
        PERFORM rules.refuse(rules.pause_faults(NEW));
    ELSIF TG_TABLE_NAME = 'release_freeze' THEN
        PERFORM rules.refuse(rules.freeze_bounds(NEW));
    ELSE
        needed := rules.approvals_of(NEW.tenant);
        given := rules.valid_approvals(NEW);
        IF cardinality(given) < needed THEN
            PERFORM rules.refuse(ARRAY[format('Change %s: it needs %s approvals by now, and it has %s. Ask for another one, then '
                'publish it.', NEW.id, needed, CASE cardinality(given) WHEN 0 THEN 'none' ELSE array_to_string(given, ', ') END)]);
        END IF;
        PERFORM rules.refuse(rules.freeze_faults(NEW));
        IF needed > 0 THEN
            PERFORM rules.refuse(rules.check_faults(NEW));
            PERFORM rules.refuse(rules.plan_faults(NEW));
        END IF;
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION rules.judged IS 'Judges a publication, a pause, a freeze or a number of approvals at commit.';
CREATE CONSTRAINT TRIGGER judged AFTER UPDATE ON rules.change DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.state = 'scheduled' AND OLD.state <> 'scheduled') EXECUTE FUNCTION rules.judged();
CREATE CONSTRAINT TRIGGER judged AFTER INSERT ON rules.governance DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION rules.judged();
CREATE CONSTRAINT TRIGGER judged AFTER INSERT ON rules.rule_pause DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION rules.judged();
CREATE CONSTRAINT TRIGGER judged AFTER INSERT ON rules.release_freeze DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION rules.judged();
