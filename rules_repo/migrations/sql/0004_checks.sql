-- A check says whom it asked: which Spark, under which frames, and by which version of the gates. One that asked no Spark is
-- worth less: an approval takes it where the tenant says so.

ALTER TABLE rules.governance ADD COLUMN without_spark boolean;
COMMENT ON COLUMN rules.governance.without_spark IS
    'Whether an approval takes a check that asked no Spark; not, unless it is chosen. Left out it stays as it was.';

ALTER TABLE rules.check_result ADD COLUMN spark_version text NOT NULL DEFAULT 'unsaid',
    ADD COLUMN schema_digest text NOT NULL DEFAULT '', ADD COLUMN gate_version text NOT NULL DEFAULT '';
ALTER TABLE rules.check_result ALTER COLUMN spark_version SET DEFAULT '';
COMMENT ON COLUMN rules.check_result.spark_version IS
    'The version of the Spark that was asked; empty where none was, and unsaid where the check is older than this column.';
COMMENT ON COLUMN rules.check_result.schema_digest IS 'Under which frames and columns: the digest of what rules may name.';
COMMENT ON COLUMN rules.check_result.gate_version IS 'Which version of the gates judged; empty where a person did.';

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
    ELSIF coalesce(NEW.spark_version, '') !~ '^(\d{1,3}(\.\d{1,3}){1,2}([-.][A-Za-z0-9.-]{1,40})?)?$' THEN
        PERFORM rules.refuse(ARRAY[format('Change %s: %L is no version of Spark. Say which one was asked, such as ''4.1.1'', and '
            'leave it out where none was.', c.id, NEW.spark_version)]);
    ELSIF coalesce(NEW.schema_digest, '') !~ '^[0-9a-f]{0,64}$' OR coalesce(NEW.gate_version, '') !~ '^[A-Za-z0-9.+-]{0,80}$' THEN
        PERFORM rules.refuse(ARRAY[format('Change %s: the digest of its frames is of hexadecimal digits, and the version of the '
            'gates a word. Leave both out where a person checked it.', c.id)]);
    END IF;
    NEW.tenant := c.tenant;
    NEW.edition := c.edition;
    NEW.spark_version := coalesce(NEW.spark_version, '');
    NEW.schema_digest := coalesce(NEW.schema_digest, '');
    NEW.gate_version := coalesce(NEW.gate_version, '');
    NEW.checked_by := session_user;
    NEW.checked_by_id := rules.login_id();
    NEW.checked_at := clock_timestamp();
    RETURN NEW;
END $$;

DROP FUNCTION rules.record_check(bigint, text, boolean, text);
CREATE FUNCTION rules.record_check(change bigint, saw text, passed boolean, findings text DEFAULT '', spark text DEFAULT '',
    frames text DEFAULT '', gate text DEFAULT '') RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    c rules.change := rules.the_change(change);
BEGIN
    INSERT INTO rules.check_result (change_id, edition, content_hash, passed, findings, spark_version, schema_digest, gate_version)
    VALUES (c.id, c.edition, saw, record_check.passed, coalesce(record_check.findings, ''), record_check.spark,
        record_check.frames, record_check.gate);
    RETURN format('Change %s: its check is recorded%s', c.id, CASE WHEN coalesce(record_check.spark, '') <> '' THEN '.'
        ELSE '. It names no Spark that was asked, so it is worth less: an approval takes it where the tenant says so.' END);
END $$;
COMMENT ON FUNCTION rules.record_check IS
    'Records what a check of the SQL of a change found; "saw" is the content hash that was checked, "spark" the version of the '
    'Spark that was asked, if one was. Who records it answers for it.';

CREATE FUNCTION rules.without_spark(whose text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT g.without_spark FROM rules.governance AS g
        WHERE g.tenant = whose AND g.in_force ORDER BY g.id DESC LIMIT 1), false)
$$;
COMMENT ON FUNCTION rules.without_spark IS 'Whether an approval of a change of a tenant takes a check that asked no Spark.';

CREATE OR REPLACE FUNCTION rules.check_faults(c rules.change) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN EXISTS (SELECT FROM rules.standing_checks(c) AS r WHERE NOT r.passed) THEN (
            SELECT array_agg(format('Change %s: its check failed: %s Mend it and hand it in again; that it passes as it is can be '
                'said by %s alone, who checked it.', c.id, r.findings, r.checked_by) ORDER BY r.id)
            FROM rules.standing_checks(c) AS r WHERE NOT r.passed)
        WHEN NOT EXISTS (SELECT FROM rules.standing_checks(c) AS r WHERE NOT rules.wrote(c.id, r.checked_by, r.checked_by_id))
        THEN ARRAY[format('Change %s: nobody but its authors has checked its SQL as it is now. Check it with `rules change check '
            '%1$s`, or answer for it yourself and say which Spark you tried it on: SELECT rules.record_check(%1$s, %2$L, true, '
            '''how it was checked'', ''4.1.1'').', c.id, rules.content_of(c.id))]
        WHEN NOT rules.without_spark(c.tenant) AND NOT EXISTS (SELECT FROM rules.standing_checks(c) AS r
            WHERE r.spark_version <> '' AND NOT rules.wrote(c.id, r.checked_by, r.checked_by_id))
        THEN ARRAY[format('Change %s: its check asked no Spark, and here an approval needs one that did. Check it with `rules change '
            'check %1$s` where Spark is, or say which one you tried it on: SELECT rules.record_check(%1$s, %2$L, true, ''how it was '
            'checked'', ''4.1.1''). That checks without Spark are enough is for admins to say: `rules db govern --without-spark`.',
            c.id, rules.content_of(c.id))]
        ELSE '{}' END
$$;

CREATE FUNCTION rules.checks_of(change bigint) RETURNS jsonb LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT jsonb_agg(jsonb_build_object('passed', r.passed, 'spark_version', r.spark_version, 'schema_digest', r.schema_digest,
        'gate_version', r.gate_version, 'checked_by', r.checked_by, 'checked_at', r.checked_at, 'findings', r.findings,
        'by_author', rules.wrote(c.id, r.checked_by, r.checked_by_id)) ORDER BY r.id)
    FROM rules.change AS c, LATERAL rules.standing_checks(c) AS r WHERE c.id = checks_of.change AND c.tenant = rules.tenant()
$$;
COMMENT ON FUNCTION rules.checks_of IS
    'The newest check of each login of what a change says now: what it found, and which Spark and gates it asked; NULL without one.';
