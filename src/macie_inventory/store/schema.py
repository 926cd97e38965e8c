"""The tables, as SQLAlchemy metadata: what the migrations must add up to, checked by a test.

Moments are `timestamptz` in PostgreSQL and UTC text of fixed width in SQLite; JSON is `jsonb` and text. Keys are the
natural ones. No foreign keys are declared: rows of different tables are written together by one writer in one
transaction, and a check per row would cost more than the row. What each table and column means stands in
`docs/reference/schema.md`.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, MetaData, PrimaryKeyConstraint, Table, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

__all__ = ["JOB_KEY", "VERSION_TABLE", "Json", "Moment", "metadata"]

VERSION_TABLE = "alembic_version"
"""Alembic's own table, under the name that its users look for."""

JOB_KEY = ("account_id", "region", "job_id")

Moment = Text().with_variant(TIMESTAMP(timezone=True), "postgresql")
Json = Text().with_variant(JSONB(), "postgresql")

metadata = MetaData(naming_convention={"pk": "pk_%(table_name)s", "ix": "ix_%(table_name)s_%(column_0_N_name)s"})


def _key(*names: str) -> list[Column[str]]:
    return [Column(name, Text, primary_key=True) for name in names]


def _count(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False, server_default="0")


runs = Table(
    "runs",
    metadata,
    *_key("run_id"),
    Column("started_at", Moment, nullable=False),
    Column("finished_at", Moment),
    Column("status", Text, nullable=False),
    Column("tool_version", Text, nullable=False),
    Column("caller_arn", Text, nullable=False),
    Column("partition", Text, nullable=False),
    Column("scope", Json, nullable=False),
    Column("filter_criteria", Json),
    _count("targets_total"),
    _count("targets_covered"),
    _count("targets_failed"),
    _count("jobs_seen"),
    _count("jobs_appeared"),
    _count("jobs_changed"),
    _count("jobs_disappeared"),
    _count("jobs_reappeared"),
    _count("api_calls"),
    _count("retries"),
    _count("throttles"),
    Column("error", Text),
)

accounts = Table(
    "accounts",
    metadata,
    *_key("account_id"),
    Column("name", Text),
    Column("email", Text),
    Column("state", Text),
    Column("arn", Text),
    Column("parent_id", Text),
    Column("ou_path", Text),
    Column("tags", Json),
    Column("is_management", Boolean),
    Column("first_seen_at", Moment, nullable=False),
    Column("last_seen_at", Moment, nullable=False),
)

targets = Table(
    "targets",
    metadata,
    *_key("run_id", "account_id", "region"),
    Column("outcome", Text, nullable=False),
    Column("error_code", Text),
    Column("error_message", Text),
    Column("http_status", Integer),
    Column("request_id", Text),
    _count("pages"),
    _count("jobs"),
    _count("api_calls"),
    _count("retries"),
    _count("throttles"),
    Column("started_at", Moment),
    Column("finished_at", Moment),
    sqlite_with_rowid=False,
)

# A table of long rows: in SQLite a rowid table is a third cheaper to fill than one WITHOUT ROWID. `raw` stands last,
# so that reading the other columns need not follow its overflow pages.
jobs = Table(
    "jobs",
    metadata,
    *_key(*JOB_KEY),
    Column("arn", Text, nullable=False),
    Column("name", Text),
    Column("job_type", Text),
    Column("job_status", Text),
    Column("created_at", Moment),
    Column("last_run_error_code", Text),
    Column("paused_at", Moment),
    Column("expires_at", Moment),
    Column("expiration_health_event_arn", Text),
    Column("bucket_selection", Text),
    Column("bucket_count", Integer),
    Column("first_seen_at", Moment, nullable=False),
    Column("last_seen_at", Moment, nullable=False),
    Column("first_seen_run", Text, nullable=False),
    Column("last_seen_run", Text, nullable=False),
    Column("missing_since", Moment),
    Column("digest", Text, nullable=False),
    Column("raw", Json, nullable=False),
)

# Partial indexes: a job enters them only while it is a problem, so that they cost the others nothing.
Index(
    "ix_jobs_failing",
    jobs.c.account_id,
    jobs.c.region,
    sqlite_where=text("last_run_error_code = 'ERROR' AND missing_since IS NULL"),
    postgresql_where=text("last_run_error_code = 'ERROR' AND missing_since IS NULL"),
)
Index(
    "ix_jobs_user_paused",
    jobs.c.expires_at,
    sqlite_where=text("job_status = 'USER_PAUSED' AND missing_since IS NULL"),
    postgresql_where=text("job_status = 'USER_PAUSED' AND missing_since IS NULL"),
)

_BUCKET_KEY = (*JOB_KEY, "bucket_account_id", "bucket_name")
job_buckets = Table(
    "job_buckets",
    metadata,
    *(Column(name, Text, nullable=False) for name in _BUCKET_KEY),
    PrimaryKeyConstraint(*_BUCKET_KEY).ddl_if(dialect="sqlite"),
    sqlite_with_rowid=False,
)
# PostgreSQL refuses to index texts of over 2,700 bytes, and a name is kept whatever its length: the same key by digest.
Index(
    "pk_job_buckets",
    *(job_buckets.c[name] for name in _BUCKET_KEY[:-1]),
    func.md5(job_buckets.c.bucket_name),
    unique=True,
).ddl_if(dialect="postgresql")

job_criteria = Table(
    "job_criteria",
    metadata,
    *_key(*JOB_KEY, "block"),
    Column("term", Integer, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("item", Integer, primary_key=True),
    Column("comparator", Text),
    Column("key", Text),
    Column("value", Text),
    sqlite_with_rowid=False,
)

job_changes = Table(
    "job_changes",
    metadata,
    *_key("run_id", *JOB_KEY, "change", "field"),
    Column("old_value", Json),
    Column("new_value", Json),
    Column("observed_at", Moment, nullable=False),
    sqlite_with_rowid=False,
)

leases = Table(
    "leases",
    metadata,
    *_key("name"),
    Column("token", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("process_id", Integer, nullable=False),
    Column("process_identity", Text),
    Column("acquired_at", Moment, nullable=False),
    Column("heartbeat_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
)
