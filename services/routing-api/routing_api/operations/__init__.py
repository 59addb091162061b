"""What routing-api does: functions over batches, each inside a transaction of the edge's."""
