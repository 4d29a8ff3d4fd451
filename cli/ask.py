"""Asking the services of a run over HTTP, with a key of the folder."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from cli.failure import VerbError
from deploy.kafka.acls import SETUP
from deploy.local.keys import OPS, read_keys
from deploy.local.state import Folder, Run, read_run
from shared.kafka.cluster import Cluster
from shared.process.settings import PREFIX, PlatformSettings, read

_SECONDS: Final = 15.0


def running(path: Path) -> tuple[Folder, Run]:
    """The folder and what runs in it. Raises `VerbError` where nothing does."""
    folder = Folder(path.resolve())
    run = read_run(folder)
    if run is None:
        raise VerbError(f"nothing runs in {folder.path}; start it with `lahete run`, or name its folder with --dir")
    return folder, run


def cluster_of(run: Run) -> Cluster:
    """The run's Kafka, with the login that the environment names where it is one of ours."""
    return replace(read(PlatformSettings).cluster("ops"), bootstrap=run.kafka)


def kafka_named() -> Cluster | None:
    """The Kafka that the environment names, with the login of `lahete setup`; None where it names none."""
    settings = read(PlatformSettings)
    return settings.cluster(SETUP) if "kafka" in settings.model_fields_set else None


class VerbSettings(BaseSettings):
    """What a person's command line is configured by."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", env_ignore_empty=True)

    key_file: Path | None = Field(
        None, description="the file of the key to ask and send with; empty: keys.json of a demo or test"
    )


def own_key() -> str:
    """The key of who asks; empty where none is named. Raises `VerbError`."""
    file = read(VerbSettings).key_file
    if file is None:
        return ""
    try:
        key = file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise VerbError(f"{PREFIX}KEY_FILE: {file} cannot be read: {error}") from error
    if not key:
        raise VerbError(f"{PREFIX}KEY_FILE: {file} is empty")
    return key


def key_of(folder: Folder, source: str) -> str | None:
    """The key to send events of a source with. Raises `VerbError`, `FolderError`."""
    return own_key() or read_keys(folder).get(source)


def client(url: str, key: str | None) -> httpx.Client:
    """A client of one service, for one holder; through no proxy, since all is on this machine."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return httpx.Client(base_url=url, headers=headers, timeout=_SECONDS, trust_env=False)


def ask_monitor(path: Path, method: str, where: str, params: dict[str, Any] | None = None) -> Any:
    """What the monitor answers to ops, as JSON was decoded. Raises `VerbError` with what the problem says."""
    folder, run = running(path)
    if "monitor" not in run.urls:
        raise VerbError(f"no monitor runs in {folder.path}")
    key = own_key() or read_keys(folder).get(OPS)
    if key is None:
        raise VerbError(
            "there is no key to ask with: put yours, as `lahete key add ops:<name>` shows it once, into a file that you "
            "alone can read, and name the file in LAHETE_KEY_FILE"
        )
    given = {name: value for name, value in (params or {}).items() if value is not None}
    try:
        with client(run.urls["monitor"], key) as monitor:
            response = monitor.request(method, where, params=given)
    except httpx.HTTPError as error:
        raise VerbError(f"the monitor at {run.urls['monitor']} does not answer: {error}") from error
    if response.is_error:
        raise VerbError(problem(response))
    return decoded(response)


def decoded(response: httpx.Response) -> Any:
    """The answer's JSON. Raises `VerbError` where it is none."""
    try:
        return response.json()
    except ValueError as error:
        raise VerbError(f"{response.url} answered {response.status_code} without JSON") from error


def problem(response: httpx.Response) -> str:
    """One line of an answer that is an error: RFC 9457's detail, else the status."""
    try:
        document = response.json()
    except ValueError:
        document = None
    if not isinstance(document, dict) or not document.get("detail"):
        return f"{response.status_code} {response.reason_phrase}"
    return str(document["detail"])


def segment(text: str) -> str:
    """A text as one segment of a path: a slash or a question mark in it would ask something other."""
    return quote(text, safe="")
