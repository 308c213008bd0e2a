-- What is judged, recorded and dated at commit: under one lock that nobody but these functions can take, by facts that
-- are then committed, at a moment that no setting of a client moves.

-- The lock, and the newest moment that was given: one row.
DROP TABLE rules.settling;
CREATE TABLE rules.settling (transaction bigint NOT NULL DEFAULT 0, moment timestamptz NOT NULL);
COMMENT ON TABLE rules.settling IS
    'One row, locked while a change gets its moment at commit, so that a reader waits for it: the newest moment given.';
COMMENT ON COLUMN rules.settling.transaction IS 'The transaction that got it.';
COMMENT ON COLUMN rules.settling.moment IS 'The moment; the next one is later.';
INSERT INTO rules.settling (moment) SELECT coalesce(max(m), '-infinity') FROM (
    SELECT max(lower(recorded)) AS m FROM rules.rule_period WHERE NOT isempty(recorded)
    UNION ALL SELECT max(upper(recorded)) FROM rules.rule_period WHERE NOT isempty(recorded)
    UNION ALL SELECT max(lower(recorded)) FROM rules.membership_type_version WHERE NOT isempty(recorded)
    UNION ALL SELECT max(lower(recorded)) FROM rules.parameter_version WHERE NOT isempty(recorded)
    UNION ALL SELECT max(lower(recorded)) FROM rules.reference_list_version WHERE NOT isempty(recorded)
    UNION ALL SELECT max(lower(recorded)) FROM rules.rule_pause WHERE NOT isempty(recorded)
    UNION ALL SELECT max(upper(recorded)) FROM rules.rule_pause WHERE NOT isempty(recorded)
    UNION ALL SELECT max(lower(recorded)) FROM rules.release_freeze WHERE NOT isempty(recorded)
) AS known;

