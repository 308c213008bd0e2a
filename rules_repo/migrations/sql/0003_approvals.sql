-- What an approval is of: all that its approver read. It is gone when it is taken back, or when the change goes back to
-- its authors, and it is judged once more at commit.

ALTER TABLE rules.change_author ADD COLUMN login_id bigint;
ALTER TABLE rules.approval ADD COLUMN approver_id bigint;
ALTER TABLE rules.check_result ADD COLUMN checked_by_id bigint;
COMMENT ON COLUMN rules.change_author.login_id IS 'The number of the login, which it keeps when it is renamed.';
COMMENT ON COLUMN rules.approval.approver_id IS 'The number of the login, which it keeps when it is renamed.';
COMMENT ON COLUMN rules.check_result.checked_by_id IS 'The number of the login, which it keeps when it is renamed.';
ALTER TABLE rules.change_author DISABLE TRIGGER USER;  -- on again at the end of this migration
ALTER TABLE rules.approval DISABLE TRIGGER USER;
ALTER TABLE rules.check_result DISABLE TRIGGER USER;
UPDATE rules.change_author AS a SET login_id = r.oid::bigint FROM pg_roles AS r WHERE r.rolname = a.login;
UPDATE rules.approval AS a SET approver_id = r.oid::bigint FROM pg_roles AS r WHERE r.rolname = a.approver;
UPDATE rules.check_result AS a SET checked_by_id = r.oid::bigint FROM pg_roles AS r WHERE r.rolname = a.checked_by;

CREATE FUNCTION rules.author_signed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.login := session_user;
    NEW.login_id := rules.login_id();
    RETURN NEW;
END $$;
COMMENT ON FUNCTION rules.author_signed IS 'Writes who edits a change, by name and by number.';
CREATE TRIGGER author_signed BEFORE INSERT ON rules.change_author
    FOR EACH ROW EXECUTE FUNCTION rules.author_signed();

CREATE FUNCTION rules.wrote(change bigint, login text, login_id bigint) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM rules.change_author AS a WHERE a.change_id = wrote.change
        AND (a.login = wrote.login OR a.login_id = wrote.login_id))
$$;
COMMENT ON FUNCTION rules.wrote IS 'Whether a login, by its name or by its number, is an author of a change.';

-- The hash of revision 0002, of which older approvals and checks are. It left title, reason and what is replaced out.
CREATE FUNCTION rules.content_hash_0002(change bigint) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT encode(sha256(convert_to(coalesce(string_agg(line, E'\n' ORDER BY line COLLATE "C"), ''), 'UTF8')), 'hex')
    FROM (
        SELECT format('rule %s', i.key) AS line FROM rules.draft_rule AS d
        JOIN rules.rule_identity AS i ON i.id = d.rule_id WHERE d.change_id = change
        UNION ALL SELECT format('rule %s %s %s', i.key, d.effective, rules.draft_wording(d)) FROM rules.draft_row AS d
        JOIN rules.rule_identity AS i ON i.id = d.rule_id WHERE d.change_id = change
        UNION ALL SELECT format('%s %s %s', d.object, d.key, d.content) FROM rules.draft_policy AS d
        WHERE d.change_id = change
    ) AS content
$$;
COMMENT ON FUNCTION rules.content_hash_0002 IS 'What approvals of before revision 0003 are of.';

CREATE FUNCTION rules.content_of(change bigint) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT encode(sha256(convert_to(string_agg(line::text, E'\n' ORDER BY line::text COLLATE "C"), 'UTF8')), 'hex')
    FROM (
        SELECT jsonb_build_array('change', c.tenant, c.title, c.reason) AS line FROM rules.change AS c WHERE c.id = change
        UNION ALL SELECT jsonb_build_array('rule', i.key, to_jsonb(d.base)) FROM rules.draft_rule AS d
        JOIN rules.rule_identity AS i ON i.id = d.rule_id WHERE d.change_id = change
        UNION ALL SELECT jsonb_build_array('draft', i.key, lower(d.effective), upper(d.effective), rules.draft_wording(d))
        FROM rules.draft_row AS d JOIN rules.rule_identity AS i ON i.id = d.rule_id WHERE d.change_id = change
        UNION ALL SELECT jsonb_build_array(d.object, d.key, d.base, d.content) FROM rules.draft_policy AS d
        WHERE d.change_id = change
    ) AS content
