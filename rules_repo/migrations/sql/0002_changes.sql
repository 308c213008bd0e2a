-- A change and all that belongs to it: what it drafts, who wrote it, what was checked, who approved it, its release.

CREATE TABLE rules.change (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text NOT NULL DEFAULT rules.tenant() REFERENCES rules.tenant (key),
    title text NOT NULL DEFAULT '',
    reason text NOT NULL DEFAULT '',
    author text NOT NULL DEFAULT session_user,
    state text NOT NULL DEFAULT 'draft' CONSTRAINT change_state_check
        CHECK (state IN ('draft', 'in review', 'approved', 'scheduled', 'withdrawn')),
    edition integer NOT NULL DEFAULT 0,
    edited_in bigint,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    moved_by text NOT NULL DEFAULT session_user,
    moved_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    released_in bigint
);
COMMENT ON TABLE rules.change IS
    'Changes to rules: drafts that are reviewed and published together. See rules.change_overview; move one with '
    'rules.submit, rules.approve, rules.reject, rules.schedule, rules.withdraw.';
COMMENT ON COLUMN rules.change.id IS 'The number of the change.';
COMMENT ON COLUMN rules.change.tenant IS 'Whose rules it changes.';
COMMENT ON COLUMN rules.change.title IS 'The change in a few words.';
COMMENT ON COLUMN rules.change.reason IS 'Why: what an auditor reads years later.';
COMMENT ON COLUMN rules.change.author IS 'The login that began it.';
COMMENT ON COLUMN rules.change.state IS
    'draft, in review, approved, scheduled (published: live from its first day on) or withdrawn.';
COMMENT ON COLUMN rules.change.edition IS 'Counts the edits; an approval is of one edition.';
COMMENT ON COLUMN rules.change.edited_in IS 'The transaction of the last edit.';
COMMENT ON COLUMN rules.change.created_at IS 'When it was begun.';
COMMENT ON COLUMN rules.change.moved_by IS 'The login that brought it into its state.';
COMMENT ON COLUMN rules.change.moved_at IS 'When.';
COMMENT ON COLUMN rules.change.released_in IS 'The transaction that published it.';

CREATE TABLE rules.change_author (
    change_id bigint NOT NULL REFERENCES rules.change (id),
    login text NOT NULL,
    tenant text NOT NULL DEFAULT rules.tenant() REFERENCES rules.tenant (key),
    PRIMARY KEY (change_id, login)
);
COMMENT ON TABLE rules.change_author IS 'Everybody who ever edited a change; none of them can approve it.';
COMMENT ON COLUMN rules.change_author.change_id IS 'The change.';
COMMENT ON COLUMN rules.change_author.login IS 'Who edited it.';
COMMENT ON COLUMN rules.change_author.tenant IS 'Whose rules it changes.';

CREATE TABLE rules.draft_rule (
    change_id bigint NOT NULL REFERENCES rules.change (id),
    rule_id bigint NOT NULL REFERENCES rules.rule_identity (id),
    tenant text NOT NULL DEFAULT rules.tenant() REFERENCES rules.tenant (key),
    base bigint[] NOT NULL DEFAULT '{}',
    open boolean NOT NULL DEFAULT true,
    PRIMARY KEY (change_id, rule_id)
);
CREATE UNIQUE INDEX draft_rule_one_open ON rules.draft_rule (rule_id) WHERE open;
COMMENT ON TABLE rules.draft_rule IS 'The rules that a change is about; a rule is in one open change at a time.';
COMMENT ON COLUMN rules.draft_rule.change_id IS 'The change.';
COMMENT ON COLUMN rules.draft_rule.rule_id IS 'The rule.';
COMMENT ON COLUMN rules.draft_rule.tenant IS 'Whose rule it is.';
COMMENT ON COLUMN rules.draft_rule.base IS 'The periods that were known when it was drafted: it is published upon these only.';
COMMENT ON COLUMN rules.draft_rule.open IS 'Whether the change can still be edited.';

