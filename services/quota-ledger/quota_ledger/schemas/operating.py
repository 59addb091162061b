"""The status."""

from kuntavayla.service.schemas.operating import ServiceStatus


class StatusResponse(ServiceStatus, frozen=True, kw_only=True, omit_defaults=True):
    """What an operator asks first: where events stand, what is parked.

    What a deployment does not have is left out: `published` without a broker, for example. `jobs`
    are those of the process that answers.
    """

    register_version: str
