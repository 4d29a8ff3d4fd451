"""Asking the services over HTTP: those of a run on this machine by its folder's keys, or others by their address."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

import httpx
import typer
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from cli.failure import VerbError
from cli.options import DEFAULT_DIR
from deploy.kafka.acls import SETUP
from deploy.local.keys import OPS, read_keys
from deploy.local.state import Folder, Run, read_run
from shared.kafka.cluster import Cluster
from shared.process.addresses import may_hold_a_secret
from shared.process.names import PREFIX
from shared.process.settings import PlatformSettings, read

_SECONDS: Final = 15.0
_HERE: Final = {"127.0.0.1", "::1", "localhost"}


class VerbSettings(BaseSettings):
    """The settings of a person's command line."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", env_ignore_empty=True)

    url: str = Field(
        "", description="the service to ask where no --dir is named: the monitor, for emit and import a door"
    )
    key_file: Path | None = Field(
        None, description="the file of the key to ask and send with; empty: keys.json of a demo or test"
    )


@dataclass(frozen=True)
class Reach:
    """A service's address, and the key to speak to it."""

    url: str
    key_of: Callable[[str], str | None]
    from_afar: bool = False


def reach(service: str, path: Path | None, url: str | None, key_file: Path | None) -> Reach:
    """The service at the named address, else that of the run in the folder. Raises `VerbError`."""
    own = own_key(key_file)
    if address := named_address(path, url):
        return Reach(address, lambda _: own or None, from_afar=urlsplit(address).hostname not in _HERE)
    folder, run = running(path or DEFAULT_DIR)
    if service not in run.urls:
        raise VerbError(f"no {service} runs in {folder.path}")
    return Reach(run.urls[service], partial(key_of, folder, own))


def named_address(path: Path | None, url: str | None) -> str:
    """The command's address or, if it names no folder, the environment's; empty: a folder. Raises `VerbError`."""
    if path is not None and url is not None:
        raise typer.BadParameter("--url and --dir both say where: name one of the two")
    address = url or ("" if path is not None else read(VerbSettings).url)
    return _checked(address) if address else ""


def _checked(address: str) -> str:
    parts = urlsplit(address)
    if may_hold_a_secret(address):
        raise VerbError(f"an address with a login or a secret in it: the key's place is --key-file or {PREFIX}KEY_FILE")
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise VerbError(
            f"{address[:80]!r} is no address of a service, such as https://monitor.example or http://127.0.0.1:8100"
        )
    return address


def running(path: Path) -> tuple[Folder, Run]:
    """The folder and its run. Raises `VerbError` where nothing runs."""
    folder = Folder(path.resolve())
    run = read_run(folder)
    if run is None:
        raise VerbError(
            f"nothing runs in {folder.path}; start it with `lahete run`, or name its folder with --dir; "
            "verbs that only ask or send reach a run elsewhere by --url"
        )
    return folder, run


def cluster_of(run: Run) -> Cluster:
    """The run's Kafka, with the environment's login if it is one of ours."""
    return replace(read(PlatformSettings).cluster("ops"), bootstrap=run.kafka)


def kafka_named() -> Cluster | None:
    """The environment's Kafka, with the login of `lahete setup`; None where it names none."""
    settings = read(PlatformSettings)
    return settings.cluster(SETUP) if "kafka" in settings.model_fields_set else None


def own_key(named: Path | None = None) -> str:
    """The key in the named file, else in the environment's; empty without one. Raises `VerbError`."""
    file = named or read(VerbSettings).key_file
    if file is None:
        return ""
    by = "--key-file" if named else f"{PREFIX}KEY_FILE"
    try:
        key = file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise VerbError(f"{by}: {file} cannot be read: {error}") from error
    if not key:
        raise VerbError(f"{by}: {file} is empty")
    if key.split() != [key]:
        raise VerbError(f"{by}: {file} holds more than a key, as a header for curl does; put the key alone into a file")
    return key


def key_of(folder: Folder, own: str, holder: str) -> str | None:
    """The key of a holder: the caller's own if there is one, else the one of a demo or test. Raises `FolderError`."""
    return own or read_keys(folder).get(holder)


def client(url: str, key: str | None, *, from_afar: bool = False) -> httpx.Client:
    """A client of one service, for one holder; goes through the environment's proxy only to a service elsewhere."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return httpx.Client(base_url=url, headers=headers, timeout=_SECONDS, trust_env=from_afar)


class Monitor:
    """The monitor, asked by ops. Raises `VerbError` with the text of its problem."""

    def __init__(self, path: Path | None, url: str | None, key_file: Path | None) -> None:
        self._reach = reach("monitor", path, url, key_file)
        self._key = self._reach.key_of(OPS)
        if self._key is None:
            raise VerbError(
                "there is no key to ask with: put yours, as `lahete key add ops:<name>` shows it once, into a file that "
                f"you alone can read, and name the file by --key-file or in {PREFIX}KEY_FILE"
            )

    def ask(self, method: str, where: str, params: dict[str, Any] | None = None, body: object = None) -> Any:
        """The monitor's answer, decoded from JSON."""
        response = self.answer(method, where, params, body)
        if response.status_code == 404 and self.answer("GET", "/v1/lag").status_code == 404:
            raise VerbError(
                f"what answers at {self._reach.url} is not the monitor: --url or {PREFIX}URL names the monitor's address here"
            )
        if response.is_error:
            raise VerbError(problem(response))
        return decoded(response)

    def answer(
        self, method: str, where: str, params: dict[str, Any] | None = None, body: object = None
    ) -> httpx.Response:
        """The monitor's response, whatever the status is."""
        sent = {name: value for name, value in (params or {}).items() if value is not None}
        try:
            with client(self._reach.url, self._key, from_afar=self._reach.from_afar) as monitor:
                return monitor.request(method, where, params=sent, json=body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise VerbError(
                f"the monitor at {self._reach.url} does not answer: {str(error) or type(error).__name__}"
            ) from error


class MonitorAnswer(dict[str, Any]):
    """An object in an answer. Raises `VerbError` for what it lacks: something else answered, or another version."""

    def __missing__(self, name: str) -> Any:
        raise VerbError(f"the answer has no {name!r}: what answers is not the monitor, or is one of another version")


def decoded(response: httpx.Response) -> MonitorAnswer:
    """The object in the answer's JSON. Raises `VerbError` if there is none."""
    try:
        answer = response.json(object_hook=MonitorAnswer)
    except ValueError as error:
        raise VerbError(f"{response.url} answered {response.status_code} without JSON") from error
    if not isinstance(answer, MonitorAnswer):
        raise VerbError(f"{response.url} answered {response.status_code} without an object: it is not the monitor")
    return answer


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
    """A text as one segment of a path: a slash or a question mark in it would ask for another address.

    Raises `BadParameter` for what can be none.
    """
    if text in {"", ".", ".."}:
        raise typer.BadParameter(f"{text!r} is no id")
    return quote(text, safe="")
