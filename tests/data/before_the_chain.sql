CREATE SCHEMA history;
CREATE FUNCTION history.refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE =
        'History ' || TG_TABLE_NAME || ' is insert-only: ' || TG_OP || ' is refused, for everyone. '
        'A decision that was wrong is answered by a newer one.';
END $$;
CREATE FUNCTION history.refuse_future() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    latest timestamptz := (SELECT max(created_at) FROM added);
BEGIN
    IF latest > clock_timestamp() + interval '1 day' THEN
        RAISE EXCEPTION USING ERRCODE = 'datetime_field_overflow', MESSAGE =
            'History ' || TG_TABLE_NAME || ': a record is dated ' || latest::text || ', which is still to come. '
            'It would count as the newest one until then.';
    END IF;
    RETURN NULL;
END $$;
CREATE TABLE history.local_before_memberships_history (
    subject bigint NOT NULL,
    sort_key text NOT NULL COLLATE pg_catalog."C",
    created_at timestamp with time zone NOT NULL,
    membership_type text NOT NULL,
    granted boolean NOT NULL,
    event text NOT NULL,
    reason text NOT NULL,
    inclusion_sum bigint NOT NULL,
    exclusion_sum bigint NOT NULL,
    hits jsonb NOT NULL,
    first_granted date,
    rule_set_digest text NOT NULL,
    snapshots jsonb NOT NULL,
    as_of date NOT NULL,
    run_id text NOT NULL,
    engine_version text NOT NULL
);
CREATE VIEW history.local_before_memberships_history_current AS
 SELECT DISTINCT ON (subject, membership_type) subject,
    sort_key,
    created_at,
    membership_type,
    granted,
    event,
    reason,
    inclusion_sum,
    exclusion_sum,
    hits,
    first_granted,
    rule_set_digest,
    snapshots,
    as_of,
    run_id,
    engine_version
   FROM history.local_before_memberships_history
  ORDER BY subject, membership_type, sort_key DESC;
