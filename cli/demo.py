"""`lahete demo`: the main job, start to end. A live view on a terminal, plain lines elsewhere; a summary at the end."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import typer

from cli import demo_summary, terminal
from cli.demo_views import LiveView, PlainView
from cli.options import Json
from demo.play import play
from demo.simulation import DemoResult, NoReckoningError
from demo.size import Size
from demo.verdict import TOO_MUCH
from deploy.backends import Backend
from deploy.local.foreground import listening
from deploy.local.state import Folder, read_run

_ASKED_EVERY = 0.1


def demo(
    *,
    as_json: Json = False,
    referrals: Annotated[int, typer.Option(min=1, max=5_000, help="How many referrals.")] = 1_000,
    opistos: Annotated[int, typer.Option(min=1, max=200, help="How many opistos of the register, at most.")] = 200,
    seconds: Annotated[
        float,
        typer.Option(min=5, max=600, help="How long the partners act where nothing lags; at most ten times as long."),
    ] = 64.0,
    port_base: Annotated[int, typer.Option(min=1024, max=65_000, help="The monitor's port; the others follow.")] = 8100,
    engine: Annotated[Backend, typer.Option(help="The backends: Kafka and the store.")] = Backend.EMBEDDED,
    seed: Annotated[int, typer.Option(help="Another seed, other people.")] = 20260901,
    keep: Annotated[bool, typer.Option("--keep", help="Leave all running at its end, to be looked at.")] = False,
) -> None:
    """Carries referrals from regions to opistos and back, on backends of its own, with faults on purpose.

    The platform's clock runs fast, and slows down while a service or a partner lags.

    Exit code 0: all adds up, and the loop is true. 1: an event is lost, or the sums do not agree. 2: wrong use.
    3: nothing is lost, but this machine could not carry it: it took too long, or hardly anybody was placed.
    """
    if engine is Backend.ENV:
        raise typer.BadParameter("the demo's people are made up and its clock runs fast: it brings its own backends")
    size = Size(referrals=referrals, opistos=opistos, seconds=seconds, seed=seed)
    view = LiveView() if sys.stdout.isatty() and not as_json else PlainView(quiet=as_json)
    summary = _Summary(size, as_json=as_json)

    def linger(result: DemoResult, folder: Folder, check: Callable[[], None]) -> None:
        view.end()
        summary.show(result)
        _wait_until_asked(folder, check, terminal.complain if as_json else terminal.line)

    try:
        with view:
            result = play(size, port_base, view.show, view.say, engine, linger if keep else None)
    except NoReckoningError as error:
        terminal.complain(f"lahete: {error}. {demo_summary.advice(size)}")
        raise typer.Exit(TOO_MUCH) from error
    if not keep:
        summary.show(result)
    raise typer.Exit(demo_summary.verdict(result).code)


@dataclass
class _Summary:
    size: Size
    as_json: bool

    def __post_init__(self) -> None:
        self._began = time.monotonic()

    def show(self, result: DemoResult) -> None:
        seconds = time.monotonic() - self._began
        if self.as_json:
            terminal.as_json(demo_summary.document(result, seconds))
        else:
            demo_summary.show(result, self.size, seconds)


def _wait_until_asked(folder: Folder, check: Callable[[], None], say: Callable[[str], None]) -> None:
    run = read_run(folder)
    assert run is not None
    now = run.platform_clock().now()
    say(f"All runs on at a real clock's pace from {now:%Y-%m-%d %H:%M} UTC; see {run.urls['monitor']}/")
    say(f"keys, logs, addresses (run.json): {folder.path}")
    say(f"all verbs find it, such as: lahete status --dir {folder.path}")
    say("Ctrl-C ends it, or lahete stop with the same --dir; the folder stays")
    with listening() as asked:
        while not asked.to_stop():
            check()
            time.sleep(_ASKED_EVERY)
