"""The pure rules of statement-relay: no clock, no database, no network."""
