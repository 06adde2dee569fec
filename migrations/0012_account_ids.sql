-- Accounts are known by what AWS calls them: two hosts may reach one by different names. The daemon's own account is
-- `default` only until a response of AWS names it. The row of `accounts` with an empty account says which one that is.
UPDATE OR REPLACE sources          SET account = (SELECT id FROM accounts WHERE account = 'default') WHERE account = 'default' AND EXISTS (SELECT 1 FROM accounts WHERE account = 'default');
UPDATE OR REPLACE schedules        SET account = (SELECT id FROM accounts WHERE account = 'default') WHERE account = 'default' AND EXISTS (SELECT 1 FROM accounts WHERE account = 'default');
UPDATE OR REPLACE occurrences      SET account = (SELECT id FROM accounts WHERE account = 'default') WHERE account = 'default' AND EXISTS (SELECT 1 FROM accounts WHERE account = 'default');
UPDATE OR REPLACE cancelled        SET account = (SELECT id FROM accounts WHERE account = 'default') WHERE account = 'default' AND EXISTS (SELECT 1 FROM accounts WHERE account = 'default');
UPDATE OR REPLACE asks             SET account = (SELECT id FROM accounts WHERE account = 'default') WHERE account = 'default' AND EXISTS (SELECT 1 FROM accounts WHERE account = 'default');
UPDATE OR REPLACE points           SET account = (SELECT id FROM accounts WHERE account = 'default') WHERE account = 'default' AND EXISTS (SELECT 1 FROM accounts WHERE account = 'default');
UPDATE OR REPLACE disputes         SET account = (SELECT id FROM accounts WHERE account = 'default') WHERE account = 'default' AND EXISTS (SELECT 1 FROM accounts WHERE account = 'default');
UPDATE OR REPLACE losses           SET account = (SELECT id FROM accounts WHERE account = 'default') WHERE account = 'default' AND EXISTS (SELECT 1 FROM accounts WHERE account = 'default');
UPDATE OR REPLACE deletions        SET account = (SELECT id FROM accounts WHERE account = 'default') WHERE account = 'default' AND EXISTS (SELECT 1 FROM accounts WHERE account = 'default');
UPDATE OR REPLACE wishes           SET account = (SELECT id FROM accounts WHERE account = 'default') WHERE account = 'default' AND EXISTS (SELECT 1 FROM accounts WHERE account = 'default');
UPDATE OR REPLACE places           SET account = (SELECT id FROM accounts WHERE account = 'default') WHERE account = 'default' AND EXISTS (SELECT 1 FROM accounts WHERE account = 'default');
UPDATE OR REPLACE promises         SET account = (SELECT id FROM accounts WHERE account = 'default') WHERE account = 'default' AND EXISTS (SELECT 1 FROM accounts WHERE account = 'default');
UPDATE OR REPLACE readings         SET account = (SELECT id FROM accounts WHERE account = 'default') WHERE account = 'default' AND EXISTS (SELECT 1 FROM accounts WHERE account = 'default');
UPDATE OR REPLACE late             SET account = (SELECT id FROM accounts WHERE account = 'default') WHERE account = 'default' AND EXISTS (SELECT 1 FROM accounts WHERE account = 'default');
UPDATE OR REPLACE routes           SET account = (SELECT id FROM accounts WHERE account = 'default') WHERE account = 'default' AND EXISTS (SELECT 1 FROM accounts WHERE account = 'default');
UPDATE OR REPLACE past_occurrences SET account = (SELECT id FROM accounts WHERE account = 'default') WHERE account = 'default' AND EXISTS (SELECT 1 FROM accounts WHERE account = 'default');
INSERT OR REPLACE INTO accounts (account, id, recorded_at) SELECT id, id, recorded_at FROM accounts WHERE account = 'default';
UPDATE accounts SET account = '' WHERE account = 'default';
