-- The span under which a message was accepted, where that was recorded. Programs
-- that do not know it write and read messages all the same.
ALTER TABLE message ADD COLUMN trace_context text;
