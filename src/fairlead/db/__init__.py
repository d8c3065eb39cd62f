"""How we talk to PostgreSQL: connections, transactions, tenancy, errors, migrations, the embedded server."""
