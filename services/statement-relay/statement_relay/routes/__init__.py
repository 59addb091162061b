"""The HTTP edge of statement-relay: parse, call one operation in one transaction, shape the answer.

One file per noun; `desk.py` is what all of them share. The scope of every call stands in `SCOPES`.
"""

from fastapi import APIRouter

from kuntavayla.auth import ScopeTable

ROUTERS: tuple[APIRouter, ...] = ()
SCOPES: ScopeTable = {}
