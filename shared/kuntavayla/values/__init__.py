"""Values of the field, pure and frozen: identity codes, business ids, codes, money, periods, days, officials."""
