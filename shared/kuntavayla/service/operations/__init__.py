"""Operations that every service has: a sequence in, an outcome each; the caller's transaction."""
