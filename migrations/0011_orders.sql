-- Backups by hand that ended are read at every start, for thirty days: few among very many occurrences.
CREATE INDEX orders_ended ON occurrences (at) WHERE "trigger" = 'manual' AND outcome IS NOT NULL;
