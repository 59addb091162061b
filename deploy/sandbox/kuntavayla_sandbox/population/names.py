"""Pools of names by mother tongue and of streets, drawn once from Faker with a fixed seed.

Letters are Latin, as in the population register: Cyrillic names are transliterated, Chinese ones
romanised. A pool is the same for every population, so a name says nothing of the seed. Pools hold
JSON texts, ready to be pasted into a line.
"""

import unicodedata
from dataclasses import dataclass
from functools import cache

import msgspec
from faker import Faker

_SEED = 1269_2020
GIVEN_NAMES = 128
FAMILY_NAMES = 512
STREETS = 512

# Cyrillic to Latin, by and large as in Finnish practice (SFS 4900).
_CYRILLIC = dict(zip("абвгдезийклмнопрстуфхшыэіґ", "abvgdeziiklmnoprstufhšyeig", strict=True)) | {
    "ё": "jo",
    "ж": "ž",
    "ц": "ts",
    "ч": "tš",
    "щ": "štš",
    "ъ": "",
    "ь": "",
}
_CYRILLIC |= {"ю": "ju", "я": "ja", "ї": "ji", "є": "je"}


@dataclass(frozen=True, slots=True)
class Name:
    """A name as it stands inside JSON quotes, and as it stands in an e-mail address."""

    text: str
    mailbox: str


@dataclass(frozen=True, slots=True)
class NamePool:
    """Names of one language; the given and family names of women come first, then those of men."""

    given: tuple[tuple[Name, ...], tuple[Name, ...]]
    family: tuple[tuple[Name, ...], tuple[Name, ...]]


@cache
def names_of(locale: str) -> NamePool:
    """Return the names of a Faker locale."""
    fake = _faker(locale)
    romanised = hasattr(fake, "first_romanized_name")
    if romanised:
        given = _pool([fake.first_romanized_name() for _ in range(GIVEN_NAMES)])
        family = _pool([fake.last_romanized_name() for _ in range(FAMILY_NAMES)])
        return NamePool(given=(given, given), family=(family, family))
    return NamePool(
        given=(
            _pool([fake.first_name_female() for _ in range(GIVEN_NAMES)]),
            _pool([fake.first_name_male() for _ in range(GIVEN_NAMES)]),
        ),
        family=(
            _pool([fake.last_name_female() for _ in range(FAMILY_NAMES)]),
            _pool([fake.last_name_male() for _ in range(FAMILY_NAMES)]),
        ),
    )


@cache
def streets_of(locale: str) -> tuple[str, ...]:
    """Return street names of a Faker locale, as they stand inside JSON quotes."""
    fake = _faker(locale)
    return tuple(_json_text(fake.street_name()) for _ in range(STREETS))


def latin(text: str) -> str:
    """Return the text in Latin letters."""
    letters = []
    for letter in text:
        small = _CYRILLIC.get(letter.lower())
        if small is None:
            letters.append(letter)
        else:
            letters.append(small.capitalize() if letter.isupper() else small)
    return "".join(letters)


def _faker(locale: str) -> Faker:
    fake = Faker(locale, use_weighting=False)
    fake.seed_instance(_SEED)
    return fake


def _pool(names: list[str]) -> tuple[Name, ...]:
    return tuple(Name(text=_json_text(name), mailbox=_mailbox(latin(name))) for name in names)


def _json_text(text: str) -> str:
    return msgspec.json.encode(latin(text)).decode()[1:-1]


def _mailbox(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return "".join(letter for letter in plain if letter.isalnum()) or "nimi"
