-- An approval counts as long as whoever gave it may approve. Who was dismissed, or has the role no longer, vouches for nothing that is
-- published afterwards; who had approved what was published before stays as recorded.

CREATE FUNCTION rules.may_approve(whose text, approver text, approver_id bigint) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM pg_roles AS r WHERE (r.rolname = approver OR r.oid::bigint = approver_id)
        AND pg_has_role(r.oid, 'rules_approver', 'MEMBER')
        AND (pg_has_role(r.oid, 'rules_owner', 'USAGE')
            OR EXISTS (SELECT FROM rules.tenant_login AS l WHERE l.tenant = whose AND l.login = r.rolname)
            OR NOT EXISTS (SELECT FROM rules.tenant_login) AND (SELECT count(*) FROM rules.tenant) = 1))
$$;
COMMENT ON FUNCTION rules.may_approve IS 'Whether a login, known by its name or its number, is an approver of a tenant now.';

DO $$  -- the functions as they were, each with one thing changed in it
DECLARE
    step record;
    source text;
BEGIN
    FOR step IN SELECT * FROM (VALUES
        ('rules.valid_approvals', 'AND NOT rules.wrote(c.id, a.approver, a.approver_id)',
            'AND NOT rules.wrote(c.id, a.approver, a.approver_id)
            AND rules.may_approve(c.tenant, a.approver, a.approver_id)'),
        ('rules.approvers_of', 'SELECT array_to_string(rules.valid_approvals(c), '', '')',
            'SELECT array_to_string(coalesce((SELECT r.approvers FROM rules.release AS r WHERE r.change_id = c.id),
        rules.valid_approvals(c)), '', '')'),
        ('rules.plan_of', 'a.approver = ANY (rules.valid_approvals(c))',
            'a.approver = ANY (coalesce((SELECT r.approvers FROM rules.release AS r WHERE r.change_id = c.id),
                    rules.valid_approvals(c)))'),
        -- An approved change whose approvals have become too few gets another one as it is.
        ('rules.approval_faults', 'IF c.state <> ''in review'' AND (granting OR c.state <> ''approved'') THEN',
            'IF c.state <> ''in review'' AND (c.state <> ''approved''
        OR granting AND cardinality(rules.valid_approvals(c)) >= rules.approvals_of(c.tenant)) THEN'),
        -- Of 8 digits two contents are found in a second that begin alike.
        ('rules.approval_faults', 'ELSIF length(saw) < 8 THEN', 'ELSIF length(saw) < 32 THEN'),
        ('rules.approval_faults', 'Give the hash, 8 digits of it at least: %s.'', which,
            saw, left(now_says, 12))', 'Give the hash, 32 digits of it at least: %s.'', which,
            saw, now_says)')
    ) AS s (named, was, becomes) LOOP
        source := pg_get_functiondef(step.named::regproc);
        IF strpos(source, step.was) = 0 THEN
            RAISE EXCEPTION '% is not the one of revision 0008: it does not say "%"', step.named, step.was;
        END IF;
        EXECUTE replace(source, step.was, step.becomes);
    END LOOP;
END $$;
