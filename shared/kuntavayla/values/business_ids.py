"""Finnish business ids (Y-tunnus)."""

from stdnum.fi import ytunnus

_LENGTH = 9


def is_valid(text: str) -> bool:
    """Tell whether the text is a business id as written: seven digits, hyphen, check digit."""
    return (
        len(text) == _LENGTH
        and text[7] == "-"
        and text.isascii()
        and text.replace("-", "", 1).isdigit()
        and bool(ytunnus.is_valid(text))
    )