-- A text without its texts, names in quotes and comments: what PostgreSQL reads as words. NULL if it cannot be said for sure.
CREATE FUNCTION rules.words_of(said text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    rest text := said;
    words text := '';
    at integer;
    depth integer;
    mark text;
BEGIN
    IF said IS NULL OR length(said) > 200000 OR strpos(said, E'\\') > 0 THEN
        RETURN NULL;  -- a back-slash means one thing or another by a setting and by what stands before
    END IF;
    LOOP
        at := regexp_instr(rest, '[''"$]|--|/\*');
        IF at = 0 THEN
            RETURN words || rest;
        END IF;
        words := words || left(rest, at - 1) || ' ';
        rest := substr(rest, at);
        mark := left(rest, 1);
        at := 0;
        IF mark IN ('''', '"') THEN
            at := strpos(substr(rest, 2), mark) + 1;
            at := CASE at WHEN 1 THEN 0 ELSE at END;
        ELSIF mark = '-' THEN
            at := regexp_instr(rest, '[\n\r]');
        ELSIF mark = '$' THEN
            mark := (regexp_match(rest, '^\$([^0-9$\s][^$\s]*)?\$'))[1];
            IF rest !~ '^\$\d' THEN
                RETURN NULL;  -- a text in dollars, or a name that ends in one
            END IF;
            at := 1;
        ELSE
            depth := 0;
            LOOP
                at := at + coalesce(nullif(regexp_instr(substr(rest, at + 1), '/\*|\*/'), 0), length(rest)) + 1;
                EXIT WHEN at > length(rest);
                depth := depth + CASE substr(rest, at - 1, 2) WHEN '/*' THEN 1 ELSE -1 END;
                EXIT WHEN depth = 0;
            END LOOP;
            at := CASE depth WHEN 0 THEN at ELSE 0 END;
        END IF;
        IF at = 0 THEN
            RETURN words;  -- it goes on to the end
        END IF;
        rest := substr(rest, at + 1);
    END LOOP;
END $$;
COMMENT ON FUNCTION rules.words_of IS 'A statement without its texts, quoted names and comments; NULL if that cannot be said for sure.';

-- A trigger that was deferred by the client's leave can be made to fire before the commit, and a moment that is given
-- then is over when others come to know of it. At commit the trigger is called by nobody, and no word asks for it. Nor may
-- anything of the client's run once the moment is given: it would hold the lock for as long as it likes.
CREATE FUNCTION rules.at_commit(stack text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    said text := coalesce(current_query(), '');  -- none: the end of a pipeline, which commits by itself
BEGIN
    IF stack LIKE E'%\n%' OR said ~* '\mset\M.*\mconstraints\M|\mprepare\M.*\mtransaction\M'
        AND coalesce(rules.words_of(said) ~* '\mset\s+constraints\M|\mprepare\s+transaction\M', true)
    THEN
        PERFORM rules.refuse(ARRAY['Transaction: what it changes is recorded and judged when it is committed, by a COMMIT of '
            'its own. SET CONSTRAINTS … IMMEDIATE, PREPARE TRANSACTION and COMMIT within a function or DO are refused: '
            'leave them out.']);
    ELSIF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        PERFORM rules.refuse(ARRAY[format('Transaction: it is %s, so it does not see what others have committed since it '
            'began. Change rules in READ COMMITTED: SET TRANSACTION ISOLATION LEVEL READ COMMITTED.',
            upper(current_setting('transaction_isolation')))]);
    END IF;
    LOCK TABLE rules.settling IN EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM rules.settling AS s
        WHERE s.transaction = rules.this_change() AND s.moment >= transaction_timestamp())
    THEN
        RETURN;  -- it has its moment
    END IF;
    IF EXISTS (SELECT FROM pg_cursors AS c WHERE c.is_holdable AND c.creation_time >= transaction_timestamp())
        OR EXISTS (SELECT FROM pg_locks AS l JOIN pg_class AS c ON c.oid = l.relation JOIN pg_trigger AS t ON t.tgrelid = c.oid
            WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND l.mode <> 'AccessShareLock' AND t.tgdeferrable
                AND c.relnamespace <> 'rules'::regnamespace)
    THEN
        PERFORM rules.refuse(ARRAY['Transaction: besides rules it has something else to do at its commit (a cursor WITH HOLD, or '
            'rows of another table with deferred triggers or constraints). Do that in a transaction of its own.']);
    END IF;
    UPDATE rules.settling AS s SET transaction = rules.this_change(),
        moment = greatest(clock_timestamp(), s.moment + interval '1 microsecond');
END $$;
COMMENT ON FUNCTION rules.at_commit IS
    'Called by the triggers of a commit: refuses to be called before it, lets one transaction commit at a time, and gives it its moment.';

CREATE OR REPLACE FUNCTION rules.record_now() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.recorded := coalesce(NEW.recorded, tstzrange(clock_timestamp(), NULL));
    IF lower(NEW.recorded) < transaction_timestamp() OR NOT upper_inf(NEW.recorded) THEN
        PERFORM rules.refuse(ARRAY[format('%s.%s: knowledge is recorded when it is made, never dated back or closed '
            'in advance. Leave "recorded" out.', TG_TABLE_SCHEMA, TG_TABLE_NAME)]);
    END IF;
    NEW.recorded_by := session_user;
    NEW.opened_in := rules.this_change();
    NEW.closed_by := NULL;
    NEW.closed_in := NULL;
    RETURN NEW;
END $$;

-- A change in a transaction that stays open for an hour is known when it is committed. Stamped with the moments of
-- its statements, "known at half past" would say one thing before the commit and another after it.
CREATE OR REPLACE FUNCTION rules.settle() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    stack text;
    me bigint := rules.this_change();
    began timestamptz := transaction_timestamp();
    moment timestamptz;
    mine tstzrange;
    relation text;
BEGIN
    GET DIAGNOSTICS stack = PG_CONTEXT;
    PERFORM rules.at_commit(stack);
    moment := (SELECT s.moment FROM rules.settling AS s);
    EXECUTE format('SELECT recorded FROM rules.%I WHERE id = $1', TG_TABLE_NAME) INTO mine USING NEW.id;
    IF isempty(mine) OR (NEW.opened_in <> me OR lower(mine) = moment OR lower(mine) < began)
        AND (NEW.closed_in IS DISTINCT FROM me OR upper(mine) = moment OR upper(mine) < began)
    THEN
        RETURN NULL;  -- settled with the rows before it
    END IF;
    FOREACH relation IN ARRAY '{rule_period,membership_type_version,parameter_version,reference_list_version,rule_pause,'
        'release_freeze}'::text[] LOOP
        EXECUTE format('UPDATE rules.%I SET recorded = rules.settled(recorded, opened_in = $1 AND lower(recorded) >= $2,
            coalesce(closed_in = $1 AND upper(recorded) >= $2, false), $3)
            WHERE (opened_in = $1 OR closed_in = $1) AND NOT isempty(recorded)', relation) USING me, began, moment;
    END LOOP;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION rules.settle IS
    'At commit: all that the transaction opened or closed gets one moment, that of the commit.';
CREATE INDEX rule_period_opened_in ON rules.rule_period (opened_in);
CREATE INDEX rule_period_closed_in ON rules.rule_period (closed_in);

-- Readers. What is known at a moment is the same for ever once this function has named that moment, or waited for it.
CREATE FUNCTION rules.wait_for_commits() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        PERFORM rules.refuse(ARRAY[format('Transaction: it is %s and does not see what was committed since it began, so its answer '
            'about a moment would not be everybody''s. Ask in READ COMMITTED: SET TRANSACTION ISOLATION LEVEL READ COMMITTED.',
            upper(current_setting('transaction_isolation')))]);
    END IF;
    BEGIN
        LOCK TABLE rules.settling IN ROW SHARE MODE;
        RAISE SQLSTATE 'RR000';  -- gives the lock back at once: nobody who only reads can hold it
    EXCEPTION WHEN SQLSTATE 'RR000' THEN
        NULL;
    END;
END $$;
COMMENT ON FUNCTION rules.wait_for_commits IS 'Waits for transactions that have their moment and are not committed yet.';

CREATE FUNCTION rules.known_now() RETURNS timestamptz LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    PERFORM rules.wait_for_commits();
    RETURN (SELECT greatest(clock_timestamp(), s.moment) FROM rules.settling AS s);
END $$;
COMMENT ON FUNCTION rules.known_now IS
    'The moment that it is: all that was known until then is committed, and nothing gets an earlier moment any more.';

-- Who was dismissed, or lost a role, while his transaction was open commits nothing by it.
CREATE FUNCTION rules.still_entitled(relation text, operation text, said jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    role text := CASE WHEN relation = 'approval' THEN 'rules_approver'
        WHEN relation = 'draft_row' OR relation IN ('draft_rule', 'draft_policy') AND operation <> 'UPDATE' THEN 'rules_analyst'
        WHEN relation IN ('governance', 'release_freeze') THEN 'rules_admin' END;
BEGIN
    IF relation NOT IN ('tenant', 'tenant_login') AND said ->> 'tenant' <> ALL (rules.tenants()) THEN
        PERFORM rules.refuse(ARRAY[format('Tenant %s: the login %s belongs to it no longer, so nothing of this transaction counts.',
            said ->> 'tenant', session_user)]);
    ELSIF role IS NOT NULL AND NOT pg_has_role(session_user, role, 'MEMBER') THEN
        PERFORM rules.refuse(ARRAY[format('Login %s: it has the role %s no longer, so nothing of this transaction counts.',
            session_user, role)]);
    END IF;
END $$;
COMMENT ON FUNCTION rules.still_entitled IS 'Refuses, at commit, what a login wrote that has lost the right to.';

-- The audit of a row, at commit, whatever the session's settings say of days, moments and numbers.
CREATE OR REPLACE FUNCTION rules.audited() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    stack text;
BEGIN
    GET DIAGNOSTICS stack = PG_CONTEXT;
    IF TG_TABLE_SCHEMA <> 'rules' THEN
        RAISE EXCEPTION 'rules.audited: it is for the tables of this schema alone.';
    END IF;
    PERFORM rules.at_commit(stack);
    PERFORM rules.still_entitled(TG_TABLE_NAME, TG_OP, CASE TG_OP WHEN 'DELETE' THEN to_jsonb(OLD) ELSE to_jsonb(NEW) END);
    PERFORM rules.write_audit(TG_TABLE_NAME, TG_OP, TG_ARGV[0]::text[],
        CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END, CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END);
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION rules.reason_of(said jsonb) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce(nullif(said ->> 'ended_because', ''), nullif(said ->> 'reason', ''),
        (SELECT c.reason FROM rules.change AS c WHERE c.id = (said ->> 'change_id')::bigint), '')
$$;

CREATE OR REPLACE FUNCTION rules.only_by_trigger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_user <> 'rules_owner'
        OR pg_trigger_depth() < 2 AND NEW.operation NOT IN ('MIGRATION', 'BASELINE', 'MIGRATED')  -- later migrations
    THEN
        PERFORM rules.refuse(ARRAY['rules.audit_entry: the audit is written by the database alone. Nothing is added by hand.']);
    END IF;
    RETURN NEW;
END $$;

-- Why a pause or a freeze ended early is said in its row.
ALTER TABLE rules.rule_pause ADD COLUMN ended_because text NOT NULL DEFAULT '';
ALTER TABLE rules.release_freeze ADD COLUMN ended_because text NOT NULL DEFAULT '';
COMMENT ON COLUMN rules.rule_pause.ended_because IS 'Why it was ended early; empty if it was not.';
COMMENT ON COLUMN rules.release_freeze.ended_because IS 'Why it was lifted; empty if it was not.';

CREATE OR REPLACE FUNCTION rules.only_closed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    clocks text[] := '{recorded,closed_by,closed_in,ended_because}';
    same_content boolean := to_jsonb(NEW) - clocks = to_jsonb(OLD) - clocks;
    same_reason boolean := to_jsonb(NEW) -> 'ended_because' IS NOT DISTINCT FROM to_jsonb(OLD) -> 'ended_because';
    opened_here boolean := OLD.opened_in = rules.this_change() AND lower(OLD.recorded) >= transaction_timestamp();
    closed_here boolean := OLD.closed_in = rules.this_change() AND upper(OLD.recorded) >= transaction_timestamp();
    same_opening boolean := lower(NEW.recorded) = lower(OLD.recorded);
    same_end boolean := upper(NEW.recorded) IS NOT DISTINCT FROM upper(OLD.recorded);
    closes boolean := upper_inf(OLD.recorded) AND upper(NEW.recorded) >= transaction_timestamp();
BEGIN
    IF same_content AND same_reason AND isempty(NEW.recorded) AND opened_here AND closed_here THEN
        RETURN NEW;
    END IF;
    IF same_content AND same_opening AND closes THEN
        NEW.closed_by := session_user;
        NEW.closed_in := rules.this_change();
        RETURN NEW;
    END IF;
    IF same_content AND same_reason
        AND (same_opening OR opened_here AND lower(NEW.recorded) >= transaction_timestamp())
        AND (same_end OR closed_here AND upper(NEW.recorded) >= transaction_timestamp())
    THEN
        NEW.closed_by := OLD.closed_by;
        NEW.closed_in := OLD.closed_in;
        RETURN NEW;
    END IF;
    PERFORM rules.refuse(ARRAY[format('%s.%s: of what was recorded only the end can be set, once, and not in the '
        'past. %s', TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_ARGV[0])]);
    RETURN NULL;
END $$;
