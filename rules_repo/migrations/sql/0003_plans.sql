-- What a change would do to everybody, recorded for the content it was planned of: an approval can be of the effect, too.

CREATE TABLE rules.plan_result (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    change_id bigint NOT NULL,
    tenant text NOT NULL DEFAULT rules.tenant() REFERENCES rules.tenant (key),
    edition integer NOT NULL,
    content_hash text NOT NULL,
    known_at timestamptz NOT NULL,
    said jsonb NOT NULL CONSTRAINT plan_result_said_check CHECK (jsonb_typeof(said) = 'object'),
    planned_by text NOT NULL DEFAULT session_user,
    planned_by_id bigint,
    planned_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT plan_result_change_id_fkey FOREIGN KEY (tenant, change_id) REFERENCES rules.change (tenant, id)
);
CREATE INDEX plan_result_change ON rules.plan_result (change_id);
COMMENT ON TABLE rules.plan_result IS
    'What changes would do to everybody, as planned before they are approved: counts by cause, and on which data.';
COMMENT ON COLUMN rules.plan_result.id IS 'Numbers the plans.';
COMMENT ON COLUMN rules.plan_result.change_id IS 'The change.';
COMMENT ON COLUMN rules.plan_result.tenant IS 'Whose rules it changes.';
COMMENT ON COLUMN rules.plan_result.edition IS 'The edition that was planned.';
COMMENT ON COLUMN rules.plan_result.content_hash IS 'The content that was planned.';
COMMENT ON COLUMN rules.plan_result.known_at IS 'The moment whose rules in force it was held against.';
COMMENT ON COLUMN rules.plan_result.said IS 'The plan: members before and after, gained and lost by cause, per membership type.';
COMMENT ON COLUMN rules.plan_result.planned_by IS 'The login that planned.';
COMMENT ON COLUMN rules.plan_result.planned_by_id IS 'The number of the login, which it keeps when it is renamed.';
COMMENT ON COLUMN rules.plan_result.planned_at IS 'When it was recorded.';

CREATE FUNCTION rules.plan_recorded() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    c rules.change;
    now_says text;
BEGIN
    SELECT * INTO c FROM rules.change WHERE id = NEW.change_id FOR UPDATE;
    now_says := rules.content_of(c.id);
    IF c.state NOT IN ('draft', 'in review', 'approved') THEN
        PERFORM rules.refuse(ARRAY[format('Change %s: it is %s, and there is nothing left to plan.', c.id, c.state)]);
    ELSIF NEW.content_hash IS DISTINCT FROM now_says THEN
        PERFORM rules.refuse(ARRAY[format('Change %s: it was edited since it was planned (it is %s… now, %s… was planned). Plan it '
            'again: `rules plan --change %1$s`.', c.id, left(now_says, 12), coalesce(left(NEW.content_hash, 12), 'nothing'))]);
    ELSIF NEW.known_at IS NULL OR NEW.known_at > clock_timestamp() THEN
        PERFORM rules.refuse(ARRAY[format('Change %s: its plan is held against rules as known at %s, which is no moment that has '
            'passed. Say when the rules in force were read.', c.id, coalesce(NEW.known_at::text, 'no moment'))]);
    ELSIF jsonb_typeof(NEW.said) IS DISTINCT FROM 'object' THEN
        PERFORM rules.refuse(ARRAY[format('Change %s: its plan is no JSON object. Record what `rules plan --json` says.', c.id)]);
    END IF;
    NEW.tenant := c.tenant;
    NEW.edition := c.edition;
    NEW.planned_by := session_user;
    NEW.planned_by_id := rules.login_id();
    NEW.planned_at := clock_timestamp();
    RETURN NEW;
END $$;
COMMENT ON FUNCTION rules.plan_recorded IS 'Stamps a plan; refuses one of content that is no longer there.';
CREATE TRIGGER plan_recorded BEFORE INSERT ON rules.plan_result FOR EACH ROW EXECUTE FUNCTION rules.plan_recorded();
CREATE TRIGGER never_edited BEFORE UPDATE OR DELETE OR TRUNCATE ON rules.plan_result
    FOR EACH STATEMENT EXECUTE FUNCTION rules.never_edited('It is evidence.');
