"""The registry of classes and the services' tables say the same: what one lacks, the other's start tells."""

from dataclasses import replace
from typing import Any, Final

import pytest

from cli.services import OF_NAME
from shared.contracts import topics
from shared.contracts.asyncapi import messages_on
from shared.contracts.data import Data
from shared.contracts.region_events import ReferralIssued
from shared.contracts.registry import CLASSES
from shared.engine.model import Table
from shared.process.run import App
from tests.unit.test_import_rules import REPOSITORY

TABLES = {name: service.build(service.settings()).table for name, service in OF_NAME.items()}


class Unheard(Data):
    """Of a class that the registry lacks."""


@pytest.mark.parametrize("name", OF_NAME)
def test_each_service_fits_the_registry(name: str) -> None:
    TABLES[name].check()


def test_each_class_that_a_partner_sends_has_an_owner_that_can_say_what_became_of_it() -> None:
    for one in CLASSES.values():
        if one.public or one.outcome:
            place = TABLES[one.owner].locate("/opisto/x", one.name, "s")
            assert place is not None, one.name
            assert place[0] == one.outcome
            others = [table for name, table in TABLES.items() if name != one.owner]
            assert [table.locate("/opisto/x", one.name, "s") for table in others] == [None] * len(others)


def test_an_activitys_outcome_is_kept_by_its_organiser_and_id() -> None:
    assert TABLES["catalogue"].locate("/opisto/x", "ActivityPublished", "kuoro") == ("activities", "/opisto/x kuoro")


def refused(table: Table, why: str) -> None:
    settings: Any = OF_NAME["referral"].settings()
    with pytest.raises(ValueError, match=why):
        App(settings, table, [])


def test_a_service_that_handles_a_class_which_the_registry_lacks_does_not_start() -> None:
    table = TABLES["referral"]
    handlers = {**table.handlers, Unheard: table.handlers[ReferralIssued]}
    refused(replace(table, handlers=handlers), "referral handles Unheard, which shared/contracts/registry.py has not")


def test_a_service_that_owns_a_class_and_does_not_handle_it_does_not_start() -> None:
    table = TABLES["referral"]
    handlers = {model: handler for model, handler in table.handlers.items() if model is not ReferralIssued}
    refused(replace(table, handlers=handlers), "referral owns ReferralIssued, whose outcome is kept in 'referrals'")


@pytest.mark.parametrize("name", CLASSES)
def test_every_class_is_documented_under_the_heading_that_its_row_names(name: str) -> None:
    assert documented(name), f"**{name}** is missing: {CLASSES[name].documented}"


def test_a_class_that_a_service_sends_is_documented_on_the_topic_where_it_stands() -> None:
    for name, one in CLASSES.items():
        if not one.public:
            said = {topic for topic in (topics.INTAKE_HTTP, topics.AUDIT) if f"`{topic}`" in documented(name)}
            stands = {topic for topic in (topics.INTAKE_HTTP, topics.AUDIT) if name in messages_on(topic)}
            assert said == stands, name


def documented(name: str) -> str:
    """The item of docs/contracts.md that has the class, under the heading that the class's row names."""
    page, _, heading = CLASSES[name].documented.removesuffix("”").partition(", “")
    _, _, below = (REPOSITORY / page).read_text(encoding="utf-8").partition(f"\n### {heading}\n")
    section, _, _ = below.partition("\n#")
    return next((item for item in section.splitlines() if item.startswith("- ") and f"**{name}**" in item), "")


OF_SEVERAL: Final = ("participant", "opisto", "region", "cooperation", "agreement", "record", "group", "every_service")
"""What several kinds send stands in a module that is named after the first of them, or after its subject."""
OF_SERVICES: Final = ("group_told", "group_place", "agreement")
"""What services say of a subject with a module of its own."""


def test_a_class_stands_in_the_module_that_is_named_after_who_sends_it() -> None:
    for one in CLASSES.values():
        senders = [sender.removeprefix("service/") for sender in one.senders]
        named = (*senders, *OF_SERVICES) if len(senders) == 1 else OF_SEVERAL
        modules = {f"shared.contracts.{name}_events" for name in named}
        assert one.model.__module__ in modules, one.name
