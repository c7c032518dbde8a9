-- Spreads a MemoryScope schema over the workers of a Citus cluster, by tenant. Run it on the coordinator, as the
-- schema's owner, after `memoryscope migrate` and while no server runs. Tables that are distributed are left alone.
-- `schema_lock` and `schema_migrations` know no tenants and stay on the coordinator.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        -- The first one sets the shards; the others lie beside it, so that a tenant is on one worker.
        'audit_heads',
        'active_policy',
        'audit_events',
        'bridges',
        'checkpoints',
        'consents',
        'idempotency_keys',
        'links',
        'memories',
        'memory_keys',
        'memory_versions',
        'policies',
        'read_grants',
        'records',
        'schemas',
        'spiral_artifacts',
        'pending_revocations',
        'subject_keys',
        'suppressions',
        'vectors',
        'vector_scopes'
    ] LOOP
        IF NOT EXISTS (SELECT 1 FROM pg_dist_partition WHERE logicalrelid = name::regclass) THEN
            PERFORM create_distributed_table(
                name, 'tenant', colocate_with => CASE WHEN name = 'audit_heads' THEN 'none' ELSE 'audit_heads' END);
        END IF;
    END LOOP;
END
$$;
