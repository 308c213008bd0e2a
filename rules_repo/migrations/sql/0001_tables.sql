-- What is known about rules. Wordings (rule_version) are never edited; which wording counts when is a
-- row of two clocks (rule_period): the days it is effective, and the moments between which that was known.

CREATE TABLE rules.category (
    key text PRIMARY KEY CONSTRAINT category_key_check CHECK (key ~ '\S'),
    description text NOT NULL DEFAULT ''
);
COMMENT ON TABLE rules.category IS 'The categories that rules are grouped by; add one by INSERT.';
COMMENT ON COLUMN rules.category.key IS 'The category as rules name it.';
COMMENT ON COLUMN rules.category.description IS 'What belongs into it.';

CREATE TABLE rules.rule_type (
    key text PRIMARY KEY CONSTRAINT rule_type_key_check CHECK (key ~ '\S'),
    description text NOT NULL DEFAULT ''
);
COMMENT ON TABLE rules.rule_type IS 'The types of rules, such as tenure or product; add one by INSERT.';
COMMENT ON COLUMN rules.rule_type.key IS 'The type as rules name it.';
COMMENT ON COLUMN rules.rule_type.description IS 'What rules of this type look at.';

CREATE TABLE rules.reason_code (
    code text PRIMARY KEY CONSTRAINT reason_code_code_check CHECK (code ~ '\S'),
    text text NOT NULL DEFAULT ''
);
COMMENT ON TABLE rules.reason_code IS 'Reasons in words for reuse; a version keeps the text it was published with.';
COMMENT ON COLUMN rules.reason_code.code IS 'The code as rules name it.';
COMMENT ON COLUMN rules.reason_code.text IS 'The text a new version gets that names this code and no text of its own.';

CREATE TABLE rules.membership_type_identity (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key text NOT NULL CONSTRAINT membership_type_identity_key_key UNIQUE
        CONSTRAINT membership_type_identity_key_check CHECK (key ~ '^[A-Za-z0-9][A-Za-z0-9_:-]{0,99}$')
);
COMMENT ON TABLE rules.membership_type_identity IS 'The permanent keys of membership types.';
COMMENT ON COLUMN rules.membership_type_identity.id IS 'The number that ranges are compared by.';
COMMENT ON COLUMN rules.membership_type_identity.key IS 'The key, such as GOLD. It never changes.';

CREATE TABLE rules.membership_type_version (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    membership_type_id bigint NOT NULL REFERENCES rules.membership_type_identity (id),
    name text NOT NULL DEFAULT '',
    strategy text NOT NULL DEFAULT 'weight_sum' CONSTRAINT membership_type_version_strategy_check
        CHECK (strategy IN ('weight_sum', 'any_exclusion_blocks', 'max_weight')),
    margin bigint NOT NULL DEFAULT 1,
    tie text NOT NULL DEFAULT 'deny' CONSTRAINT membership_type_version_tie_check
        CHECK (tie IN ('deny', 'grant', 'keep')),
    veto_weight integer CONSTRAINT membership_type_version_veto_weight_check CHECK (veto_weight > 0),
    recorded tstzrange NOT NULL CONSTRAINT membership_type_version_recorded_check
        CHECK (isempty(recorded) OR NOT lower_inf(recorded) AND lower_inc(recorded) AND NOT upper_inc(recorded)),
    recorded_by text NOT NULL DEFAULT session_user,
    closed_by text,
    opened_in bigint NOT NULL,
    closed_in bigint,
    CONSTRAINT membership_type_version_tie_margin_check CHECK (tie = 'deny' OR margin = 1),
    CONSTRAINT membership_type_version_no_overlap EXCLUDE USING gist (
        int8range(membership_type_id, membership_type_id, '[]') WITH &&, recorded WITH &&
    ) DEFERRABLE INITIALLY IMMEDIATE
);
COMMENT ON TABLE rules.membership_type_version IS
    'The policy of a membership type, and between which moments it was the known one. Edit rules.membership_type.';
COMMENT ON COLUMN rules.membership_type_version.id IS 'Numbers the rows in the order of their making.';
COMMENT ON COLUMN rules.membership_type_version.membership_type_id IS 'The membership type.';
COMMENT ON COLUMN rules.membership_type_version.name IS 'Its name for people.';
COMMENT ON COLUMN rules.membership_type_version.strategy IS
    'How weights are weighed: weight_sum, any_exclusion_blocks or max_weight.';
