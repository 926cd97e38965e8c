"""The tables of the SQL contract, version 1."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

MOMENT = sa.Text().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")
JSON = sa.Text().with_variant(postgresql.JSONB(), "postgresql")


def _text(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _optional(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text()) for name in names]


def _counts(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.Integer(), nullable=False, server_default="0") for name in names]


def upgrade() -> None:
    """Create every table and index."""
    _create_runs()
    _create_targets()
    _create_jobs()
    _create_children()
    op.create_table(
        "leases",
        *_text("name", "token", "run_id", "host"),
        sa.Column("process_id", sa.Integer(), nullable=False),
        *_optional("process_identity"),
        sa.Column("acquired_at", MOMENT, nullable=False),
        sa.Column("heartbeat_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )


def _create_runs() -> None:
    op.create_table(
        "runs",
        *_text("run_id"),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT),
        *_text("status", "tool_version", "caller_arn", "partition"),
        sa.Column("scope", JSON, nullable=False),
        sa.Column("filter_criteria", JSON),
        *_counts("targets_total", "targets_covered", "targets_failed"),
        *_counts("jobs_seen", "jobs_appeared", "jobs_changed", "jobs_disappeared", "jobs_reappeared"),
        *_counts("api_calls", "retries", "throttles"),
        *_optional("error"),
        sa.PrimaryKeyConstraint("run_id", name="pk_runs"),
    )
    op.create_table(
        "accounts",
        *_text("account_id"),
        *_optional("name", "email", "state", "arn", "parent_id", "ou_path"),
        sa.Column("tags", JSON),
        sa.Column("is_management", sa.Boolean()),
        sa.Column("first_seen_at", MOMENT, nullable=False),
        sa.Column("last_seen_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("account_id", name="pk_accounts"),
    )


def _create_targets() -> None:
    op.create_table(
        "targets",
        *_text("run_id", "account_id", "region", "outcome"),
        *_optional("error_code", "error_message"),
        sa.Column("http_status", sa.Integer()),
        *_optional("request_id"),
        *_counts("pages", "jobs", "api_calls", "retries", "throttles"),
        sa.Column("started_at", MOMENT),
        sa.Column("finished_at", MOMENT),
        sa.PrimaryKeyConstraint("run_id", "account_id", "region", name="pk_targets"),
        sqlite_with_rowid=False,
    )


def _create_jobs() -> None:
    op.create_table(
        "jobs",
        *_text("account_id", "region", "job_id", "arn"),
        *_optional("name", "job_type", "job_status"),
        sa.Column("created_at", MOMENT),
        *_optional("last_run_error_code"),
        sa.Column("paused_at", MOMENT),
        sa.Column("expires_at", MOMENT),
        *_optional("expiration_health_event_arn", "bucket_selection"),
        sa.Column("bucket_count", sa.Integer()),
        sa.Column("first_seen_at", MOMENT, nullable=False),
        sa.Column("last_seen_at", MOMENT, nullable=False),
        *_text("first_seen_run", "last_seen_run"),
        sa.Column("missing_since", MOMENT),
        *_text("digest"),
        sa.Column("raw", JSON, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "region", "job_id", name="pk_jobs"),
    )
    failing = sa.text("last_run_error_code = 'ERROR' AND missing_since IS NULL")
    op.create_index("ix_jobs_failing", "jobs", ["account_id", "region"], sqlite_where=failing, postgresql_where=failing)
    paused = sa.text("job_status = 'USER_PAUSED' AND missing_since IS NULL")
    op.create_index("ix_jobs_user_paused", "jobs", ["expires_at"], sqlite_where=paused, postgresql_where=paused)


def _create_children() -> None:
    job = ("account_id", "region", "job_id")
    bucket = (*job, "bucket_account_id", "bucket_name")
    if op.get_bind().dialect.name == "postgresql":
        # It refuses to index texts of over 2,700 bytes, and a name is kept whatever its length: the key by digest.
        op.create_table("job_buckets", *_text(*bucket))
        op.create_index("pk_job_buckets", "job_buckets", [*bucket[:-1], sa.text("md5(bucket_name)")], unique=True)
    else:
        op.create_table(
            "job_buckets",
            *_text(*bucket),
            sa.PrimaryKeyConstraint(*bucket, name="pk_job_buckets"),
            sqlite_with_rowid=False,
        )
    op.create_table(
        "job_criteria",
        *_text(*job, "block"),
        sa.Column("term", sa.Integer(), nullable=False),
        *_text("kind"),
        sa.Column("item", sa.Integer(), nullable=False),
        *_optional("comparator", "key", "value"),
        sa.PrimaryKeyConstraint(*job, "block", "term", "kind", "item", name="pk_job_criteria"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "job_changes",
        *_text("run_id", *job, "change", "field"),
        sa.Column("old_value", JSON),
        sa.Column("new_value", JSON),
        sa.Column("observed_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("run_id", *job, "change", "field", name="pk_job_changes"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Drop everything; there is no earlier schema."""
    for name in ("leases", "job_changes", "job_criteria", "job_buckets", "jobs", "targets", "accounts", "runs"):
        op.drop_table(name)
