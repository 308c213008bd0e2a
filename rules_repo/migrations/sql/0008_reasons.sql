-- Where a reason is needed, what shows nothing is none: blanks of any kind, marks and joiners without a letter, the empty pattern of Braille.

CREATE FUNCTION rules.says_nothing(said text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT regexp_replace(said, E'[\\u0001-\\u0020\\u007f-\\u00a0\\u00ad\\u034f\\u061c\\u115f\\u1160\\u1680\\u17b4\\u17b5\\u180b-\\u180f\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u2800\\u3000\\u3164\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff0-\\ufffb]',
        '', 'g') = ''
$$;
COMMENT ON FUNCTION rules.says_nothing IS 'Whether a text is empty, or of characters alone that show nothing.';

DO $$  -- the functions as they were, but for how they ask whether a reason was given
DECLARE
    asked text := '(coalesce\(\w+\.reason, ''''\)|\m\w+\.reason) !~ ''\\S''';
    changed text[] := '{}';
    f record;
BEGIN
    FOR f IN SELECT p.oid, p.proname FROM pg_proc AS p WHERE p.pronamespace = 'rules'::regnamespace AND p.prosrc ~ asked
        ORDER BY p.proname LOOP
        EXECUTE regexp_replace(pg_get_functiondef(f.oid), asked, 'rules.says_nothing(\1)', 'g');
        changed := changed || f.proname::text;
    END LOOP;
    IF NOT changed @> '{freeze_releases,governance_set,lift_freeze,move_faults,pause,publish_unapproved,reject,resume}' THEN
        RAISE EXCEPTION 'the functions are not those of revision 0007: only % ask for a reason', changed;
    END IF;
END $$;
