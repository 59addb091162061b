"""Park what a consumer cannot handle"""

import sqlalchemy as sa
from alembic import context, op

from kuntavayla.database.preparing import grants

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

READ_AND_WRITE = (
    "inbox_positions",
    "inbox_consumers",
    "inbox_tallies",
    "inbox_keys",
    "inbox_parked",
)


def upgrade() -> None:
    op.create_table(
        "inbox_positions",
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("consumer", "stream", name=op.f("pk_inbox_positions")),
    )
    op.create_table(
        "inbox_consumers",
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('running', 'stopped')", name=op.f("ck_inbox_consumers_known_state")
        ),
        sa.PrimaryKeyConstraint("consumer", name=op.f("pk_inbox_consumers")),
    )
    op.create_table(
        "inbox_tallies",
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("messages", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("consumer", "stream", name=op.f("pk_inbox_tallies")),
    )
    op.create_table(
        "inbox_keys",
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.CheckConstraint("state IN ('parked', 'free')", name=op.f("ck_inbox_keys_known_state")),
        sa.PrimaryKeyConstraint("consumer", "key", name=op.f("pk_inbox_keys")),
    )
    _create_parked()
    _create_repairs()
    role = context.config.attributes["role"]
    for statement in grants(role, append_only=("inbox_repairs",), mutable=READ_AND_WRITE):
        op.execute(statement)
    # What was parked stays: not even a fault of ours can make a message go away.
    op.execute(f'REVOKE DELETE ON inbox_parked FROM "{role}"')


def _create_parked() -> None:
    op.create_table(
        "inbox_parked",
        sa.Column("parked_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("speaker", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=True),
        sa.Column("event_type", sa.Text(), nullable=True),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("content_key_id", sa.Text(), nullable=True),
        sa.Column("edited_content", sa.LargeBinary(), nullable=True),
        sa.Column("edited_key_id", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("ordinal", sa.BigInteger(), nullable=True),
        sa.Column("parked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("repair_id", sa.Uuid(), nullable=True),
        *(
            sa.CheckConstraint(check, name=op.f(f"ck_inbox_parked_{name}"))
            for name, check in (
                ("known_state", "state IN ('parked', 'queued', 'done', 'skipped')"),
                ("known_speaker", "speaker IN ('ours', 'outside')"),
                (
                    "settled_has_time",
                    "(state IN ('done', 'skipped')) = (settled_at IS NOT NULL)",
                ),
                ("parked_has_reason", "state <> 'parked' OR reason IS NOT NULL"),
                ("outside_is_sealed", "speaker = 'ours' OR content_key_id IS NOT NULL"),
                (
                    "only_outside_is_edited",
                    "edited_content IS NULL OR (speaker = 'outside' AND edited_key_id IS NOT NULL)",
                ),
            )
        ),
        sa.PrimaryKeyConstraint("parked_id", name=op.f("pk_inbox_parked")),
        sa.UniqueConstraint("number", name=op.f("uq_inbox_parked_number")),
    )
    for name, columns, where in (
        ("waiting", ["consumer", "key", "number"], "state IN ('parked', 'queued')"),
        ("consumer_event_id", ["consumer", "event_id", "number"], None),
        ("arrivals", ["consumer", "stream", "ordinal"], "ordinal IS NOT NULL"),
        ("consumer_parked_at", ["consumer", "parked_at"], None),
    ):
        op.create_index(
            f"ix_inbox_parked_{name}",
            "inbox_parked",
            columns,
            postgresql_where=None if where is None else sa.text(where),
        )
    op.create_index(
        "ix_inbox_parked_one_parked",
        "inbox_parked",
        ["consumer", "key"],
        unique=True,
        postgresql_where=sa.text("state = 'parked'"),
    )


def _create_repairs() -> None:
    op.create_table(
        "inbox_repairs",
        sa.Column("repair_id", sa.Uuid(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("parked_id", sa.Uuid(), nullable=True),
        sa.Column("matched", sa.Integer(), nullable=False),
        sa.Column("handled", sa.Integer(), nullable=False),
        sa.Column("skipped", sa.Integer(), nullable=False),
        sa.Column("parked", sa.Integer(), nullable=False),
        sa.Column("waiting", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("official_id", sa.Text(), nullable=False),
        sa.Column("repaired_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "action IN ('retry', 'skip', 'edit')", name=op.f("ck_inbox_repairs_known_action")
        ),
        sa.PrimaryKeyConstraint("repair_id", name=op.f("pk_inbox_repairs")),
    )
