-- Audit events are kept for AUDIT_RETENTION_DAYS; none can go before the least that it may be.
DROP TRIGGER audit_events_are_not_deleted;
CREATE TRIGGER audit_events_are_not_deleted BEFORE DELETE ON audit_events
WHEN OLD.at > unixepoch() - 90 * 86400
BEGIN SELECT RAISE(ABORT, 'audit events are append-only, and kept for 90 days at least'); END;
