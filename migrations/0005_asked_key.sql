-- The key that a copy was asked for with, in the policy's words: AWS answers with the key itself, which an alias does not
-- tell. '' if none was named; NULL if it is not known, as of what somebody else asked for, and before this column was.
ALTER TABLE points ADD COLUMN asked_key TEXT;
