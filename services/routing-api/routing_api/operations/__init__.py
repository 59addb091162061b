"""What routing-api does: functions over batches, each inside one transaction that the edge has opened."""
