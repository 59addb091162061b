from kuntavayla.values.digests import KeyedDigest

# RFC 4231, test cases 1 and 2 of HMAC-SHA-256.
HI_THERE = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
WANT_FOR_NOTHING = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"


def test_a_keyed_digest_is_the_hmac_of_the_standard_at_every_use() -> None:
    digest = KeyedDigest(b"\x0b" * 20)

    assert [digest(b"Hi There").hex() for _ in range(2)] == [HI_THERE] * 2
    assert KeyedDigest(b"Jefe")(b"what do ya want for nothing?").hex() == WANT_FOR_NOTHING
