"""Print the shell lines that make topics, users and rights on a production broker.

Who may read and write what follows from the register: only its owner reads a recipient's topic,
only its owner writes an inbound topic, only its service writes the first and reads the second. The
lines use Kafka's own tools, change nothing that is there already, and can be read before they are
run: `python rights.py > rights.sh`, then `bash rights.sh`. Needs Python alone. See README.md.
"""

import argparse
import csv
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

REGISTER = Path(__file__).parents[2] / "shared" / "kuntavayla" / "data"
SERVICES = ("routing-api", "statement-relay", "quota-ledger")
INBOUND = ("routing-api", "statement-relay")
"""The services that read topics of case systems."""
INTERNAL_READERS = {"kv.routing-api.internal.v1": ("statement-relay", "quota-ledger")}
"""Which services of ours read the internal events of another."""
PARTITIONS = 6
DAY_MS = 86_400_000
OUT_DAYS, IN_DAYS = 30, 7
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")

HEAD = """\
#!/usr/bin/env bash
# Topics, users and rights of Kuntaväylä, by deploy/kafka/rights.py; can be run again at any time.
# BOOTSTRAP   brokers, host:port,…
# ADMIN       properties file of a user who may administer the cluster (security.protocol, sasl.…)
# PASSWORDS   private folder, one file per user; a password that is not there is made
# The tools (kafka-topics.sh, kafka-configs.sh, kafka-acls.sh) are looked for on PATH.
set -euo pipefail
: "${BOOTSTRAP:?}" "${ADMIN:?}" "${PASSWORDS:?}"
umask 077
mkdir -p "$PASSWORDS"

topic() {  # NAME RETENTION_MS
    kafka-topics.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN" \\
        --create --if-not-exists --topic "$1" \\
        --partitions @PARTITIONS@ --replication-factor @REPLICATION@ \\
        --config min.insync.replicas=@IN_SYNC@ --config cleanup.policy=delete \\
        --config retention.ms="$2"
}

# The password goes to the tool in a file: an argument could be read by everybody on this machine.
user() {  # NAME
    local file="$PASSWORDS/$1"
    [ -s "$file" ] || head -c 30 /dev/urandom | base64 -w0 | tr '+/' '-_' > "$file"
    printf 'SCRAM-SHA-512=iterations=8192,password=%s\\n' "$(cat "$file")" > "$file.properties"
    kafka-configs.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN" --alter \\
        --entity-type users --entity-name "$1" --add-config-file "$file.properties"
    rm "$file.properties"
}

allow() {  # USER, then what kafka-acls.sh takes
    local name="$1"
    shift
    kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN" --add \\
        --allow-principal "User:$name" "$@"
}
"""
REVOKE = """\

kafka-configs.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN" --alter \\
    --entity-type users --entity-name {name} --delete-config SCRAM-SHA-512
rm -f "$PASSWORDS"/{name}
"""


CENTRES = ("quota-ledger",)
"""The services whose events ELY centres take."""


@dataclass(frozen=True)
class Party:
    """An organisation that takes events of services; a case system also sends."""

    name: str
    sends: bool = False
    hears: tuple[str, ...] = SERVICES

    def out_topic(self, service: str) -> str:
        """Return the topic of a service that only it reads."""
        return f"kv.{service}.{self.name}.v1"

    def in_topic(self, service: str) -> str:
        """Return the topic of a service that only it writes."""
        return f"kv.{service}.in.{self.name}.v1"


def read_table(file: Path) -> list[dict[str, str]]:
    """Return the rows of a register file; its comment lines are left out."""
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def is_in_force(row: dict[str, str], on: date | None) -> bool:
    """Say whether a dated row holds on the day; without a day every row does."""
    if on is None:
        return True
    return row["valid_from"] <= on.isoformat() <= (row["valid_to"] or "9999-12-31")


