-- How an INSERT or UPDATE on rules.rule, rules.draft or rules.membership_type becomes a draft in a change.

CREATE OR REPLACE FUNCTION rules.wording(v rules.rule_version) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT to_jsonb(v) - '{rule_id,version,created_by,created_at,content_hash,tenant,change_id}'::text[]
$$;

CREATE FUNCTION rules.draft_wording(d rules.draft_row) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT to_jsonb(d)
        - '{id,change_id,rule_id,tenant,effective,version,derived_from,edited,content_hash}'::text[]
$$;
COMMENT ON FUNCTION rules.draft_wording IS 'What a draft says, without its days: equal to the wording it is published as.';

CREATE FUNCTION rules.sign_draft() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.content_hash := encode(sha256(convert_to(rules.draft_wording(NEW)::text, 'UTF8')), 'hex');
    RETURN NEW;
END $$;
COMMENT ON FUNCTION rules.sign_draft IS 'Writes the hash of the wording of a draft.';
CREATE TRIGGER sign_draft BEFORE INSERT OR UPDATE ON rules.draft_row
    FOR EACH ROW EXECUTE FUNCTION rules.sign_draft();

CREATE VIEW rules.draft AS
SELECT d.change_id, i.key AS rule_key, d.version, d.name, d.kind, d.membership_type, d.weight::numeric AS weight,
    coalesce(d.category, '') AS category, coalesce(d.rule_type, '') AS rule_type, d.form, d.frame, d.sql, d.parameters,
    d.when_unknown, coalesce(d.reason_code, '') AS reason_code, d.reason_text, d.owner, d.override, d.shadow, d.metadata,
    lower(d.effective) AS effective_from, upper(d.effective) AS effective_to, d.edited, c.author, c.state, d.id AS row_id
FROM rules.draft_row AS d
JOIN rules.draft_rule AS r USING (change_id, rule_id)
JOIN rules.rule_identity AS i ON i.id = d.rule_id
JOIN rules.change AS c ON c.id = d.change_id
WHERE r.open AND d.tenant = (SELECT rules.tenant());
COMMENT ON VIEW rules.draft IS
    'The open drafts: what each changed rule is to say on which days. UPDATE amends the draft, DELETE takes it back.';

CREATE FUNCTION rules.rule_of(d rules.draft_row) RETURNS rules.rule LANGUAGE sql STABLE AS $$
    SELECT (rule_key, version, name, kind, membership_type, weight, category, rule_type, form, frame, sql, parameters,
        when_unknown, reason_code, reason_text, owner, override, shadow, metadata, effective_from, effective_to)::rules.rule
    FROM rules.draft WHERE row_id = d.id
$$;
COMMENT ON FUNCTION rules.rule_of IS 'A draft as a row of rules.rule.';

CREATE FUNCTION rules.open_change() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    chosen bigint := nullif(current_setting('rules.change', true), '')::bigint;
    whose text := rules.tenant();
    found bigint;
BEGIN
    SELECT c.id INTO found FROM rules.change AS c WHERE c.tenant = whose AND (
        c.id = chosen AND c.state IN ('draft', 'in review', 'approved')
        OR c.author = session_user AND c.state = 'draft')
    ORDER BY c.id = chosen DESC NULLS LAST, c.id DESC LIMIT 1;
    IF found IS NULL THEN
        INSERT INTO rules.change (tenant, title) VALUES (whose, 'Edits of ' || session_user) RETURNING id INTO found;
    END IF;
    RETURN found;
END $$;
COMMENT ON FUNCTION rules.open_change IS
    'The change that the caller''s edits go to: the one chosen by rules.work_on, else the caller''s newest draft, else a new one.';

CREATE FUNCTION rules.known_periods(rule bigint) RETURNS bigint[] LANGUAGE sql STABLE AS $$
    SELECT coalesce(array_agg(id ORDER BY id), '{}') FROM rules.rule_period WHERE rule_id = rule AND upper_inf(recorded)
$$;
COMMENT ON FUNCTION rules.known_periods IS 'The periods of a rule that are known now.';

