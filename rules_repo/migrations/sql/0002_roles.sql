-- Who may do what. The roles log in nobody: grant them to logins. What a role may do is still judged by the triggers.

DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY '{rules_analyst,rules_approver,rules_engine,rules_auditor,rules_admin}'::text[] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', role);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;  -- another database of this server was upgraded at the same moment
            END;
        END IF;
    END LOOP;
END $$;

GRANT USAGE ON SCHEMA rules TO rules_analyst, rules_approver, rules_engine, rules_auditor, rules_admin;
GRANT SELECT ON rules.schema_version TO rules_analyst, rules_approver, rules_engine, rules_auditor, rules_admin;

-- Everybody who works on rules reads them, their history and the open changes.
GRANT SELECT ON rules.rule, rules.rule_history, rules.membership_type, rules.membership_type_history, rules.draft,
    rules.change_overview, rules.pause, rules.category, rules.rule_type, rules.reason_code, rules.change,
    rules.change_author, rules.check_result, rules.approval, rules.release, rules.governance, rules.release_freeze,
    rules.rule_identity, rules.tenant, rules.parameter, rules.parameter_history,
    rules.reference_list, rules.reference_list_history,
    rules.draft_policy
    TO rules_analyst, rules_approver, rules_auditor, rules_admin;
-- Of rules.rule and rules.membership_type only what they say can be updated: keys and numbers are given once.
GRANT INSERT, UPDATE (name, kind, membership_type, weight, category, rule_type, form, frame, sql, parameters, when_unknown,
    reason_code, reason_text, owner, override, shadow, metadata, effective_from, effective_to) ON rules.rule TO rules_analyst;
GRANT DELETE, UPDATE (name, kind, membership_type, weight, category, rule_type, form, frame, sql, parameters, when_unknown,
    reason_code, reason_text, owner, override, shadow, metadata, effective_from, effective_to) ON rules.draft TO rules_analyst;
GRANT INSERT, UPDATE (name, strategy, margin, tie, veto_weight) ON rules.membership_type TO rules_analyst;
GRANT INSERT, UPDATE (value, description) ON rules.parameter TO rules_analyst;
GRANT INSERT, UPDATE (columns, rows, description) ON rules.reference_list TO rules_analyst;
GRANT UPDATE (title, reason) ON rules.change TO rules_analyst;
GRANT INSERT (key, description), UPDATE (description) ON rules.category, rules.rule_type TO rules_analyst;
GRANT INSERT (code, text), UPDATE (text) ON rules.reason_code TO rules_analyst;
GRANT SELECT ON ALL TABLES IN SCHEMA rules TO rules_auditor;
GRANT SELECT, INSERT ON rules.governance TO rules_admin;
GRANT SELECT, INSERT, UPDATE (description) ON rules.tenant TO rules_admin;
GRANT SELECT, INSERT, DELETE ON rules.tenant_login TO rules_admin;
GRANT SELECT ON rules.audit_entry TO rules_admin;

REVOKE EXECUTE ON FUNCTION rules.begin_change, rules.work_on, rules.submit, rules.record_check, rules.approve,
    rules.reject, rules.withdraw, rules.schedule, rules.publish_at_once, rules.draft_timelines, rules.pause(text, text, date, date),
    rules.resume, rules.freeze_releases, rules.lift_freeze, rules.history, rules.diff(bigint), rules.diff(text, text),
    rules.content_hash, rules.policy_said, rules.rule_set, rules.membership_types, rules.watch, rules.write_audit,
    rules.shared_parameters, rules.reference_lists
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION rules.history, rules.diff(bigint), rules.diff(text, text), rules.content_hash, rules.rule_set,
    rules.membership_types, rules.shared_parameters, rules.reference_lists TO rules_analyst, rules_approver, rules_auditor, rules_admin;
GRANT EXECUTE ON FUNCTION rules.begin_change, rules.work_on, rules.submit, rules.schedule, rules.publish_at_once,
    rules.draft_timelines, rules.withdraw, rules.record_check TO rules_analyst;
GRANT EXECUTE ON FUNCTION rules.record_check, rules.approve, rules.reject, rules.schedule TO rules_approver;
GRANT EXECUTE ON FUNCTION rules.pause(text, text, date, date), rules.resume TO rules_analyst, rules_approver, rules_admin;
GRANT EXECUTE ON FUNCTION rules.freeze_releases, rules.lift_freeze, rules.withdraw TO rules_admin;

-- The engine reads the rule set of a day and nothing else: not drafts, not history.
-- (Ranges are guessed to hold few rows, and a nested loop over thousands is slow: it hashes.)
ALTER FUNCTION rules.rule_set SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_nestloop = off SET jit = off;
ALTER FUNCTION rules.membership_types SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
GRANT EXECUTE ON FUNCTION rules.rule_set, rules.membership_types, rules.reference_lists TO rules_engine;
