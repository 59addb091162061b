"""`make kafka`: a broker in the foreground until Ctrl-C, its data kept for the next start."""

import signal
import sys
from pathlib import Path

from kuntavayla_sandbox.broker.installing import BrokerUnavailable
from kuntavayla_sandbox.broker.running import Broker, BrokerFailed

DIRECTORY = Path(".kuntavayla-kafka")


def main() -> int:
    """Run a broker on the directory given, or on the usual one, and say where it listens."""
    directory = Path(sys.argv[1]) if len(sys.argv) > 1 else DIRECTORY
    print("Starting a broker; the first time Maven collects Kafka's jars.", flush=True)
    ending = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, ending)
    try:
        with Broker(directory) as broker:
            print(f"Kafka is ready: bootstrap address {broker.bootstrap}")
            print(f"Data and log are in {directory}. Ctrl-C stops it.", flush=True)
            signal.sigwait(ending)
    except (BrokerUnavailable, BrokerFailed) as fault:
        print(fault, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