CREATE TABLE rules.draft_row (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    change_id bigint NOT NULL,
    rule_id bigint NOT NULL,
    tenant text NOT NULL DEFAULT rules.tenant() REFERENCES rules.tenant (key),
    name text NOT NULL DEFAULT '',
    kind text NOT NULL,
    membership_type text NOT NULL,
    weight integer NOT NULL CONSTRAINT draft_row_weight_check CHECK (weight > 0),
    category text REFERENCES rules.category (key),
    rule_type text REFERENCES rules.rule_type (key),
    form text NOT NULL,
    frame text NOT NULL DEFAULT '',
    sql text NOT NULL,
    parameters jsonb NOT NULL DEFAULT '{}',
    when_unknown text NOT NULL DEFAULT 'miss',
    reason_code text REFERENCES rules.reason_code (code),
    reason_text text NOT NULL DEFAULT '',
    owner text NOT NULL DEFAULT '',
    override boolean NOT NULL DEFAULT false,
    shadow boolean NOT NULL DEFAULT false,
    metadata jsonb NOT NULL DEFAULT '{}',
    effective daterange NOT NULL CONSTRAINT draft_row_effective_check CHECK (NOT isempty(effective) AND NOT lower_inf(effective)),
    version integer,
    derived_from bigint,
    edited boolean NOT NULL DEFAULT true,
    content_hash text NOT NULL DEFAULT '',
    CONSTRAINT draft_row_rule_fkey FOREIGN KEY (change_id, rule_id)
        REFERENCES rules.draft_rule (change_id, rule_id) ON DELETE CASCADE,
    CONSTRAINT draft_row_no_overlap EXCLUDE USING gist (
        int8range(change_id, change_id, '[]') WITH &&, int8range(rule_id, rule_id, '[]') WITH &&, effective WITH &&
    ) DEFERRABLE INITIALLY IMMEDIATE
);
CREATE INDEX draft_row_rule ON rules.draft_row (change_id, rule_id);
COMMENT ON TABLE rules.draft_row IS
    'What a change wants a rule to say on which days: its whole time line, the rows it leaves alone too. Edit rules.draft.';
COMMENT ON COLUMN rules.draft_row.id IS 'Numbers the rows in the order of their making.';
COMMENT ON COLUMN rules.draft_row.change_id IS 'The change.';
COMMENT ON COLUMN rules.draft_row.rule_id IS 'The rule.';
COMMENT ON COLUMN rules.draft_row.effective IS 'The days it is to count: the first day does, the end day does not.';
COMMENT ON COLUMN rules.draft_row.version IS 'The version it was made of; a new wording is numbered when it is published.';
COMMENT ON COLUMN rules.draft_row.derived_from IS 'The known period it was made of.';
COMMENT ON COLUMN rules.draft_row.edited IS 'Whether it is an edit; the others are the known days around it.';
COMMENT ON COLUMN rules.draft_row.content_hash IS 'SHA-256 of the wording, written by the database.';
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY '{tenant,name,kind,membership_type,weight,category,rule_type,form,frame,sql,parameters,'
        'when_unknown,reason_code,reason_text,owner,override,shadow,metadata}'::text[] LOOP
        EXECUTE format('COMMENT ON COLUMN rules.draft_row.%I IS %L', name, (SELECT col_description(attrelid, attnum)
            FROM pg_attribute WHERE attrelid = 'rules.rule_version'::regclass AND attname = name));
    END LOOP;
END $$;

CREATE TABLE rules.draft_policy (
    change_id bigint NOT NULL REFERENCES rules.change (id),
    object text NOT NULL CONSTRAINT draft_policy_object_check CHECK (object IN ('membership type', 'parameter', 'reference list')),
    key text NOT NULL,
    tenant text NOT NULL DEFAULT rules.tenant() REFERENCES rules.tenant (key),
    content jsonb NOT NULL,
    base bigint,
    open boolean NOT NULL DEFAULT true,
    PRIMARY KEY (change_id, object, key)
);
CREATE UNIQUE INDEX draft_policy_one_open ON rules.draft_policy (tenant, object, key) WHERE open;
COMMENT ON TABLE rules.draft_policy IS
    'What a change wants a membership type, a shared parameter or a reference list to be. Edit rules.membership_type, '
    'rules.parameter and rules.reference_list.';
COMMENT ON COLUMN rules.draft_policy.change_id IS 'The change.';
COMMENT ON COLUMN rules.draft_policy.object IS 'membership type, parameter or reference list.';
COMMENT ON COLUMN rules.draft_policy.key IS 'Its key.';
COMMENT ON COLUMN rules.draft_policy.tenant IS 'Whose it is.';
COMMENT ON COLUMN rules.draft_policy.content IS 'What it is to be: the columns of its view.';
COMMENT ON COLUMN rules.draft_policy.base IS 'The row that was known when it was drafted: it is published upon this only.';
COMMENT ON COLUMN rules.draft_policy.open IS 'Whether the change can still be edited.';

