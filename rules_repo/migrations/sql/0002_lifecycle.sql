-- The life of a change: draft, in review, approved, scheduled (live from its first day on), or withdrawn. Every step is
-- judged by the facts in the tables, whoever takes it and however: no role is exempt.

CREATE FUNCTION rules.content_hash(change bigint) RETURNS text LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
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
COMMENT ON FUNCTION rules.content_hash IS 'SHA-256 of all that a change says: what an approval approves.';

CREATE FUNCTION rules.outdated(change bigint) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT coalesce(array_agg(fault), '{}') FROM (
        SELECT format('Rule %s: it was published differently since change %s was drafted. Take the draft back (DELETE '
            'FROM rules.draft WHERE rule_key = %L) and draft it again.', i.key, change, i.key) AS fault
        FROM rules.draft_rule AS d JOIN rules.rule_identity AS i ON i.id = d.rule_id
        WHERE d.change_id = change AND d.base <> rules.known_periods(d.rule_id)
        UNION ALL SELECT format('Rule %s: its membership type ''%s'' is in another open change. Publish that first.',
            i.key, d.membership_type)
        FROM rules.draft_row AS d JOIN rules.rule_identity AS i ON i.id = d.rule_id
        WHERE d.change_id = change AND NOT EXISTS (SELECT FROM rules.membership_type_version AS v
            JOIN rules.membership_type_identity AS t ON t.id = v.membership_type_id
            WHERE t.tenant = d.tenant AND t.key = d.membership_type AND upper_inf(v.recorded))
        AND NOT EXISTS (SELECT FROM rules.draft_policy AS p WHERE p.change_id = change
            AND p.object = 'membership type' AND p.key = d.membership_type)
    ) AS found
$$;
COMMENT ON FUNCTION rules.outdated IS 'What no longer fits what is known now, in words.';

CREATE FUNCTION rules.valid_approvals(c rules.change) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT coalesce(array_agg(DISTINCT a.approver ORDER BY a.approver), '{}') FROM rules.approval AS a
    WHERE a.change_id = c.id AND a.granted AND a.edition = c.edition AND a.content_hash = rules.content_hash(c.id)
        AND NOT EXISTS (SELECT FROM rules.change_author AS w WHERE w.change_id = c.id AND w.login = a.approver)
$$;
COMMENT ON FUNCTION rules.valid_approvals IS 'Who has approved a change as it is now, without having written any of it.';

CREATE FUNCTION rules.move_faults(o rules.change, n rules.change) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
DECLARE
    which text := 'Change ' || o.id;
    needed integer := rules.approvals_needed(o.tenant);
    given text[];
BEGIN
    CASE o.state || ' → ' || n.state
    WHEN 'in review → draft', 'approved → draft', 'draft → withdrawn', 'in review → withdrawn', 'approved → withdrawn' THEN
        RETURN '{}';
    WHEN 'draft → in review' THEN
        IF n.reason !~ '\S' THEN
            RETURN ARRAY[which || ': it gives no reason. Say why: SELECT rules.submit(' || o.id || ', ''why'').'];
        ELSIF NOT EXISTS (SELECT FROM rules.draft_rule WHERE change_id = o.id)
            AND NOT EXISTS (SELECT FROM rules.draft_policy WHERE change_id = o.id)
        THEN
            RETURN ARRAY[which || ': it changes nothing. Draft something first: UPDATE rules.rule SET ….'];
        END IF;
        RETURN rules.outdated(o.id);
    WHEN 'in review → approved', 'approved → scheduled' THEN
        given := rules.valid_approvals(o);
        IF cardinality(given) < needed THEN
            RETURN ARRAY[format('%s: it needs %s of people who did not write it, and as it is now it has %s. Ask one of '
                'them: SELECT rules.approve(%s).', which, CASE needed WHEN 1 THEN '1 approval' ELSE needed || ' approvals' END,
                CASE cardinality(given) WHEN 0 THEN 'none' ELSE array_to_string(given, ', ') END, o.id)];
        END IF;
        RETURN CASE n.state WHEN 'scheduled' THEN rules.outdated(o.id) || rules.freeze_faults(o) ELSE '{}' END;
    ELSE
        RETURN ARRAY[format('%s: it is %s and cannot become %s. Its life is: draft, in review (rules.submit), approved '
            '(rules.approve, by somebody else), scheduled (rules.schedule).', which, o.state, n.state)];
    END CASE;
