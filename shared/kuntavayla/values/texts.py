"""Texts in the languages that everybody is told things in."""

from msgspec import Struct


class Texts(Struct, frozen=True, forbid_unknown_fields=True):
    """One sentence or name in three languages."""

    fi: str
    sv: str
    en: str

    def __post_init__(self) -> None:
        """Refuse a language that is left out."""
        if not (self.fi.strip() and self.sv.strip() and self.en.strip()):
            raise ValueError("Every text stands in three languages.")
