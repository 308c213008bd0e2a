-- Membership types, shared parameters and reference lists change as rules do: drafted, approved, published. And who may see which.

CREATE FUNCTION rules.draft_policy(what text, named text, wanted jsonb, known bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    whose text := rules.tenant();
    which text := upper(left(what, 1)) || substr(what, 2) || ' ' || named;
    found rules.draft_policy;
BEGIN
    SELECT * INTO found FROM rules.draft_policy AS d
    WHERE d.tenant = whose AND d.object = what AND d.key = named AND d.open;
    IF found.change_id IS NOT NULL THEN
        PERFORM rules.held_elsewhere(which, found.change_id);
        UPDATE rules.draft_policy AS d SET content = d.content || wanted
        WHERE d.change_id = found.change_id AND d.object = what AND d.key = named;
    ELSE
        INSERT INTO rules.draft_policy (change_id, object, key, tenant, content, base)
        VALUES (rules.open_change(), what, named, whose, wanted, known) RETURNING * INTO found;
    END IF;
    PERFORM rules.drafted(found.change_id, which);
END $$;
COMMENT ON FUNCTION rules.draft_policy IS
    'Drafts a membership type, a shared parameter or a reference list, or amends its draft.';

CREATE OR REPLACE FUNCTION rules.membership_type_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    known bigint;
    type bigint;
    said jsonb;
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
    INSERT INTO rules.membership_type_identity (tenant, key) SELECT rules.tenant(), NEW.key
    WHERE NOT EXISTS (SELECT FROM rules.membership_type_identity WHERE tenant = rules.tenant() AND key = NEW.key)
    ON CONFLICT DO NOTHING;
    SELECT id INTO STRICT type FROM rules.membership_type_identity
    WHERE tenant = rules.tenant() AND key = NEW.key FOR NO KEY UPDATE;
    SELECT id INTO known FROM rules.membership_type_version WHERE membership_type_id = type AND upper_inf(recorded);
    IF TG_OP = 'INSERT' AND known IS NOT NULL THEN
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
    said := to_jsonb(NEW);
    IF TG_OP = 'UPDATE' AND EXISTS (SELECT FROM rules.draft_policy WHERE object = 'membership type' AND key = NEW.key
        AND tenant = rules.tenant() AND open)
    THEN  -- what this update leaves alone stays as drafted before
        said := (SELECT jsonb_object_agg(n.key, n.value) FROM jsonb_each(to_jsonb(NEW)) AS n
            JOIN jsonb_each(to_jsonb(OLD)) AS o USING (key) WHERE n.value <> o.value);
    END IF;
    PERFORM rules.draft_policy('membership type', NEW.key, said, known);
    RETURN NEW;
END $$;
COMMENT ON FUNCTION rules.membership_type_changed IS 'INSERT and UPDATE on rules.membership_type: drafts the policy.';

-- A rule may name a membership type that its own change adds.
CREATE FUNCTION rules.membership_type_at_hand(named text) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM rules.membership_type AS m WHERE m.key = named)
        OR EXISTS (SELECT FROM rules.draft_policy AS d WHERE d.tenant = rules.tenant() AND d.open
            AND d.object = 'membership type' AND d.key = named)
$$;
COMMENT ON FUNCTION rules.membership_type_at_hand IS 'Whether a membership type is known or drafted.';

DO $$  -- rules.rule_faults as it was, with this one question asked of the drafts too
DECLARE
    source text := pg_get_functiondef('rules.rule_faults'::regproc);
    asked text := 'NOT EXISTS (SELECT FROM rules.membership_type WHERE key = r.membership_type)';
BEGIN
    IF strpos(source, asked) = 0 THEN
        RAISE EXCEPTION 'rules.rule_faults is not the one of revision 0001';
    END IF;
    EXECUTE replace(source, asked, 'NOT rules.membership_type_at_hand(r.membership_type)');
END $$;

CREATE OR REPLACE VIEW rules.rule_history AS
SELECT i.key AS rule_key, v.version, v.name, v.kind, v.membership_type, v.weight::numeric AS weight,
    coalesce(v.category, '') AS category, coalesce(v.rule_type, '') AS rule_type, v.form, v.frame, v.sql, v.parameters,
    v.when_unknown, coalesce(v.reason_code, '') AS reason_code, v.reason_text, v.owner, v.override, v.shadow, v.metadata,
    lower(p.effective) AS effective_from, upper(p.effective) AS effective_to,
    lower(p.recorded) AS recorded_from, upper(p.recorded) AS recorded_to, p.recorded_by, p.closed_by,
    v.created_by, v.created_at, v.content_hash, p.id AS period_id, p.effective, p.recorded, p.rule_id,
    p.change_id
FROM rules.rule_period AS p
JOIN rules.rule_version AS v USING (rule_id, version)
JOIN rules.rule_identity AS i ON i.id = p.rule_id
WHERE NOT isempty(p.recorded) AND p.tenant = (SELECT rules.tenant());

CREATE OR REPLACE VIEW rules.membership_type_history AS
SELECT i.key, v.name, v.strategy, v.margin::numeric AS margin, v.tie, v.veto_weight::numeric AS veto_weight,
    lower(v.recorded) AS recorded_from, upper(v.recorded) AS recorded_to, v.recorded_by, v.closed_by,
    v.id AS version_id, v.recorded, v.change_id
FROM rules.membership_type_version AS v
JOIN rules.membership_type_identity AS i ON i.id = v.membership_type_id
WHERE NOT isempty(v.recorded) AND v.tenant = (SELECT rules.tenant());

COMMENT ON VIEW rules.rule IS
    'The rules as known now: one row per rule and effective period. INSERT drafts a rule. UPDATE drafts its next '
    'version: for the same days (a correction), or from a later day on if effective_from is moved too; where a rule has '
    'several periods, name the one meant (AND effective_from = …). Retire a rule by setting effective_to. The draft is in '
    'rules.draft; the rules stay as they are until its change is submitted, approved by somebody else and scheduled.';
COMMENT ON VIEW rules.membership_type IS
    'The membership types as known now. INSERT drafts one, UPDATE drafts how it is decided; what was known stays known.';
