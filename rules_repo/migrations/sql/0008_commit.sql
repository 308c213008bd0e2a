-- Who does not read what the server sends him keeps no lock that others wait for: while he has it he is sent nothing. Messages are
-- his to ask for (plans, debugging), and the server waits until they are read. An error is sent whatever is set: over TCP the server
-- waits for its reader no longer than others wait for the lock.

DO $$  -- the function as it was, with one thing changed in it
DECLARE
    source text := pg_get_functiondef('rules.at_commit(text)'::regprocedure);
    place text := '    LOCK TABLE rules.settling IN EXCLUSIVE MODE;';
    more text := '    PERFORM set_config(''client_min_messages'', ''error'', true), set_config(''tcp_user_timeout'', ''20000'', true);
';
BEGIN
    IF strpos(source, place) = 0 OR strpos(source, more) > 0 THEN
        RAISE EXCEPTION 'rules.at_commit is not the one of revision 0007';
    END IF;
    EXECUTE replace(source, place, more || place);
END $$;
ALTER FUNCTION rules.wait_for_commits() SET client_min_messages = 'error';
