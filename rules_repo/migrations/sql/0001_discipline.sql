-- What keeps the two clocks honest, for everyone who can connect: published wordings never change, a period
-- can only be closed, once, and a change is recorded at the moment of its commit, not of its statements.

CREATE FUNCTION rules.refuse(faults text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF cardinality(faults) > 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'RR001', MESSAGE = array_to_string(faults, E'\n');
    END IF;
END $$;
COMMENT ON FUNCTION rules.refuse IS 'Refuses a change with every fault at once; does nothing if there is none.';

CREATE FUNCTION rules.this_change() RETURNS bigint LANGUAGE sql AS $$ SELECT pg_current_xact_id()::text::bigint $$;
COMMENT ON FUNCTION rules.this_change IS 'The number of the running transaction.';

CREATE FUNCTION rules.never_edited() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM rules.refuse(ARRAY[format('%s.%s: %s is refused, what was published is never changed. %s',
        TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_OP, TG_ARGV[0])]);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION rules.never_edited IS 'Refuses whatever would change or remove rows.';

CREATE FUNCTION rules.record_now() RETURNS trigger LANGUAGE plpgsql AS $$
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
    PERFORM set_config('rules.settled', '', true);
    RETURN NEW;
END $$;
COMMENT ON FUNCTION rules.record_now IS 'Stamps a new row with the moment, the login and the transaction.';

CREATE FUNCTION rules.only_closed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    clocks text[] := '{recorded,closed_by,closed_in}';
    same_content boolean := to_jsonb(NEW) - clocks = to_jsonb(OLD) - clocks;
    opened_here boolean := OLD.opened_in = rules.this_change() AND lower(OLD.recorded) >= transaction_timestamp();
    closed_here boolean := OLD.closed_in = rules.this_change() AND upper(OLD.recorded) >= transaction_timestamp();
    same_opening boolean := lower(NEW.recorded) = lower(OLD.recorded);
    same_end boolean := upper(NEW.recorded) IS NOT DISTINCT FROM upper(OLD.recorded);
    closes boolean := upper_inf(OLD.recorded) AND upper(NEW.recorded) >= transaction_timestamp();
BEGIN
    IF same_content AND isempty(NEW.recorded) AND opened_here AND closed_here THEN
        RETURN NEW;
    END IF;
    IF same_content AND same_opening AND closes THEN
        NEW.closed_by := session_user;
        NEW.closed_in := rules.this_change();
        RETURN NEW;
    END IF;
    IF same_content
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
COMMENT ON FUNCTION rules.only_closed IS
    'Lets an update close what is open, or settle the moments that its own transaction wrote; refuses all else.';

CREATE FUNCTION rules.settled(recorded tstzrange, opened boolean, closed boolean, moment timestamptz)
RETURNS tstzrange LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN opened AND closed THEN 'empty'
        ELSE tstzrange(CASE WHEN opened THEN moment ELSE lower(recorded) END,
                       CASE WHEN closed THEN moment ELSE upper(recorded) END) END
$$;
COMMENT ON FUNCTION rules.settled IS
    'A recorded range with the ends a transaction wrote moved to its moment; empty if nobody else ever knew it.';

-- A change in a transaction that stays open for an hour is known when it is committed. Stamped with the moments of
-- its statements, "known at half past" would say one thing before the commit and another after it.
CREATE FUNCTION rules.settle() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    me bigint := rules.this_change();
    began timestamptz := transaction_timestamp();
    moment timestamptz;
BEGIN
    IF current_setting('rules.settled', true) = me::text THEN
        RETURN NULL;
    END IF;
    LOCK TABLE rules.settling IN EXCLUSIVE MODE;
    PERFORM set_config('rules.settled', me::text, true);
    SELECT greatest(clock_timestamp(), max(lower(recorded)) + interval '1 microsecond') INTO moment FROM (
        SELECT recorded FROM rules.rule_period WHERE opened_in <> me
        UNION ALL SELECT recorded FROM rules.membership_type_version WHERE opened_in <> me
    ) AS earlier;
    UPDATE rules.rule_period SET recorded = rules.settled(recorded,
        opened_in = me AND lower(recorded) >= began, coalesce(closed_in = me AND upper(recorded) >= began, false), moment)
    WHERE (opened_in = me OR closed_in = me) AND NOT isempty(recorded);
    UPDATE rules.membership_type_version SET recorded = rules.settled(recorded,
        opened_in = me AND lower(recorded) >= began, coalesce(closed_in = me AND upper(recorded) >= began, false), moment)
    WHERE (opened_in = me OR closed_in = me) AND NOT isempty(recorded);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION rules.settle IS
    'At commit: all that the transaction opened or closed gets one moment, that of the commit.';

CREATE CONSTRAINT TRIGGER settle AFTER INSERT OR UPDATE ON rules.rule_period
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION rules.settle();
CREATE CONSTRAINT TRIGGER settle AFTER INSERT OR UPDATE ON rules.membership_type_version
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION rules.settle();
CREATE TRIGGER recorded_now BEFORE INSERT ON rules.rule_period
    FOR EACH ROW EXECUTE FUNCTION rules.record_now();
CREATE TRIGGER recorded_now BEFORE INSERT ON rules.membership_type_version
    FOR EACH ROW EXECUTE FUNCTION rules.record_now();
CREATE TRIGGER only_closed BEFORE UPDATE ON rules.rule_period
    FOR EACH ROW EXECUTE FUNCTION rules.only_closed('Change the rule: UPDATE rules.rule SET …');
CREATE TRIGGER only_closed BEFORE UPDATE ON rules.membership_type_version
    FOR EACH ROW EXECUTE FUNCTION rules.only_closed('Change the type: UPDATE rules.membership_type SET …');
CREATE TRIGGER never_removed BEFORE DELETE OR TRUNCATE ON rules.rule_period
    FOR EACH STATEMENT EXECUTE FUNCTION rules.never_edited('Retire the rule: UPDATE rules.rule SET effective_to = …');
CREATE TRIGGER never_removed BEFORE DELETE OR TRUNCATE ON rules.membership_type_version
    FOR EACH STATEMENT EXECUTE FUNCTION rules.never_edited('Change the type: UPDATE rules.membership_type SET …');
CREATE TRIGGER never_edited BEFORE UPDATE OR DELETE OR TRUNCATE ON rules.rule_version
    FOR EACH STATEMENT EXECUTE FUNCTION rules.never_edited('Publish the next version: UPDATE rules.rule SET …');
CREATE TRIGGER never_edited BEFORE UPDATE OR DELETE OR TRUNCATE ON rules.rule_identity
    FOR EACH STATEMENT EXECUTE FUNCTION rules.never_edited('Retire the rule and add another.');
CREATE TRIGGER never_edited BEFORE UPDATE OR DELETE OR TRUNCATE ON rules.membership_type_identity
    FOR EACH STATEMENT EXECUTE FUNCTION rules.never_edited('Add another membership type.');

-- ALWAYS: also where a session has switched ordinary triggers off (session_replication_role).
ALTER TABLE rules.rule_period ENABLE ALWAYS TRIGGER recorded_now, ENABLE ALWAYS TRIGGER only_closed,
    ENABLE ALWAYS TRIGGER never_removed, ENABLE ALWAYS TRIGGER settle;
ALTER TABLE rules.membership_type_version ENABLE ALWAYS TRIGGER recorded_now, ENABLE ALWAYS TRIGGER only_closed,
    ENABLE ALWAYS TRIGGER never_removed, ENABLE ALWAYS TRIGGER settle;
ALTER TABLE rules.rule_version ENABLE ALWAYS TRIGGER never_edited;
ALTER TABLE rules.rule_identity ENABLE ALWAYS TRIGGER never_edited;
ALTER TABLE rules.membership_type_identity ENABLE ALWAYS TRIGGER never_edited;
GRANT UPDATE ON rules.settling TO PUBLIC;  -- the right to lock it; it has no rows
