-- What waits for a review is looked up by the one key of all that does (crates/domain/src/memory/key.rs): what is restricted
-- (state 1), unless our transforms made it (kind 1), and active or restricted items that are flagged. Only items have keys so far, so no
-- other bodies are read; each begins with a byte that says that the rest is plain.
INSERT INTO memory_keys (tenant, key, memory_id)
SELECT tenant, X'0387c62457ecdbef32913fa56015236a', id FROM memories
WHERE state = 1 AND occurred IS NOT NULL AND NOT EXISTS
    (SELECT 1 FROM links WHERE links.tenant = memories.tenant AND links.child = memories.id AND links.kind = 1)
UNION
SELECT tenant, X'0387c62457ecdbef32913fa56015236a', id FROM memories
WHERE state < 2 AND EXISTS
    (SELECT 1 FROM memory_keys WHERE memory_keys.tenant = memories.tenant AND memory_keys.memory_id = memories.id)
  AND json_extract(CAST(substr(body, 2) AS TEXT), '$.item.policy.risk.value') = 'flagged';
