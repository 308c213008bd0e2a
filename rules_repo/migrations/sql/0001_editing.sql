-- How an INSERT, UPDATE or DELETE on the views becomes versions and periods.

CREATE FUNCTION rules.wording(v rules.rule_version) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT to_jsonb(v) - '{rule_id,version,created_by,created_at,content_hash}'::text[]
$$;
COMMENT ON FUNCTION rules.wording IS 'What a version says, without its number and who wrote it when.';

CREATE FUNCTION rules.sign_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.created_by := session_user;
    NEW.created_at := clock_timestamp();
    NEW.content_hash := encode(sha256(convert_to(rules.wording(NEW)::text, 'UTF8')), 'hex');
    RETURN NEW;
END $$;
COMMENT ON FUNCTION rules.sign_version IS 'Writes who published a version and when, and the hash of its wording.';
CREATE TRIGGER sign_version BEFORE INSERT ON rules.rule_version
    FOR EACH ROW EXECUTE FUNCTION rules.sign_version();
ALTER TABLE rules.rule_version ENABLE ALWAYS TRIGGER sign_version;

CREATE FUNCTION rules.completed(r rules.rule) RETURNS rules.rule LANGUAGE plpgsql STABLE AS $$
BEGIN
    r.name := coalesce(r.name, '');
    r.kind := lower(r.kind);
    r.category := coalesce(r.category, '');
    r.rule_type := coalesce(r.rule_type, '');
    r.form := lower(coalesce(r.form, CASE WHEN r.sql ~* '^\s*(select|with)\M' THEN 'statement' ELSE 'predicate' END));
    r.frame := coalesce(r.frame, '');
    r.parameters := rules.encoded_parameters(r.parameters);
    r.when_unknown := lower(coalesce(r.when_unknown, 'miss'));
    r.reason_code := coalesce(r.reason_code, '');
    r.reason_text := coalesce(nullif(r.reason_text, ''), (SELECT text FROM rules.reason_code WHERE code = r.reason_code), '');
    r.owner := coalesce(r.owner, '');
    r.override := coalesce(r.override, false);
    r.shadow := coalesce(r.shadow, false);
    r.metadata := coalesce(r.metadata, '{}');
    r.effective_to := nullif(r.effective_to, 'infinity');
    RETURN r;
END $$;
COMMENT ON FUNCTION rules.completed IS 'A row of rules.rule with what may be left out filled in.';

CREATE FUNCTION rules.add_version(rule bigint, r rules.rule) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    number integer := (SELECT coalesce(max(version), 0) + 1 FROM rules.rule_version WHERE rule_id = rule);
BEGIN
    IF r.reason_code <> '' THEN
        INSERT INTO rules.reason_code (code, text) VALUES (r.reason_code, r.reason_text) ON CONFLICT DO NOTHING;
    END IF;
    INSERT INTO rules.rule_version (rule_id, version, name, kind, membership_type, weight, category, rule_type, form,
        frame, sql, parameters, when_unknown, reason_code, reason_text, owner, override, shadow, metadata)
    VALUES (rule, number, r.name, r.kind, r.membership_type, r.weight, nullif(r.category, ''), nullif(r.rule_type, ''),
        r.form, r.frame, r.sql, r.parameters, r.when_unknown, nullif(r.reason_code, ''), r.reason_text, r.owner,
        r.override, r.shadow, r.metadata);
    RETURN number;
END $$;
COMMENT ON FUNCTION rules.add_version IS 'Adds the next version of a rule and returns its number.';

CREATE FUNCTION rules.moment(rule bigint) RETURNS timestamptz LANGUAGE sql VOLATILE AS $$
    SELECT greatest(clock_timestamp(), max(lower(recorded)) + interval '1 microsecond')
    FROM rules.rule_period WHERE rule_id = rule
$$;
COMMENT ON FUNCTION rules.moment IS 'Now, and later than anything recorded of the rule before.';

CREATE FUNCTION rules.add_period(rule bigint, number integer, days daterange, moment timestamptz)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM rules.refuse(array_agg(format('Rule %s: the period %s overlaps the one of version %s, which counts from %s '
        'to %s. End that one first, or choose other days.', i.key, rules.in_words(days), p.version,
        lower(p.effective), coalesce(upper(p.effective)::text, 'further notice')) ORDER BY p.effective))
    FROM rules.rule_period AS p JOIN rules.rule_identity AS i ON i.id = p.rule_id
    WHERE p.rule_id = rule AND upper_inf(p.recorded) AND p.effective && days;
    INSERT INTO rules.rule_period (rule_id, version, effective, recorded)
    VALUES (rule, number, days, tstzrange(moment, NULL));