CREATE FUNCTION rules.held_elsewhere(which text, change bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM rules.refuse(array_agg(format('%s: it is being changed in change %s of %s (%s). Wait until that is published '
        'or withdrawn, or edit it there: SELECT rules.work_on(%2$s).', which, c.id, c.author, c.state)))
    FROM rules.change AS c WHERE c.id = change
        AND coalesce(current_setting('rules.change', true), '') <> change::text
        AND NOT EXISTS (SELECT FROM rules.change_author AS a WHERE a.change_id = c.id AND a.login = session_user);
END $$;
COMMENT ON FUNCTION rules.held_elsewhere IS 'Refuses an edit of what is in an open change of somebody else.';

CREATE FUNCTION rules.drafting(rule_key text) RETURNS rules.draft_rule LANGUAGE plpgsql AS $$
DECLARE
    whose text := rules.tenant();
    rule bigint;
    found rules.draft_rule;
BEGIN
    INSERT INTO rules.rule_identity (tenant, key) SELECT whose, rule_key
    WHERE NOT EXISTS (SELECT FROM rules.rule_identity AS i WHERE i.tenant = whose AND i.key = rule_key)
    ON CONFLICT DO NOTHING;
    SELECT id INTO STRICT rule FROM rules.rule_identity AS i WHERE i.tenant = whose AND i.key = rule_key
    FOR NO KEY UPDATE;
    SELECT * INTO found FROM rules.draft_rule AS d WHERE d.rule_id = rule AND d.open;
    IF found.rule_id IS NOT NULL THEN
        PERFORM rules.held_elsewhere('Rule ' || rule_key, found.change_id);
        RETURN found;
    END IF;
    INSERT INTO rules.draft_rule (change_id, rule_id, tenant, base)
    VALUES (rules.open_change(), rule, whose, rules.known_periods(rule)) RETURNING * INTO found;
    INSERT INTO rules.draft_row (change_id, rule_id, tenant, name, kind, membership_type, weight, category, rule_type,
        form, frame, sql, parameters, when_unknown, reason_code, reason_text, owner, override, shadow, metadata,
        effective, version, derived_from, edited)
    SELECT found.change_id, rule, whose, v.name, v.kind, v.membership_type, v.weight, v.category, v.rule_type,
        v.form, v.frame, v.sql, v.parameters, v.when_unknown, v.reason_code, v.reason_text, v.owner, v.override,
        v.shadow, v.metadata, p.effective, v.version, p.id, false
    FROM rules.rule_period AS p JOIN rules.rule_version AS v USING (rule_id, version)
    WHERE p.rule_id = rule AND upper_inf(p.recorded);
    RETURN found;
END $$;
COMMENT ON FUNCTION rules.drafting IS 'The draft of a rule, begun with the days that are known; refused if somebody else has it.';

CREATE FUNCTION rules.put_draft(d rules.draft_rule, r rules.rule, derived bigint, edit boolean) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    days daterange := daterange(r.effective_from, r.effective_to);
BEGIN
    PERFORM rules.refuse(array_agg(format('Rule %s: the period %s overlaps the one of %s, which counts from %s '
        'to %s. End that one first, or choose other days.', r.rule_key, rules.in_words(days),
        coalesce('version ' || o.version, 'another draft'), lower(o.effective),
        coalesce(upper(o.effective)::text, 'further notice')) ORDER BY o.effective))
    FROM rules.draft_row AS o WHERE o.change_id = d.change_id AND o.rule_id = d.rule_id AND o.effective && days;
    IF r.reason_code <> '' THEN
        INSERT INTO rules.reason_code (code, text) VALUES (r.reason_code, r.reason_text) ON CONFLICT DO NOTHING;
    END IF;
    INSERT INTO rules.draft_row (change_id, rule_id, tenant, name, kind, membership_type, weight, category, rule_type,
        form, frame, sql, parameters, when_unknown, reason_code, reason_text, owner, override, shadow, metadata,
        effective, version, derived_from, edited)
    VALUES (d.change_id, d.rule_id, d.tenant, r.name, r.kind, r.membership_type, r.weight, nullif(r.category, ''),
        nullif(r.rule_type, ''), r.form, r.frame, r.sql, r.parameters, r.when_unknown, nullif(r.reason_code, ''),
        r.reason_text, r.owner, r.override, r.shadow, r.metadata, days, r.version, derived, edit);
END $$;
COMMENT ON FUNCTION rules.put_draft IS 'Adds a row to the draft of a rule; refuses days already taken.';

CREATE FUNCTION rules.drafted(change bigint, which text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(current_setting('rules.change', true), '') = change::text THEN
        RETURN;  -- the caller gathers edits in a change of its own choice
    ELSIF rules.approvals_needed() = 0 THEN
        PERFORM rules.publish_unapproved(change);
    ELSE
        RAISE NOTICE '%: drafted in change %. Look at it: SELECT * FROM rules.diff(%). Hand it in: SELECT rules.submit(%, ''why'').',
            which, change, change, change;
    END IF;
END $$;
COMMENT ON FUNCTION rules.drafted IS 'After an edit: says where the draft is, or publishes it where no approval is needed.';

CREATE OR REPLACE FUNCTION rules.rule_inserted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    r rules.rule := rules.completed(NEW);
    d rules.draft_rule;
BEGIN
    r.effective_from := coalesce(r.effective_from, (clock_timestamp() AT TIME ZONE 'UTC')::date);
    r.version := NULL;
    PERFORM rules.refuse(rules.rule_faults(r));
    d := rules.drafting(r.rule_key);
    DELETE FROM rules.draft_row AS o WHERE o.change_id = d.change_id AND o.rule_id = d.rule_id
        AND o.edited AND o.derived_from IS NULL AND lower(o.effective) = r.effective_from;
    PERFORM rules.put_draft(d, r, NULL, true);
    PERFORM rules.drafted(d.change_id, 'Rule ' || r.rule_key);
    RETURN r;
END $$;
COMMENT ON FUNCTION rules.rule_inserted IS 'INSERT on rules.rule: drafts a rule, or days of a known one that are free.';

CREATE OR REPLACE FUNCTION rules.rule_updated() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    r rules.rule := NEW;
    before rules.rule := OLD;
    d rules.draft_rule;
    known bigint;
    earlier rules.draft_row;
    days text[] := '{effective_from,effective_to}';
    reworded boolean;
BEGIN
    IF NEW.reason_code <> OLD.reason_code AND NEW.reason_text = OLD.reason_text THEN
        r.reason_text := coalesce((SELECT text FROM rules.reason_code WHERE code = NEW.reason_code), '');
    END IF;
    r := rules.completed(r);
    PERFORM rules.refuse(rules.update_faults(OLD, r));
    PERFORM FROM rules.rule_identity WHERE tenant = rules.tenant() AND key = OLD.rule_key FOR NO KEY UPDATE;
    SELECT p.id INTO known FROM rules.rule_period AS p JOIN rules.rule_identity AS i ON i.id = p.rule_id
    WHERE i.tenant = rules.tenant() AND i.key = OLD.rule_key AND p.version = OLD.version
        AND p.effective = daterange(OLD.effective_from, OLD.effective_to) AND upper_inf(p.recorded);
    IF known IS NULL THEN
        PERFORM rules.refuse(ARRAY[format('Rule %s: version %s was changed by somebody else in the meantime. Look at '
            'the rule again, then repeat the change.', OLD.rule_key, OLD.version)]);
    END IF;
    IF r IS NOT DISTINCT FROM OLD THEN
        RETURN r;
    END IF;
    d := rules.drafting(OLD.rule_key);
    SELECT * INTO earlier FROM rules.draft_row AS o WHERE o.change_id = d.change_id AND o.rule_id = d.rule_id
        AND o.derived_from = known ORDER BY o.edited DESC LIMIT 1;
    IF earlier.id IS NULL THEN
        PERFORM rules.refuse(ARRAY[format('Rule %s: its draft in change %s has other days already. Amend that: UPDATE '
            'rules.draft SET … WHERE rule_key = %L.', OLD.rule_key, d.change_id, OLD.rule_key)]);
    END IF;
    IF earlier.edited THEN  -- what this update leaves alone stays as drafted before
        r := jsonb_populate_record(rules.rule_of(earlier), (SELECT coalesce(jsonb_object_agg(n.key, n.value), '{}')
            FROM jsonb_each(to_jsonb(r)) AS n JOIN jsonb_each(to_jsonb(before)) AS o USING (key) WHERE n.value <> o.value));
        r.version := OLD.version;
        PERFORM rules.refuse(rules.update_faults(OLD, r));
    END IF;
    DELETE FROM rules.draft_row AS o
    WHERE o.change_id = d.change_id AND o.rule_id = d.rule_id AND o.derived_from = known;
    reworded := to_jsonb(r) - days <> to_jsonb(OLD) - days;
    IF reworded AND r.effective_from > OLD.effective_from THEN
        before.effective_to := least(OLD.effective_to, r.effective_from);
        PERFORM rules.put_draft(d, before, known, false);
    END IF;
    r.version := CASE WHEN NOT reworded THEN OLD.version END;
    PERFORM rules.put_draft(d, r, known, true);
    PERFORM rules.drafted(d.change_id, 'Rule ' || OLD.rule_key);
    RETURN r;
END $$;
COMMENT ON FUNCTION rules.rule_updated IS
    'UPDATE on rules.rule: drafts the next version for the same days or from a later day on, or other days for the same one.';

CREATE FUNCTION rules.draft_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    r rules.rule;
    d rules.draft_rule;
    old_row rules.draft_row;
BEGIN
    SELECT * INTO old_row FROM rules.draft_row WHERE id = OLD.row_id;
    IF TG_OP = 'DELETE' THEN
        PERFORM rules.held_elsewhere('Rule ' || OLD.rule_key, OLD.change_id);
        DELETE FROM rules.draft_rule WHERE change_id = OLD.change_id AND rule_id = old_row.rule_id;
        RETURN OLD;
    END IF;
    d := rules.drafting(OLD.rule_key);
    IF (NEW.change_id, NEW.rule_key, NEW.author, NEW.state, NEW.row_id)
        IS DISTINCT FROM (OLD.change_id, OLD.rule_key, OLD.author, OLD.state, OLD.row_id)
    THEN
        PERFORM rules.refuse(ARRAY[format('Rule %s: of a draft only what the rule says and its days can be changed. Move '
            'a change by rules.submit, rules.approve, rules.reject and rules.schedule.', OLD.rule_key)]);
    END IF;
    r := rules.completed(jsonb_populate_record(NULL::rules.rule, to_jsonb(NEW)));
    r.version := NULL;
    PERFORM rules.refuse(rules.rule_faults(r));
    DELETE FROM rules.draft_row WHERE id = OLD.row_id;
    PERFORM rules.put_draft(d, r, old_row.derived_from, true);
    UPDATE rules.draft_row AS w SET version = v.version  -- only its days differ from the version it was made of
    FROM rules.rule_period AS p JOIN rules.rule_version AS v USING (rule_id, version)
    WHERE w.change_id = d.change_id AND w.rule_id = d.rule_id AND w.version IS NULL AND w.derived_from = p.id
        AND w.content_hash = v.content_hash;
    PERFORM rules.drafted(d.change_id, 'Rule ' || r.rule_key);
    RETURN NEW;
END $$;
COMMENT ON FUNCTION rules.draft_changed IS 'UPDATE and DELETE on rules.draft: amends the draft of a rule, or takes it back.';
CREATE TRIGGER changed INSTEAD OF UPDATE OR DELETE ON rules.draft FOR EACH ROW EXECUTE FUNCTION rules.draft_changed();

CREATE FUNCTION rules.draft_timelines(change bigint, wanted jsonb) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    whose text := rules.tenant();
    targets rules.rule[] := (SELECT array_agg(rules.completed(r)) FROM jsonb_populate_recordset(NULL::rules.rule, wanted) AS r);
    holder record;
BEGIN
    INSERT INTO rules.category (key) SELECT DISTINCT t.category FROM unnest(targets) AS t
    WHERE t.category <> '' ORDER BY 1 ON CONFLICT DO NOTHING;
    INSERT INTO rules.rule_type (key) SELECT DISTINCT t.rule_type FROM unnest(targets) AS t
    WHERE t.rule_type <> '' ORDER BY 1 ON CONFLICT DO NOTHING;
    INSERT INTO rules.reason_code (code, text) SELECT t.reason_code, max(t.reason_text) FROM unnest(targets) AS t
    WHERE t.reason_code <> '' GROUP BY 1 ORDER BY 1 ON CONFLICT DO NOTHING;
    PERFORM rules.refuse(array_agg(fault)) FROM unnest(targets) AS t, unnest(rules.rule_faults(t)) AS fault;
    PERFORM rules.refuse(array_agg(DISTINCT format('Rule %s: two of its periods overlap. End one before the other begins.',
        a.rule_key))) FROM (SELECT t.rule_key, t.effective_from, lag(coalesce(t.effective_to, 'infinity'))
            OVER (PARTITION BY t.rule_key ORDER BY t.effective_from) AS ended FROM unnest(targets) AS t) AS a
    WHERE a.effective_from < a.ended;
    INSERT INTO rules.rule_identity (tenant, key) SELECT DISTINCT whose, t.rule_key FROM unnest(targets) AS t
    WHERE NOT EXISTS (SELECT FROM rules.rule_identity AS i WHERE i.tenant = whose AND i.key = t.rule_key)
    ORDER BY 2 ON CONFLICT DO NOTHING;
    PERFORM i.id FROM rules.rule_identity AS i WHERE i.tenant = whose
        AND i.key IN (SELECT t.rule_key FROM unnest(targets) AS t) ORDER BY i.id FOR NO KEY UPDATE;
    PERFORM set_config('rules.change', change::text, true);
    FOR holder IN SELECT i.key, d.change_id FROM rules.draft_rule AS d JOIN rules.rule_identity AS i ON i.id = d.rule_id
        WHERE d.open AND d.change_id <> change AND i.tenant = whose AND i.key IN (SELECT t.rule_key FROM unnest(targets) AS t)
    LOOP
        PERFORM rules.refuse(ARRAY[format('Rule %s: it is being changed in change %s. Wait until that is published or '
            'withdrawn: SELECT rules.withdraw(%2$s).', holder.key, holder.change_id)]);
    END LOOP;
    DELETE FROM rules.draft_rule AS d USING rules.rule_identity AS i WHERE i.id = d.rule_id AND d.change_id = change
        AND i.key IN (SELECT t.rule_key FROM unnest(targets) AS t);
    INSERT INTO rules.draft_rule (change_id, rule_id, tenant, base)
    SELECT change, i.id, whose, rules.known_periods(i.id) FROM rules.rule_identity AS i
    WHERE i.tenant = whose AND i.key IN (SELECT t.rule_key FROM unnest(targets) AS t);
    INSERT INTO rules.draft_row (change_id, rule_id, tenant, name, kind, membership_type, weight, category, rule_type,
        form, frame, sql, parameters, when_unknown, reason_code, reason_text, owner, override, shadow, metadata, effective)
    SELECT change, i.id, whose, t.name, t.kind, t.membership_type, t.weight, nullif(t.category, ''),
        nullif(t.rule_type, ''), t.form, t.frame, t.sql, t.parameters, t.when_unknown, nullif(t.reason_code, ''),
        t.reason_text, t.owner, t.override, t.shadow, t.metadata, daterange(t.effective_from, t.effective_to)
    FROM unnest(targets) AS t JOIN rules.rule_identity AS i ON i.tenant = whose AND i.key = t.rule_key;
    UPDATE rules.draft_row AS d SET version = p.version, derived_from = p.id, edited = false
    FROM rules.rule_period AS p JOIN rules.rule_version AS v USING (rule_id, version)
    WHERE d.change_id = change AND p.rule_id = d.rule_id AND upper_inf(p.recorded) AND p.effective = d.effective
        AND v.content_hash = d.content_hash;
    UPDATE rules.draft_row AS d SET version = v.version  -- a known wording on other days keeps its number
    FROM rules.rule_period AS p JOIN rules.rule_version AS v USING (rule_id, version)
    WHERE d.change_id = change AND d.version IS NULL AND p.rule_id = d.rule_id AND upper_inf(p.recorded)
        AND v.content_hash = d.content_hash;
    RETURN cardinality(targets);
END $$;
COMMENT ON FUNCTION rules.draft_timelines IS
    'Drafts the whole time lines of many rules in a change: rows of rules.rule as JSON. Returns how many rows it drafted.';
