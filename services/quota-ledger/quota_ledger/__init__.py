"""quota-ledger: decisions of municipalities against the state's allocation, exact to the cent.

Owns accounts of area, instrument and year, their entries, decisions, payments and overrides, and a
projection of who is responsible.
Promises: what is reserved and committed never exceeds what is allocated; entries are never changed;
any balance of any day can be proved.
Refuses: overdraft without a recorded exception, own posts, clients of others, identity codes.
"""
