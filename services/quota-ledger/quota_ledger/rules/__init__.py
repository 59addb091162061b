"""The pure rules of quota-ledger: no clock, no database, no network."""
