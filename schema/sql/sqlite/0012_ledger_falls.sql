-- What guards the cells compares all that 64 devices have lost, device by device, not their totals alone, in one call of
-- the store's own ledger_falls() in place of six of substr(). FAIL, not ABORT: the trigger runs before its row changes,
-- so there is nothing to take back, and SQLite need not keep a copy of every page for each statement.

DROP TRIGGER filter_gives_no_refund;
CREATE TRIGGER filter_gives_no_refund BEFORE UPDATE ON filter
  WHEN NEW.place <> OLD.place OR ledger_falls(OLD.cells, NEW.cells)
BEGIN SELECT RAISE(FAIL, 'what is spent never falls'); END;

DROP TRIGGER pool_gives_no_refund;
CREATE TRIGGER pool_gives_no_refund BEFORE UPDATE ON pool
  WHEN NEW.place <> OLD.place OR ledger_falls(OLD.cells, NEW.cells)
BEGIN SELECT RAISE(FAIL, 'what is spent never falls'); END;

DROP TRIGGER share_gives_no_refund;
CREATE TRIGGER share_gives_no_refund BEFORE UPDATE ON share
  WHEN NEW.place <> OLD.place OR NEW.tenant_id <> OLD.tenant_id OR ledger_falls(OLD.cells, NEW.cells)
BEGIN SELECT RAISE(FAIL, 'what is spent never falls'); END;

DROP TRIGGER life_runs_forward;
CREATE TRIGGER life_runs_forward BEFORE UPDATE ON life
  WHEN NEW.place <> OLD.place OR ledger_falls(OLD.cells, NEW.cells)
BEGIN SELECT RAISE(FAIL, 'what is spent never falls'); END;

DROP TRIGGER budget_gives_no_refund;
CREATE TRIGGER budget_gives_no_refund BEFORE UPDATE ON budget WHEN NEW.spent_ueps < OLD.spent_ueps
  OR NEW.spent_nrho < OLD.spent_nrho OR NEW.spent_delta < OLD.spent_delta OR NEW.impure < OLD.impure
BEGIN SELECT RAISE(FAIL, 'what is spent never falls'); END;