COMMENT ON COLUMN rules.membership_type_version.margin IS
    'How much the inclusions must outweigh the exclusions by; 1 means whichever is higher.';
COMMENT ON COLUMN rules.membership_type_version.tie IS 'What an equal weight means: deny, grant or keep.';
COMMENT ON COLUMN rules.membership_type_version.veto_weight IS
    'An exclusion of this weight or more blocks whatever the inclusions weigh; NULL for no veto.';
COMMENT ON COLUMN rules.membership_type_version.recorded IS 'From when until when this was what was known; empty if its own transaction replaced it.';
COMMENT ON COLUMN rules.membership_type_version.recorded_by IS 'The login that recorded it.';
COMMENT ON COLUMN rules.membership_type_version.closed_by IS 'The login whose change took its place.';
COMMENT ON COLUMN rules.membership_type_version.opened_in IS 'The transaction that recorded it.';
COMMENT ON COLUMN rules.membership_type_version.closed_in IS 'The transaction that took its place.';

CREATE TABLE rules.rule_identity (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key text NOT NULL CONSTRAINT rule_identity_key_key UNIQUE
        CONSTRAINT rule_identity_key_check CHECK (key ~ '^[A-Za-z0-9][A-Za-z0-9_:-]{0,99}$')
);
COMMENT ON TABLE rules.rule_identity IS 'The permanent keys of rules.';
COMMENT ON COLUMN rules.rule_identity.id IS 'The number that ranges are compared by.';
COMMENT ON COLUMN rules.rule_identity.key IS 'The key, such as BOND-001. It never changes.';

CREATE TABLE rules.rule_version (
    rule_id bigint NOT NULL REFERENCES rules.rule_identity (id),
    version integer NOT NULL CONSTRAINT rule_version_version_check CHECK (version > 0),
    name text NOT NULL DEFAULT '',
    kind text NOT NULL CONSTRAINT rule_version_kind_check CHECK (kind IN ('inclusion', 'exclusion')),
    membership_type text NOT NULL REFERENCES rules.membership_type_identity (key),
    weight integer NOT NULL CONSTRAINT rule_version_weight_check CHECK (weight > 0),
    category text REFERENCES rules.category (key),
    rule_type text REFERENCES rules.rule_type (key),
    form text NOT NULL CONSTRAINT rule_version_form_check CHECK (form IN ('predicate', 'statement')),
    frame text NOT NULL DEFAULT '',
    sql text NOT NULL CONSTRAINT rule_version_sql_check CHECK (sql ~ '\S'),
    parameters jsonb NOT NULL DEFAULT '{}' CONSTRAINT rule_version_parameters_check
        CHECK (jsonb_typeof(parameters) = 'object'),
    when_unknown text NOT NULL DEFAULT 'miss' CONSTRAINT rule_version_when_unknown_check
        CHECK (when_unknown IN ('miss', 'hit', 'hold')),
    reason_code text REFERENCES rules.reason_code (code),
    reason_text text NOT NULL DEFAULT '',
    owner text NOT NULL DEFAULT '',
    override boolean NOT NULL DEFAULT false,
    shadow boolean NOT NULL DEFAULT false,
    metadata jsonb NOT NULL DEFAULT '{}' CONSTRAINT rule_version_metadata_check
        CHECK (jsonb_typeof(metadata) = 'object'),
    created_by text NOT NULL DEFAULT session_user,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    content_hash text NOT NULL,
    PRIMARY KEY (rule_id, version),
    CONSTRAINT rule_version_frame_check CHECK ((form = 'predicate') = (frame <> '')),
    CONSTRAINT rule_version_override_check CHECK (NOT override OR kind = 'inclusion')
);
COMMENT ON TABLE rules.rule_version IS
    'The wordings of rules: published once, never edited or deleted, by anyone. Edit rules.rule instead.';
COMMENT ON COLUMN rules.rule_version.rule_id IS 'The rule.';
COMMENT ON COLUMN rules.rule_version.version IS 'Numbers the wordings of one rule from 1.';
COMMENT ON COLUMN rules.rule_version.name IS 'The rule in a few words.';
COMMENT ON COLUMN rules.rule_version.kind IS 'inclusion speaks for the membership, exclusion against it.';
COMMENT ON COLUMN rules.rule_version.membership_type IS 'The membership type it argues about.';
COMMENT ON COLUMN rules.rule_version.weight IS 'A whole number above zero; multiples of ten leave room between rules.';
COMMENT ON COLUMN rules.rule_version.category IS 'The category it is grouped under.';
COMMENT ON COLUMN rules.rule_version.rule_type IS 'The type of rule.';
COMMENT ON COLUMN rules.rule_version.form IS
    'predicate: a condition on the rows of a frame; statement: a whole SELECT of subject keys.';
