"""What the outside can reach: the proxy's example and Kubernetes' ingress lead to the addresses that the code lists as public.

Public is what answers anybody, or the keys of partners and readers; the monitor's other addresses are for ops, on a host of
their own. Addresses are compared by what they begin with, as both are written.
"""

import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from getpass import getuser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.services import OF_NAME
from deploy.local.processes import PORT_OFFSETS, free_port
from shared.contracts.partner_kinds import PARTNER_KINDS
from shared.http.everywhere import EVERYWHERE
from shared.http.operations import Operation

REPOSITORY = Path(__file__).parents[2]
NGINX = REPOSITORY / "deploy/proxy/nginx.conf"
INGRESS = REPOSITORY / "deploy/kubernetes/overlays/production/ingress.yaml"
FOR_THE_PLATFORM = {one.path for one in EVERYWHERE} - {"/openapi.json"}
WAY = re.compile(r"location ~ \^/(\S+)\(/\|\$\) \{ proxy_pass http://127\.0\.0\.1:(\d+); \}")
Ways = Mapping[str, tuple[int, set[str]]]
"""By host: a service's port, and what of it can be reached."""


def beginnings(operations: Iterable[Operation]) -> set[str]:
    """`/v1/events` of `/v1/events/{id}`, and the document that describes them all."""
    found = (re.match(r"/v1/[^/]+|/[^/]*", one.path) for one in operations)
    return {"/openapi.json", *(one[0] for one in found if one)}


def asked_by(operations: Iterable[Operation], *who: str) -> list[Operation]:
    return [one for one in operations if not one.who or set(who) & set(one.who)]


def public() -> Ways:
    ports = {service: 8100 + offset for service, offset in PORT_OFFSETS.items()}
    of_monitor = [one for one in asked_by(OF_NAME["monitor"].operations(), *PARTNER_KINDS) if one.who]
    return {
        **{name: (ports[name], beginnings(one.operations())) for name, one in OF_NAME.items() if name != "monitor"},
        "outcomes": (ports["monitor"], beginnings(of_monitor)),
    }


def of_nginx() -> dict[str, str]:
    """The blocks of hosts that have a name, by its first word."""
    blocks = re.split(r"\n    server \{", NGINX.read_text(encoding="utf-8"))
    named = ((re.search(r"server_name (\w+)\.lahete\.example;", block), block) for block in blocks)
    return {found[1]: block for found, block in named if found}


def told_apart(ways: str) -> set[str]:
    """`openapi\\.json|v1/(events|codes)` as the beginnings that it stands for."""
    own = re.search(r"v1/\(([\w|-]+)\)", ways)
    rest = re.sub(r"\|?v1/\([\w|-]+\)", "", ways.removeprefix("(").removesuffix(")"))
    return {f"/v1/{one}" for one in (own[1].split("|") if own else ())} | {
        f"/{one}" for one in rest.replace("\\.", ".").split("|")
    }


def test_the_proxy_leads_to_what_is_public_and_nowhere_else() -> None:
    hosts = of_nginx()
    del hosts["monitor"]
    found = {host: WAY.findall(block) for host, block in hosts.items()}
    assert {host: (int(port), told_apart(ways)) for host, ((ways, port),) in found.items()} == public()
    assert all("location / { return 404; }" in block for block in hosts.values())


def test_kubernetes_leads_to_the_same() -> None:
    rules = [rule for one in yaml.safe_load_all(INGRESS.read_text(encoding="utf-8")) for rule in one["spec"]["rules"]]
    ways = {rule["host"].removesuffix(".lahete.example"): rule["http"]["paths"] for rule in rules}
    assert [path["path"] for path in ways.pop("monitor")] == ["/"]

    def reached(paths: list[Any]) -> tuple[int, set[str]]:
        (service,) = {path["backend"]["service"]["name"] for path in paths}
        return 8100 + PORT_OFFSETS[service], {path["path"] for path in paths}

    assert {host: reached(paths) for host, paths in ways.items()} == public()