END $$;
COMMENT ON FUNCTION rules.move_faults IS 'Why a change cannot go from one state to another, in words.';

CREATE FUNCTION rules.change_moved() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
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
COMMENT ON FUNCTION rules.change_moved IS 'Lets a change be begun as a draft and moved as its life allows; refuses all else.';
CREATE TRIGGER change_moved BEFORE INSERT OR UPDATE ON rules.change
    FOR EACH ROW EXECUTE FUNCTION rules.change_moved();

CREATE FUNCTION rules.change_begun() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO rules.change_author (change_id, login, tenant) VALUES (NEW.id, session_user, NEW.tenant);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION rules.change_begun IS 'Who begins a change is one of its authors.';
CREATE TRIGGER change_begun AFTER INSERT ON rules.change FOR EACH ROW EXECUTE FUNCTION rules.change_begun();

CREATE FUNCTION rules.drafts_closed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE rules.draft_rule SET open = false WHERE change_id = NEW.id;
    UPDATE rules.draft_policy SET open = false WHERE change_id = NEW.id;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION rules.drafts_closed IS 'When a change is published or withdrawn, its rules are free for another.';
CREATE TRIGGER drafts_closed AFTER UPDATE ON rules.change FOR EACH ROW
    WHEN (NEW.state IN ('scheduled', 'withdrawn') AND OLD.state <> NEW.state) EXECUTE FUNCTION rules.drafts_closed();

-- Any edit makes the change a draft again and a new edition, which no approval is of.
CREATE FUNCTION rules.edited() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    c rules.change;
BEGIN
    FOR c IN SELECT * FROM rules.change WHERE id IN (SELECT change_id FROM touched) ORDER BY id FOR UPDATE LOOP
        IF c.state IN ('scheduled', 'withdrawn') THEN
            IF TG_OP = 'UPDATE' AND rules.only_freed(TG_TABLE_NAME, c.id) THEN
                CONTINUE;
            END IF;
            PERFORM rules.refuse(ARRAY[format('Change %s: it is %s, and its drafts stay as they were approved. Begin another '
                'change.', c.id, c.state)]);
        END IF;
        INSERT INTO rules.change_author (change_id, login, tenant) VALUES (c.id, session_user, c.tenant)
        ON CONFLICT DO NOTHING;
        IF c.state <> 'draft' OR c.edited_in IS DISTINCT FROM rules.this_change() THEN
            UPDATE rules.change SET state = 'draft', edition = edition + 1, edited_in = rules.this_change() WHERE id = c.id;
        END IF;
        IF c.state <> 'draft' THEN
            RAISE NOTICE 'Change %: edited, so it is a draft again and its approvals are void. Hand it in again: SELECT rules.submit(%).',
                c.id, c.id;
        END IF;
    END LOOP;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION rules.edited IS 'After an edit of drafts: a draft again, a new edition, one more author; refused once published.';

CREATE FUNCTION rules.only_freed(relation text, change bigint) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT CASE relation
        WHEN 'draft_rule' THEN NOT EXISTS (SELECT FROM rules.draft_rule AS d WHERE d.change_id = change AND d.open)
        WHEN 'draft_policy' THEN NOT EXISTS (SELECT FROM rules.draft_policy AS d WHERE d.change_id = change AND d.open)
        ELSE false END
$$;
COMMENT ON FUNCTION rules.only_freed IS 'Whether the drafts of a change are all closed.';

