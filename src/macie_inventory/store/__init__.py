"""SQL: engine, schema, migrations, and the one writer."""
