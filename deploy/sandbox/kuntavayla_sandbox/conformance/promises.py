"""The promises of the contract, in the order in which they are tried."""

from kuntavayla_sandbox.conformance import calls, listing, rejections, taking
from kuntavayla_sandbox.conformance.trying import Promise

PROMISES = (
    Promise("new_item", "A new item is answered 201 with a receipt.", taking.new_item),
    Promise("repeat", "A repeat is answered 200 with the same receipt.", taking.repeat),
    Promise(
        "repeats_together",
        "Repeats side by side get one receipt, and one of them 201.",
        taking.repeats_together,
    ),
    Promise("new_members", "Members that are not known yet are taken.", taking.new_members),
    Promise("gaps", "A sequence with gaps is taken.", taking.gaps),
    Promise("other_client", "Clients without a number are taken by client_id.", taking.no_number),
    Promise("size_taken", "A body of exactly 64 KiB is taken.", taking.largest_body),
    Promise(
        "other_content",
        "The same id with other content is answered 409, and the first stays.",
        taking.other_content,
    ),
    Promise("correction", "A correction of a taken item is taken.", taking.correction),
    Promise("withdrawal", "A withdrawal of a correction is taken.", taking.withdrawal),
    Promise(
        "digest_mismatch",
        "A body that is not the digest's is answered 400, and nothing is kept.",
        calls.digest_mismatch,
    ),
    Promise("digest_missing", "A call without a digest is answered 400.", calls.digest_missing),
    Promise("digest_malformed", "A malformed digest is answered 400.", calls.digest_malformed),
    Promise("key_missing", "A call without Idempotency-Key is answered 400.", calls.key_missing),
    Promise("key_differs", "A key that is not the id is answered 400.", calls.key_differs),
    Promise("id_differs", "A path that names another item is answered 400.", calls.id_differs),
    Promise("json_malformed", "A body that is no JSON is answered 400.", calls.json_malformed),
    Promise("media_type", "A body that is not application/json: 415.", calls.media_type),
    Promise("size_refused", "A body above 64 KiB is answered 413.", calls.body_too_large),
    Promise(
        "hostile", "Hostile bodies are refused by 4xx, never by a fault.", calls.hostile_bodies
    ),
    Promise("token_missing", "A call without a token is answered 401.", calls.token_missing),
    Promise("token_unknown", "An unknown token is answered 401.", calls.token_unknown),
    Promise(
        "certificate_missing", "Without a certificate nobody comes in.", calls.certificate_missing
    ),
    Promise("client_unknown", "An unknown client is rejected by 422.", rejections.client_unknown),
    Promise("kind_unknown", "An unknown kind is rejected by 422.", rejections.kind_unknown),
    Promise("content_invalid", "Missing content is rejected by 422.", rejections.content_invalid),
    Promise(
        "original_unknown",
        "What replaces an item that was never taken is rejected by 422.",
        rejections.original_unknown,
    ),
    Promise(
        "original_replaced",
        "A second successor of one item is rejected by 422.",
        rejections.original_replaced,
    ),
    Promise("listed", "What was taken stands in the list of its day, once.", listing.listed),
    Promise("not_listed", "What was rejected is not listed.", listing.rejected_not_listed),
    Promise("pages", "The list comes in pages of at most `limit`.", listing.pages),
    Promise("day_malformed", "A day that cannot be read is answered 400.", listing.day_malformed),
)
"""Each with a name of its own, under which a test and a report speak of it."""
