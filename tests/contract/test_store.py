"""What every store promises, on every engine there is. A new engine adds a name to `STORES`, and nothing else."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from shared.store import Form, Row, Store, StoreVersionError, Unsaveable
from shared.store.interface import Fields, InboxEntry, Outcome
from tests.backends import STORES, drop_store, open_store
from tests.contract.shelf import DIARY, OTHERS, THINGS, bodies, found, outcome, page, row

pytestmark = pytest.mark.asyncio

Opener = Callable[[], Awaitable[Store]]
"""Opens the same data once more, as another process would."""


@pytest_asyncio.fixture(params=STORES)
async def another(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Opener]:
    opened: list[Store] = []

    async def one_more() -> Store:
        store = open_store(request.param, tmp_path)
        opened.append(store)
        await store.open([THINGS, OTHERS], [DIARY])
        return store

    yield one_more
    for store in opened:
        await store.close()
    drop_store(request.param, tmp_path)


@pytest_asyncio.fixture
async def store(another: Opener) -> Store:
    return await another()


# --- the form of documents


def without_gone(collection: str, found: int, row_: Row) -> Row:
    """A step of form 2 to 3: a field goes, and what the document is found by with it; of 3, nothing changes."""
    body = row_.body.replace(b',"gone":1', b"")
    return Row(row_.id, row_.version, body, {"kind": f"{collection} of {found}", "tags": ["y"]}, b"new", row_.outbox)


THIRD = Form(3, without_gone)
OLDER = {"a": (1, b'{"n":1,"gone":1}'), "b": (1, b'{"n":2,"gone":1}')}


async def of_before(another: Opener) -> Store:
    store = await another()
    old = Row("a", 1, b'{"n":1,"gone":1}', {"at": 1.0, "tags": ["x", "y"]}, b"old", b"outbox")
    await store.save("things", [old, row("b", 1, b'{"n":2,"gone":1}', {"tags": ["x"]})])
    return store


async def test_documents_of_an_older_form_are_brought_forward_and_found_by_what_they_say_now(another: Opener) -> None:
    store = await of_before(another)
    await store.open([THINGS, OTHERS], [DIARY], THIRD)
    loaded = await store.load("things", ["a", "b"])
    assert loaded["a"] == Row("a", 1, b'{"n":1}', outbox=b"outbox"), "the same version, so that no race is lost by it"
    assert await found(store, equal={"tags": "x"}) == []
    assert await found(store, equal={"tags": "y"}) == ["a", "b"]
    assert await found(store, equal={"kind": "things of 2"}) == ["a", "b"]
    assert await found(store, at_least=("at", 0.0)) == []
    assert (await store.load("things", ["b"], what="brief"))["b"].brief == b"new"


async def test_an_older_form_is_refused_where_nobody_said_that_there_is_a_copy(another: Opener) -> None:
    store = await of_before(another)
    with pytest.raises(StoreVersionError, match="of form 2, this program keeps 3: make a copy, then start it once"):
        await store.open([THINGS, OTHERS], [DIARY], Form(3))
    assert await bodies(await another(), "a", "b") == OLDER


async def test_documents_of_a_newer_form_are_refused_with_the_way_back(another: Opener) -> None:
    store = await of_before(another)
    await store.open([THINGS, OTHERS], [DIARY], THIRD)
    with pytest.raises(StoreVersionError, match=r"of form 3, this program knows 2: .* go back to the copy"):
        await another()
    await store.open([THINGS, OTHERS], [DIARY], THIRD)


async def test_what_has_the_form_is_not_touched_again_and_what_is_new_has_it(another: Opener) -> None:
    def never(collection: str, found: int, row_: Row) -> Row:
        raise AssertionError(f"{collection} {row_.id} of form {found}")

    store = await of_before(another)
    await store.open([THINGS, OTHERS], [DIARY], THIRD)
    await store.save("things", [row("c", 1, b'{"gone":1}')])
    await store.open([THINGS, OTHERS], [DIARY], Form(3, never))


async def test_a_migration_that_is_broken_off_is_done_whole_at_the_next_start(another: Opener) -> None:
    """More than a page of documents: some are written where the engine has no transaction, and none is left out."""
    store = await another()
    names = [f"{number:04}" for number in range(1_200)]
    await store.save("things", [row(name, 1, b'{"n":1,"gone":1}') for name in names])
    met: list[str] = []

    def breaks(collection: str, found: int, row_: Row) -> Row:
        met.append(row_.id)
        if row_.id == "0700":
            raise StoreVersionError("no room")
        return without_gone(collection, found, row_)

    with pytest.raises(StoreVersionError, match="no room"):
        await store.open([THINGS, OTHERS], [DIARY], Form(3, breaks))
    assert met[-1] == "0700"
    with pytest.raises(StoreVersionError, match=r"form 2, this program keeps 3"):
        await store.open([THINGS, OTHERS], [DIARY], Form(3))
    await store.open([THINGS, OTHERS], [DIARY], THIRD)
    assert {body for _, body in (await bodies(store, *names)).values()} == {b'{"n":1}'}
    assert len(await found(store, equal={"kind": "things of 2"}, limit=2_000)) == 1_200


# --- guarded saves


async def test_the_first_version_is_inserted_and_the_next_replaces_it_whole(store: Store) -> None:
    assert await store.save("things", [row("a", 1, b'{"n":1,"gone":true}', {"at": 1.0, "tags": ["x"]})]) == set()
    assert await store.save("things", [row("a", 2, b'{"n":2}', {"kind": "k"})]) == set()
    assert await bodies(store, "a") == {"a": (2, b'{"n":2}')}
    assert await found(store, at_least=("at", 0.0)) == []
    assert await found(store, equal={"tags": "x"}) == []


async def test_who_lost_the_race_is_named_and_changes_nothing(store: Store) -> None:
    await store.save("things", [row("a", 1, b"1"), row("b", 1, b"1")])
    await store.save("things", [row("b", 2, b"2")])
    lost = await store.save("things", [row("a", 1, b"lost"), row("b", 2, b"lost"), row("c", 2, b"lost")])
    assert lost == {"a", "b", "c"}
    assert await bodies(store, "a", "b", "c") == {"a": (1, b"1"), "b": (2, b"2")}


async def test_one_lost_race_does_not_stop_the_others(store: Store) -> None:
    await store.save("things", [row("b", 1)])
    assert await store.save("things", [row("a", 1, b"a"), row("b", 1, b"lost"), row("c", 1, b"c")]) == {"b"}
    assert await bodies(store, "a", "b", "c") == {"a": (1, b"a"), "b": (1, b"{}"), "c": (1, b"c")}


async def test_a_lost_race_does_not_touch_what_the_document_is_found_by(store: Store) -> None:
    await store.save("things", [row("a", 1, b"1", {"at": 1.0, "tags": ["x"]})])
    await store.save("things", [row("a", 1, b"2", {"at": 2.0, "tags": ["y"]})])
    assert await found(store, equal={"tags": "x"}) == ["a"]
    assert await found(store, equal={"tags": "y"}) == []
    assert await found(store, at_least=("at", 1.5)) == []


async def test_of_many_who_save_the_same_version_exactly_one_wins(another: Opener) -> None:
    stores = [await another() for _ in range(4)]
    for version in range(1, 11):
        bids = [stores[number].save("things", [row("a", version, str(number).encode())]) for number in range(4)]
        lost = await asyncio.gather(*bids)
        winners = [number for number, one in enumerate(lost) if one == set()]
        assert len(winners) == 1
        assert await bodies(stores[0], "a") == {"a": (version, str(winners[0]).encode())}


async def test_what_one_connection_saved_another_loads_at_once(another: Opener) -> None:
    one, two = await another(), await another()
    for version in range(1, 20):
        await one.save("things", [row("a", version, str(version).encode(), {"at": float(version)})])
        assert await bodies(two, "a") == {"a": (version, str(version).encode())}
        assert await found(two, at_least=("at", float(version))) == ["a"]


async def test_what_is_not_there_is_not_loaded(store: Store) -> None:
    await store.save("things", [row("a")])
    assert set(await store.load("things", ["a", "b"])) == {"a"}
    assert await store.load("things", []) == {}
    assert await store.load("others", ["a"]) == {}


async def test_a_thousand_documents_are_loaded_and_saved_in_one_call(store: Store) -> None:
    rows = [row(f"id-{number}", 1, str(number).encode()) for number in range(1_200)]
    assert await store.save("things", rows) == set()
    assert len(await store.load("things", [one.id for one in rows])) == 1_200


async def test_a_body_of_megabytes_comes_back_byte_for_byte(store: Store) -> None:
    body = b'{"text":"' + "ä".encode() * 2_000_000 + b'"}'
    await store.save("things", [row("a", 1, body)])
    assert (await bodies(store, "a"))["a"] == (1, body)


async def test_what_can_never_be_kept_is_named_and_the_others_are_saved_without_it(store: Store) -> None:
    """A number that neither SQLite nor BSON can hold."""
    with pytest.raises(Unsaveable, match="things b: ") as refused:
        await store.save("things", [row("a"), row("b", 1, b"{}", {"at": 2**70}), row("c")])
    assert set(refused.value.why) == {"b"}
    await store.save("things", [row("a"), row("c")])
    assert set(await store.load("things", ["a", "b", "c"])) == {"a", "c"}


# --- clearing


async def test_clearing_replaces_the_same_version_and_makes_no_new_one(store: Store) -> None:
    await store.save("things", [row("a", 1, b"full", {"at": 1.0, "tags": ["x"]}, b"brief")])
    await store.clear("things", [row("a", 1, b"cleared", {"at": None, "tags": ["x"]}, b"brief")])
    assert await bodies(store, "a") == {"a": (1, b"cleared")}
    assert await found(store, at_least=("at", 0.0)) == []
    assert await found(store, equal={"tags": "x"}) == ["a"]
    assert await store.save("things", [row("a", 2, b"next")]) == set()


async def test_clearing_an_older_version_overwrites_nothing(store: Store) -> None:
    await store.save("things", [row("a", 1, b"1"), row("b", 1, b"1")])
    await store.save("things", [row("a", 2, b"2", {"at": 2.0})])
    await store.clear("things", [row("a", 1, b"late"), row("b", 1, b"cleared")])
    assert await bodies(store, "a", "b") == {"a": (2, b"2"), "b": (1, b"cleared")}
    assert await found(store, equal={"at": 2.0}) == ["a"]


async def test_clearing_creates_nothing(store: Store) -> None:
    await store.clear("things", [row("a", 1, b"cleared")])
    await store.empty("things", {"a": 1})
    assert await store.load("things", ["a"]) == {}


async def test_an_outbox_comes_with_the_body_and_is_emptied_alone(store: Store) -> None:
    fields: Fields = {"at": 1.0, "outbox_since": 2.0, "tags": ["x"]}
    await store.save("others", [Row("a", 1, b"body", fields, b"brief", b"outbox")])
    (full,) = (await store.load("others", ["a"])).values()
    assert full == Row("a", 1, b"body", outbox=b"outbox")
    assert await store.find("others", at_most=("outbox_since", 2.0)) == [full]
    await store.empty("others", {"a": 1})
    assert await store.load("others", ["a"]) == {"a": Row("a", 1, b"body")}
    assert await store.find("others", at_most=("outbox_since", 2.0)) == []
    assert await store.find("others", equal={"at": 1.0}, what="brief") == [Row("a", 1, brief=b"brief")]


async def test_an_outbox_of_a_newer_version_is_not_emptied(store: Store) -> None:
    both = [Row(id_, 1, b"1", {"outbox_since": 1.0}, outbox=b"of 1") for id_ in ("a", "b")]
    await store.save("others", both)
    await store.save("others", [Row("a", 2, b"2", {"outbox_since": 1.0}, outbox=b"of 2")])
    await store.empty("others", {"a": 1, "b": 1, "c": 1})
    assert {id_: one.outbox for id_, one in (await store.load("others", ["a", "b", "c"])).items()} == {
        "a": b"of 2",
        "b": b"",
    }
    assert [one.id for one in await store.find("others", at_least=("outbox_since", 0.0))] == ["a"]


@pytest.mark.parametrize("id_", ["a/b", 'a"b', "a\\b", "a\nb", "ä", "a.b", "$a"])
async def test_an_outbox_is_emptied_whatever_its_id_is_made_of(store: Store, id_: str) -> None:
    await store.save("others", [Row(id_, 1, b"body", {"outbox_since": 1.0}, outbox=b"outbox")])
    await store.empty("others", {id_: 1})
    assert await store.load("others", [id_]) == {id_: Row(id_, 1, b"body")}


async def test_clearing_and_saving_leave_no_outbox_but_their_own(store: Store) -> None:
    await store.save("others", [Row("a", 1, b"1", {"outbox_since": 1.0}, outbox=b"of 1")])
    await store.clear("others", [Row("a", 1, b"cleared")])
    assert await store.load("others", ["a"]) == {"a": Row("a", 1, b"cleared")}
    await store.save("others", [Row("a", 2, b"2", {"outbox_since": 2.0}, outbox=b"of 2")])
    await store.save("others", [Row("a", 3, b"3")])
    assert await store.load("others", ["a"]) == {"a": Row("a", 3, b"3")}


# --- finding


@pytest_asyncio.fixture
async def shelf(store: Store) -> Store:
    """Six things: two kinds, times 1 to 6, the even ones red, all but the last in area north."""
    await store.save(
        "things",
        [
            row(
                f"t{number}",
                1,
                b"body",
                {
                    "at": float(number),
                    "kind": "odd" if number % 2 else "even",
                    "tags": ["round"] if number % 2 else ["round", "red"],
                    "areas": ["north", "south"] if number < 6 else [],
                    "price": number * 10,
                },
                f'"{number}"'.encode(),
            )
            for number in range(1, 7)
        ],
    )
    await store.save("things", [row("bare")])
    return store


async def test_documents_are_found_by_one_field(shelf: Store) -> None:
    assert await found(shelf, equal={"at": 3.0}) == ["t3"]
    assert await found(shelf, equal={"at": 9.0}) == []


async def test_documents_are_found_by_several_fields(shelf: Store) -> None:
    assert await found(shelf, equal={"kind": "odd", "at": 3.0}) == ["t3"]
    assert await found(shelf, equal={"kind": "even", "at": 3.0}) == []
    assert await found(shelf, equal={"kind": "odd"}, at_least=("at", 3.0), order="at") == ["t3", "t5"]


async def test_documents_are_found_by_each_string_of_a_many_field(shelf: Store) -> None:
    assert await found(shelf, equal={"tags": "red"}, order="at") == ["t2", "t4", "t6"]
    assert len(await found(shelf, equal={"tags": "round"})) == 6
    assert await found(shelf, equal={"tags": "red", "areas": "north"}, order="at") == ["t2", "t4"]
    assert await found(shelf, equal={"tags": "red", "kind": "even"}, at_most=("at", 3.0)) == ["t2"]


async def test_of_several_strings_a_document_needs_any_and_comes_once(shelf: Store) -> None:
    assert await found(shelf, equal={"tags": ["red", "round"]}, order="at") == ["t1", "t2", "t3", "t4", "t5", "t6"]
    assert await found(shelf, equal={"tags": ["red", "blue"], "areas": ["south"]}, order="at") == ["t2", "t4"]
    assert await found(shelf, equal={"tags": ["blue", "green"]}) == []
    assert await found(shelf, equal={"tags": []}) == []


async def test_a_string_that_left_a_many_field_finds_it_no_more(shelf: Store) -> None:
    await shelf.save("things", [row("t2", 2, b"body", {"tags": ["blue", "blue"]})])
    assert await found(shelf, equal={"tags": "red"}, order="id") == ["t4", "t6"]
    assert await found(shelf, equal={"tags": "blue"}) == ["t2"]


async def test_bounds_include_their_ends_and_what_has_no_value_is_outside_both(shelf: Store) -> None:
    assert await found(shelf, at_most=("at", 2.0), order="at") == ["t1", "t2"]
    assert await found(shelf, at_least=("at", 5.0), order="at") == ["t5", "t6"]
    assert await found(shelf, at_least=("at", 2.0), at_most=("at", 3.0), order="at") == ["t2", "t3"]


async def test_nothing_equals_or_compares_with_no_value(shelf: Store) -> None:
    assert await found(shelf, equal={"at": None}) == []
    assert await found(shelf, at_most=("at", None)) == []
    assert await found(shelf, at_least=("at", None)) == []


async def test_order_goes_both_ways_and_ties_are_broken_by_id(shelf: Store) -> None:
    await shelf.save("things", [row("t0", 1, b"", {"at": 3.0})])
    assert await found(shelf, at_least=("at", 2.0), order="at") == ["t2", "t0", "t3", "t4", "t5", "t6"]
    assert await found(shelf, at_least=("at", 2.0), order="at", descending=True) == ["t6", "t5", "t4", "t3", "t0", "t2"]


async def test_without_an_order_they_come_by_id(shelf: Store) -> None:
    assert await found(shelf) == ["bare", "t1", "t2", "t3", "t4", "t5", "t6"]


async def test_limit_and_offset_page_through_all(shelf: Store) -> None:
    pages = [await found(shelf, at_least=("at", 0.0), order="at", limit=2, offset=offset) for offset in (0, 2, 4, 6)]
    assert pages == [["t1", "t2"], ["t3", "t4"], ["t5", "t6"], []]
    assert await found(shelf, limit=0) == []


@pytest.mark.parametrize("order", ["at", "price"])
@pytest.mark.parametrize("descending", [False, True])
async def test_a_reader_goes_on_behind_where_he_stopped_also_among_ties(
    shelf: Store, order: str, descending: bool
) -> None:
    for number in (7, 8, 9):
        await shelf.save("things", [row(f"t{number}", 1, b"", {"at": 3.0, "price": 30, "areas": ["north"]})])
    paged: list[str] = []
    after = (1_000 if descending else 0, "")
    while True:
        question = {"equal": {"areas": "north"}, "order": order, "descending": descending, "after": after, "limit": 2}
        some = await found(shelf, **question)
        paged += some
        if len(some) < 2:
            break
        number = 3 if some[-1] > "t6" else int(some[-1][1:])
        after = (number if order == "at" else number * 10, some[-1])
    in_order = ["t1", "t2", "t3", "t7", "t8", "t9", "t4", "t5"]
    assert paged == (in_order[::-1] if descending else in_order)


async def test_a_brief_answer_carries_the_summary_and_no_body(shelf: Store) -> None:
    [brief] = await shelf.find("things", equal={"at": 3.0}, what="brief")
    [whole] = await shelf.find("things", equal={"at": 3.0})
    assert (brief.id, brief.version, brief.body, brief.brief) == ("t3", 1, b"", b'"3"')
    assert (whole.id, whole.version, whole.body) == ("t3", 1, b"body")


@pytest.mark.parametrize(
    ("question", "ids"),
    [
        ({"values": ["red"]}, ["t2", "t4", "t6"]),
        ({"values": ["red", "round"]}, ["t1", "t2", "t3", "t4", "t5", "t6"]),
        ({"values": ["blue", "green"]}, []),
        ({"values": []}, []),
        ({"values": [*(f"of-many-{number}" for number in range(40)), "red"]}, ["t2", "t4", "t6"]),
        ({"values": ["round"], "within": {"price": (20, 40)}}, ["t2", "t3", "t4"]),
        ({"values": ["round"], "within": {"price": (None, 20)}}, ["t1", "t2"]),
        ({"values": ["round"], "within": {"price": (50, None)}}, ["t5", "t6"]),
        ({"values": ["round"], "within": {"price": (None, None)}}, ["t1", "t2", "t3", "t4", "t5", "t6"]),
        ({"values": ["round"], "outside": {"price": (20, 40)}}, ["t1", "t5", "t6"]),
        ({"values": ["red"], "outside": {"price": (None, 20)}}, ["t4", "t6"]),
        ({"values": ["round"], "outside": {"price": (None, None)}}, []),
        ({"values": ["round"], "within": {"price": (20, None)}, "outside": {"price": (40, None)}}, ["t2", "t3"]),
    ],
)
async def test_versions_are_found_by_a_many_field_and_narrowed(
    shelf: Store, question: dict[str, Any], ids: list[str]
) -> None:
    assert await shelf.versions("things", "tags", **question) == dict.fromkeys(ids, 1)


async def test_no_more_versions_come_than_were_asked_for(shelf: Store) -> None:
    assert len(await shelf.versions("things", "tags", ["round"], limit=4)) == 4


async def test_versions_are_those_of_the_last_save_and_so_is_what_narrows_them(shelf: Store) -> None:
    await shelf.save("things", [row("t2", 2, b"body", {"tags": ["red", "new"], "price": 900})])
    assert await shelf.versions("things", "tags", ["red", "new"], within={"price": (50, None)}) == {"t2": 2, "t6": 1}
    assert await shelf.versions("things", "tags", ["round"], within={"price": (20, 20)}) == {}


async def test_why_not_ready_a_narrowing_field_lies_in_no_range_of_it(shelf: Store) -> None:
    await shelf.save("things", [row("t2", 2, b"body", {"tags": ["bare"]})])
    assert await shelf.versions("things", "tags", ["bare"], within={"price": (0, None)}) == {}
    assert await shelf.versions("things", "tags", ["bare"], outside={"price": (0, None)}) == {"t2": 2}


async def test_versions_are_narrowed_by_declared_fields_alone(shelf: Store) -> None:
    for how in ({"within": {"at": (1, 2)}}, {"outside": {"at": (1, 2)}}):
        with pytest.raises(ValueError, match="things declares no narrowing field at"):
            await shelf.versions("things", "tags", ["red"], **how)  # type: ignore[arg-type]
    for field in ("kind", "unheard"):
        with pytest.raises(ValueError, match=f"things declares no many field {field}"):
            await shelf.versions("things", field, ["red"])


async def test_summaries_are_loaded_by_id_with_the_version_they_are_of(shelf: Store) -> None:
    await shelf.save("things", [row("t1", 2, b"body", brief=b"new")])
    loaded = await shelf.load("things", ["t1", "t2", "none"], what="brief")
    assert {id_: (one.version, one.body, one.brief) for id_, one in loaded.items()} == {
        "t1": (2, b"", b"new"),
        "t2": (1, b"", b'"2"'),
    }


@pytest.mark.parametrize(
    "question", [{"equal": {"colour": "red"}}, {"order": "colour"}, {"at_most": ("colour", 1)}, {"order": "tags"}]
)
async def test_a_field_that_is_not_declared_cannot_be_asked_for(store: Store, question: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="things declares no index with"):
        await found(store, **question)


async def test_documents_are_counted_by_declared_fields(shelf: Store) -> None:
    counted = [await shelf.count("things", {"kind": kind}) for kind in ("even", "nobody's")]
    assert [*counted, await shelf.count("things", {"tags": "round", "kind": "odd"})] == [3, 0, 3]
    with pytest.raises(ValueError, match="declares no"):
        await shelf.count("things", {"colour": "red"})


async def test_the_last_documents_are_counted_by_the_values_of_a_field(store: Store) -> None:
    kinds = ["odd", "even", "odd", "odd", None]
    fields: list[Fields] = [{"at": float(at), "kind": kind} for at, kind in enumerate(kinds, 1)]
    await store.save("things", [row(f"t{nth}", fields=one) for nth, one in enumerate(fields)])
    await store.save("things", [row("timeless", fields={"kind": "odd"})])
    assert await store.tally("things", "kind", "at", most=100) == {"odd": 3, "even": 1, None: 1}
    assert await store.tally("things", "kind", "at", most=2) == {"odd": 1, None: 1}
    assert await store.tally("things", "kind", "at", at_least=3.0, most=100) == {"odd": 2, None: 1}
    assert await store.tally("things", "kind", "at", equal={"kind": "odd"}, at_least=3.0, most=100) == {"odd": 2}
    assert await store.tally("things", "kind", "at", at_least=9.0, most=100) == {}
    with pytest.raises(ValueError, match="declares no"):
        await store.tally("things", "colour", "at", most=1)


async def test_a_count_has_a_bound_of_value_and_one_of_effort(shelf: Store) -> None:
    assert await shelf.count("things", {}, at_most=("at", 4.0)) == 4
    assert await shelf.count("things", {"kind": "odd"}, at_most=("at", 4.0)) == 2
    assert await shelf.count("things", {}, at_most=("at", 4.0), most=3) == 3
    assert await shelf.count("things", {"kind": "odd"}, at_most=("at", 4.0), at_least=("at", 2.0)) == 1
    assert await shelf.count("things", {"kind": "nobody's"}, most=3) == 0


# --- removing


async def test_what_is_removed_is_removed_whole_and_nothing_else_is(shelf: Store) -> None:
    assert await shelf.remove("things", {"t1": 1, "t3": 1, "nobody": 1}) == 2
    assert await found(shelf) == ["bare", "t2", "t4", "t5", "t6"]
    assert await shelf.remove("things", {"t1": 1}) == 0
    assert await shelf.remove("things", {}) == 0


async def test_what_is_removed_is_found_by_nothing_any_more(shelf: Store) -> None:
    await shelf.remove("things", {f"t{number}": 1 for number in range(1, 6)})
    assert await found(shelf, equal={"tags": "round"}) == ["t6"]
    assert await shelf.versions("things", "tags", ["round"]) == {"t6": 1}
    assert await shelf.versions("things", "areas", ["north", "south"]) == {}
    assert await bodies(shelf, "t1") == {}


async def test_a_document_that_changed_meanwhile_is_not_removed(store: Store) -> None:
    await store.save("things", [row("a", 1), row("b", 1)])
    await store.save("things", [row("a", 2, b"changed")])
    assert await store.remove("things", {"a": 1, "b": 1}) == 1
    assert await bodies(store, "a", "b") == {"a": (2, b"changed")}


async def test_a_document_whose_outbox_is_not_out_is_not_removed(store: Store) -> None:
    await store.save("things", [Row("a", 1, b"a", {"at": 1.0}, outbox=b"[]"), row("b", 1, b"b", {"at": 2.0})])
    assert await store.remove("things", {"a": 1, "b": 1}) == 1
    assert await found(store) == ["a"]
    await store.empty("things", {"a": 1})
    assert await store.remove("things", {"a": 1}) == 1


async def test_who_saves_what_was_removed_meanwhile_loses_and_begins_anew(store: Store) -> None:
    await store.save("things", [row("a", 1, b"1", {"at": 1.0})])
    assert await store.remove("things", {"a": 1}) == 1
    assert await store.save("things", [row("a", 2, b"2", {"at": 9.0})]) == {"a"}
    assert await bodies(store, "a") == {}
    assert await store.save("things", [row("a", 1, b"anew", {"at": 9.0})]) == set()
    assert (await bodies(store, "a"))["a"] == (1, b"anew")


async def test_of_saves_beside_a_removal_none_is_lost(another: Opener) -> None:
    """Each document is removed as it was, or saved and then stays: never both."""
    one, other = await another(), await another()
    ids = [f"t{number}" for number in range(60)]
    await one.save("things", [row(id_, 1, b"old") for id_ in ids])

    async def renew() -> set[str]:
        lost: set[str] = set()
        for first in range(60, 0, -6):
            lost |= await one.save("things", [row(id_, 2, b"new") for id_ in ids[first - 6 : first]])
        return lost

    async def removed() -> int:
        return sum([await other.remove("things", dict.fromkeys(ids[at : at + 5], 1)) for at in range(0, 60, 5)])

    lost, gone = await asyncio.gather(renew(), removed())
    assert set(await bodies(one, *ids)) == set(ids) - lost
    assert gone == len(lost)


async def test_collections_are_apart(shelf: Store) -> None:
    await shelf.save("others", [row("t1", 1, b"other", {"at": 1.0})])
    assert [one.body for one in await shelf.find("others", equal={"at": 1.0})] == [b"other"]
    assert (await bodies(shelf, "t1"))["t1"] == (1, b"body")


# --- the inbox


async def test_what_is_remembered_first_stays_as_it_is(store: Store) -> None:
    await store.remember([outcome(said="rejected")])
    await store.remember([outcome(said="applied"), outcome(id_="e2")])
    assert await store.recall([("things/a", "/region/06", "e1")]) == [outcome(said="rejected")]
    assert await store.recall([("things/a", "/region/06", "e2")]) == [outcome(id_="e2")]


async def test_every_attempt_is_recalled_of_the_event_that_is_asked_for_alone(store: Store) -> None:
    attempts = [outcome(0, "rejected"), outcome(1, "handler_failed"), outcome(2)]
    await store.remember([*attempts, outcome(aggregate="things/b"), outcome(id_="e2")])
    await store.remember([InboxEntry("things/a", Outcome("/region/02", "e1", 0, "digest", "applied"))])
    recalled = await store.recall([("things/a", "/region/06", "e1")])
    assert sorted(recalled, key=lambda one: one.outcome.attempt) == attempts


async def test_many_are_recalled_at_once(store: Store) -> None:
    await store.remember([outcome(id_=f"e{number}") for number in range(0, 1_200, 2)])
    keys = [("things/a", "/region/06", f"e{number}") for number in range(1_200)]
    assert {one.outcome.id for one in await store.recall(keys)} == {f"e{number}" for number in range(0, 1_200, 2)}
    assert await store.recall([]) == []


async def test_of_what_is_forgotten_the_outcomes_stay_without_their_digests(store: Store) -> None:
    await store.remember([outcome(0, "rejected"), outcome(1), outcome(id_="e2"), outcome(aggregate="things/b")])
    for _ in range(2):
        await store.forget(["things/a", "things/nowhere"])
    kept = await store.recall([("things/a", "/region/06", "e1"), ("things/a", "/region/06", "e2")])
    assert sorted((one.id, one.attempt, one.outcome, one.digest) for _, one in kept) == [
        ("e1", 0, "rejected", ""),
        ("e1", 1, "applied", ""),
        ("e2", 0, "applied", ""),
    ]
    assert await store.recall([("things/b", "/region/06", "e1")]) == [outcome(aggregate="things/b")]


async def test_a_digest_that_comes_late_to_what_is_forgotten_stays_out(store: Store) -> None:
    await store.remember([outcome()])
    await store.forget(["things/a"])
    await store.remember([outcome()])
    assert [one.outcome.digest for one in await store.recall([("things/a", "/region/06", "e1")])] == [""]
    await store.forget([])


# --- journals


async def test_a_row_of_a_journal_is_written_once(store: Store) -> None:
    await store.append("diary", [page(1, b"first")])
    await store.append("diary", [page(1, b"second"), page(2)])
    assert await store.read("diary", "06", after=0, limit=10) == [page(1, b"first"), page(2)]


async def test_a_journal_is_read_by_owner_in_order_of_number(store: Store) -> None:
    await store.append("diary", [page(number) for number in (10, 2, 1, 30)])
    await store.append("diary", [page(5, owner="02")])
    assert [one.number for one in await store.read("diary", "06", after=1, limit=2)] == [2, 10]
    assert [one.number for one in await store.read("diary", "06", after=10, limit=9)] == [30]
    assert await store.read("diary", "99", after=0, limit=9) == []


async def test_a_journal_is_read_by_what_it_is_about(store: Store) -> None:
    pages = [page(2), page(1), page(1, owner="02"), page(3, about="r2")]
    await store.append("diary", pages)
    assert await store.about("diary", pages[0].owner, "r1", limit=10) == [pages[1], pages[0]]
    assert await store.about("diary", pages[0].owner, "r1", limit=1) == [pages[1]]
    assert await store.owners("diary", "r1") == sorted({pages[0].owner, "02"})
    assert await store.owners("diary", "r3") == []


async def test_blanking_reaches_each_row_of_one_owner_about_one_thing_up_to_a_number_and_no_other(store: Store) -> None:
    await store.append("diary", [page(1), page(2), page(3, about="r2"), page(4), page(1, owner="02")])
    await store.blank("diary", "06", "r1", 2, b"blank")
    assert [one.body for one in await store.read("diary", "06", after=0, limit=9)] == [b"blank", b"blank", b"1", b"1"]
    assert [one.body for one in await store.read("diary", "02", after=0, limit=9)] == [b"1"]
    await store.append("diary", [page(1, b"late")])
    assert (await store.read("diary", "06", after=0, limit=1))[0].body == b"blank"


async def test_cutting_a_journal_removes_all_rows_of_these_owners_and_no_other(store: Store) -> None:
    await store.append("diary", [page(1), page(900, about="r2"), page(1, owner="02"), page(1, owner="060")])
    await store.cut("diary", ["06", "02", "99"])
    assert [await store.read("diary", one, after=0, limit=9) for one in ("06", "02")] == [[], []]
    assert await store.read("diary", "060", after=0, limit=9) == [page(1, owner="060")]
    assert await store.owners("diary", "r1") == ["060"]
    await store.cut("diary", [])
    await store.append("diary", [page(1)])
    assert await store.read("diary", "06", after=0, limit=9) == [page(1)]


async def test_scrubbing_takes_nothing_away_that_is_still_said(store: Store) -> None:
    await store.save("things", [row("a", 1, b"1")])
    await store.append("diary", [page(1)])
    await store.scrub()
    assert await bodies(store, "a") == {"a": (1, b"1")}
    assert await store.read("diary", "06", after=0, limit=9) == [page(1)]


# --- opening, closing, and the loop


async def test_what_was_saved_is_there_after_closing_and_opening(another: Opener) -> None:
    first = await another()
    await first.save("things", [row("a", 1, b"1", {"at": 1.0, "tags": ["x"]}, b"brief")])
    await first.remember([outcome()])
    await first.append("diary", [page(1)])
    await first.close()
    second = await another()
    assert await bodies(second, "a") == {"a": (1, b"1")}
    assert await found(second, equal={"tags": "x", "at": 1.0}) == ["a"]
    assert await second.recall([("things/a", "/region/06", "e1")]) == [outcome()]
    assert await second.read("diary", "06", after=0, limit=9) == [page(1)]


async def test_the_event_loop_goes_on_while_the_store_works(store: Store) -> None:
    """Ten megabytes are saved; meanwhile the loop must come round many times."""
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    turning = asyncio.create_task(turn())
    await store.save("things", [row(f"id-{number}", 1, b"x" * 100_000) for number in range(100)])
    turning.cancel()
    assert turns > 10


async def test_a_question_does_not_wait_for_a_save(store: Store) -> None:
    saving = asyncio.create_task(
        store.save("things", [row(f"id-{number}", 1, b"x" * 20_000) for number in range(1_500)])
    )
    await asyncio.sleep(0)
    assert await found(store, at_least=("at", 0.0)) == []
    assert not saving.done()
    await saving
