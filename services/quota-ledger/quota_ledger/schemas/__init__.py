"""The wire types of quota-ledger, one file per noun; field names are binding."""
