"""Every SQL statement of statement-relay, one file per noun; answers are domain values."""
