"""Create accounts, entries, allocations and who is responsible"""

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import postgresql

from kuntavayla.database.preparing import grants

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

APPEND_ONLY = ("entries", "allocations", "allocation_transfers")
MUTABLE = ("accounts", "account_clients", "responsibilities", "snapshots")
KEPT = ("accounts",)


def upgrade() -> None:
    _create_accounts()
    _create_responsibilities()
    _create_account_clients()
    _create_allocation_transfers()
    _create_allocations()
    _create_entries()
    _create_snapshots()
    role = context.config.attributes["role"]
    for statement in grants(role, append_only=APPEND_ONLY, mutable=MUTABLE):
        op.execute(statement)
    for table in KEPT:
        op.execute(f'REVOKE DELETE ON {table} FROM "{role}"')


def _create_accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("area_code", sa.Text(), nullable=False),
        sa.Column("municipality_code", sa.Text(), nullable=False),
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("budget_year", sa.Integer(), nullable=False),
        sa.Column("binds_persons", sa.Boolean(), nullable=False),
        sa.Column("allocated_cents", sa.BigInteger(), nullable=False),
        sa.Column("overridden_cents", sa.BigInteger(), nullable=False),
        sa.Column("reserved_cents", sa.BigInteger(), nullable=False),
        sa.Column("committed_cents", sa.BigInteger(), nullable=False),
        sa.Column("paid_cents", sa.BigInteger(), nullable=False),
        sa.Column("paid_excess_cents", sa.BigInteger(), nullable=False),
        sa.Column("lapsed_cents", sa.BigInteger(), nullable=False),
        sa.Column("allocated_persons", sa.Integer(), nullable=False),
        sa.Column("reserved_persons", sa.Integer(), nullable=False),
        sa.Column("committed_persons", sa.Integer(), nullable=False),
        sa.Column("last_position", sa.BigInteger(), nullable=False),
        sa.Column("threshold_told", sa.SmallInteger(), nullable=False),
        sa.Column("is_lapsed", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "instrument IN ('PAY_SUBSIDY', 'START_UP_GRANT', 'TRAINING', 'COACHING')",
            name=op.f("ck_accounts_known_instrument"),
        ),
        sa.CheckConstraint(
            "NOT binds_persons OR reserved_persons + committed_persons <= allocated_persons",
            name=op.f("ck_accounts_never_too_many_persons"),
        ),
        sa.CheckConstraint(
            "allocated_cents >= 0 AND overridden_cents >= 0 AND reserved_cents >= 0 AND"
            " committed_cents >= 0 AND paid_cents >= 0 AND paid_excess_cents >= 0 AND"
            " lapsed_cents >= 0 AND allocated_persons >= 0 AND reserved_persons >= 0 AND"
            " committed_persons >= 0",
            name=op.f("ck_accounts_sums_from_zero"),
        ),
        sa.CheckConstraint(
            "paid_excess_cents <= paid_cents", name=op.f("ck_accounts_excess_was_paid")
        ),
        sa.CheckConstraint(
            "reserved_cents + committed_cents <= allocated_cents + overridden_cents",
            name=op.f("ck_accounts_never_overdrawn"),
        ),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_accounts")),
        sa.UniqueConstraint(
            "area_code",
            "municipality_code",
            "instrument",
            "budget_year",
            name=op.f("uq_accounts_area_code_municipality_code_instrument_budget_year"),
        ),
    )


