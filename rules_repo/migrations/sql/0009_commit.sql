-- At commit. Who has lost what he needed for what he wrote commits none of it, whatever it is: it was asked of drafts, approvals and
-- brakes of admins alone. And a commit that takes long ends, for everybody else waits for it.

CREATE OR REPLACE FUNCTION rules.still_entitled(relation text, operation text, said jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    whose text := CASE relation WHEN 'tenant' THEN said ->> 'key' ELSE said ->> 'tenant' END;
    needed text[] := CASE
        WHEN relation = 'approval' THEN '{rules_approver}'
        WHEN relation = 'draft_row' OR relation IN ('draft_rule', 'draft_policy') AND operation <> 'UPDATE'
            OR relation IN ('category', 'rule_type', 'reason_code', 'change_author') THEN '{rules_analyst}'
        WHEN relation IN ('governance', 'release_freeze', 'tenant_login') OR relation = 'tenant' AND operation = 'INSERT'
            THEN '{rules_admin}'
        WHEN relation = 'tenant' THEN NULL  -- its owner's alone
        WHEN relation IN ('rule_pause', 'change') THEN '{rules_analyst,rules_approver,rules_admin}'
        ELSE '{rules_analyst,rules_approver}' END;
BEGIN
    IF relation <> 'tenant' AND whose <> ALL (rules.tenants())
        AND NOT (relation = 'tenant_login' AND operation = 'DELETE' AND said ->> 'login' = session_user)
    THEN
        PERFORM rules.refuse(ARRAY[format('Tenant %s: the login %s belongs to it no longer, so nothing of this transaction counts.',
            whose, session_user)]);
    ELSIF NOT EXISTS (SELECT FROM unnest(needed) AS r WHERE pg_has_role(session_user, r, 'MEMBER')) AND needed IS NOT NULL THEN
        PERFORM rules.refuse(ARRAY[format('Login %s: it has the role %s no longer, so nothing of this transaction counts.',
            session_user, array_to_string(needed, ' or '))]);
    END IF;
END $$;

DO $$  -- the functions as they were, each with one thing changed in it
DECLARE
    step record;
    source text;
BEGIN
    FOR step IN SELECT * FROM (VALUES
        -- Asked first and of each row, under the lock: the text of a commit was read again for each row, a long one for minutes.
        ('rules.at_commit', 'said text := coalesce(current_query(), '''');', 'said text;'),
        ('rules.at_commit', 'BEGIN
    IF stack LIKE', 'BEGIN
    IF EXISTS (SELECT FROM rules.settling AS s WHERE s.transaction = rules.this_change() AND s.moment >= transaction_timestamp())
    THEN  -- it has its moment
        LOCK TABLE rules.settling IN EXCLUSIVE MODE;
        IF clock_timestamp() > (SELECT s.moment FROM rules.settling AS s) + interval ''2 minutes'' THEN
            PERFORM rules.refuse(ARRAY[''Transaction: its commit takes more than 2 minutes, and everybody else waits for it. Change less ''
                ''at once.'']);
        END IF;
        RETURN;
    END IF;
    said := coalesce(current_query(), '''');
    IF stack LIKE'),
        ('rules.at_commit', '    IF EXISTS (SELECT FROM rules.settling AS s
        WHERE s.transaction = rules.this_change() AND s.moment >= transaction_timestamp())
    THEN
        RETURN;  -- it has its moment
    END IF;
', ''),
        -- A number that is said by hand is given from the sequence, too: the highest there is would leave none for others.
        ('rules.numbered', '    IF NEW.id <= given THEN', '    sequence := pg_get_serial_sequence(''rules.'' || TG_TABLE_NAME, ''id'');
    IF NEW.id > coalesce(pg_sequence_last_value(sequence::regclass), 0) THEN
        NEW.id := nextval(sequence);
    END IF;
    IF NEW.id <= given THEN')
    ) AS s (named, was, becomes) LOOP
        source := pg_get_functiondef(step.named::regproc);
        IF strpos(source, step.was) = 0 THEN
            RAISE EXCEPTION '% is not the one of revision 0008: it does not say "%"', step.named, step.was;
        END IF;
        EXECUTE replace(source, step.was, step.becomes);
    END LOOP;
END $$;
