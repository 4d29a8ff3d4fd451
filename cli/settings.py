"""`lahete settings`: every setting of every service; the table of docs/settings.md is made of it."""

from cli import terminal
from cli.ask import VerbSettings
from cli.options import Json
from deploy.kafka.topics import TopicSettings
from shared.process.settings import PlatformSettings, documented


def settings(*, as_json: Json = False) -> None:
    """Prints each setting: its name, its default, who reads it, what it means."""
    rows = table()
    if as_json:
        terminal.as_json([dict(zip(("name", "default", "read_by", "meaning"), row, strict=True)) for row in rows])
    else:
        terminal.table(("name", "default", "read by", "meaning"), rows)


def table() -> list[tuple[str, str, str, str]]:
    """Every setting once; first those that all services read."""
    from cli.services import OF_NAME

    shared = {name for name, _, _ in documented(PlatformSettings)}
    rows = [(name, default, "all", meaning) for name, default, meaning in documented(PlatformSettings)]
    own: dict[tuple[str, str, str], list[str]] = {}
    for service, one in OF_NAME.items():
        for setting in documented(one.settings):
            own.setdefault(setting, []).append(service)
    rows += [
        (name, default, ", ".join(by), meaning) for (name, default, meaning), by in own.items() if name not in shared
    ]
    for who, of_verbs in (("lahete topics", TopicSettings), ("lahete", VerbSettings)):
        rows += [(name, default, who, meaning) for name, default, meaning in documented(of_verbs)]
    return rows


def as_markdown() -> str:
    """The table of docs/settings.md."""
    lines = ["| setting | default | read by | meaning |", "|---|---|---|---|"]
    lines += [f"| `{name}` | `{default}` | {who} | {meaning} |" for name, default, who, meaning in table()]
    return "\n".join(line.replace("``", "") for line in lines)