END $$;
COMMENT ON FUNCTION rules.add_period IS 'Records that a version counts on these days; refuses days already taken.';

CREATE FUNCTION rules.in_words(days daterange) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT format('from %s to %s', lower(days), coalesce(upper(days)::text, 'further notice'))
$$;
COMMENT ON FUNCTION rules.in_words IS 'A period as people say it.';

CREATE FUNCTION rules.rule_inserted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    r rules.rule := rules.completed(NEW);
    rule bigint;
BEGIN
    r.effective_from := coalesce(r.effective_from, (clock_timestamp() AT TIME ZONE 'UTC')::date);
    PERFORM rules.refuse(rules.rule_faults(r));
    INSERT INTO rules.rule_identity (key) SELECT r.rule_key
    WHERE NOT EXISTS (SELECT FROM rules.rule_identity WHERE key = r.rule_key) ON CONFLICT DO NOTHING;
    SELECT id INTO STRICT rule FROM rules.rule_identity WHERE key = r.rule_key FOR UPDATE;
    r.version := rules.add_version(rule, r);
    PERFORM rules.add_period(rule, r.version, daterange(r.effective_from, r.effective_to), rules.moment(rule));
    RETURN r;
END $$;
COMMENT ON FUNCTION rules.rule_inserted IS 'INSERT on rules.rule: publishes a rule, or days of a known one that are free.';

CREATE FUNCTION rules.rule_updated() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    r rules.rule := rules.completed(NEW);
    rule bigint;
    period bigint;
    moment timestamptz;
    days text[] := '{effective_from,effective_to}';
    reworded boolean;
    later boolean;
BEGIN
    IF NEW.reason_code <> OLD.reason_code AND NEW.reason_text = OLD.reason_text THEN
        r.reason_text := coalesce((SELECT text FROM rules.reason_code WHERE code = NEW.reason_code), '');
    END IF;
    reworded := to_jsonb(r) - days <> to_jsonb(OLD) - days;
    later := reworded AND r.effective_from > OLD.effective_from;
    PERFORM rules.refuse(rules.update_faults(OLD, r));
    SELECT id INTO STRICT rule FROM rules.rule_identity WHERE key = OLD.rule_key FOR UPDATE;
    SELECT id INTO period FROM rules.rule_period WHERE rule_id = rule AND version = OLD.version
        AND effective = daterange(OLD.effective_from, OLD.effective_to) AND upper_inf(recorded);
    IF period IS NULL THEN
        PERFORM rules.refuse(ARRAY[format('Rule %s: version %s was changed by somebody else in the meantime. Look at '
            'the rule again, then repeat the change.', OLD.rule_key, OLD.version)]);
    END IF;
    IF r IS NOT DISTINCT FROM OLD THEN
        RETURN r;
    END IF;
    moment := rules.moment(rule);
    IF NOT later OR r.effective_from < coalesce(OLD.effective_to, 'infinity') THEN
        UPDATE rules.rule_period SET recorded = tstzrange(lower(recorded), moment) WHERE id = period;
        IF later THEN
            PERFORM rules.add_period(rule, OLD.version, daterange(OLD.effective_from, r.effective_from), moment);
        END IF;
    END IF;
    r.version := CASE WHEN reworded THEN rules.add_version(rule, r) ELSE OLD.version END;
    PERFORM rules.add_period(rule, r.version, daterange(r.effective_from, r.effective_to), moment);
    RETURN r;
END $$;
COMMENT ON FUNCTION rules.rule_updated IS
    'UPDATE on rules.rule: the next version for the same days or from a later day on; other days for the same version.';

CREATE FUNCTION rules.update_faults(o rules.rule, r rules.rule) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
DECLARE
    faults text[] := rules.rule_faults(r);
BEGIN
    IF r.rule_key IS DISTINCT FROM o.rule_key THEN
        faults := faults || format('Rule %s: its key is permanent and cannot become ''%s''. Retire the rule and insert '
            'another.', o.rule_key, r.rule_key);
    END IF;
    IF r.version IS DISTINCT FROM o.version THEN
        faults := faults || format('Rule %s: versions are numbered by the database. Leave "version" alone.', o.rule_key);
    END IF;
    IF r.effective_to <= r.effective_from AND r.effective_from > o.effective_from THEN
        faults := faults || format('Rule %s: the row changed is version %s, %s. If another period is meant, name it: '
            'AND effective_from = …', o.rule_key, o.version, rules.in_words(daterange(o.effective_from, o.effective_to)));
    END IF;
    RETURN faults;
