import asyncio
from collections.abc import AsyncIterator, Collection

import pytest

from kuntavayla_sandbox.conformance import PROMISES, Access, Finding, Result, try_all
from kuntavayla_sandbox.conformance.report import report_table, summary_line
from kuntavayla_sandbox.te_office.knobs import Breach
from tests.sandbox.te_office_bench import AINO, Bench, running_bench, te_office_database
from tests.sandbox.up_process import COMMAND, run

BROKEN_BY = {
    Breach.TAKES_ANYBODY: {"token_missing", "token_unknown"},
    Breach.IGNORES_DIGEST: {"digest_mismatch", "digest_missing", "digest_malformed"},
    Breach.IGNORES_KEY: {"key_missing", "key_differs"},
    Breach.IGNORES_SIZE: {"size_refused"},
    Breach.IGNORES_MEDIA_TYPE: {"media_type"},
    Breach.TAKES_OTHER_CONTENT: {"other_content"},
    Breach.NEW_RECEIPT_EACH_TIME: {"repeat", "repeats_together", "other_content"},
    Breach.KNOWS_EVERY_CLIENT: {"client_unknown", "not_listed"},
    Breach.KNOWS_EVERY_KIND: {"kind_unknown"},
    Breach.KNOWS_EVERY_ORIGINAL: {"original_unknown", "original_replaced"},
    Breach.REFUSES_NEW_MEMBERS: {"new_members", "size_taken"},
    Breach.KEEPS_NOTHING: {"repeat", "repeats_together", "other_content", "correction", "listed"},
    Breach.LISTS_NOTHING: {"listed"},
    Breach.LISTS_OTHER_DIGESTS: {"listed"},
    Breach.IGNORES_LIMIT: {"pages"},
}
"""Which promises must be found broken when a receiver breaks one on purpose."""
NAMES = frozenset(promise.name for promise in PROMISES)


@pytest.fixture(scope="module")
async def running(server_url: str) -> AsyncIterator[Bench]:
    async with te_office_database(server_url) as url, running_bench(url) as bench:
        yield bench


async def tried(
    bench: Bench, *, names: Collection[str] = NAMES, with_token: object = True
) -> list[Finding]:
    return await try_all(
        [promise for promise in PROMISES if promise.name in names],
        access=Access(
            bench.client,
            bench.receiver_url,
            bench.tokens["statement-relay"] if with_token else None,
        ),
        test_client=AINO,
    )


def not_kept(findings: list[Finding]) -> dict[str, Result]:
    return {each.promise.name: each.result for each in findings if each.result is not Result.KEPT}


def broken(findings: list[Finding]) -> set[str]:
    return {each.promise.name for each in findings if each.result is Result.BROKEN}


async def test_the_simulator_keeps_every_promise(running: Bench) -> None:
    await running.set_knobs()

    findings = await tried(running)

    assert not_kept(findings) == {"certificate_missing": Result.NOT_TRIED}


@pytest.mark.parametrize("breach", Breach, ids=str)
async def test_each_broken_promise_is_found(running: Bench, breach: Breach) -> None:
    await running.set_knobs(breaches=[breach])

    found = broken(await tried(running, names=BROKEN_BY[breach]))

    assert found == BROKEN_BY[breach]


@pytest.mark.parametrize("answer", ["no_receipt", "other_digest", "html", "redirect", "big_body"])
async def test_answers_without_proof_are_found(running: Bench, answer: str) -> None:
    await running.set_knobs(answer=answer)

    names = {"new_item", "repeat", "correction", "listed", "client_unknown"}
    found = broken(await tried(running, names=names))

    assert found == names - {"client_unknown"}


async def test_a_receiver_that_is_away_breaks_everything(running: Bench) -> None:
    await running.set_knobs(is_away=True)

    found = broken(await tried(running))

    assert found == NAMES - {"certificate_missing"}


async def test_what_cannot_be_tried_is_said_and_not_called_kept(running: Bench) -> None:
    await running.set_knobs(answer="receipt_follows", receipt_after_ms=600_000)

    findings = {each.promise.name: each for each in await tried(running)}

    assert findings["new_item"].result is Result.KEPT
    assert findings["repeat"].result is Result.NOT_TRIED
    assert "202" in findings["repeat"].found


async def test_without_a_token_its_promises_are_not_tried(running: Bench) -> None:
    await running.set_knobs(breaches=[Breach.TAKES_ANYBODY])

    findings = await tried(running, with_token=False)

    untried = {each.promise.name for each in findings if each.result is Result.NOT_TRIED}
    assert untried == {"token_missing", "token_unknown", "certificate_missing"}
    assert broken(findings) == set()


async def test_the_report_names_every_promise_and_sums_up(running: Bench) -> None:
    await running.set_knobs(breaches=[Breach.LISTS_NOTHING])

    findings = await tried(running)

    assert report_table(findings).row_count == len(PROMISES)
    assert "1 broken" in summary_line(findings)


def test_every_promise_has_a_name_of_its_own() -> None:
    assert len(NAMES) == len(PROMISES)
    assert {name for names in BROKEN_BY.values() for name in names} <= NAMES


async def test_the_command_prints_a_report_and_fails_where_a_promise_is_broken(
    running: Bench,
) -> None:
    url, token = running.receiver_url, running.tokens["statement-relay"]
    await running.set_knobs(breaches=[Breach.LISTS_NOTHING])
    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, "conformance", "--role", "te-office", "--url", url, "--token", token),
        stdout=asyncio.subprocess.PIPE,
    )

    output, _ = await process.communicate()

    assert process.returncode == 1
    said = output.decode()
    assert f"{len(PROMISES)} promises: {len(PROMISES) - 2} kept, 1 broken, 1 not tried" in said
    assert "broken    What was taken stands in the list of its day, once." in said


def test_without_a_role_nothing_is_tried() -> None:
    assert run("conformance", "--url", "http://127.0.0.1:9").returncode == 2
