import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from kuntavayla.database.processes import is_running
from kuntavayla_sandbox.broker import Broker, BrokerFailed, Listener, run_tool

TOPICS = "org.apache.kafka.tools.TopicCommand"
READY = re.compile(r"bootstrap address (\S+)")


def list_topics(broker: Broker) -> list[str]:
    return broker.tool(TOPICS, "--bootstrap-server", broker.bootstrap, "--list").split()


def make_topic(broker: Broker, name: str) -> None:
    broker.tool(TOPICS, "--bootstrap-server", broker.bootstrap, "--create", "--topic", name)


def test_every_kind_of_listener_has_a_port_of_its_own(broker: Broker) -> None:
    addresses = {broker.address(listener) for listener in Listener}

    assert len(addresses) == len(Listener)
    assert broker.bootstrap in addresses


def test_a_topic_that_nobody_made_is_not_made_by_a_slip_of_the_pen(broker: Broker) -> None:
    with pytest.raises(BrokerFailed, match="does not exist"):
        broker.tool(
            TOPICS, "--bootstrap-server", broker.bootstrap, "--describe", "--topic", "kv.slip"
        )


def test_a_tool_that_fails_says_why(broker: Broker) -> None:
    with pytest.raises(BrokerFailed, match="no-such-option"):
        run_tool(TOPICS, "--bootstrap-server", broker.bootstrap, "--no-such-option")


@pytest.mark.journey
def test_a_killed_broker_starts_again_on_its_ports_with_its_data_beside_another(
    broker: Broker, tmp_path: Path
) -> None:
    with Broker(tmp_path) as second:
        make_topic(second, "kept")
        address, killed = second.bootstrap, second.pid
        second.kill()

        second.start()

        assert second.bootstrap == address != broker.bootstrap
        assert second.pid != killed
        assert list_topics(second) == ["kept"]
    assert second.pid is None


@pytest.mark.journey
def test_a_broker_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "meta.properties").write_text("version=99\n")

    with pytest.raises(BrokerFailed, match=r"meta\.properties"):
        Broker(tmp_path).start()


@pytest.mark.journey
def test_the_command_runs_in_the_foreground_and_a_killed_one_is_cleared_at_the_next_start(
    broker: Broker, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "kuntavayla_sandbox.broker", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as first:  # noqa: S603 - a constant
        assert first.stdout is not None
        assert any(map(READY.search, first.stdout))
        left = psutil.Process(int((tmp_path / "broker.pid").read_text()))
        first.kill()

    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as second:  # noqa: S603 - a constant
        assert second.stdout is not None
        assert any(map(READY.search, second.stdout))
        # What is still to be said would break on a pipe that nobody reads any more.
        assert any("Ctrl-C" in line for line in second.stdout)
        is_left = is_running(left)
        os.kill(second.pid, signal.SIGINT)

    assert second.returncode == 0
    assert not is_left
    assert not (tmp_path / "broker.pid").exists()
    assert broker.pid is not None
