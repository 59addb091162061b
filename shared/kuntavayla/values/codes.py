"""Annotated text types of the wire: codes of outside registers, references, names, instants.

Each carries a `title`, from which the edge makes the code of a fault
(`municipality_code_not_text`), and a `description`, which is the advice that the caller reads.
Codes are text, leading zeros kept (contracts.md).
"""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta

TriState = Literal["yes", "no", "unknown"]
"""A fact that may be unknown; never null (contracts.md)."""

Id = Annotated[
    str,
    Meta(
        pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        title="id",
        description="Give an id as Kuntaväylä gave it: a UUID in small letters.",
    ),
]
MunicipalityCode = Annotated[
    str,
    Meta(
        pattern=r"^[0-9]{3}$",
        title="municipality_code",
        description='Give the code as three digits in text, for example "049".',
    ),
]
CountryCode = Annotated[
    str,
    Meta(
        pattern=r"^([0-9]{3}|zzz)$",
        title="country_code",
        description='Give the code as three digits in text, such as "246", or "zzz" for unknown.',
    ),
]
LanguageCode = Annotated[
    str,
    Meta(
        pattern=r"^[a-z]{2,3}$",
        title="language_code",
        description='Give the code as two or three small letters, for example "fi".',
    ),
]
OfficeCode = Annotated[
    str,
    Meta(
        pattern=r"^[a-z][a-z0-9-]{1,31}$",
        title="te_office_code",
        description='Give the code of a TE office, such as "te-kainuu" (from 2025 of an area).',
    ),
]
ServiceCode = Annotated[
    str,
    Meta(
        pattern=r"^[0-9A-ZÅÄÖ]{1,2}$",
        title="service_code",
        description="Give one or two characters of text, never padded with zeros.",
    ),
]
ShortCode = Annotated[
    str,
    Meta(
        pattern=r"^[0-9A-Za-z_-]{1,16}$",
        title="code",
        description="Give at most 16 letters, digits, hyphens or low lines.",
    ),
]
Reference = Annotated[
    str,
    Meta(
        pattern=r"^[\x21-\x7E]{1,64}$",
        title="reference",
        description="Give 1 to 64 visible ASCII characters.",
    ),
]
Name = Annotated[
    str,
    Meta(
        min_length=1, max_length=100, title="name", description="Give 1 to 100 characters of text."
    ),
]
ShortText = Annotated[
    str,
    Meta(max_length=200, title="text", description="Give at most 200 characters of text."),
]
Instant = Annotated[
    datetime,
    Meta(
        tz=True, title="instant", description="Give an RFC 3339 instant with its offset from UTC."
    ),
]
Identity = Annotated[
    str,
    Meta(
        min_length=11,
        max_length=11,
        title="identity_code",
        description="Give a Finnish personal identity code of 11 characters.",
    ),
]