$$;
COMMENT ON FUNCTION rules.content_of IS
    'SHA-256 of all that a change says and of what it replaces: title, reason, drafts, and the versions they are drafted upon.';

CREATE OR REPLACE FUNCTION rules.content_hash(change bigint) RETURNS text LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT rules.content_of(c.id) FROM rules.change AS c WHERE c.id = content_hash.change AND c.tenant = rules.tenant()
$$;
COMMENT ON FUNCTION rules.content_hash IS
    'What an approval of a change approves: SHA-256 of all that it says and of what it replaces. NULL if there is none of that number.';

CREATE FUNCTION rules.is_content(change bigint, hash text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT hash IN (rules.content_of(change), rules.content_hash_0002(change))
$$;
COMMENT ON FUNCTION rules.is_content IS 'Whether a hash, of this revision or of the one before, is of what a change says now.';

CREATE OR REPLACE FUNCTION rules.valid_approvals(c rules.change) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT coalesce(array_agg(v.approver ORDER BY v.approver), '{}') FROM (
        SELECT DISTINCT ON (coalesce(a.approver_id::text, a.approver)) a.approver FROM rules.approval AS a
        WHERE a.change_id = c.id AND a.granted AND a.edition = c.edition AND rules.is_content(c.id, a.content_hash)
            AND NOT rules.wrote(c.id, a.approver, a.approver_id)
            AND NOT EXISTS (SELECT FROM rules.approval AS later
                WHERE later.change_id = c.id AND NOT later.granted AND later.id > a.id)
        ORDER BY coalesce(a.approver_id::text, a.approver), a.id) AS v
$$;

CREATE FUNCTION rules.approvers_of(change bigint) RETURNS text LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT array_to_string(rules.valid_approvals(c), ', ') FROM rules.change AS c
    WHERE c.id = approvers_of.change AND c.tenant = rules.tenant()
$$;
COMMENT ON FUNCTION rules.approvers_of IS 'Who has approved a change as it is now.';

-- Of each checker the newest check of what a change says now counts, and all of them must have passed.
CREATE FUNCTION rules.standing_checks(c rules.change) RETURNS SETOF rules.check_result LANGUAGE sql STABLE AS $$
    SELECT DISTINCT ON (r.checked_by) r.* FROM rules.check_result AS r
    WHERE r.change_id = c.id AND r.edition = c.edition AND rules.is_content(c.id, r.content_hash)
    ORDER BY r.checked_by, r.id DESC
$$;
COMMENT ON FUNCTION rules.standing_checks IS 'The newest check of each login of a change as it is now.';

CREATE FUNCTION rules.check_faults(c rules.change) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN EXISTS (SELECT FROM rules.standing_checks(c) AS r WHERE NOT r.passed) THEN (
            SELECT array_agg(format('Change %s: its check failed: %s Mend it and hand it in again; that it passes as it is can be '
                'said by %s alone, who checked it.', c.id, r.findings, r.checked_by) ORDER BY r.id)
            FROM rules.standing_checks(c) AS r WHERE NOT r.passed)
        WHEN NOT EXISTS (SELECT FROM rules.standing_checks(c) AS r WHERE NOT rules.wrote(c.id, r.checked_by, r.checked_by_id))
        THEN ARRAY[format('Change %s: nobody but its authors has checked its SQL as it is now. Check it with `rules change check '
            '%1$s`, or answer for it yourself: SELECT rules.record_check(%1$s, %2$L, true, ''how it was checked'').',
            c.id, rules.content_of(c.id))]
        ELSE '{}' END
$$;
COMMENT ON FUNCTION rules.check_faults IS 'What the checks of a change still lack, in words.';

CREATE OR REPLACE FUNCTION rules.check_recorded() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    c rules.change;
    now_says text;
BEGIN
    SELECT * INTO c FROM rules.change WHERE id = NEW.change_id FOR UPDATE;
    now_says := rules.content_of(c.id);
    IF NEW.content_hash <> now_says THEN
        PERFORM rules.refuse(ARRAY[format('Change %s: it was edited since it was checked (it is %s… now, %s… was checked). '
            'Check it again.', c.id, left(now_says, 12), left(NEW.content_hash, 12))]);
    END IF;
    NEW.tenant := c.tenant;
    NEW.edition := c.edition;
    NEW.checked_by := session_user;
    NEW.checked_by_id := rules.login_id();
    NEW.checked_at := clock_timestamp();
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION rules.approval_faults(c rules.change, granting boolean, saw text) RETURNS text[]
LANGUAGE plpgsql STABLE AS $$
DECLARE
    which text := 'Change ' || c.id;
    now_says text := rules.content_of(c.id);
BEGIN
    IF c.state <> 'in review' AND (granting OR c.state <> 'approved') THEN
        RETURN ARRAY[which || CASE c.state
            WHEN 'draft' THEN ': it is a draft, not handed in or edited since. It is judged once it is in review (rules.submit).'
            WHEN 'approved' THEN ': it is approved already, by ' || array_to_string(rules.valid_approvals(c), ', ')
                || '. Publish it: SELECT rules.schedule(' || c.id || '), or take it back: SELECT rules.reject(' || c.id
                || ', ''why'').'
            ELSE format(': it is %s, there is nothing left to judge.', c.state) END];
    ELSIF rules.wrote(c.id, session_user::text, rules.login_id()) THEN
        RETURN ARRAY[format('%s: %s wrote it, so %s cannot judge it, whatever rights the login has. Ask somebody else to '
            'look at it%s.', which, session_user, session_user, CASE WHEN granting THEN '' ELSE ', or withdraw it' END)];
    ELSIF left(now_says, length(saw)) <> saw OR saw = '' THEN
        RETURN ARRAY[format('%s: it was edited since you looked (it is %s… now, you saw %s…). Look again: SELECT * FROM '
            'rules.diff(%s).', which, left(now_says, 12), left(saw, 12), c.id)];
    ELSIF length(saw) < 8 THEN
        RETURN ARRAY[format('%s: "%s" is too short to say what you saw. Give the hash, 8 digits of it at least: %s.', which,
            saw, left(now_says, 12))];
    ELSIF NOT granting THEN
        RETURN '{}';
    ELSIF EXISTS (SELECT FROM rules.approval AS a WHERE a.change_id = c.id AND a.edition = c.edition AND a.granted
        AND (a.approver = session_user OR a.approver_id = rules.login_id()))
    THEN
        RETURN ARRAY[format('%s: %s has approved it already. It needs somebody else too.', which, session_user)];
    END IF;
    RETURN rules.check_faults(c) || rules.plan_faults(c);
END $$;

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
    NEW.approver := session_user;
    NEW.approver_id := rules.login_id();
    NEW.approved_at := clock_timestamp();
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION rules.change_moved() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    which text;
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.author := session_user;
        NEW.state := 'draft';
        NEW.edition := 0;
        NEW.created_at := clock_timestamp();
        NEW.released_in := NULL;
        NEW.edited_in := NULL;
    ELSE
        which := 'Change ' || OLD.id;
        IF OLD.state IN ('scheduled', 'withdrawn') THEN
            PERFORM rules.refuse(ARRAY[format('%s: it is %s, and stays as it is. Begin another change.', which, OLD.state)]);
        END IF;
        IF (NEW.id, NEW.tenant, NEW.author, NEW.created_at) IS DISTINCT FROM (OLD.id, OLD.tenant, OLD.author, OLD.created_at)
            OR NEW.edition < OLD.edition
        THEN
            PERFORM rules.refuse(ARRAY[which || ': who began it, when and for whom, and how often it was edited, are facts. '
                'Change its title or its reason.']);
        END IF;
        IF (NEW.title, NEW.reason) IS DISTINCT FROM (OLD.title, OLD.reason) AND OLD.state <> 'draft' THEN
            PERFORM rules.refuse(ARRAY[format('%s: it is %s; its reviewers have read its title and its reason. Take it '
                'back first: SELECT rules.reject(%s, ''why'').', which, OLD.state, OLD.id)]);
        END IF;
        NEW.released_in := OLD.released_in;
        IF NEW.state IS DISTINCT FROM OLD.state THEN
            PERFORM rules.refuse(rules.move_faults(OLD, NEW));
            NEW.released_in := CASE NEW.state WHEN 'scheduled' THEN rules.this_change() END;
            IF NEW.state = 'draft' THEN  -- back with its authors, it is another edition, which nobody has judged
                NEW.edition := greatest(NEW.edition, OLD.edition + 1);
            END IF;
        ELSE
            NEW.moved_by := OLD.moved_by;
            NEW.moved_at := OLD.moved_at;
            RETURN NEW;
        END IF;
    END IF;
    NEW.moved_by := session_user;
    NEW.moved_at := clock_timestamp();
    RETURN NEW;
END $$;

-- Who says what a change is called and why is one of its authors, as who edits its drafts.
CREATE FUNCTION rules.change_retitled() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO rules.change_author (change_id, login, tenant) VALUES (NEW.id, session_user, NEW.tenant) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION rules.change_retitled IS 'Who gives a change another title or reason is one of its authors.';
CREATE TRIGGER change_retitled AFTER UPDATE ON rules.change FOR EACH ROW
    WHEN ((NEW.title, NEW.reason) IS DISTINCT FROM (OLD.title, OLD.reason)) EXECUTE FUNCTION rules.change_retitled();

-- By hand only words: with another right than these functions give, nobody moves a change or renames what rules name.
CREATE FUNCTION rules.by_hand() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    words text[] := TG_ARGV[0];
BEGIN
    IF NOT pg_has_role(current_user, 'rules_owner', 'USAGE')
        AND (to_jsonb(NEW) - words <> to_jsonb(OLD) - words OR NOT pg_has_role(session_user, 'rules_analyst', 'MEMBER'))
    THEN
        RAISE EXCEPTION USING ERRCODE = 'RR001', MESSAGE = format('%s.%s: by hand an analyst changes %s, and nothing else of it. '
            'Move changes by rules.submit, rules.approve, rules.reject, rules.schedule and rules.withdraw.', TG_TABLE_SCHEMA,
            TG_TABLE_NAME, array_to_string(words, ' and '));
    END IF;
    RETURN CASE WHEN NEW IS DISTINCT FROM OLD OR pg_has_role(current_user, 'rules_owner', 'USAGE') THEN NEW END;
END $$;
COMMENT ON FUNCTION rules.by_hand IS 'Refuses an UPDATE by hand of anything but the columns of words that its argument names.';
CREATE TRIGGER by_hand BEFORE UPDATE ON rules.change FOR EACH ROW EXECUTE FUNCTION rules.by_hand('{title,reason}');
CREATE TRIGGER by_hand BEFORE UPDATE ON rules.category FOR EACH ROW EXECUTE FUNCTION rules.by_hand('{description}');
CREATE TRIGGER by_hand BEFORE UPDATE ON rules.rule_type FOR EACH ROW EXECUTE FUNCTION rules.by_hand('{description}');
CREATE TRIGGER by_hand BEFORE UPDATE ON rules.reason_code FOR EACH ROW EXECUTE FUNCTION rules.by_hand('{text}');
