-- What a commit tells is on disk first, whatever the session has set: others, and a run, know of nothing that a fall of the server
-- would take back.

DO $$  -- the function as it was, with one thing changed in it
DECLARE
    source text := pg_get_functiondef('rules.at_commit(text)'::regprocedure);
    place text := '    LOCK TABLE rules.settling IN EXCLUSIVE MODE;';
    more text := '    IF current_setting(''synchronous_commit'') = ''off'' THEN
        PERFORM set_config(''synchronous_commit'', ''on'', true);  -- what others come to know of outlives the server''s fall
    END IF;
';
BEGIN
    IF strpos(source, place) = 0 THEN
        RAISE EXCEPTION 'rules.at_commit is not the one of revision 0003';
    ELSIF strpos(source, more) = 0 THEN
        EXECUTE replace(source, place, more || place);
    END IF;
END $$;
