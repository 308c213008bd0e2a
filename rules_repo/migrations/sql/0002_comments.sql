-- What the columns of views say, for the client that shows it: as the table says it, or as is said here.

DO $$
DECLARE
    c record;
    words text[];
    said jsonb := '{
        "rule_key": "The rule, such as BOND-001.",
        "change_id": "The change: of a draft the open one that holds it, of what was published the one that published it.",
        "effective_from": "The first day it counts.",
        "effective_to": "The first day it no longer counts; NULL until further notice.",
        "recorded": "From when until when this was what was known.",
        "recorded_from": "From when this was what was known.",
        "recorded_to": "When something else took its place; NULL for what is known now.",
        "recorded_by": "The login that recorded it.",
        "closed_by": "The login that ended it, or whose change took its place.",
        "version_id": "The number of the row, in the order of their making.",
        "period_id": "The number of the row of rules.rule_period.",
        "pause_id": "The number of the pause.",
        "row_id": "The number of the draft.",
        "effective": "The days it counts: the first day does, the end day does not.",
        "key": "The permanent key, such as GOLD.",
        "name": "The name, by which SQL names it.",
        "change_overview.state": "draft, in review, approved, scheduled (published, before its first day), live, retired or withdrawn.",
        "change_overview.rules": "The rules that it changes.",
        "change_overview.policies": "The membership types, shared parameters and reference lists that it changes.",
        "change_overview.authors": "Everybody who ever edited it; none of them can approve it.",
        "change_overview.approved_by": "Who has approved it as it is now.",
        "change_overview.content_hash": "What it says now, as one hash: what an approval approves.",
        "change_overview.check_passed": "Whether the newest check of it as it is now passed; NULL without one.",
        "draft.version": "The version it was made of; NULL for a new wording, which is numbered when it is published.",
        "pause.effective": "The days it does not count: the first day and those before the end day."
    }';
    tables text[] := '{rule_version,rule_period,membership_type_version,parameter_version,reference_list_version,change,'
        'draft_row,rule_pause,governance}';
BEGIN
    FOR c IN SELECT v.relname AS view, a.attname AS name FROM pg_class AS v
        JOIN pg_attribute AS a ON a.attrelid = v.oid AND a.attnum > 0
        WHERE v.relnamespace = 'rules'::regnamespace AND v.relkind = 'v' AND col_description(v.oid, a.attnum) IS NULL
    LOOP
        words := ARRAY[said ->> (c.view || '.' || c.name)] || CASE WHEN c.name = 'name' AND c.view IN ('draft', 'rule_history')
                THEN 'The rule in a few words.' WHEN c.name = 'name' AND c.view = 'membership_type_history'
                THEN 'Its name for people.' END || (said ->> c.name) || (
            SELECT array_agg(col_description(a.attrelid, a.attnum) ORDER BY
                starts_with(c.view, replace(t.name, '_version', '')) DESC, t.place)
            FROM unnest(tables) WITH ORDINALITY AS t (name, place) JOIN pg_attribute AS a
                ON a.attrelid = ('rules.' || t.name)::regclass AND a.attname = c.name);
        words := array_remove(words, NULL);
        IF words[1] IS NULL THEN
            RAISE EXCEPTION 'rules.%.% is not explained', c.view, c.name;
        END IF;
        EXECUTE format('COMMENT ON COLUMN rules.%I.%I IS %L', c.view, c.name, words[1]);
    END LOOP;
END $$;

COMMENT ON TABLE rules.schema_version IS 'Which migration this schema is at: the tools upgrade it with `rules db upgrade`.';
COMMENT ON COLUMN rules.schema_version.version_num IS 'The number of the migration.';