def test_what_is_for_the_platform_alone_is_public_nowhere() -> None:
    for host, (_, ways) in public().items():
        assert not {way for way in ways for path in FOR_THE_PLATFORM if f"{path}/".startswith(f"{way}/")}, host
    assert {"/metrics", "/health/live", "/health/ready", "/v1/outcomes", "/v1/rehearsals"} == FOR_THE_PLATFORM
    assert "location ~ ^/(metrics|health|v1/outcomes|v1/rehearsals)(/|$) { return 404; }" in of_nginx()["monitor"]


def test_who_is_not_of_ops_network_does_not_reach_the_monitor() -> None:
    assert re.search(r"allow 10\.0\.0\.0/8;\n\s+deny  all;", of_nginx()["monitor"])


def test_the_proxy_takes_what_the_doors_take_and_keeps_no_addresses() -> None:
    """A batch has 8 MiB; an address may hold the token of a form."""
    text = NGINX.read_text(encoding="utf-8")
    assert "client_max_body_size  8m;" in text
    assert "access_log off;" in text
    assert "proxy_read_timeout    60s;" in text


class Echo(BaseHTTPRequestHandler):
    """Answers 200 with what it was asked, whatever that was."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def proxied(tmp_path: Path) -> Iterator[Callable[[str, str, bytes], int]]:
    """Asks a host of the example by way of nginx; the status."""
    nginx = shutil.which("nginx", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if nginx is None:
        pytest.skip("nginx is not here: its example is NOT tried")
    folders = "".join(
        f"{one}_temp_path {tmp_path}/{one};\n" for one in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as doors:
        threading.Thread(target=doors.serve_forever, daemon=True).start()
        port, text = free_port(), NGINX.read_text(encoding="utf-8").replace("/etc/lahete", str(tmp_path))
        text = re.sub(r"127\.0\.0\.1:81\d\d", f"127.0.0.1:{doors.server_address[1]}", text).replace(
            "listen 443", f"listen {port}"
        )
        text = text.replace("listen 80 ", f"listen {free_port()} ").replace("http {", "http {\n" + folders)
        (tmp_path / "nginx.conf").write_text(
            f"user {getuser()};\npid {tmp_path}/pid;\nerror_log {tmp_path}/log;\ndaemon off;\n{text}"
        )
        key, certificate = (
            ("-keyout", f"{tmp_path}/tls.key"),
            ("-out", f"{tmp_path}/tls.crt", "-subj", "/CN=lahete.example"),
        )
        made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *key, *certificate]
        subprocess.run(made, capture_output=True, check=True)
        running = subprocess.Popen([nginx, "-c", f"{tmp_path}/nginx.conf", "-e", f"{tmp_path}/log"])
        try:
            wait_for_port(port, running)
            yield partial(ask, port)
        finally:
            running.terminate()
            running.wait()
            doors.shutdown()


def wait_for_port(port: int, running: subprocess.Popen[bytes]) -> None:
    while True:
        assert running.poll() is None, "nginx does not take its example"
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)


def ask(port: int, host: str, path: str, body: bytes) -> int:
    context = ssl._create_unverified_context()  # noqa: S323 - its certificate was made a moment ago
    plain = socket.create_connection(("127.0.0.1", port))
    with plain, context.wrap_socket(plain, server_hostname=f"{host}.lahete.example") as wire:
        head = f"POST {path} HTTP/1.1\r\nHost: {host}.lahete.example\r\nContent-Length: {len(body)}\r\n\r\n"
        wire.sendall(head.encode() + body)
        return int(wire.recv(64).split()[1])


def test_nginx_takes_the_example_and_lets_through_what_is_public(proxied: Callable[[str, str, bytes], int]) -> None:
    batch = b"x" * 8 * 1024 * 1024
    assert proxied("referral", "/v1/events", batch) == 200
    assert proxied("referral", "/v1/events", batch + b"x") == 413
    for host, (_, ways) in public().items():
        assert [proxied(host, f"{way}/a?b", b"") for way in sorted(ways)] == [200] * len(ways), host
        for path in (*FOR_THE_PLATFORM, "/v1/eventsX", "/", "/v1/lag", "/v1/dead-letters"):
            assert proxied(host, path, b"") == 404, f"{host} {path}"
    assert proxied("monitor", "/v1/lag", b"") == 200
    assert {proxied("monitor", path, b"") for path in FOR_THE_PLATFORM} == {404}
    with pytest.raises(ssl.SSLError):
        proxied("nobody", "/v1/events", b"")
