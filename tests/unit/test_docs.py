"""The texts are true of the repository: what they name is there, what they draw is drawn from the code, no table lags behind.

A Markdown file is named by its path from the root, from `docs` or from beside whoever names it; a heading in the form
`docs/contracts.md, “Answers”` or as a link's anchor.
"""

import ast
import re
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from pathlib import PurePosixPath
from posixpath import normpath
from typing import Final

import pytest

from deploy.kafka.acls import written_by
from services.catalogue import handlers as catalogue
from services.feedback import handlers as feedback
from services.monitor import handlers as monitor
from services.notify import handlers as notify
from services.partners import handlers as partners
from services.referral import handlers as referral
from shared.contracts import topics
from shared.kafka.lag import READS
from tests.pictures import PAGE, drawn, steps_in
from tests.unit.network import DURATIONS
from tests.unit.test_import_rules import HOUSES, REPOSITORY, modules

NAMED: Final = re.compile(r"(?<![\w/.<>~*-])((?:[\w.-]+/)*[\w-]+\.md)(?![\w/])")
QUOTED: Final = re.compile(r"(?<![\w/.-])((?:[\w.-]+/)*[\w-]+\.md), “([^”]+)”")
RECORD: Final = re.compile(r"docs/decisions/(\d{4})")
LINK: Final = re.compile(r"\[([^\]\[]+)\]\(([^()\s]+)\)")
HEADING: Final = re.compile(r"^#+ (.+)$", re.MULTILINE)
CODE: Final = re.compile(r"`([A-Za-z_][\w.]*)`")
KEY_FILE: Final = re.compile(r"(?<![\w/.*-])[a-z][\w/-]*\.(?:key|auth|crt)\b")
PATH: Final = re.compile(rf"`((?:{'|'.join((*HOUSES, 'tests', 'docs'))})/[\w./-]*)`")
MADE_LATER: Final = "deploy/secrets"
"""What a person's command makes, and git ignores."""
LONGEST: Final = {"docs/architecture.md": 150, "docs/protocol.md": 120, "docs/engines.md": 60}


