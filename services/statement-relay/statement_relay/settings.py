"""Settings of statement-relay: one frozen value, read once at composition from `RELAY_…`."""

from datetime import time, timedelta
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from kuntavayla.settings import (
    EventServiceSettings,
    KeyRingText,
    KeysText,
    RoutingSettings,
)
from statement_relay.rules.breakers import BreakerLimits
from statement_relay.rules.deliveries import Pace, Patience
from statement_relay.rules.endpoints import Endpoints, parse_endpoints
from statement_relay.rules.pacing import Backoff


class DeliverySettings(BaseSettings):
    """How items are delivered."""

    receivers_file: Path | None = Field(
        default=None,
        description="TOML file that says where receivers are and how they are spoken to; it holds"
        " secrets, and is looked at again every minute. Its form: operations.md. Without it"
        " information is accepted and waits.",
    )
    lease_s: float = Field(
        default=60.0,
        ge=1,
        le=3_600,
        description="Seconds for which a courier holds a queue; after its end others send anew.",
    )
    call_s_max: float = Field(
        default=30.0,
        ge=0.1,
        le=1_800,
        description="Longest call to a receiver, in seconds; at most half a lease.",
    )
    retry_s_first: float = Field(
        default=1.0,
        ge=0.01,
        le=600,
        description="Longest wait after a first attempt, in seconds; it doubles with each.",
    )
    retry_s_max: float = Field(
        default=600.0, ge=1, le=86_400, description="Longest wait between attempts, in seconds."
    )
    breaker_failures_max: int = Field(
        default=5,
        ge=1,
        le=1_000,
        description="Failures of a receiver in a row after which only probes are made.",
    )
    probe_s_first: float = Field(
        default=5.0, ge=0.05, le=600, description="Seconds to the first probe; they double."
    )
    probe_s_max: float = Field(
        default=10.0, ge=0.05, le=3_600, description="Longest time between probes, in seconds."
    )
    opens_hour: int = Field(
        default=8,
        ge=0,
        le=23,
        description="Hour of the next working day, Helsinki, for receivers without hours.",
    )

    client_unknown_h_max: int = Field(
        default=24,
        ge=1,
        le=720,
        description="Hours for which an item waits for its client to be known; then it is refused.",
    )
    receipt_working_days: int = Field(
        default=3,
        ge=1,
        le=60,
        description="Time for a promised receipt, in working days; then a human has to look.",
    )

    @model_validator(mode="after")
    def _end_calls_before_leases(self) -> Self:
        """Keep half of a lease to settle what came of a call."""
        if self.call_s_max > self.lease_s / 2:
            raise ValueError("a call takes at most half a lease")
        return self

    @property
    def pace(self) -> Pace:
        """Return how fast items are delivered."""
        return Pace(
            lease_s=self.lease_s,
            call_s_max=self.call_s_max,
            breaker=BreakerLimits(
                failures_max=self.breaker_failures_max,
                probe_s_first=self.probe_s_first,
                probe_s_max=self.probe_s_max,
            ),
            backoff=Backoff(first_s=self.retry_s_first, longest_s=self.retry_s_max),
            opens=time(self.opens_hour),
        )

    @property
    def patience(self) -> Patience:
        """Return how long a client may be unknown, and a receipt may take."""
        return Patience(
            unknown=timedelta(hours=self.client_unknown_h_max),
            receipt_working_days=self.receipt_working_days,
            receipt_at=time(self.opens_hour),
        )

    def read_endpoints(self) -> Endpoints:
        """Return where receivers are; raises EndpointsInvalid or OSError for a file no good."""
        if self.receivers_file is None:
            return Endpoints(None, {})
        return parse_endpoints(self.receivers_file.read_text("utf-8"))


class Settings(DeliverySettings, RoutingSettings, EventServiceSettings):
    """What statement-relay must be told; nothing secret has a default."""

    model_config = SettingsConfigDict(env_prefix="RELAY_")

    service_role: str = Field(
        default="statement_relay",
        description="Database role of the service, which migrations grant.",
    )
    fingerprint_key: KeysText = Field(
        description="Key of the fingerprints of request bodies, base64; once it was replaced the"
        " one in use first and every older one behind it: id:base64,…"
    )
    content_keys: KeyRingText = Field(
        description="Keys that seal parked messages from outside, the one in use first: id:base64,…"
    )
    statistics_rounded_to: int = Field(
        default=5, ge=1, le=1_000, description="What published counts are rounded to."
    )
    statistics_rate_of_min: int = Field(
        default=20, ge=1, le=10_000, description="Smallest rounded count of which there is a rate."
    )
    request_working_days: int = Field(
        default=3,
        ge=1,
        le=30,
        description="Working days in which a municipality answers a question, where the TE office"
        " gives no number of its own.",
    )
    request_reminder_working_days: int = Field(
        default=1,
        ge=0,
        le=30,
        description="Working days before its time is over that a question is reminded of.",
    )
    deliver_working_days: int = Field(
        default=2, ge=1, le=60, description="Time to deliver an item, in working days."
    )
    deliver_by: time = Field(
        default=time(16, 15), description="Time of that day by which to deliver, in Helsinki."
    )
    warn_working_days_before: int = Field(
        default=1,
        ge=0,
        le=59,
        description="How long before that an item counts as delayed, in working days.",
    )
    report_ahead_s_max: int = Field(
        default=300,
        ge=0,
        le=10 * 366 * 86_400,
        description="How far a reported time may lie ahead of our clock, in seconds.",
    )
    duplicate_wait_s_max: float = Field(
        default=5.0,
        ge=0.05,
        le=60,
        description="Longest wait of a call for another with its key, in seconds.",
    )
