"""Money is whole cents in an int; here is what cannot be said by a plain sum."""

_CENTS_PER_EURO = 100
_WHOLE_PER_MILLE = 1000
_NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"


def format_euros(cents: int) -> str:
    """Return the amount as Finnish and Swedish texts write it, with no-break spaces."""
    euros, rest = divmod(abs(cents), _CENTS_PER_EURO)
    sign = "\N{MINUS SIGN}" if cents < 0 else ""
    grouped = f"{euros:,}".replace(",", _NO_BREAK_SPACE)
    return f"{sign}{grouped},{rest:02d}{_NO_BREAK_SPACE}€"


def per_mille_of(cents: int, per_mille: int) -> int:
    """Return this share of an amount in cents, half a cent rounded up; neither is negative."""
    assert cents >= 0
    assert per_mille >= 0
    return (2 * cents * per_mille + _WHOLE_PER_MILLE) // (2 * _WHOLE_PER_MILLE)
