"""Every SQL statement of routing-api: module-level constants, set-based, answered as domain values, never rows."""
