"""Over X-Road to a receiver: its message protocol for REST, through our own security server."""

from statement_relay.clients.exchanges import Sent
from statement_relay.clients.listings import PAGE_BYTES_MAX, Question, question_headers
from statement_relay.clients.parcels import PATH, Parcel, contract_headers
from statement_relay.rules.endpoints import XRoadNames

PROTOCOL = "r1"


class XRoad:
    """The road to a receiver by the address of our security server and the names on X-Road.

    `X-Road-Id` is the attempt's own: both security servers log it, so an attempt can be found there
    by the id that we keep. Source: X-Road message protocol for REST, version 1.
    """

    def __init__(self, url: str, *, names: XRoadNames) -> None:
        self._url = f"{url.rstrip('/')}/{PROTOCOL}/{names.service}"
        self._client = names.client

    def request(self, parcel: Parcel) -> Sent:
        """Return the PUT of an item, with the headers of X-Road."""
        headers = {
            **contract_headers(parcel),
            "X-Road-Client": self._client,
            "X-Road-Id": parcel.request_id,
            "X-Road-UserId": parcel.official_id,
        }
        return Sent(
            method="PUT",
            url=f"{self._url}/{PATH}/{parcel.information_id}",
            headers=headers,
            body=parcel.body,
        )

    def question(self, question: Question) -> Sent:
        """Return the GET of a page of a day's list, with the headers of X-Road."""
        headers = {
            **question_headers(question),
            "X-Road-Client": self._client,
            "X-Road-Id": question.request_id,
        }
        return Sent(
            method="GET",
            url=f"{self._url}/{PATH}?{question.query}",
            headers=headers,
            body=b"",
            answer_bytes_max=PAGE_BYTES_MAX,
        )
