-- The functions that people call to move a change. They only say what is wanted: whether it may be is judged by the
-- triggers, of whoever writes the same rows by hand.

CREATE FUNCTION rules.the_change(change bigint) RETURNS rules.change LANGUAGE plpgsql AS $$
DECLARE
    found rules.change;
BEGIN
    SELECT * INTO found FROM rules.change AS c WHERE c.id = change AND c.tenant = rules.tenant() FOR UPDATE;
    IF found.id IS NULL THEN
        PERFORM rules.refuse(ARRAY[format('Change %s: there is none. SELECT change_id, title, state FROM '
            'rules.change_overview lists them.', coalesce(change::text, '(no number)'))]);
    END IF;
    RETURN found;
END $$;
COMMENT ON FUNCTION rules.the_change IS 'A change of the tenant, locked until the transaction ends.';

CREATE FUNCTION rules.begin_change(title text, reason text DEFAULT '') RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    made bigint;
BEGIN
    INSERT INTO rules.change (tenant, title, reason) VALUES (rules.tenant(), begin_change.title, begin_change.reason)
    RETURNING id INTO made;
    RETURN made;
END $$;
COMMENT ON FUNCTION rules.begin_change IS 'Begins a change: your next edits go to it. Returns its number.';

CREATE FUNCTION rules.work_on(change bigint) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    c rules.change := rules.the_change(change);
BEGIN
    IF c.state IN ('scheduled', 'withdrawn') THEN
        PERFORM rules.refuse(ARRAY[format('Change %s: it is %s. Begin another one: SELECT rules.begin_change(''title'').',
            c.id, c.state)]);
    END IF;
    PERFORM set_config('rules.change', c.id::text, false);
    RETURN format('Change %s: your edits go to it until you disconnect; who edits it cannot approve it.', c.id);
END $$;
COMMENT ON FUNCTION rules.work_on IS 'Makes the edits of this session go to a change, of yours or of somebody else.';

CREATE FUNCTION rules.submit(change bigint, reason text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    c rules.change := rules.the_change(change);
BEGIN
    IF submit.reason IS NOT NULL AND c.state = 'draft' THEN
        UPDATE rules.change AS d SET reason = submit.reason WHERE d.id = c.id;
    END IF;
    UPDATE rules.change AS x SET state = 'in review' WHERE x.id = c.id AND x.state <> 'in review';
    IF c.state = 'in review' THEN
        PERFORM rules.refuse(ARRAY[format('Change %s: it is in review already. Ask somebody who did not write it: SELECT '
            'rules.approve(%1$s).', c.id)]);
    END IF;
    RETURN format('Change %s: in review. It says %s. Somebody who did not write it checks and approves it: SELECT '
        'rules.approve(%1$s).', c.id, rules.content_hash(c.id));
END $$;
COMMENT ON FUNCTION rules.submit IS 'Hands a draft in for review, with the reason why.';

CREATE FUNCTION rules.record_check(change bigint, saw text, passed boolean, findings text DEFAULT '') RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    c rules.change := rules.the_change(change);
BEGIN
    INSERT INTO rules.check_result (change_id, edition, content_hash, passed, findings)
    VALUES (c.id, c.edition, saw, record_check.passed, coalesce(record_check.findings, ''));
    RETURN format('Change %s: its check is recorded.', c.id);
END $$;
COMMENT ON FUNCTION rules.record_check IS
    'Records what a check of the SQL of a change found; "saw" is the content hash that was checked. Who records it answers for it.';

CREATE FUNCTION rules.approve(change bigint, saw text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    c rules.change := rules.the_change(change);
    n integer := rules.approvals_needed();
BEGIN
    INSERT INTO rules.approval (change_id, edition, content_hash, granted)
    VALUES (c.id, c.edition, saw, true);
    SELECT * INTO c FROM rules.change AS x WHERE x.id = c.id;
    RETURN format('Change %s: %s', c.id, CASE c.state WHEN 'approved'
        THEN 'approved. Publish it: SELECT rules.schedule(' || c.id || ').'
        ELSE format('approved by %s; it needs %s.', array_to_string(rules.valid_approvals(c), ', '), n) END);
END $$;
COMMENT ON FUNCTION rules.approve IS
    'Approves what a change says now; with "saw", the content hash that was read, only if that is what it says.';

CREATE FUNCTION rules.reject(change bigint, reason text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    c rules.change := rules.the_change(change);
BEGIN
    IF coalesce(reject.reason, '') !~ '\S' THEN
        PERFORM rules.refuse(ARRAY[format('Change %s: its authors need to know why. Say it: SELECT rules.reject(%1$s, '
            '''why'').', c.id)]);
    END IF;
    INSERT INTO rules.approval (change_id, edition, content_hash, granted, reason)
    VALUES (c.id, c.edition, rules.content_hash(c.id), false, reject.reason);
    RETURN format('Change %s: rejected; it is a draft again.', c.id);
END $$;
COMMENT ON FUNCTION rules.reject IS 'Sends a change back to its authors, with the reason.';

CREATE FUNCTION rules.withdraw(change bigint) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    c rules.change := rules.the_change(change);
BEGIN
    IF c.author <> session_user AND NOT EXISTS (SELECT FROM rules.change_author AS a
        WHERE a.change_id = c.id AND a.login = session_user) AND NOT pg_has_role(session_user, 'rules_admin', 'MEMBER')
    THEN
        PERFORM rules.refuse(ARRAY[format('Change %s: it is by %s. Ask its authors or an admin to withdraw it.', c.id,
            c.author)]);
    END IF;
    UPDATE rules.change AS x SET state = 'withdrawn' WHERE x.id = c.id;
    RETURN format('Change %s: withdrawn; its rules are free for other changes.', c.id);
END $$;
COMMENT ON FUNCTION rules.withdraw IS 'Gives a change up that is not published: nothing of it will count.';

CREATE FUNCTION rules.schedule(change bigint) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    c rules.change := rules.the_change(change);
BEGIN
    PERFORM rules.publish_change(c.id);
    RETURN format('Change %s: published. It counts from its first day on: %s.', c.id, coalesce((SELECT min(lower(d.effective))
        FROM rules.draft_row AS d WHERE d.change_id = c.id AND d.edited)::text, 'from now'));
END $$;
COMMENT ON FUNCTION rules.schedule IS 'Publishes an approved change: its rules count on the days it says.';

CREATE FUNCTION rules.publish_at_once(change bigint) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    c rules.change := rules.the_change(change);
BEGIN
    PERFORM rules.publish_unapproved(c.id);
    RETURN format('Change %s: published without approval.', c.id);
END $$;
COMMENT ON FUNCTION rules.publish_at_once IS 'Takes a draft to its publication in one step, where no approval is needed.';
