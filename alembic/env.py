"""Where Alembic enters: the program's own code does the work, so that both ways of migrating are one."""

from macie_inventory.store.migrate import run_environment

run_environment()
