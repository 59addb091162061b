"""Values of the field, pure and frozen: codes, money, periods, days, officials."""
