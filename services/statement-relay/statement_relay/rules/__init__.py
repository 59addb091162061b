"""The law of information as pure functions and frozen values; no clock, no I/O."""
