"""Straight to a receiver: the receiver contract over HTTP as it stands."""

from statement_relay.clients.exchanges import Sent
from statement_relay.clients.listings import PAGE_BYTES_MAX, Question, question_headers
from statement_relay.clients.parcels import PATH, Parcel, contract_headers


class RestRoad:
    """The road to a receiver that is spoken to directly."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    def request(self, parcel: Parcel) -> Sent:
        """Return the PUT of an item."""
        return Sent(
            method="PUT",
            url=f"{self._url}/{PATH}/{parcel.information_id}",
            headers=contract_headers(parcel),
            body=parcel.body,
        )

    def question(self, question: Question) -> Sent:
        """Return the GET of a page of a day's list."""
        return Sent(
            method="GET",
            url=f"{self._url}/{PATH}?{question.query}",
            headers=question_headers(question),
            body=b"",
            answer_bytes_max=PAGE_BYTES_MAX,
        )
