"""What quota-ledger does: functions over batches, each inside one transaction of its caller."""
