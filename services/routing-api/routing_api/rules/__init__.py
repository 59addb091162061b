"""The law as pure functions and frozen values: facts in, judgement out; no clock, no I/O."""
