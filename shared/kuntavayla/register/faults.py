"""The one failure of the register: data or a change that contradicts itself is not used."""


class RegisterFault(ValueError):
    """The register's data cannot be used: where it stands and why.

    `file` names the file, or the change, `line` its line counted from 1 (0 for the file as a
    whole).
    """

    def __init__(self, *, file: str, line: int, reason: str) -> None:
        super().__init__(f"{file}, line {line}: {reason}")
        self.file = file
        self.line = line
        self.reason = reason