COMMENT ON COLUMN rules.rule_version.frame IS 'The frame whose rows a predicate is about; empty for a statement.';
COMMENT ON COLUMN rules.rule_version.sql IS 'The condition or the SELECT.';
COMMENT ON COLUMN rules.rule_version.parameters IS
    'Values the SQL names as :name, with their types: {"since": {"date": "2024-06-01"}}.';
COMMENT ON COLUMN rules.rule_version.when_unknown IS 'What a condition that is NULL means: miss, hit or hold.';
COMMENT ON COLUMN rules.rule_version.reason_code IS 'The reason code that decisions quote.';
COMMENT ON COLUMN rules.rule_version.reason_text IS 'The reason in words, as published.';
COMMENT ON COLUMN rules.rule_version.owner IS 'Who answers for the rule.';
COMMENT ON COLUMN rules.rule_version.override IS 'An inclusion meant to outweigh every exclusion it can meet.';
COMMENT ON COLUMN rules.rule_version.shadow IS 'Run and counted, and no part of the sums.';
COMMENT ON COLUMN rules.rule_version.metadata IS 'Anything else worth keeping.';
COMMENT ON COLUMN rules.rule_version.created_by IS 'The login that published the wording.';
COMMENT ON COLUMN rules.rule_version.created_at IS 'When it was written.';
COMMENT ON COLUMN rules.rule_version.content_hash IS 'SHA-256 of the wording, to find an equal one and to notice tampering.';

CREATE TABLE rules.rule_period (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rule_id bigint NOT NULL,
    version integer NOT NULL,
    effective daterange NOT NULL CONSTRAINT rule_period_effective_check CHECK (
        NOT isempty(effective) AND NOT lower_inf(effective)
        AND lower(effective) >= '0001-01-01' AND (upper_inf(effective) OR upper(effective) <= '9999-12-31')
    ),
    recorded tstzrange NOT NULL CONSTRAINT rule_period_recorded_check
        CHECK (isempty(recorded) OR NOT lower_inf(recorded) AND lower_inc(recorded) AND NOT upper_inc(recorded)),
    recorded_by text NOT NULL DEFAULT session_user,
    closed_by text,
    opened_in bigint NOT NULL,
    closed_in bigint,
    CONSTRAINT rule_period_version_fkey FOREIGN KEY (rule_id, version)
        REFERENCES rules.rule_version (rule_id, version),
    CONSTRAINT rule_period_no_overlap EXCLUDE USING gist (
        int8range(rule_id, rule_id, '[]') WITH &&, effective WITH &&, recorded WITH &&
    ) DEFERRABLE INITIALLY IMMEDIATE
);
COMMENT ON TABLE rules.rule_period IS
    'Which wording of a rule counts on which days, and between which moments that was known. Edit rules.rule.';
COMMENT ON COLUMN rules.rule_period.id IS 'Numbers the rows in the order of their making.';
COMMENT ON COLUMN rules.rule_period.rule_id IS 'The rule.';
COMMENT ON COLUMN rules.rule_period.version IS 'The wording of it.';
COMMENT ON COLUMN rules.rule_period.effective IS 'The days it counts: the first day does, the end day does not.';
COMMENT ON COLUMN rules.rule_period.recorded IS 'From when until when this was what was known; empty if its own transaction replaced it.';
COMMENT ON COLUMN rules.rule_period.recorded_by IS 'The login that recorded it.';
COMMENT ON COLUMN rules.rule_period.closed_by IS 'The login whose change took its place.';
COMMENT ON COLUMN rules.rule_period.opened_in IS 'The transaction that recorded it.';
COMMENT ON COLUMN rules.rule_period.closed_in IS 'The transaction that took its place.';

CREATE TABLE rules.settling (nothing boolean);
COMMENT ON TABLE rules.settling IS
    'Always empty: locked while a change gets its moment at commit, so that a reader waits for it.';
COMMENT ON COLUMN rules.settling.nothing IS 'Never filled.';
