-- The moment of a plan is one at which its rules can have been read: not before there was the change that it is of, or a day before
-- that, for clocks that go wrong. One of long ago was kept as evidence.

DO $$  -- the function as it was, with one thing changed in it
DECLARE
    source text := pg_get_functiondef('rules.plan_recorded()'::regprocedure);
    was text := '    ELSIF jsonb_typeof(NEW.said) IS DISTINCT FROM ''object'' THEN';
    more text := '    ELSIF NEW.known_at < c.created_at - interval ''1 day'' THEN
        PERFORM rules.refuse(ARRAY[format(''Change %s: its plan is held against rules as known at %s, and it was begun at %s, so nobody '
            'had it to plan by then. Say when the rules in force were read.'', c.id, NEW.known_at, c.created_at)]);
';
BEGIN
    IF strpos(source, was) = 0 THEN
        RAISE EXCEPTION 'rules.plan_recorded is not the one of revision 0008';
    END IF;
    EXECUTE replace(source, was, more || was);
END $$;
