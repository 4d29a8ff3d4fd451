"""The jars of the local servers, fetched once by Maven from what pom.xml pins, and our own classes, compiled once: in target.

Errors, each one line for a person:

    JavaError           something is wrong with a local server
        JavaMissing     Java or Maven is missing, or the jars cannot be fetched, or our classes not compiled
        ServerFailed    a server ended, or was not ready in time: servers.py
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
TARGET: Final = HERE / "target"
JARS: Final = TARGET / "jars"
SOURCES: Final = (HERE / "Launcher.java", HERE / "MongoServer.java")

_OLDEST_JAVA: Final = 17
_FETCHED_WITHIN: Final = 900
_COMPILED_WITHIN: Final = 120
_INSTALL: Final = "install a JDK of 17 or newer and Maven (Debian: apt install openjdk-17-jdk-headless maven)"


class JavaError(Exception):
    """A local server cannot do what the caller asked."""


class JavaMissing(JavaError):
    """This machine has not what the local servers need."""


def java() -> str:
    """The `java` command. Raises `JavaMissing`."""
    found = shutil.which("java")
    if found is None:
        raise JavaMissing(f"`java` is not on the path; {_INSTALL}")
    said = subprocess.run([found, "-version"], capture_output=True, text=True, timeout=30, check=False).stderr
    version = re.search(r'version "(\d+)', said)
    if version is None or int(version[1]) < _OLDEST_JAVA:
        what = said.strip().splitlines()
        raise JavaMissing(f"{found} is {what[0] if what else 'silent about its version'}; {_INSTALL}")
    return found


def classpath(say: Callable[[str], None] = lambda _: None) -> str:
    """Java's classpath of our classes and all jars; makes missing ones. Raises `JavaMissing`."""
    java()
    TARGET.mkdir(exist_ok=True)
    # Several test runs may come here at once.
    with (TARGET / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with _once("fetched", HERE / "pom.xml") as due:
            if due:
                say("fetching Kafka's and the database's jars with Maven, once")
                shutil.rmtree(JARS, ignore_errors=True)
                _fetch()
        with _once("compiled", HERE / "pom.xml", *SOURCES) as due:
            if due:
                _compile()
    return _path()


@contextmanager
def _once(what: str, *made_of: Path) -> Iterator[bool]:
    """Whether the block must do the work: nobody has done it, or only from another source."""
    done, pinned = TARGET / what, hashlib.sha256(b"".join(file.read_bytes() for file in made_of)).hexdigest()
    due = not done.exists() or done.read_text() != pinned
    yield due
    if due:
        done.write_text(pinned)


def _path() -> str:
    return os.pathsep.join((str(TARGET / "classes"), f"{JARS}/*"))


def _compile() -> None:
    # Java runs a source as well, and compiles it at each start: that took a third of the time until a server answered.
    compiler = shutil.which("javac")
    if compiler is None:
        raise JavaMissing(f"`javac` is not on the path; {_INSTALL}")
    command = [compiler, "-cp", _path(), "-d", str(TARGET / "classes"), *map(str, SOURCES)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=_COMPILED_WITHIN, check=False)
    if ended.returncode:
        said = ended.stderr.strip().splitlines() or ["it said nothing"]
        raise JavaMissing(f"the local servers cannot be compiled: {said[0][:300]}")


def _fetch() -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise JavaMissing(f"`mvn` is not on the path; {_INSTALL}")
    command = [maven, "--batch-mode", "--quiet", "dependency:copy-dependencies"]
    try:
        ended = subprocess.run(
            command,
            cwd=HERE,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_FETCHED_WITHIN,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise JavaMissing(f"`mvn dependency:copy-dependencies` has not ended in {_FETCHED_WITHIN} s") from error
    if ended.returncode:
        faults = [line for line in ended.stdout.splitlines() if "ERROR" in line] or ["it said nothing"]
        raise JavaMissing(f"the jars cannot be fetched: {faults[0][:300]}; is Maven's repository within reach?")
