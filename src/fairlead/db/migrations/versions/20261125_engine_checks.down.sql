BEGIN;

-- Running downgrade 20261125_engine_checks -> 20261124_engine

UPDATE fairlead_migrations SET version_num='20261124_engine' WHERE fairlead_migrations.version_num = '20261125_engine_checks';

COMMIT;
