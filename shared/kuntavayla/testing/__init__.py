"""What tests of every service share: real databases, tokens and issuer; nothing is a fake."""

from kuntavayla.testing.databases import DatabaseServer, TestDatabase
from kuntavayla.testing.tokens import TestIssuer

__all__ = ["DatabaseServer", "TestDatabase", "TestIssuer"]
