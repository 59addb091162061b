"""Every SQL statement of quota-ledger, one file per noun; answers are domain values."""