@cache
def tracked() -> frozenset[str]:
    """Every file that a clone has."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, check=True, text=True)
    return frozenset(listed.stdout.split("\0")) - {""}


@cache
def text_of(name: str) -> str:
    try:
        return (REPOSITORY / name).read_text(encoding="utf-8")
    except UnicodeDecodeError:  # a picture
        return ""


PAGES: Final = sorted(name for name in tracked() if name.endswith(".md"))


def named(text: str, pattern: re.Pattern[str]) -> Iterator[re.Match[str]]:
    """What the pattern finds where a line's end, with a comment's sign behind it, is a blank."""
    yield from pattern.finditer(re.sub(r"\s*\n[ \t#]*", " ", text))


def places(name: str, where: str) -> list[str]:
    """The tracked files that a name may mean that stands in the file `where`."""
    beside = str(PurePosixPath(where).parent)
    return [path for above in (beside, ".", "docs") if (path := normpath(f"{above}/{name}")) in tracked()]


def anchors(page: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(text_of(page))}


# --- what is named is there


def test_every_markdown_file_that_a_file_names_is_there() -> None:
    lacking = [
        f"{where} names {found[1]}"
        for where in sorted(tracked())
        for found in named(text_of(where), NAMED)
        if not places(found[1], where)
    ]
    assert lacking == []


def test_every_heading_that_a_file_names_is_there() -> None:
    lacking = [
        f"{where}: {found[1]} has no heading “{found[2]}”"
        for where in sorted(tracked())
        for found in named(text_of(where), QUOTED)
        if not any(found[2] in HEADING.findall(text_of(page)) for page in places(found[1], where))
    ]
    assert lacking == []


def test_every_decision_that_a_file_names_is_there() -> None:
    known = {match[1] for name in tracked() if (match := re.match(r"docs/decisions/(\d{4})-", name))}
    named_ones = {found[1]: where for where in tracked() for found in RECORD.finditer(text_of(where))}
    assert {number: where for number, where in named_ones.items() if number not in known} == {}


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_a_page_leads_somewhere(page: str) -> None:
    astray = []
    for _, target in LINK.findall(text_of(page)):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        there = normpath(f"{PurePosixPath(page).parent}/{path}") if path else page
        if not (REPOSITORY / there).exists() or (anchor and anchor not in anchors(there)):
            astray.append(target)
    assert astray == []


def test_git_ignores_every_file_of_a_key_that_a_page_makes() -> None:
    made = sorted({found[0] for page in PAGES for found in KEY_FILE.finditer(text_of(page))})
    asked = subprocess.run(["git", "check-ignore", *made], cwd=REPOSITORY, capture_output=True, check=False, text=True)
    assert made
    assert asked.stdout.splitlines() == made


@pytest.mark.parametrize("page", PAGES)
def test_every_path_that_a_page_names_is_there(page: str) -> None:
    named_ones = {path.rstrip("/") for path in PATH.findall(text_of(page)) if not path.startswith(MADE_LATER)}
    assert [path for path in sorted(named_ones) if not (REPOSITORY / path).exists()] == []


# --- what is said of the code


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith("docs/")])
def test_every_name_that_a_link_gives_is_defined_in_the_file_it_leads_to(page: str) -> None:
    unknown = []
    for text, target in LINK.findall(text_of(page)):
        code = CODE.fullmatch(text)
        if code and target.endswith(".py"):
            path = REPOSITORY / normpath(f"docs/{target}")
            if not defined(ast.parse(path.read_text(encoding="utf-8")), code[1].split(".")):
                unknown.append(f"{code[1]} in {target}")
    assert unknown == []


def defined(within: ast.AST, names: list[str]) -> bool:
    """Whether a class or function of this dotted name stands there."""
    if not names:
        return True
    kinds = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    found = [one for one in ast.iter_child_nodes(within) if isinstance(one, kinds) and one.name == names[0]]
    return any(defined(one, names[1:]) for one in found)


def test_the_pictures_of_the_architecture_are_those_that_the_code_gives() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert drawn(page) == page, "run `python -m tests.pictures`"
    assert page.count("```mermaid") == 2


def test_the_protocol_has_the_steps_of_a_records_life_in_that_order() -> None:
    protocol = [name for name, _ in steps_in(text_of("docs/protocol.md"))]
    assert ["Door", *protocol] == [name for name, _ in steps_in(text_of("docs/architecture.md"))]


def rows_of(page: str, first: str) -> dict[str, list[str]]:
    """The rows of the table whose first column has that heading, by what stands in it."""
    lines = iter(text_of(page).splitlines())
    for line in lines:
        if line.startswith(f"| {first} |"):
            break
    next(lines)
    rows = {}
    for line in lines:
        if not line.startswith("|"):
            break
        name, *rest = [cell.strip() for cell in line.strip("|").split("|")]
        rows[name.strip("`")] = rest
    return rows


def test_the_architecture_names_every_service_with_its_collections_and_journals() -> None:
    rows = rows_of("docs/architecture.md", "service")
    said = {service: (codes(owned), codes(journals)) for service, (_, owned, journals) in rows.items()}
    tables = [
        referral.table(DURATIONS),
        catalogue.table(timedelta()),
        feedback.table(),
        notify.table(),
        partners.table(),
        monitor.table(),
    ]
    assert said == {
        table.service: ({one.name for one in table.collections}, {journal.name for journal in table.journals})
        for table in tables
    }


def codes(cell: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", cell))


def test_the_architecture_names_every_topic_with_its_writers_readers_and_partitions() -> None:
    rows = rows_of("docs/architecture.md", "topic")
    examples = {"intake.region.<code>": "intake.region.06", "intake.<organiser>.<id>": "intake.opisto.tampere"}
    known = {name: count for name, count in topics.platform_topics().items() if not name.startswith("redrive.")}
    assert rows.keys() == {*known, *examples, "redrive.<service>"}
    for topic in rows.keys() - {"redrive.<service>"}:
        writers, readers, _, partitions = rows[topic]
        assert services_in(writers) == {one for one in topics.SERVICES if topic in written_by(one)}, topic
        assert services_in(readers) == {one for one in READS if READS[one](examples.get(topic, topic))}, topic
        assert int(partitions) == known.get(topic, 1), topic


def services_in(cell: str) -> set[str]:
    return set(topics.SERVICES) if "every service" in cell else set(topics.SERVICES) & set(re.findall(r"\w+", cell))


@pytest.mark.parametrize("page", LONGEST)
def test_a_text_stays_short(page: str) -> None:
    assert len(text_of(page).splitlines()) <= LONGEST[page]


def test_the_engine_stays_small_enough_to_be_read_in_one_sitting() -> None:
    sizes = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in modules("shared/engine")}
    assert sizes["batch.py"] < 310
    assert sum(sizes.values()) < 2_000
