-- subject is who a user is at an identity provider, NULL for the others: names change there.
ALTER TABLE user_accounts ADD COLUMN subject TEXT;
CREATE UNIQUE INDEX user_accounts_by_subject ON user_accounts (subject);

-- request_id is the request that something was done by, as the service's log has it.
ALTER TABLE audit_log ADD COLUMN request_id TEXT;
