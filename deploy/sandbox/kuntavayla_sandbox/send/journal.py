"""What is already sent.

A small file beside the one that is being sent, so that a break costs no more than a part.
"""

from pathlib import Path

import msgspec
from msgspec import Struct

from kuntavayla_sandbox.send.answers import Tally


class JournalFile(Struct):
    """The parts done, for one content of the file sent by one identity of one stack."""

    digest: str
    sender: str
    lines_max: int
    done: dict[int, Tally]


class Journal:
    """Remembers the parts that are done; another content, sender or cut of the file begins anew."""

    def __init__(self, sent_file: Path, *, digest: str, sender: str, lines_max: int) -> None:
        self._path = sent_file.with_name(sent_file.name + ".sent.json")
        self._kept = JournalFile(digest, sender, lines_max, {})
        if self._path.exists():
            self._take_up()

    def _take_up(self) -> None:
        try:
            found = msgspec.json.decode(self._path.read_bytes(), type=JournalFile)
        except msgspec.DecodeError:
            return
        fresh = self._kept
        if (found.digest, found.sender, found.lines_max) == (
            fresh.digest,
            fresh.sender,
            fresh.lines_max,
        ):
            self._kept = found

    @property
    def done(self) -> dict[int, Tally]:
        """Return what became of the parts that are done, by part number."""
        return self._kept.done

    def add(self, part_number: int, tally: Tally) -> None:
        """Note a part as done, all or nothing."""
        self._kept.done[part_number] = tally
        draft = self._path.with_name(self._path.name + ".draft")
        draft.write_bytes(msgspec.json.encode(self._kept))
        draft.replace(self._path)

    def close(self) -> None:
        """Forget the journal: the file is sent as a whole."""
        self._path.unlink(missing_ok=True)
