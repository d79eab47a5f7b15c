-- One role and its schema; `role` and `schema` come as variables, the password from the environment, where no list of
-- processes shows it.
\getenv password PASSWORD

BEGIN;
SELECT format('CREATE ROLE %I LOGIN', :'role')
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec
ALTER ROLE :"role" PASSWORD :'password';
REVOKE ALL ON SCHEMA public FROM PUBLIC;
CREATE SCHEMA IF NOT EXISTS :"schema" AUTHORIZATION :"role";
COMMIT;
