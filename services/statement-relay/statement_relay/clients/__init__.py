"""Outbound HTTP of statement-relay: one file per counterpart, one function per question asked."""
