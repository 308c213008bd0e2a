-- Publishing: an approved change becomes versions and periods, exactly those, in one transaction.

-- Whatever is written as published must be what a change of this transaction says.
CREATE FUNCTION rules.released_only() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    me bigint := rules.this_change();
    fits boolean;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NOT upper_inf(OLD.recorded) OR upper_inf(NEW.recorded) THEN
            RETURN NEW;
        END IF;
    END IF;
    CASE TG_TABLE_NAME || ' ' || TG_OP
    WHEN 'rule_version INSERT' THEN
        fits := EXISTS (SELECT FROM rules.change AS c JOIN rules.draft_row AS d ON d.change_id = c.id
            WHERE c.id = NEW.change_id AND c.released_in = me AND d.rule_id = NEW.rule_id AND d.tenant = NEW.tenant
                AND d.content_hash = encode(sha256(convert_to(rules.wording(NEW)::text, 'UTF8')), 'hex'));
    WHEN 'rule_period INSERT' THEN
        fits := EXISTS (SELECT FROM rules.change AS c JOIN rules.draft_row AS d ON d.change_id = c.id
            JOIN rules.rule_version AS v ON v.rule_id = d.rule_id AND v.content_hash = d.content_hash
            WHERE c.id = NEW.change_id AND c.released_in = me AND d.rule_id = NEW.rule_id AND d.tenant = NEW.tenant
                AND d.effective = NEW.effective AND v.version = NEW.version);
    WHEN 'rule_period UPDATE' THEN
        fits := EXISTS (SELECT FROM rules.change AS c JOIN rules.draft_rule AS d ON d.change_id = c.id
            WHERE c.released_in = me AND d.rule_id = OLD.rule_id);
    WHEN 'membership_type_version INSERT' THEN
        fits := EXISTS (SELECT FROM rules.change AS c JOIN rules.draft_policy AS d ON d.change_id = c.id
            JOIN rules.membership_type_identity AS i ON i.tenant = d.tenant AND i.key = d.key
            WHERE c.id = NEW.change_id AND c.released_in = me AND d.object = 'membership type'
                AND i.id = NEW.membership_type_id AND d.tenant = NEW.tenant AND d.content - 'key' = jsonb_build_object(
                    'name', NEW.name, 'strategy', NEW.strategy, 'margin', NEW.margin, 'tie', NEW.tie,
                    'veto_weight', NEW.veto_weight));
    WHEN 'membership_type_version UPDATE' THEN
        fits := EXISTS (SELECT FROM rules.change AS c JOIN rules.draft_policy AS d ON d.change_id = c.id
            JOIN rules.membership_type_identity AS i ON i.tenant = d.tenant AND i.key = d.key
            WHERE c.released_in = me AND d.object = 'membership type' AND i.id = OLD.membership_type_id);
    WHEN 'parameter_version INSERT' THEN
        fits := EXISTS (SELECT FROM rules.change AS c JOIN rules.draft_policy AS d ON d.change_id = c.id
            JOIN rules.parameter_identity AS i ON i.tenant = d.tenant AND i.name = d.key
            WHERE c.id = NEW.change_id AND c.released_in = me AND d.object = 'parameter' AND d.tenant = NEW.tenant
                AND i.id = NEW.parameter_id AND d.content -> 'value' = NEW.value
                AND d.content ->> 'description' = NEW.description);
    WHEN 'parameter_version UPDATE' THEN
        fits := EXISTS (SELECT FROM rules.change AS c JOIN rules.draft_policy AS d ON d.change_id = c.id
            JOIN rules.parameter_identity AS i ON i.tenant = d.tenant AND i.name = d.key
            WHERE c.released_in = me AND d.object = 'parameter' AND i.id = OLD.parameter_id);
    WHEN 'reference_list_version INSERT' THEN
        fits := EXISTS (SELECT FROM rules.change AS c JOIN rules.draft_policy AS d ON d.change_id = c.id
            JOIN rules.reference_list_identity AS i ON i.tenant = d.tenant AND i.name = d.key
            WHERE c.id = NEW.change_id AND c.released_in = me AND d.object = 'reference list' AND d.tenant = NEW.tenant
                AND i.id = NEW.list_id AND d.content - 'name' = jsonb_build_object(
                    'columns', NEW.columns, 'rows', NEW.rows, 'description', NEW.description));
    WHEN 'reference_list_version UPDATE' THEN
        fits := EXISTS (SELECT FROM rules.change AS c JOIN rules.draft_policy AS d ON d.change_id = c.id
            JOIN rules.reference_list_identity AS i ON i.tenant = d.tenant AND i.name = d.key
            WHERE c.released_in = me AND d.object = 'reference list' AND i.id = OLD.list_id);
    END CASE;
    IF NOT fits THEN
        PERFORM rules.refuse(ARRAY[format('%s.%s: only an approved change is published, as it was approved. Draft it: '
            'UPDATE rules.rule SET …; then rules.submit, rules.approve and rules.schedule.', TG_TABLE_SCHEMA, TG_TABLE_NAME)]);
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION rules.released_only IS 'Refuses whatever is to be published and is in no change that this transaction publishes.';
CREATE TRIGGER released_only BEFORE INSERT ON rules.rule_version FOR EACH ROW EXECUTE FUNCTION rules.released_only();
CREATE TRIGGER released_only BEFORE INSERT OR UPDATE ON rules.rule_period
    FOR EACH ROW EXECUTE FUNCTION rules.released_only();