CREATE FUNCTION rules.draft_fixed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_jsonb(NEW) - 'open' <> to_jsonb(OLD) - 'open' AND (TG_TABLE_NAME = 'draft_rule'
        OR to_jsonb(NEW) - 'content' <> to_jsonb(OLD) - 'content' OR NOT OLD.open) OR NEW.open AND NOT OLD.open
    THEN
        PERFORM rules.refuse(ARRAY[format('Change %s: what its drafts are about is fixed. Take the draft back and draft it '
            'again.', OLD.change_id)]);
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION rules.draft_fixed IS 'Of the head of a draft only the end can be set.';
CREATE TRIGGER draft_fixed BEFORE UPDATE ON rules.draft_rule FOR EACH ROW EXECUTE FUNCTION rules.draft_fixed();
CREATE TRIGGER draft_fixed BEFORE UPDATE ON rules.draft_policy FOR EACH ROW EXECUTE FUNCTION rules.draft_fixed();

DO $$
DECLARE
    relation text;
BEGIN
    FOREACH relation IN ARRAY '{draft_rule,draft_row,draft_policy}'::text[] LOOP
        EXECUTE format('CREATE TRIGGER edited_insert AFTER INSERT ON rules.%I REFERENCING NEW TABLE AS touched
            FOR EACH STATEMENT EXECUTE FUNCTION rules.edited()', relation);
        EXECUTE format('CREATE TRIGGER edited_update AFTER UPDATE ON rules.%I REFERENCING OLD TABLE AS touched
            FOR EACH STATEMENT EXECUTE FUNCTION rules.edited()', relation);
        EXECUTE format('CREATE TRIGGER edited_delete AFTER DELETE ON rules.%I REFERENCING OLD TABLE AS touched
            FOR EACH STATEMENT EXECUTE FUNCTION rules.edited()', relation);
        EXECUTE format('CREATE TRIGGER never_emptied BEFORE TRUNCATE ON rules.%I
            FOR EACH STATEMENT EXECUTE FUNCTION rules.never_edited(%L)', relation, 'Take a draft back: DELETE FROM rules.draft.');
    END LOOP;
    FOREACH relation IN ARRAY '{change_author,check_result,approval,release}'::text[] LOOP
        EXECUTE format('CREATE TRIGGER never_edited BEFORE UPDATE OR DELETE OR TRUNCATE ON rules.%I
            FOR EACH STATEMENT EXECUTE FUNCTION rules.never_edited(%L)', relation, 'It is evidence.');
    END LOOP;
    CREATE TRIGGER never_removed BEFORE DELETE OR TRUNCATE ON rules.change
        FOR EACH STATEMENT EXECUTE FUNCTION rules.never_edited('Withdraw the change: SELECT rules.withdraw(…).');
END $$;

CREATE FUNCTION rules.check_recorded() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    c rules.change;
    now_says text;
BEGIN
    SELECT * INTO c FROM rules.change WHERE id = NEW.change_id FOR UPDATE;
    now_says := rules.content_hash(c.id);
    IF NEW.content_hash <> now_says THEN
        PERFORM rules.refuse(ARRAY[format('Change %s: it was edited since it was checked (it is %s… now, %s… was checked). '
            'Check it again.', c.id, left(now_says, 12), left(NEW.content_hash, 12))]);
    END IF;
    NEW.tenant := c.tenant;
    NEW.edition := c.edition;
    NEW.checked_by := session_user;
    NEW.checked_at := clock_timestamp();
    RETURN NEW;
END $$;
COMMENT ON FUNCTION rules.check_recorded IS 'Stamps a check; refuses one of content that is no longer there.';
CREATE TRIGGER check_recorded BEFORE INSERT ON rules.check_result
    FOR EACH ROW EXECUTE FUNCTION rules.check_recorded();

CREATE FUNCTION rules.approval_faults(c rules.change, granting boolean, saw text) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
DECLARE
    which text := 'Change ' || c.id;
    now_says text := rules.content_hash(c.id);
    checked rules.check_result;
BEGIN
    IF c.state <> 'in review' THEN
        RETURN ARRAY[which || CASE c.state
            WHEN 'draft' THEN ': it is a draft, not handed in or edited since. It is judged once it is in review (rules.submit).'
            WHEN 'approved' THEN ': it is approved already, by ' || array_to_string(rules.valid_approvals(c), ', ')
                || '. Publish it: SELECT rules.schedule(' || c.id || '), or edit it.'
            ELSE format(': it is %s, there is nothing left to judge.', c.state) END];
    ELSIF EXISTS (SELECT FROM rules.change_author AS a WHERE a.change_id = c.id AND a.login = session_user) THEN
        RETURN ARRAY[format('%s: %s wrote it, so %s cannot judge it, whatever rights the login has. Ask somebody else to '
            'look at it%s.', which, session_user, session_user, CASE WHEN granting THEN '' ELSE ', or withdraw it' END)];
    ELSIF now_says NOT LIKE saw || '%' OR saw = '' THEN
        RETURN ARRAY[format('%s: it was edited since you looked (it is %s… now, you saw %s…). Look again: SELECT * FROM '
            'rules.diff(%s).', which, left(now_says, 12), left(saw, 12), c.id)];
    ELSIF NOT granting THEN
        RETURN '{}';
    ELSIF EXISTS (SELECT FROM rules.approval AS a WHERE a.change_id = c.id AND a.edition = c.edition AND a.granted
        AND a.approver = session_user)
    THEN
        RETURN ARRAY[format('%s: %s has approved it already. It needs somebody else too.', which, session_user)];
    END IF;
    SELECT * INTO checked FROM rules.check_result AS r WHERE r.change_id = c.id AND r.edition = c.edition
        AND r.content_hash = now_says AND NOT EXISTS (SELECT FROM rules.change_author AS a
            WHERE a.change_id = c.id AND a.login = r.checked_by) ORDER BY r.id DESC LIMIT 1;
    IF checked.id IS NULL THEN
        RETURN ARRAY[format('%s: nobody but its authors has checked its SQL as it is now. Check it with `rules change check '
            '%s`, or answer for it yourself: SELECT rules.record_check(%2$s, %3$L, true, ''how it was checked'').',
            which, c.id, now_says)];
    ELSIF NOT checked.passed THEN
        RETURN ARRAY[format('%s: its check failed: %s Mend it and hand it in again.', which, checked.findings)];
    END IF;
    RETURN '{}';
END $$;
COMMENT ON FUNCTION rules.approval_faults IS 'Why the login cannot judge a change, in words.';

CREATE FUNCTION rules.approved() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    c rules.change;
BEGIN
    SELECT * INTO c FROM rules.change WHERE id = NEW.change_id FOR UPDATE;
    IF TG_WHEN = 'AFTER' THEN
        IF NOT NEW.granted THEN
            UPDATE rules.change SET state = 'draft' WHERE id = c.id;
        ELSIF cardinality(rules.valid_approvals(c)) >= rules.approvals_needed(c.tenant) THEN
            UPDATE rules.change SET state = 'approved' WHERE id = c.id;
        END IF;
        RETURN NULL;
    END IF;
    PERFORM rules.refuse(rules.approval_faults(c, NEW.granted, coalesce(NEW.content_hash, rules.content_hash(c.id))));
    NEW.tenant := c.tenant;
    NEW.edition := c.edition;
    NEW.content_hash := rules.content_hash(c.id);
    NEW.approver := session_user;
    NEW.approved_at := clock_timestamp();
    RETURN NEW;
END $$;
COMMENT ON FUNCTION rules.approved IS 'Stamps a verdict and moves its change; refuses it with the reason.';
CREATE TRIGGER approved BEFORE INSERT ON rules.approval FOR EACH ROW EXECUTE FUNCTION rules.approved();
CREATE TRIGGER approved_now AFTER INSERT ON rules.approval FOR EACH ROW EXECUTE FUNCTION rules.approved();
