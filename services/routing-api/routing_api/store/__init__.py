"""Every SQL statement of routing-api: constants, set-based, answered as domain values."""
