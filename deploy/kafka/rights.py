"""Print the shell lines that make topics, users and rights on a production broker.

Who may read and write what follows from the register: only its owner reads a recipient's topic,
only its owner writes an inbound topic, only the service of its name writes the first and reads the
second; what a service tells the others is read by those alone that follow it. The lines use Kafka's
own tools, change nothing that is there already, and can be read before they are run: `python
rights.py > rights.sh`, then `bash rights.sh`. Needs Python alone. See README.md.
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


@dataclass(frozen=True)
class Service:
    """A service of ours; it also reads what the services that it `follows` tell each other."""

    name: str
    follows: tuple[str, ...] = ()

    @property
    def internal_topic(self) -> str:
        """Return the topic that only our own services read."""
        return self.out_topic("internal")

    def out_topic(self, recipient: str) -> str:
        """Return the topic that only the recipient reads."""
        return f"kv.{self.name}.{recipient}.v1"

    def in_topic(self, sender: str) -> str:
        """Return the topic that only the sender writes."""
        return f"kv.{self.name}.in.{sender}.v1"


@dataclass(frozen=True)
class Party:
    """An organisation that takes events; a case system also sends."""

    name: str
    sends: bool


SERVICES = (Service("routing-api"), Service("statement-relay", follows=("routing-api",)))


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
    """Return the case systems and TE offices of the register, by name."""
    members = read_table(register / "case_system_members.csv")
    offices = read_table(register / "te_offices.csv")
    systems = {row["case_system_id"] for row in members if is_in_force(row, on)}
    codes = {row["te_office_code"] for row in offices if is_in_force(row, on)}
    return [Party(name, name in systems) for name in sorted(systems | codes)]


def lines_of(parties: Sequence[Party]) -> Iterable[str]:
    """Return the lines: topics, then each service's user and rights, then each party's."""
    yield ""
    for service in SERVICES:
        yield from (f"topic {name} {OUT_DAYS * DAY_MS}" for name in out_topics(service, parties))
        yield from (f"topic {name} {IN_DAYS * DAY_MS}" for name in in_topics(service, parties))
    for service in SERVICES:
        yield from service_lines(service, parties)
    for party in parties:
        yield from party_lines(party)


def out_topics(service: Service, parties: Sequence[Party]) -> list[str]:
    """Return the topics that a service writes."""
    return [*(service.out_topic(party.name) for party in parties), service.internal_topic]


def in_topics(service: Service, parties: Sequence[Party]) -> list[str]:
    """Return the topics by which parties send to a service."""
    return [service.in_topic(party.name) for party in parties if party.sends]


def service_lines(service: Service, parties: Sequence[Party]) -> Iterable[str]:
    """Return the lines of a service's user: it writes its own topics, and reads what it is sent."""
    followed = [each.internal_topic for each in SERVICES if each.name in service.follows]
    read = in_topics(service, parties) + followed
    yield ""
    yield f"user {service.name}"
    yield allow(service.name, "Write", topics=out_topics(service, parties))
    if read:
        yield allow(service.name, "Read", topics=read)
        yield allow_groups(service.name)


def party_lines(party: Party) -> Iterable[str]:
    """Return the lines of an organisation's user: its own topics of every service."""
    yield ""
    yield f"user {party.name}"
    yield allow(party.name, "Read", topics=[each.out_topic(party.name) for each in SERVICES])
    yield allow_groups(party.name)
    if party.sends:
        yield allow(party.name, "Write", topics=[each.in_topic(party.name) for each in SERVICES])


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
        for name in sorted({*known, *filter(None, [asked.revoke])})
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
