-- An approval names the plan that its approver had before him; and a tenant begins with approvals of effects.

ALTER TABLE rules.tenant ADD COLUMN plan_days integer NOT NULL DEFAULT 0
    CONSTRAINT tenant_plan_days_check CHECK (plan_days BETWEEN 0 AND 366);
ALTER TABLE rules.tenant ALTER COLUMN plan_days SET DEFAULT 30;
COMMENT ON COLUMN rules.tenant.plan_days IS
    'How old, in days, the plan of a change may be as long as governance says nothing else: 30 for new tenants, and 0, which needs '
    'no plan, for those that are older than this column.';

CREATE OR REPLACE FUNCTION rules.plan_days_of(whose text) RETURNS integer LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT g.plan_days FROM rules.governance AS g
            WHERE g.tenant = whose AND g.in_force ORDER BY g.id DESC LIMIT 1),
        (SELECT t.plan_days FROM rules.tenant AS t WHERE t.key = whose), 0)
$$;

ALTER TABLE rules.plan_result ADD CONSTRAINT plan_result_tenant_id_key UNIQUE (tenant, id);
ALTER TABLE rules.approval ADD COLUMN plan_id bigint;
ALTER TABLE rules.approval ADD CONSTRAINT approval_plan_id_fkey
    FOREIGN KEY (tenant, plan_id) REFERENCES rules.plan_result (tenant, id);
COMMENT ON COLUMN rules.approval.plan_id IS 'The plan of what was approved, as it was then; NULL where there was none.';

CREATE OR REPLACE FUNCTION rules.approved() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    c rules.change;
BEGIN
    SELECT * INTO c FROM rules.change WHERE id = NEW.change_id FOR UPDATE;
    IF TG_WHEN = 'AFTER' THEN
        IF NOT NEW.granted THEN
            UPDATE rules.change SET state = 'draft' WHERE id = c.id;
        ELSIF cardinality(rules.valid_approvals(c)) >= rules.approvals_of(c.tenant) THEN
            UPDATE rules.change SET state = 'approved' WHERE id = c.id;
        END IF;
        RETURN NULL;
    END IF;
    PERFORM rules.refuse(rules.approval_faults(c, NEW.granted, coalesce(NEW.content_hash, rules.content_of(c.id))));
    NEW.tenant := c.tenant;
    NEW.edition := c.edition;
    NEW.content_hash := rules.content_of(c.id);
    NEW.plan_id := (SELECT p.id FROM rules.standing_plan(c) AS p WHERE p.content_hash = NEW.content_hash);
    NEW.approver := session_user;
    NEW.approver_id := rules.login_id();
    NEW.approved_at := clock_timestamp();
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION rules.plan_of(change bigint) RETURNS jsonb LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT jsonb_build_object('plan', p.id, 'planned_by', p.planned_by, 'planned_at', p.planned_at,
        'content_hash', p.content_hash, 'stale', rules.plan_staleness(c, rules.plan_days_of(c.tenant)), 'said', p.said,
        'approvals', coalesce((SELECT jsonb_agg(jsonb_build_object('approver', a.approver, 'plan', a.plan_id) ORDER BY a.id)
            FROM rules.approval AS a WHERE a.change_id = c.id AND a.granted AND a.edition = c.edition
                AND a.approver = ANY (rules.valid_approvals(c))), '[]'))
    FROM rules.change AS c, LATERAL rules.standing_plan(c) AS p
    WHERE c.id = plan_of.change AND c.tenant = rules.tenant() AND p.id IS NOT NULL
$$;
