"""The settings of a service that reads routing-api's internal events."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings


class RoutingSettings(BaseSettings):
    """Where routing-api is, and who the service is to it."""

    routing_url: str = Field(
        pattern=r"^https?://[^\s?#]+[^\s?#/]$",
        description="Address of routing-api with its prefix: who is responsible is read there.",
    )
    routing_token_url: str = Field(
        pattern=r"^https?://[^\s?#]+$",
        description="Where the token for routing-api is got, by client credentials.",
    )
    routing_client_id: str = Field(
        pattern=r"^[!-~]{1,500}$", description="Client id of the service for that token."
    )
    routing_client_secret: SecretStr = Field(
        min_length=1, description="Client secret of the service for that token."
    )
