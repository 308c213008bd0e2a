-- Whether an approval takes a check that asked no Spark is for the tenant to say: not, unless it is chosen; and where there are
-- rules two admins choose it.

CREATE OR REPLACE FUNCTION rules.seconded(g rules.governance) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT NOT b.in_force AND b.approvals_needed = g.approvals_needed
            AND coalesce(b.plan_days, 0) = coalesce(g.plan_days, 0)
            AND coalesce(b.without_spark, false) = coalesce(g.without_spark, false) AND b.set_by <> g.set_by
            AND b.set_by_id IS DISTINCT FROM g.set_by_id AND b.set_at > g.set_at - interval '7 days'
        FROM rules.governance AS b WHERE b.tenant = g.tenant AND b.id < coalesce(g.id, 9223372036854775807)
        ORDER BY b.id DESC LIMIT 1), false)
$$;

CREATE OR REPLACE FUNCTION rules.governance_faults(g rules.governance) RETURNS text[] LANGUAGE sql STABLE AS $$
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
            WHERE b.tenant = g.tenant AND b.in_force AND b.id < g.id ORDER BY b.id DESC LIMIT 1),
            (SELECT t.plan_days FROM rules.tenant AS t WHERE t.key = g.tenant), 0))
    THEN ARRAY[format('Tenant %s: it has rules already, so that plans may be older, or are not needed, is said by two admins.',
        g.tenant)]
    WHEN g.in_force AND g.without_spark AND EXISTS (SELECT FROM rules.rule_identity AS i WHERE i.tenant = g.tenant)
        AND NOT rules.seconded(g) AND NOT coalesce((SELECT b.without_spark FROM rules.governance AS b
            WHERE b.tenant = g.tenant AND b.in_force AND b.id < g.id ORDER BY b.id DESC LIMIT 1), false)
    THEN ARRAY[format('Tenant %s: it has rules already, so that checks without Spark are enough is said by two admins.', g.tenant)]
    ELSE '{}' END
$$;

CREATE OR REPLACE FUNCTION rules.governance_set() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    now_needed integer;
    now_days integer;
    now_without boolean;
BEGIN
    PERFORM FROM rules.tenant AS t WHERE t.key = NEW.tenant FOR NO KEY UPDATE;
    now_needed := rules.approvals_of(NEW.tenant);
    now_days := rules.plan_days_of(NEW.tenant);
    now_without := rules.without_spark(NEW.tenant);
    NEW.plan_days := coalesce(NEW.plan_days, now_days);
    NEW.without_spark := coalesce(NEW.without_spark, now_without);
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
    ELSIF NEW.without_spark AND NOT now_without AND EXISTS (SELECT FROM rules.rule_identity WHERE tenant = NEW.tenant) THEN
        NEW.in_force := rules.seconded(NEW);
        IF NOT NEW.in_force THEN
            RAISE NOTICE 'Tenant %: it has rules already, so that checks without Spark are enough is proposed and does not count yet. Another admin says the same within 7 days.',
                NEW.tenant;
        END IF;
    END IF;
    RETURN NEW;
END $$;