def read_parties(register: Path, *, on: date | None) -> list[Party]:
    """Return the case systems, TE offices and ELY centres of the register, by name."""
    members = read_table(register / "case_system_members.csv")
    offices = read_table(register / "te_offices.csv")
    systems = {row["case_system_id"] for row in members if is_in_force(row, on)}
    codes = {row["te_office_code"] for row in offices if is_in_force(row, on)}
    centres = {
        row["organisation_id"]
        for row in read_table(register / "organisations.csv")
        if row["kind"] == "ely"
    }
    parties = [Party(name, name in systems) for name in systems | codes]
    parties += [Party(name, hears=CENTRES) for name in centres]
    return sorted(parties, key=lambda party: party.name)


def lines_of(parties: Sequence[Party]) -> Iterable[str]:
    """Return the lines: for each service its topics, user and rights, then each party's."""
    for service in SERVICES:
        yield from service_lines(service, parties)
    for party in parties:
        yield ""
        yield f"user {party.name}"
        yield allow(party.name, "Read", topics=[party.out_topic(one) for one in party.hears])
        yield allow_groups(party.name)
        if party.sends:
            yield allow(party.name, "Write", topics=[party.in_topic(one) for one in INBOUND])


def service_lines(service: str, parties: Sequence[Party]) -> Iterable[str]:
    """Return the lines of a service: topics, its user, what it writes and reads."""
    internal = f"kv.{service}.internal.v1"
    hearing = [party for party in parties if service in party.hears]
    out_topics = [party.out_topic(service) for party in hearing] + [internal]
    senders = [party for party in parties if party.sends and service in INBOUND]
    in_topics = [party.in_topic(service) for party in senders]
    read = in_topics + [name for name, readers in INTERNAL_READERS.items() if service in readers]
    yield ""
    yield from (f"topic {name} {OUT_DAYS * DAY_MS}" for name in out_topics)
    yield from (f"topic {name} {IN_DAYS * DAY_MS}" for name in in_topics)
    yield ""
    yield f"user {service}"
    yield allow(service, "Write", topics=out_topics)
    if read:
        yield allow(service, "Read", topics=read)
        yield allow_groups(service)


def allow(name: str, operation: str, *, topics: Iterable[str]) -> str:
    """Return the line that lets a user read or write topics."""
    named = " ".join(f"--topic {topic}" for topic in topics)
    return f"allow {name} --operation {operation} --operation Describe {named}"


def allow_groups(name: str) -> str:
    """Return the line that lets a user read in consumer groups called `<user>.…`."""
    return f"allow {name} --operation Read --group {name}. --resource-pattern-type prefixed"


def revoke_lines(name: str) -> Iterable[str]:
    """Return the lines that end a user: nobody can log in by the name any more."""
    yield REVOKE.format(name=name)


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--on", type=date.fromisoformat, help="only who acts on this day")
    parser.add_argument("--only", default="", help="only these organisations: cs-sotkamo,te-kainuu")
    parser.add_argument("--revoke", default="", help="end the user of this name, and nothing else")
    parser.add_argument("--replication", type=int, default=3, help="copies of a topic (3)")
    parser.add_argument("--in-sync", type=int, default=2, help="min.insync.replicas (2)")
    parser.add_argument("--register", type=Path, default=REGISTER, help="folder of the register")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    """Print the lines; end with 2 where a name is not in the register."""
    asked = parse_arguments(arguments)
    parties = read_parties(asked.register, on=asked.on)
    wanted = {name for name in asked.only.split(",") if name}
    known = {party.name for party in parties}
    faults = [f"{name}: not in the register" for name in sorted(wanted - known)]
    faults += [
        f"{name}: no name of a user"
        for name in sorted({*known, asked.revoke or SERVICES[0]})
        if not NAME.fullmatch(name)
    ]
    if faults:
        print("\n".join(faults), file=sys.stderr)
        return 2
    head = HEAD.replace("@PARTITIONS@", str(PARTITIONS))
    head = head.replace("@REPLICATION@", str(asked.replication))
    print(head.replace("@IN_SYNC@", str(min(asked.in_sync, asked.replication))), end="")
    chosen = [party for party in parties if not wanted or party.name in wanted]
    for line in revoke_lines(asked.revoke) if asked.revoke else lines_of(chosen):
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