def _create_responsibilities() -> None:
    op.create_table(
        "responsibilities",
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("clienthood_version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("authority", sa.Text(), nullable=False),
        sa.Column("municipality_code", sa.Text(), nullable=True),
        sa.Column("area_code", sa.Text(), nullable=True),
        sa.Column("case_system_id", sa.Text(), nullable=True),
        sa.Column("te_office_code", sa.Text(), nullable=False),
        sa.Column("source_system", sa.Text(), nullable=True),
        sa.Column("source_client_number", sa.Text(), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("is_restricted", sa.Boolean(), nullable=False),
        sa.Column("sequence", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "authority IN ('municipality', 'te_office')",
            name=op.f("ck_responsibilities_known_authority"),
        ),
        sa.CheckConstraint(
            "clienthood_version >= 1", name=op.f("ck_responsibilities_version_from_one")
        ),
        sa.PrimaryKeyConstraint(
            "client_id", "clienthood_version", name=op.f("pk_responsibilities")
        ),
    )


def _create_account_clients() -> None:
    op.create_table(
        "account_clients",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("reserved_holds", sa.Integer(), nullable=False),
        sa.Column("committed_holds", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "reserved_holds >= 0 AND committed_holds >= 0",
            name=op.f("ck_account_clients_holds_from_zero"),
        ),
        sa.PrimaryKeyConstraint("account_id", "client_id", name=op.f("pk_account_clients")),
    )


def _create_allocation_transfers() -> None:
    op.create_table(
        "allocation_transfers",
        sa.Column("transfer_id", sa.Uuid(), nullable=False),
        sa.Column("from_account_id", sa.Uuid(), nullable=False),
        sa.Column("to_account_id", sa.Uuid(), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("persons", sa.Integer(), nullable=False),
        sa.Column("value_on", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("document", postgresql.JSONB(), nullable=False),
        sa.Column("covers_override_id", sa.Uuid(), nullable=True),
        sa.Column("out_entry_id", sa.Uuid(), nullable=False),
        sa.Column("in_entry_id", sa.Uuid(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("official_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "amount_cents >= 1 AND persons >= 0",
            name=op.f("ck_allocation_transfers_amount_from_one"),
        ),
        sa.CheckConstraint(
            "from_account_id <> to_account_id", name=op.f("ck_allocation_transfers_two_accounts")
        ),
        sa.ForeignKeyConstraint(
            ["from_account_id"],
            ["accounts.account_id"],
            name=op.f("fk_allocation_transfers_from_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["to_account_id"],
            ["accounts.account_id"],
            name=op.f("fk_allocation_transfers_to_account_id"),
        ),
        sa.PrimaryKeyConstraint("transfer_id", name=op.f("pk_allocation_transfers")),
    )


def _create_allocations() -> None:
    op.create_table(
        "allocations",
        sa.Column("allocation_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("persons", sa.Integer(), nullable=False),
        sa.Column("valid_from_on", sa.Date(), nullable=False),
        sa.Column("basis", postgresql.JSONB(), nullable=True),
        sa.Column("document", postgresql.JSONB(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("covers_override_id", sa.Uuid(), nullable=True),
        sa.Column("entry_id", sa.Uuid(), nullable=True),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("official_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(status = 'confirmed') = (entry_id IS NOT NULL)",
            name=op.f("ck_allocations_confirmed_has_entry"),
        ),
        sa.CheckConstraint(
            "kind IN ('initial', 'addition', 'cut')", name=op.f("ck_allocations_known_kind")
        ),
        sa.CheckConstraint(
            "status IN ('indicative', 'confirmed')", name=op.f("ck_allocations_known_status")
        ),
        sa.CheckConstraint(
            "amount_cents >= 1 AND persons >= 0", name=op.f("ck_allocations_amount_from_one")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.account_id"], name=op.f("fk_allocations_account_id")
        ),
        sa.PrimaryKeyConstraint("allocation_id", name=op.f("pk_allocations")),
    )
    op.create_index(
        "ix_allocations_account_id", "allocations", ["account_id", "allocation_id"], unique=False
    )
    op.create_index(
        "uq_allocations_one_initial",
        "allocations",
        ["account_id"],
        unique=True,
        postgresql_where=sa.text("kind = 'initial' AND status = 'confirmed'"),
    )


def _create_entries() -> None:
    op.create_table(
        "entries",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("booked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("value_on", sa.Date(), nullable=False),
        sa.Column("allocated_cents", sa.BigInteger(), nullable=False),
        sa.Column("overridden_cents", sa.BigInteger(), nullable=False),
        sa.Column("reserved_cents", sa.BigInteger(), nullable=False),
        sa.Column("committed_cents", sa.BigInteger(), nullable=False),
        sa.Column("paid_cents", sa.BigInteger(), nullable=False),
        sa.Column("paid_excess_cents", sa.BigInteger(), nullable=False),
        sa.Column("lapsed_cents", sa.BigInteger(), nullable=False),
        sa.Column("allocated_persons", sa.Integer(), nullable=False),
        sa.Column("reserved_persons", sa.Integer(), nullable=False),
        sa.Column("committed_persons", sa.Integer(), nullable=False),
        sa.Column("allocated_cents_after", sa.BigInteger(), nullable=False),
        sa.Column("overridden_cents_after", sa.BigInteger(), nullable=False),
        sa.Column("reserved_cents_after", sa.BigInteger(), nullable=False),
        sa.Column("committed_cents_after", sa.BigInteger(), nullable=False),
        sa.Column("paid_cents_after", sa.BigInteger(), nullable=False),
        sa.Column("paid_excess_cents_after", sa.BigInteger(), nullable=False),
        sa.Column("lapsed_cents_after", sa.BigInteger(), nullable=False),
        sa.Column("allocated_persons_after", sa.Integer(), nullable=False),
        sa.Column("reserved_persons_after", sa.Integer(), nullable=False),
        sa.Column("committed_persons_after", sa.Integer(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=True),
        sa.Column("decision_id", sa.Uuid(), nullable=True),
        sa.Column("allocation_id", sa.Uuid(), nullable=True),
        sa.Column("transfer_id", sa.Uuid(), nullable=True),
        sa.Column("payment_id", sa.Uuid(), nullable=True),
        sa.Column("override_id", sa.Uuid(), nullable=True),
        sa.Column("reverses", sa.Uuid(), nullable=True),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("official_id", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("document", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(kind = 'reversal') = (reverses IS NOT NULL)", name=op.f("ck_entries_reversal_of_what")
        ),
        sa.CheckConstraint(
            "kind IN ('initial', 'addition', 'cut', 'transfer_in', 'transfer_out', 'reserve',"
            " 'grant', 'change', 'release', 'expire', 'payment', 'recovery', 'override',"
            " 'override_end', 'lapse', 'reversal')",
            name=op.f("ck_entries_known_kind"),
        ),
        sa.CheckConstraint("position >= 1", name=op.f("ck_entries_positions_from_one")),
        sa.ForeignKeyConstraint(
            ["reverses"], ["entries.entry_id"], name=op.f("fk_entries_reverses")
        ),
        sa.PrimaryKeyConstraint("account_id", "position", name=op.f("pk_entries")),
        sa.UniqueConstraint("entry_id", name=op.f("uq_entries_entry_id")),
    )
    op.create_index(
        "uq_entries_reverses",
        "entries",
        ["reverses"],
        unique=True,
        postgresql_where=sa.text("reverses IS NOT NULL"),
    )
    op.create_index(
        "ix_entries_decision_id",
        "entries",
        ["decision_id"],
        unique=False,
        postgresql_where=sa.text("decision_id IS NOT NULL"),
    )


def _create_snapshots() -> None:
    op.create_table(
        "snapshots",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("month_end", sa.Date(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("sums", postgresql.JSONB(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.account_id"], name=op.f("fk_snapshots_account_id")
        ),
        sa.PrimaryKeyConstraint("account_id", "month_end", name=op.f("pk_snapshots")),
    )