END $$;
COMMENT ON FUNCTION rules.update_faults IS 'Everything that is wrong with an update of rules.rule, in words.';

CREATE FUNCTION rules.row_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_ARGV[0] = 'rule' THEN
        PERFORM rules.refuse(ARRAY[format('Rule %s: a rule is never deleted, its past decisions name it. Retire it '
            'instead: UPDATE rules.rule SET effective_to = … WHERE rule_key = %L AND effective_from = %L.',
            OLD.rule_key, OLD.rule_key, OLD.effective_from)]);
    END IF;
    PERFORM rules.refuse(ARRAY[format('Membership type %s: a membership type is never deleted, past decisions name it. '
        'Retire its rules instead.', OLD.key)]);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION rules.row_deleted IS 'DELETE on the views: refused, with what to do instead.';

CREATE FUNCTION rules.membership_type_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    type bigint;
    moment timestamptz;
BEGIN
    NEW.name := coalesce(NEW.name, '');
    NEW.strategy := lower(coalesce(NEW.strategy, 'weight_sum'));
    NEW.margin := coalesce(NEW.margin, 1);
    NEW.tie := lower(coalesce(NEW.tie, 'deny'));
    PERFORM rules.refuse(rules.membership_type_faults(NEW));
    IF TG_OP = 'UPDATE' AND NEW.key <> OLD.key THEN
        PERFORM rules.refuse(ARRAY[format('Membership type %s: its key is permanent and cannot become ''%s''. Add '
            'another membership type.', OLD.key, NEW.key)]);
    END IF;
    INSERT INTO rules.membership_type_identity (key) SELECT NEW.key
    WHERE NOT EXISTS (SELECT FROM rules.membership_type_identity WHERE key = NEW.key) ON CONFLICT DO NOTHING;
    SELECT id INTO STRICT type FROM rules.membership_type_identity WHERE key = NEW.key FOR UPDATE;
    IF TG_OP = 'INSERT' AND EXISTS (SELECT FROM rules.membership_type WHERE key = NEW.key) THEN
        PERFORM rules.refuse(ARRAY[format('Membership type %s: it is there already. Change it: UPDATE '
            'rules.membership_type SET … WHERE key = %L.', NEW.key, NEW.key)]);
    END IF;
    IF TG_OP = 'UPDATE' AND NOT EXISTS (SELECT FROM rules.membership_type AS m WHERE m IS NOT DISTINCT FROM OLD) THEN
        PERFORM rules.refuse(ARRAY[format('Membership type %s: it was changed by somebody else in the meantime. Look at '
            'it again, then repeat the change.', OLD.key)]);
    END IF;
    IF TG_OP = 'UPDATE' AND NEW IS NOT DISTINCT FROM OLD THEN
        RETURN NEW;
    END IF;
    SELECT greatest(clock_timestamp(), max(lower(recorded)) + interval '1 microsecond') INTO moment
    FROM rules.membership_type_version WHERE membership_type_id = type;
    UPDATE rules.membership_type_version SET recorded = tstzrange(lower(recorded), moment)
    WHERE membership_type_id = type AND upper_inf(recorded);
    INSERT INTO rules.membership_type_version (membership_type_id, name, strategy, margin, tie, veto_weight, recorded)
    VALUES (type, NEW.name, NEW.strategy, NEW.margin, NEW.tie, NEW.veto_weight, tstzrange(moment, NULL));
    RETURN NEW;
END $$;
COMMENT ON FUNCTION rules.membership_type_changed IS 'INSERT and UPDATE on rules.membership_type: records the new policy.';

CREATE TRIGGER inserted INSTEAD OF INSERT ON rules.rule FOR EACH ROW EXECUTE FUNCTION rules.rule_inserted();
CREATE TRIGGER updated INSTEAD OF UPDATE ON rules.rule FOR EACH ROW EXECUTE FUNCTION rules.rule_updated();
CREATE TRIGGER deleted INSTEAD OF DELETE ON rules.rule FOR EACH ROW EXECUTE FUNCTION rules.row_deleted('rule');
CREATE TRIGGER changed INSTEAD OF INSERT OR UPDATE ON rules.membership_type
    FOR EACH ROW EXECUTE FUNCTION rules.membership_type_changed();
CREATE TRIGGER deleted INSTEAD OF DELETE ON rules.membership_type
    FOR EACH ROW EXECUTE FUNCTION rules.row_deleted('membership type');