CREATE TABLE rules.check_result (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    change_id bigint NOT NULL REFERENCES rules.change (id),
    tenant text NOT NULL DEFAULT rules.tenant() REFERENCES rules.tenant (key),
    edition integer NOT NULL,
    content_hash text NOT NULL,
    passed boolean NOT NULL,
    findings text NOT NULL DEFAULT '',
    checked_by text NOT NULL DEFAULT session_user,
    checked_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX check_result_change ON rules.check_result (change_id);
COMMENT ON TABLE rules.check_result IS
    'What the tools found of the SQL of a change, which the database cannot judge: an approval needs a check that passed.';
COMMENT ON COLUMN rules.check_result.id IS 'Numbers the checks.';
COMMENT ON COLUMN rules.check_result.change_id IS 'The change.';
COMMENT ON COLUMN rules.check_result.tenant IS 'Whose rules it changes.';
COMMENT ON COLUMN rules.check_result.edition IS 'The edition that was checked.';
COMMENT ON COLUMN rules.check_result.content_hash IS 'The content that was checked.';
COMMENT ON COLUMN rules.check_result.passed IS 'Whether nothing was found that forbids it.';
COMMENT ON COLUMN rules.check_result.findings IS 'What was found, in words.';
COMMENT ON COLUMN rules.check_result.checked_by IS 'The login that checked.';
COMMENT ON COLUMN rules.check_result.checked_at IS 'When.';

CREATE TABLE rules.approval (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    change_id bigint NOT NULL REFERENCES rules.change (id),
    tenant text NOT NULL DEFAULT rules.tenant() REFERENCES rules.tenant (key),
    edition integer NOT NULL,
    content_hash text NOT NULL,
    granted boolean NOT NULL,
    reason text NOT NULL DEFAULT '',
    approver text NOT NULL DEFAULT session_user,
    approved_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX approval_change ON rules.approval (change_id);
COMMENT ON TABLE rules.approval IS
    'Verdicts on changes by people who did not write them. One is of one edition and its content, and dies with any edit.';
COMMENT ON COLUMN rules.approval.id IS 'Numbers the verdicts.';
COMMENT ON COLUMN rules.approval.change_id IS 'The change.';
COMMENT ON COLUMN rules.approval.tenant IS 'Whose rules it changes.';
COMMENT ON COLUMN rules.approval.edition IS 'The edition that was judged.';
COMMENT ON COLUMN rules.approval.content_hash IS 'The content that was judged.';
COMMENT ON COLUMN rules.approval.granted IS 'Approved, or rejected.';
COMMENT ON COLUMN rules.approval.reason IS 'Why.';
COMMENT ON COLUMN rules.approval.approver IS 'The login that judged.';
COMMENT ON COLUMN rules.approval.approved_at IS 'When.';

CREATE TABLE rules.release (
    change_id bigint PRIMARY KEY REFERENCES rules.change (id),
    tenant text NOT NULL DEFAULT rules.tenant() REFERENCES rules.tenant (key),
    content_hash text NOT NULL,
    approvals_needed integer NOT NULL,
    approvers text[] NOT NULL,
    released_by text NOT NULL DEFAULT session_user,
    released_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE rules.release IS 'The publications: which change, what it said, and who had approved it.';
COMMENT ON COLUMN rules.release.change_id IS 'The change.';
COMMENT ON COLUMN rules.release.tenant IS 'Whose rules it changes.';
COMMENT ON COLUMN rules.release.content_hash IS 'What was published.';
COMMENT ON COLUMN rules.release.approvals_needed IS 'How many approvals were needed at that time; 0 in a tutorial.';
COMMENT ON COLUMN rules.release.approvers IS 'Who had approved it.';
COMMENT ON COLUMN rules.release.released_by IS 'The login that published it.';
COMMENT ON COLUMN rules.release.released_at IS 'When.';

ALTER TABLE rules.rule_version ADD COLUMN change_id bigint REFERENCES rules.change (id);
ALTER TABLE rules.rule_period ADD COLUMN change_id bigint REFERENCES rules.change (id);
ALTER TABLE rules.membership_type_version ADD COLUMN change_id bigint REFERENCES rules.change (id);
COMMENT ON COLUMN rules.rule_version.change_id IS 'The change that published it; none where it is older than changes.';
COMMENT ON COLUMN rules.rule_period.change_id IS 'The change that published it; none where it is older than changes.';
COMMENT ON COLUMN rules.membership_type_version.change_id IS
    'The change that published it; none where it is older than changes.';
CREATE INDEX rule_period_change ON rules.rule_period (change_id);
CREATE INDEX rule_period_rule ON rules.rule_period (rule_id);