CREATE TRIGGER released_only BEFORE INSERT OR UPDATE ON rules.membership_type_version
    FOR EACH ROW EXECUTE FUNCTION rules.released_only();
CREATE TRIGGER released_only BEFORE INSERT OR UPDATE ON rules.parameter_version
    FOR EACH ROW EXECUTE FUNCTION rules.released_only();
CREATE TRIGGER released_only BEFORE INSERT OR UPDATE ON rules.reference_list_version
    FOR EACH ROW EXECUTE FUNCTION rules.released_only();

CREATE FUNCTION rules.release_rules(change bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz;
BEGIN
    SELECT greatest(clock_timestamp(), max(lower(p.recorded)) + interval '1 microsecond') INTO moment
    FROM rules.draft_rule AS d JOIN rules.rule_period AS p USING (rule_id) WHERE d.change_id = change;
    UPDATE rules.rule_period AS p SET recorded = tstzrange(lower(p.recorded), moment)
    FROM rules.draft_rule AS d, rules.rule_version AS v
    WHERE d.change_id = change AND d.rule_id = p.rule_id AND upper_inf(p.recorded)
        AND v.rule_id = p.rule_id AND v.version = p.version AND NOT EXISTS (SELECT FROM rules.draft_row AS r
            WHERE r.change_id = change AND r.rule_id = p.rule_id AND r.effective = p.effective
                AND r.content_hash = v.content_hash);
    INSERT INTO rules.rule_version (rule_id, version, tenant, change_id, name, kind, membership_type, weight, category,
        rule_type, form, frame, sql, parameters, when_unknown, reason_code, reason_text, owner, override, shadow, metadata)
    SELECT r.rule_id, coalesce((SELECT max(version) FROM rules.rule_version AS v WHERE v.rule_id = r.rule_id), 0)
            + row_number() OVER (PARTITION BY r.rule_id ORDER BY r.effective), r.tenant, change, r.name, r.kind,
        r.membership_type, r.weight, r.category, r.rule_type, r.form, r.frame, r.sql, r.parameters, r.when_unknown,
        r.reason_code, r.reason_text, r.owner, r.override, r.shadow, r.metadata
    FROM (SELECT DISTINCT ON (rule_id, content_hash) * FROM rules.draft_row WHERE change_id = change AND version IS NULL
        ORDER BY rule_id, content_hash, effective) AS r;
    INSERT INTO rules.rule_period (rule_id, version, tenant, change_id, effective, recorded)
    SELECT r.rule_id, coalesce(r.version, (SELECT v.version
            FROM rules.rule_version AS v WHERE v.rule_id = r.rule_id AND v.content_hash = r.content_hash
                AND v.change_id = change)), r.tenant, change, r.effective, tstzrange(moment, NULL)
    FROM rules.draft_row AS r WHERE r.change_id = change AND NOT EXISTS (
        SELECT FROM rules.rule_period AS p JOIN rules.rule_version AS v USING (rule_id, version)
        WHERE p.rule_id = r.rule_id AND p.effective = r.effective AND upper_inf(p.recorded)
            AND v.content_hash = r.content_hash)
    ORDER BY r.rule_id, r.effective;
END $$;
COMMENT ON FUNCTION rules.release_rules IS 'Makes the known days of the rules of a change what it says.';

CREATE FUNCTION rules.release_policies(change bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := greatest(clock_timestamp(), (SELECT max(lower(recorded)) + interval '1 microsecond'
        FROM (SELECT recorded FROM rules.membership_type_version UNION ALL SELECT recorded FROM rules.parameter_version
            UNION ALL SELECT recorded FROM rules.reference_list_version) AS known));
BEGIN
    UPDATE rules.membership_type_version AS v SET recorded = tstzrange(lower(v.recorded), moment)
    FROM rules.draft_policy AS d JOIN rules.membership_type_identity AS i ON i.tenant = d.tenant AND i.key = d.key
    WHERE d.change_id = change AND d.object = 'membership type' AND v.membership_type_id = i.id AND upper_inf(v.recorded);
    INSERT INTO rules.membership_type_version (membership_type_id, tenant, change_id, name, strategy, margin, tie,
        veto_weight, recorded)
    SELECT i.id, d.tenant, change, d.content ->> 'name', d.content ->> 'strategy', (d.content ->> 'margin')::bigint,
        d.content ->> 'tie', (d.content ->> 'veto_weight')::integer, tstzrange(moment, NULL)
    FROM rules.draft_policy AS d JOIN rules.membership_type_identity AS i ON i.tenant = d.tenant AND i.key = d.key
    WHERE d.change_id = change AND d.object = 'membership type' ORDER BY i.id;
    UPDATE rules.parameter_version AS v SET recorded = tstzrange(lower(v.recorded), moment)
    FROM rules.draft_policy AS d JOIN rules.parameter_identity AS i ON i.tenant = d.tenant AND i.name = d.key
    WHERE d.change_id = change AND d.object = 'parameter' AND v.parameter_id = i.id AND upper_inf(v.recorded);
    INSERT INTO rules.parameter_version (parameter_id, tenant, change_id, value, description, recorded)
    SELECT i.id, d.tenant, change, d.content -> 'value', d.content ->> 'description', tstzrange(moment, NULL)
    FROM rules.draft_policy AS d JOIN rules.parameter_identity AS i ON i.tenant = d.tenant AND i.name = d.key
    WHERE d.change_id = change AND d.object = 'parameter' ORDER BY i.id;
    UPDATE rules.reference_list_version AS v SET recorded = tstzrange(lower(v.recorded), moment)
    FROM rules.draft_policy AS d JOIN rules.reference_list_identity AS i ON i.tenant = d.tenant AND i.name = d.key
    WHERE d.change_id = change AND d.object = 'reference list' AND v.list_id = i.id AND upper_inf(v.recorded);
    INSERT INTO rules.reference_list_version (list_id, tenant, change_id, columns, rows, description, recorded)
    SELECT i.id, d.tenant, change, d.content -> 'columns', d.content -> 'rows', d.content ->> 'description',
        tstzrange(moment, NULL)
    FROM rules.draft_policy AS d JOIN rules.reference_list_identity AS i ON i.tenant = d.tenant AND i.name = d.key
    WHERE d.change_id = change AND d.object = 'reference list' ORDER BY i.id;
END $$;
COMMENT ON FUNCTION rules.release_policies IS
    'Makes the membership types, shared parameters and reference lists of a change what it says.';

CREATE FUNCTION rules.publish_change(change bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    c rules.change;
BEGIN
    SET CONSTRAINTS rules.wholly_released, rules.release_meant DEFERRED;
    SELECT * INTO c FROM rules.change AS x WHERE x.id = change FOR UPDATE;
    PERFORM i.id FROM rules.rule_identity AS i WHERE i.id IN (SELECT rule_id FROM rules.draft_rule WHERE change_id = change)
    ORDER BY i.id FOR NO KEY UPDATE;
    INSERT INTO rules.release (change_id, tenant, content_hash, approvals_needed, approvers)
    VALUES (change, c.tenant, rules.content_hash(change), rules.approvals_needed(c.tenant), rules.valid_approvals(c));
    UPDATE rules.change AS x SET state = 'scheduled' WHERE x.id = change;
    PERFORM rules.release_policies(change);
    PERFORM rules.release_rules(change);
END $$;
COMMENT ON FUNCTION rules.publish_change IS 'Publishes an approved change, whole.';

CREATE FUNCTION rules.publish_unapproved(change bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE rules.change AS c SET reason = coalesce((SELECT 'published without approval: ' || g.reason
        FROM rules.governance AS g WHERE g.tenant = c.tenant ORDER BY g.id DESC LIMIT 1), '') WHERE c.id = change AND c.reason !~ '\S';
    UPDATE rules.change AS x SET state = 'in review' WHERE x.id = change;
    UPDATE rules.change AS x SET state = 'approved' WHERE x.id = change;
    PERFORM rules.publish_change(change);
END $$;
COMMENT ON FUNCTION rules.publish_unapproved IS
    'Takes a change through its life at once; every step is judged as ever, so it ends where an approval is needed.';

-- At commit: what a change says is what was published of it, all of it.
CREATE FUNCTION rules.wholly_released() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    me bigint := NEW.released_in;
BEGIN
    PERFORM rules.refuse(array_agg(DISTINCT format('Change %s: rule %s is not published as it was approved. Publish the '
        'change by rules.schedule(%1$s).', NEW.id, i.key)))
    FROM rules.rule_identity AS i WHERE i.id IN (
        SELECT r.rule_id FROM rules.draft_row AS r LEFT JOIN (
            SELECT p.rule_id, p.effective, v.content_hash FROM rules.draft_rule AS d
            JOIN rules.rule_period AS p USING (rule_id) JOIN rules.rule_version AS v USING (rule_id, version)
            WHERE d.change_id = NEW.id AND (upper_inf(p.recorded) OR p.closed_in = me)) AS k
            ON k.rule_id = r.rule_id AND k.effective = r.effective AND k.content_hash = r.content_hash
        WHERE r.change_id = NEW.id AND k.rule_id IS NULL
        UNION ALL SELECT d.rule_id FROM rules.draft_rule AS d JOIN rules.rule_period AS p USING (rule_id)
        JOIN rules.rule_version AS v USING (rule_id, version) LEFT JOIN rules.draft_row AS r
            ON r.change_id = NEW.id AND r.rule_id = p.rule_id AND r.effective = p.effective
            AND r.content_hash = v.content_hash
        WHERE d.change_id = NEW.id AND p.id = ANY (d.base) AND upper_inf(p.recorded) AND r.id IS NULL);
    PERFORM rules.refuse(array_agg(format('Change %s: %s %s is not published as it was approved. Publish the change by '
        'rules.schedule(%1$s).', NEW.id, d.object, d.key)))
    FROM rules.draft_policy AS d WHERE d.change_id = NEW.id
        AND NOT EXISTS (SELECT FROM rules.membership_type_version AS v JOIN rules.membership_type_identity AS i
            ON i.id = v.membership_type_id WHERE d.object = 'membership type' AND v.change_id = NEW.id AND i.key = d.key)
        AND NOT EXISTS (SELECT FROM rules.parameter_version AS v JOIN rules.parameter_identity AS i
            ON i.id = v.parameter_id WHERE d.object = 'parameter' AND v.change_id = NEW.id AND i.name = d.key)
        AND NOT EXISTS (SELECT FROM rules.reference_list_version AS v JOIN rules.reference_list_identity AS i
            ON i.id = v.list_id WHERE d.object = 'reference list' AND v.change_id = NEW.id AND i.name = d.key);
    IF NOT EXISTS (SELECT FROM rules.release AS r WHERE r.change_id = NEW.id) THEN
        PERFORM rules.refuse(ARRAY[format('Change %s: its publication is not recorded. Publish it by rules.schedule(%1$s).',
            NEW.id)]);
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION rules.wholly_released IS 'Refuses, at commit, a publication that left something out.';
CREATE CONSTRAINT TRIGGER wholly_released AFTER UPDATE ON rules.change DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.state = 'scheduled' AND OLD.state <> 'scheduled') EXECUTE FUNCTION rules.wholly_released();

CREATE FUNCTION rules.release_stamped() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    c rules.change;
BEGIN
    SELECT * INTO c FROM rules.change WHERE id = NEW.change_id FOR UPDATE;
    PERFORM rules.refuse(CASE WHEN c.state = 'approved' THEN '{}' ELSE
        ARRAY[format('Change %s: it is %s. Only an approved change is published%s.', c.id, c.state, CASE c.state
            WHEN 'scheduled' THEN ', once' WHEN 'draft' THEN ': SELECT rules.submit(' || c.id || ', ''why'')'
            WHEN 'in review' THEN ': ask somebody who did not write it for SELECT rules.approve(' || c.id || ')'
            ELSE '' END)] END);
    NEW.tenant := c.tenant;
    NEW.content_hash := rules.content_hash(c.id);
    NEW.approvals_needed := rules.approvals_needed(c.tenant);
    NEW.approvers := rules.valid_approvals(c);
    NEW.released_by := session_user;
    NEW.released_at := clock_timestamp();
    RETURN NEW;
END $$;
COMMENT ON FUNCTION rules.release_stamped IS 'Writes what was published and who had approved it; refuses what was not approved.';
CREATE TRIGGER release_stamped BEFORE INSERT ON rules.release FOR EACH ROW EXECUTE FUNCTION rules.release_stamped();

CREATE FUNCTION rules.release_meant() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM rules.change AS c WHERE c.id = NEW.change_id AND c.state = 'scheduled') THEN
        PERFORM rules.refuse(ARRAY[format('Change %s: a publication is recorded that did not happen. Publish the change by '
            'rules.schedule(%1$s).', NEW.change_id)]);
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION rules.release_meant IS 'Refuses, at commit, a record of a publication that did not happen.';
CREATE CONSTRAINT TRIGGER release_meant AFTER INSERT ON rules.release DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION rules.release_meant();
