"""Migrates the state of an older program at the start of a run, after copying all of it beside the folder.

A migration killed in the middle goes on at the next start: the copy is there by then, each SQLite file is migrated
whole or not at all, and an older program refuses the folder, which has this program's form from the first step on.
"""

import json
from collections.abc import Callable
from pathlib import Path

from deploy.local.copies import copy_folder
from deploy.local.state import Folder, FolderError, form_in, write_form, writing
from shared.private import write_private
from shared.process.migrations import FORM
from shared.store import StoreUnavailable
from shared.store.sqlite import VERSION, version_of


def begin(folder: Folder, say: Callable[[str], None]) -> bool:
    """Whether services must migrate something; then copies it. The caller holds the folder. Raises `FolderError`."""
    if not folder.upgrade.exists():
        if not _is_older(folder):
            return False
        copy = _place_for_a_copy(folder)
        copy_folder(folder, copy)
        with writing(folder):
            write_private(folder.upgrade, json.dumps({"copy": str(copy)}))
    copied = json.loads(folder.upgrade.read_text())["copy"]
    say(f"state of an older program is brought forward; as it was, it is in {copied}: remove that once all is well")
    with writing(folder):
        write_form(folder)
    return True


def end(folder: Folder) -> None:
    """Notes that all has this program's form. Raises `FolderError`."""
    with writing(folder):
        folder.upgrade.unlink(missing_ok=True)


def _is_older(folder: Folder) -> bool:
    try:
        return form_in(folder) < FORM or any(0 < version_of(file) < VERSION for file in folder.path.glob("*.sqlite"))
    except StoreUnavailable as error:
        raise FolderError(str(error)) from error


def _place_for_a_copy(folder: Folder) -> Path:
    names = (folder.path.with_name(f"{folder.path.name}.before-{number}") for number in range(1, 1_000))
    return next(name for name in names if not name.exists())
