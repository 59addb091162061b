"""Try refused payments again: only what was refused may be changed, and never goes"""

from alembic import context, op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    role = context.config.attributes["role"]
    op.execute(f'GRANT UPDATE ON payments TO "{role}"')
    op.execute("ALTER TABLE payments ENABLE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY every_one_is_read ON payments FOR SELECT USING (true)")
    op.execute("CREATE POLICY every_one_is_added ON payments FOR INSERT WITH CHECK (true)")
    op.execute(
        "CREATE POLICY what_was_refused_is_changed ON payments FOR UPDATE"
        " USING (state = 'refused') WITH CHECK (true)"
    )