INSERT INTO history.local_before_memberships_history VALUES (3, '2024-06-01T06:00:00.000000Z#PLUS', '2024-06-01 06:00:00+00', 'PLUS', true, 'GRANTED', 'INCLUDED', 10, 0, '[["PLUS-001", 1, "inclusion", 10]]', '2024-06-01', 'e62c07ce0d6f4f273dfc3b4976a6ee27a73711c0924cc7cf21d01cde65a122c7', '{"holdings": "d660c5c6680472b1", "products": "1ec68d2c3d6d3751", "customers": "1b0c9f69af5959c7"}', '2024-06-01', '2024-06-01-82d82eedd10a', '0.1.0');
INSERT INTO history.local_before_memberships_history VALUES (4, '2024-06-01T06:00:00.000000Z#PLUS', '2024-06-01 06:00:00+00', 'PLUS', true, 'GRANTED', 'INCLUDED', 10, 0, '[["PLUS-001", 1, "inclusion", 10]]', '2024-06-01', 'e62c07ce0d6f4f273dfc3b4976a6ee27a73711c0924cc7cf21d01cde65a122c7', '{"holdings": "d660c5c6680472b1", "products": "1ec68d2c3d6d3751", "customers": "1b0c9f69af5959c7"}', '2024-06-01', '2024-06-01-82d82eedd10a', '0.1.0');
INSERT INTO history.local_before_memberships_history VALUES (7, '2024-06-01T06:00:00.000000Z#GOLD', '2024-06-01 06:00:00+00', 'GOLD', true, 'GRANTED', 'INCLUDED', 30, 0, '[["GOLD-001", 1, "inclusion", 30]]', '2024-06-01', 'e62c07ce0d6f4f273dfc3b4976a6ee27a73711c0924cc7cf21d01cde65a122c7', '{"holdings": "d660c5c6680472b1", "products": "1ec68d2c3d6d3751", "customers": "1b0c9f69af5959c7"}', '2024-06-01', '2024-06-01-82d82eedd10a', '0.1.0');
INSERT INTO history.local_before_memberships_history VALUES (11, '2024-06-01T06:00:00.000000Z#PLUS', '2024-06-01 06:00:00+00', 'PLUS', true, 'GRANTED', 'INCLUDED', 10, 0, '[["PLUS-001", 1, "inclusion", 10]]', '2024-06-01', 'e62c07ce0d6f4f273dfc3b4976a6ee27a73711c0924cc7cf21d01cde65a122c7', '{"holdings": "d660c5c6680472b1", "products": "1ec68d2c3d6d3751", "customers": "1b0c9f69af5959c7"}', '2024-06-01', '2024-06-01-82d82eedd10a', '0.1.0');
INSERT INTO history.local_before_memberships_history VALUES (2, '2024-06-01T06:00:00.000000Z#GOLD', '2024-06-01 06:00:00+00', 'GOLD', true, 'GRANTED', 'INCLUDED', 30, 0, '[["GOLD-001", 1, "inclusion", 30]]', '2024-06-01', 'e62c07ce0d6f4f273dfc3b4976a6ee27a73711c0924cc7cf21d01cde65a122c7', '{"holdings": "d660c5c6680472b1", "products": "1ec68d2c3d6d3751", "customers": "1b0c9f69af5959c7"}', '2024-06-01', '2024-06-01-82d82eedd10a', '0.1.0');
INSERT INTO history.local_before_memberships_history VALUES (3, '2024-06-01T06:00:00.000000Z#GOLD', '2024-06-01 06:00:00+00', 'GOLD', true, 'GRANTED', 'INCLUDED', 30, 0, '[["GOLD-001", 1, "inclusion", 30]]', '2024-06-01', 'e62c07ce0d6f4f273dfc3b4976a6ee27a73711c0924cc7cf21d01cde65a122c7', '{"holdings": "d660c5c6680472b1", "products": "1ec68d2c3d6d3751", "customers": "1b0c9f69af5959c7"}', '2024-06-01', '2024-06-01-82d82eedd10a', '0.1.0');
INSERT INTO history.local_before_memberships_history VALUES (4, '2024-06-01T06:00:00.000000Z#GOLD', '2024-06-01 06:00:00+00', 'GOLD', true, 'GRANTED', 'INCLUDED', 30, 0, '[["GOLD-001", 1, "inclusion", 30]]', '2024-06-01', 'e62c07ce0d6f4f273dfc3b4976a6ee27a73711c0924cc7cf21d01cde65a122c7', '{"holdings": "d660c5c6680472b1", "products": "1ec68d2c3d6d3751", "customers": "1b0c9f69af5959c7"}', '2024-06-01', '2024-06-01-82d82eedd10a', '0.1.0');
INSERT INTO history.local_before_memberships_history VALUES (10, '2024-06-01T06:00:00.000000Z#GOLD', '2024-06-01 06:00:00+00', 'GOLD', true, 'GRANTED', 'INCLUDED', 30, 0, '[["GOLD-001", 1, "inclusion", 30]]', '2024-06-01', 'e62c07ce0d6f4f273dfc3b4976a6ee27a73711c0924cc7cf21d01cde65a122c7', '{"holdings": "d660c5c6680472b1", "products": "1ec68d2c3d6d3751", "customers": "1b0c9f69af5959c7"}', '2024-06-01', '2024-06-01-82d82eedd10a', '0.1.0');
INSERT INTO history.local_before_memberships_history VALUES (11, '2024-06-01T06:00:00.000000Z#GOLD', '2024-06-01 06:00:00+00', 'GOLD', true, 'GRANTED', 'INCLUDED', 30, 0, '[["GOLD-001", 1, "inclusion", 30]]', '2024-06-01', 'e62c07ce0d6f4f273dfc3b4976a6ee27a73711c0924cc7cf21d01cde65a122c7', '{"holdings": "d660c5c6680472b1", "products": "1ec68d2c3d6d3751", "customers": "1b0c9f69af5959c7"}', '2024-06-01', '2024-06-01-82d82eedd10a', '0.1.0');
INSERT INTO history.local_before_memberships_history VALUES (6, '2024-06-01T06:00:00.000000Z#PLUS', '2024-06-01 06:00:00+00', 'PLUS', true, 'GRANTED', 'INCLUDED', 10, 0, '[["PLUS-001", 1, "inclusion", 10]]', '2024-06-01', 'e62c07ce0d6f4f273dfc3b4976a6ee27a73711c0924cc7cf21d01cde65a122c7', '{"holdings": "d660c5c6680472b1", "products": "1ec68d2c3d6d3751", "customers": "1b0c9f69af5959c7"}', '2024-06-01', '2024-06-01-82d82eedd10a', '0.1.0');
INSERT INTO history.local_before_memberships_history VALUES (12, '2024-06-01T06:00:00.000000Z#PLUS', '2024-06-01 06:00:00+00', 'PLUS', true, 'GRANTED', 'INCLUDED', 10, 0, '[["PLUS-001", 1, "inclusion", 10]]', '2024-06-01', 'e62c07ce0d6f4f273dfc3b4976a6ee27a73711c0924cc7cf21d01cde65a122c7', '{"holdings": "d660c5c6680472b1", "products": "1ec68d2c3d6d3751", "customers": "1b0c9f69af5959c7"}', '2024-06-01', '2024-06-01-82d82eedd10a', '0.1.0');
INSERT INTO history.local_before_memberships_history VALUES (1, '2024-06-01T06:00:00.000000Z#GOLD', '2024-06-01 06:00:00+00', 'GOLD', false, 'NOT_GRANTED', 'EXCLUDED', 30, 40, '[["GOLD-001", 1, "inclusion", 30], ["GOLD-002", 1, "exclusion", 40]]', NULL, 'e62c07ce0d6f4f273dfc3b4976a6ee27a73711c0924cc7cf21d01cde65a122c7', '{"holdings": "d660c5c6680472b1", "products": "1ec68d2c3d6d3751", "customers": "1b0c9f69af5959c7"}', '2024-06-01', '2024-06-01-82d82eedd10a', '0.1.0');
INSERT INTO history.local_before_memberships_history VALUES (6, '2024-06-01T06:00:00.000000Z#GOLD', '2024-06-01 06:00:00+00', 'GOLD', true, 'GRANTED', 'INCLUDED', 30, 0, '[["GOLD-001", 1, "inclusion", 30]]', '2024-06-01', 'e62c07ce0d6f4f273dfc3b4976a6ee27a73711c0924cc7cf21d01cde65a122c7', '{"holdings": "d660c5c6680472b1", "products": "1ec68d2c3d6d3751", "customers": "1b0c9f69af5959c7"}', '2024-06-01', '2024-06-01-82d82eedd10a', '0.1.0');
INSERT INTO history.local_before_memberships_history VALUES (9, '2024-06-01T06:00:00.000000Z#GOLD', '2024-06-01 06:00:00+00', 'GOLD', true, 'GRANTED', 'INCLUDED', 30, 0, '[["GOLD-001", 1, "inclusion", 30]]', '2024-06-01', 'e62c07ce0d6f4f273dfc3b4976a6ee27a73711c0924cc7cf21d01cde65a122c7', '{"holdings": "d660c5c6680472b1", "products": "1ec68d2c3d6d3751", "customers": "1b0c9f69af5959c7"}', '2024-06-01', '2024-06-01-82d82eedd10a', '0.1.0');
INSERT INTO history.local_before_memberships_history VALUES (12, '2024-06-01T06:00:00.000000Z#GOLD', '2024-06-01 06:00:00+00', 'GOLD', true, 'GRANTED', 'INCLUDED', 30, 0, '[["GOLD-001", 1, "inclusion", 30]]', '2024-06-01', 'e62c07ce0d6f4f273dfc3b4976a6ee27a73711c0924cc7cf21d01cde65a122c7', '{"holdings": "d660c5c6680472b1", "products": "1ec68d2c3d6d3751", "customers": "1b0c9f69af5959c7"}', '2024-06-01', '2024-06-01-82d82eedd10a', '0.1.0');
INSERT INTO history.local_before_memberships_history VALUES (1, '2024-06-02T06:00:00.000000Z#GOLD', '2024-06-02 06:00:00+00', 'GOLD', false, 'NOT_GRANTED', 'EXCLUDED', 30, 40, '[["GOLD-001", 1, "inclusion", 30], ["GOLD-002", 1, "exclusion", 40]]', NULL, 'e62c07ce0d6f4f273dfc3b4976a6ee27a73711c0924cc7cf21d01cde65a122c7', '{"holdings": "d660c5c6680472b1", "products": "1ec68d2c3d6d3751", "customers": "1b0c9f69af5959c7"}', '2024-06-02', '2024-06-02-08ad63f595f7', '0.1.0');
INSERT INTO history.local_before_memberships_history VALUES (2, '2024-06-02T06:00:00.000000Z#GOLD', '2024-06-02 06:00:00+00', 'GOLD', true, 'RETAINED', 'INCLUDED', 30, 0, '[["GOLD-001", 1, "inclusion", 30]]', '2024-06-01', 'e62c07ce0d6f4f273dfc3b4976a6ee27a73711c0924cc7cf21d01cde65a122c7', '{"holdings": "d660c5c6680472b1", "products": "1ec68d2c3d6d3751", "customers": "1b0c9f69af5959c7"}', '2024-06-02', '2024-06-02-08ad63f595f7', '0.1.0');
INSERT INTO history.local_before_memberships_history VALUES (3, '2024-06-02T06:00:00.000000Z#GOLD', '2024-06-02 06:00:00+00', 'GOLD', true, 'RETAINED', 'INCLUDED', 30, 0, '[["GOLD-001", 1, "inclusion", 30]]', '2024-06-01', 'e62c07ce0d6f4f273dfc3b4976a6ee27a73711c0924cc7cf21d01cde65a122c7', '{"holdings": "d660c5c6680472b1", "products": "1ec68d2c3d6d3751", "customers": "1b0c9f69af5959c7"}', '2024-06-02', '2024-06-02-08ad63f595f7', '0.1.0');
INSERT INTO history.local_before_memberships_history VALUES (3, '2024-06-02T06:00:00.000000Z#PLUS', '2024-06-02 06:00:00+00', 'PLUS', true, 'RETAINED', 'INCLUDED', 10, 0, '[["PLUS-001", 1, "inclusion", 10]]', '2024-06-01', 'e62c07ce0d6f4f273dfc3b4976a6ee27a73711c0924cc7cf21d01cde65a122c7', '{"holdings": "d660c5c6680472b1", "products": "1ec68d2c3d6d3751", "customers": "1b0c9f69af5959c7"}', '2024-06-02', '2024-06-02-08ad63f595f7', '0.1.0');
INSERT INTO history.local_before_memberships_history VALUES (4, '2024-06-02T06:00:00.000000Z#GOLD', '2024-06-02 06:00:00+00', 'GOLD', true, 'RETAINED', 'INCLUDED', 30, 0, '[["GOLD-001", 1, "inclusion", 30]]', '2024-06-01', 'e62c07ce0d6f4f273dfc3b4976a6ee27a73711c0924cc7cf21d01cde65a122c7', '{"holdings": "d660c5c6680472b1", "products": "1ec68d2c3d6d3751", "customers": "1b0c9f69af5959c7"}', '2024-06-02', '2024-06-02-08ad63f595f7', '0.1.0');
INSERT INTO history.local_before_memberships_history VALUES (4, '2024-06-02T06:00:00.000000Z#PLUS', '2024-06-02 06:00:00+00', 'PLUS', true, 'RETAINED', 'INCLUDED', 10, 0, '[["PLUS-001", 1, "inclusion", 10]]', '2024-06-01', 'e62c07ce0d6f4f273dfc3b4976a6ee27a73711c0924cc7cf21d01cde65a122c7', '{"holdings": "d660c5c6680472b1", "products": "1ec68d2c3d6d3751", "customers": "1b0c9f69af5959c7"}', '2024-06-02', '2024-06-02-08ad63f595f7', '0.1.0');
INSERT INTO history.local_before_memberships_history VALUES (6, '2024-06-02T06:00:00.000000Z#GOLD', '2024-06-02 06:00:00+00', 'GOLD', true, 'RETAINED', 'INCLUDED', 30, 0, '[["GOLD-001", 1, "inclusion", 30]]', '2024-06-01', 'e62c07ce0d6f4f273dfc3b4976a6ee27a73711c0924cc7cf21d01cde65a122c7', '{"holdings": "d660c5c6680472b1", "products": "1ec68d2c3d6d3751", "customers": "1b0c9f69af5959c7"}', '2024-06-02', '2024-06-02-08ad63f595f7', '0.1.0');
INSERT INTO history.local_before_memberships_history VALUES (6, '2024-06-02T06:00:00.000000Z#PLUS', '2024-06-02 06:00:00+00', 'PLUS', true, 'RETAINED', 'INCLUDED', 10, 0, '[["PLUS-001", 1, "inclusion", 10]]', '2024-06-01', 'e62c07ce0d6f4f273dfc3b4976a6ee27a73711c0924cc7cf21d01cde65a122c7', '{"holdings": "d660c5c6680472b1", "products": "1ec68d2c3d6d3751", "customers": "1b0c9f69af5959c7"}', '2024-06-02', '2024-06-02-08ad63f595f7', '0.1.0');
INSERT INTO history.local_before_memberships_history VALUES (7, '2024-06-02T06:00:00.000000Z#GOLD', '2024-06-02 06:00:00+00', 'GOLD', true, 'RETAINED', 'INCLUDED', 30, 0, '[["GOLD-001", 1, "inclusion", 30]]', '2024-06-01', 'e62c07ce0d6f4f273dfc3b4976a6ee27a73711c0924cc7cf21d01cde65a122c7', '{"holdings": "d660c5c6680472b1", "products": "1ec68d2c3d6d3751", "customers": "1b0c9f69af5959c7"}', '2024-06-02', '2024-06-02-08ad63f595f7', '0.1.0');
INSERT INTO history.local_before_memberships_history VALUES (9, '2024-06-02T06:00:00.000000Z#GOLD', '2024-06-02 06:00:00+00', 'GOLD', true, 'RETAINED', 'INCLUDED', 30, 0, '[["GOLD-001", 1, "inclusion", 30]]', '2024-06-01', 'e62c07ce0d6f4f273dfc3b4976a6ee27a73711c0924cc7cf21d01cde65a122c7', '{"holdings": "d660c5c6680472b1", "products": "1ec68d2c3d6d3751", "customers": "1b0c9f69af5959c7"}', '2024-06-02', '2024-06-02-08ad63f595f7', '0.1.0');
INSERT INTO history.local_before_memberships_history VALUES (10, '2024-06-02T06:00:00.000000Z#GOLD', '2024-06-02 06:00:00+00', 'GOLD', true, 'RETAINED', 'INCLUDED', 30, 0, '[["GOLD-001", 1, "inclusion", 30]]', '2024-06-01', 'e62c07ce0d6f4f273dfc3b4976a6ee27a73711c0924cc7cf21d01cde65a122c7', '{"holdings": "d660c5c6680472b1", "products": "1ec68d2c3d6d3751", "customers": "1b0c9f69af5959c7"}', '2024-06-02', '2024-06-02-08ad63f595f7', '0.1.0');
INSERT INTO history.local_before_memberships_history VALUES (11, '2024-06-02T06:00:00.000000Z#GOLD', '2024-06-02 06:00:00+00', 'GOLD', true, 'RETAINED', 'INCLUDED', 30, 0, '[["GOLD-001", 1, "inclusion", 30]]', '2024-06-01', 'e62c07ce0d6f4f273dfc3b4976a6ee27a73711c0924cc7cf21d01cde65a122c7', '{"holdings": "d660c5c6680472b1", "products": "1ec68d2c3d6d3751", "customers": "1b0c9f69af5959c7"}', '2024-06-02', '2024-06-02-08ad63f595f7', '0.1.0');
INSERT INTO history.local_before_memberships_history VALUES (11, '2024-06-02T06:00:00.000000Z#PLUS', '2024-06-02 06:00:00+00', 'PLUS', true, 'RETAINED', 'INCLUDED', 10, 0, '[["PLUS-001", 1, "inclusion", 10]]', '2024-06-01', 'e62c07ce0d6f4f273dfc3b4976a6ee27a73711c0924cc7cf21d01cde65a122c7', '{"holdings": "d660c5c6680472b1", "products": "1ec68d2c3d6d3751", "customers": "1b0c9f69af5959c7"}', '2024-06-02', '2024-06-02-08ad63f595f7', '0.1.0');
INSERT INTO history.local_before_memberships_history VALUES (12, '2024-06-02T06:00:00.000000Z#GOLD', '2024-06-02 06:00:00+00', 'GOLD', true, 'RETAINED', 'INCLUDED', 30, 0, '[["GOLD-001", 1, "inclusion", 30]]', '2024-06-01', 'e62c07ce0d6f4f273dfc3b4976a6ee27a73711c0924cc7cf21d01cde65a122c7', '{"holdings": "d660c5c6680472b1", "products": "1ec68d2c3d6d3751", "customers": "1b0c9f69af5959c7"}', '2024-06-02', '2024-06-02-08ad63f595f7', '0.1.0');
INSERT INTO history.local_before_memberships_history VALUES (12, '2024-06-02T06:00:00.000000Z#PLUS', '2024-06-02 06:00:00+00', 'PLUS', true, 'RETAINED', 'INCLUDED', 10, 0, '[["PLUS-001", 1, "inclusion", 10]]', '2024-06-01', 'e62c07ce0d6f4f273dfc3b4976a6ee27a73711c0924cc7cf21d01cde65a122c7', '{"holdings": "d660c5c6680472b1", "products": "1ec68d2c3d6d3751", "customers": "1b0c9f69af5959c7"}', '2024-06-02', '2024-06-02-08ad63f595f7', '0.1.0');
ALTER TABLE ONLY history.local_before_memberships_history
    ADD CONSTRAINT local_before_memberships_history_pkey PRIMARY KEY (subject, sort_key);
CREATE INDEX local_before_memberships_history_by_run ON history.local_before_memberships_history USING btree (run_id);
CREATE TRIGGER insert_only BEFORE DELETE OR UPDATE OR TRUNCATE ON history.local_before_memberships_history FOR EACH STATEMENT EXECUTE FUNCTION history.refuse_change();
ALTER TABLE history.local_before_memberships_history ENABLE ALWAYS TRIGGER insert_only;
CREATE TRIGGER not_ahead AFTER INSERT ON history.local_before_memberships_history REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION history.refuse_future();
ALTER TABLE history.local_before_memberships_history ENABLE ALWAYS TRIGGER not_ahead;
CREATE ROLE "local_before_memberships_history_writer" NOLOGIN;
GRANT USAGE ON SCHEMA history TO "local_before_memberships_history_writer";
GRANT SELECT, INSERT ON history."local_before_memberships_history" TO "local_before_memberships_history_writer";
GRANT SELECT ON history."local_before_memberships_history_current" TO "local_before_memberships_history_writer";
GRANT "local_before_memberships_history_writer" TO CURRENT_USER;
