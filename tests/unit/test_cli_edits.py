"""`lahete dead-letters edit` and what follows it, by two people at a terminal."""

import json
from pathlib import Path

from shared.http.keys import hash_of, write_hashes
from tests.contract.asks import EDIT
from tests.unit.test_cli_redrive import Ops


class TwoPeople(Ops):
    """The one at the terminal, and another one after."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        write_hashes(folder / "keys.json", {hash_of("anna"): "ops:anna", hash_of("bert"): "ops:bert"})

    def is_bert(self) -> None:
        self._key.write_text("bert")


def test_one_person_proposes_an_edit_and_another_confirms_it_by_its_id(tmp_path: Path) -> None:
    ops = TwoPeople(tmp_path)
    mended, wrong = tmp_path / "mended.json", tmp_path / "wrong.json"
    mended.write_text(json.dumps(EDIT["data"]))
    wrong.write_text("[1]")
    named = ("--why", "the class", "--type", str(EDIT["type"]), "--time", str(EDIT["time"]))
    for file, said in ((wrong, "in braces"), (tmp_path / "none", "no JSON can be read")):
        assert said in str(ops.types("dead-letters", "edit", "editable", str(file), *named).exception)
    proposed = ops.types("dead-letters", "edit", "editable", str(mended), *named, "--json")
    assert proposed.exit_code == 0, proposed.output
    edit = json.loads(proposed.stdout)
    ops.services.call(lambda: None)
    shown = ops.types("dead-letters", "show-edit", "editable")
    assert f"edit_id: {edit['edit_id']}" in shown.stdout
    assert '"moved"' in shown.stdout
    alone = ops.types("dead-letters", "confirm-edit", "editable", edit["edit_id"])
    assert (alone.exit_code, "another person" in str(alone.exception)) == (1, True)
    ops.is_bert()
    bert = ops.types("dead-letters", "confirm-edit", "editable", edit["edit_id"])
    assert bert.stdout == f"editable: edited; its event is {edit['event_id']}\n"
    ops.services.call(lambda: None)
    assert json.loads(ops.types("dead-letters", "show", "editable", "--json").stdout)["state"] == "edited"
    refused = ops.types("dead-letters", "refuse-edit", "refused", ops.services.known["edit of refused"])
    assert refused.stdout == "refused: the edit is refused\n"
    ops.services.close()
