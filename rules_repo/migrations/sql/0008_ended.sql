-- What the schema is now.

SET LOCAL ROLE rules_owner;
SELECT rules.write_audit('schema_version', 'MIGRATION', '{version_num}', NULL,
    jsonb_build_object('version_num', '0008', 'catalogue', rules.catalogue_digest()));
RESET ROLE;
