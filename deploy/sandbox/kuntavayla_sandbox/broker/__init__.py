"""A Kafka broker of its own on loopback: for the local stack, tests and `make kafka`.

Kafka's own jars, collected once by Maven from `deploy/kafka/pom.xml`, run as one node that is
broker and controller. Several run side by side; each is stopped by its own process id. What a
production broker must be like stands in deploy/kafka/README.md.
"""

from kuntavayla_sandbox.broker.configuring import BrokerPlan, Listener, TlsFiles
from kuntavayla_sandbox.broker.installing import BrokerUnavailable, install, missing_tool
from kuntavayla_sandbox.broker.running import Broker, BrokerFailed, run_tool

__all__ = [
    "Broker",
    "BrokerFailed",
    "BrokerPlan",
    "BrokerUnavailable",
    "Listener",
    "TlsFiles",
    "install",
    "missing_tool",
    "run_tool",
]
