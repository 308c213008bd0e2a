-- A plan can be read back by every program, as the metadata of a rule can: no number of thousands of digits, and no endless depth. One
-- such plan, and nobody's list of changes could be read.
--
-- The moment of a plan is one at which its rules can have been read: not before there was the change that it is of, or a day before
-- that, for clocks that go wrong. One of long ago was kept as evidence.

CREATE FUNCTION rules.unreadable(which text, said jsonb) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN jsonb_path_exists(said, '$.**{50 to last}') THEN ARRAY[which || ' what is more than 50 levels deep. Say less of it.']
        WHEN EXISTS (SELECT FROM jsonb_path_query(said, 'strict $.** ? (@.type() == "number")') AS n
            WHERE length(n #>> '{}') > 300 OR abs((n #>> '{}')::numeric) > 1e300)
        THEN ARRAY[which || ' a number that no program reads back as it is. Write it as a text.']
        ELSE '{}' END
$$;
COMMENT ON FUNCTION rules.unreadable IS 'What in a JSON document not every program reads back.';

DO $$  -- the function as it was, with two things changed in it
DECLARE
    source text := pg_get_functiondef('rules.plan_recorded()'::regprocedure);
    was text := '    ELSIF jsonb_typeof(NEW.said) IS DISTINCT FROM ''object'' THEN';
    more text := '    ELSIF NEW.known_at < c.created_at - interval ''1 day'' THEN
        PERFORM rules.refuse(ARRAY[format(''Change %s: its plan is held against rules as known at %s, and it was begun at %s, so nobody '
            'had it to plan by then. Say when the rules in force were read.'', c.id, NEW.known_at, c.created_at)]);
';
    stamps text := '    NEW.tenant := c.tenant;
';
BEGIN
    IF strpos(source, was) = 0 OR strpos(source, stamps) = 0 THEN
        RAISE EXCEPTION 'rules.plan_recorded is not the one of revision 0008';
    END IF;
    source := replace(source, was, more || was);
    EXECUTE replace(source, stamps, '    PERFORM rules.refuse(rules.unreadable(format(''Change %s: its plan holds'', c.id), NEW.said));
' || stamps);
END $$;
