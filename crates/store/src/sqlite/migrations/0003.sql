-- The span under which a message was accepted, where that was recorded.
ALTER TABLE message ADD COLUMN trace_context TEXT;