SELECT rules.watch('plan_result');

CREATE FUNCTION rules.standing_plan(c rules.change) RETURNS rules.plan_result LANGUAGE sql STABLE AS $$
    SELECT r.* FROM rules.plan_result AS r WHERE r.change_id = c.id
    ORDER BY (r.content_hash = rules.content_of(c.id)) DESC, r.id DESC LIMIT 1
$$;
COMMENT ON FUNCTION rules.standing_plan IS 'The newest plan of what a change says now; without one its newest plan of all.';

-- A plan is of a content and of the rules in force: what either became since is another effect.
CREATE FUNCTION rules.plan_staleness(c rules.change, days integer) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    p rules.plan_result := rules.standing_plan(c);
    since rules.release;
BEGIN
    IF p.id IS NULL THEN
        RETURN 'nobody has planned what it would do';
    ELSIF p.content_hash <> rules.content_of(c.id) THEN
        RETURN format('its plan is of another content (it is %s… now, %s… was planned)', left(rules.content_of(c.id), 12),
            left(p.content_hash, 12));
    END IF;
    SELECT * INTO since FROM rules.release AS r WHERE r.tenant = c.tenant AND r.change_id <> c.id AND r.released_at > p.known_at
    ORDER BY r.released_at DESC LIMIT 1;
    IF since.change_id IS NOT NULL THEN
        RETURN format('its plan is stale: change %s was published since the rules in force were read', since.change_id);
    ELSIF days > 0 AND p.planned_at < clock_timestamp() - make_interval(days => days) THEN
        RETURN format('its plan is of %s, and one of %s days or less is needed', (p.planned_at AT TIME ZONE 'UTC')::date, days);
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION rules.plan_staleness IS 'Why the plan of a change says nothing of what it would do now; NULL where it does.';

CREATE FUNCTION rules.plan_faults(c rules.change) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
DECLARE
    days integer := rules.plan_days_of(c.tenant);
    stale text;
BEGIN
    IF days = 0 OR rules.approvals_of(c.tenant) = 0 THEN
        RETURN '{}';
    END IF;
    stale := rules.plan_staleness(c, days);
    RETURN CASE WHEN stale IS NULL THEN '{}' ELSE ARRAY[format('Change %s: %s, and here an approval is of the effect, too. Plan it: '
        '`rules plan --change %1$s`, and look at who would gain and lose.', c.id, stale)] END;
END $$;
COMMENT ON FUNCTION rules.plan_faults IS 'What the plan of a change still lacks where one is needed, in words.';

CREATE FUNCTION rules.record_plan(change bigint, saw text, known_at timestamptz, said jsonb) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    c rules.change := rules.the_change(change);
BEGIN
    INSERT INTO rules.plan_result (change_id, edition, content_hash, known_at, said)
    VALUES (c.id, c.edition, saw, record_plan.known_at, record_plan.said);
    RETURN format('Change %s: its plan is recorded.', c.id);
END $$;
COMMENT ON FUNCTION rules.record_plan IS
    'Records what a change would do to everybody; "saw" is the content hash that was planned, "known_at" when the rules in force '
    'were read. Who records it answers for it.';

CREATE FUNCTION rules.plan_of(change bigint) RETURNS jsonb LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT jsonb_build_object('plan', p.id, 'planned_by', p.planned_by, 'planned_at', p.planned_at,
        'content_hash', p.content_hash, 'stale', rules.plan_staleness(c, rules.plan_days_of(c.tenant)), 'said', p.said)
    FROM rules.change AS c, LATERAL rules.standing_plan(c) AS p
    WHERE c.id = plan_of.change AND c.tenant = rules.tenant() AND p.id IS NOT NULL
$$;
COMMENT ON FUNCTION rules.plan_of IS 'The plan of a change, whether it still says what the change would do, and why not; NULL without one.';
