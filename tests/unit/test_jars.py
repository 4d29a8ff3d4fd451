"""What is said where the local servers in Java cannot be had."""

from pathlib import Path

import pytest

from deploy.java import jars
from deploy.java.jars import JavaMissing


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A path with nothing on it but what a test puts there; and jars that were never fetched."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(jars, "TARGET", tmp_path / "target")
    monkeypatch.setattr(jars, "JARS", tmp_path / "target" / "jars")
    return tmp_path


def put(folder: Path, name: str, script: str) -> None:
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o700)


def test_without_java_it_says_what_to_install(programs: Path) -> None:
    with pytest.raises(JavaMissing, match=r"^`java` is not on the path; install a JDK of 17 or newer and Maven"):
        jars.classpath()


@pytest.mark.parametrize(
    "said", ['openjdk version "11.0.2" 2019-01-15', 'java version "1.8.0_292"', "no version at all"]
)
def test_an_old_java_is_named(programs: Path, said: str) -> None:
    put(programs, "java", f"echo '{said}' >&2")
    with pytest.raises(JavaMissing, match=f"{programs}/java is {said}; install"):
        jars.classpath()


def test_without_maven_it_says_what_to_install(programs: Path) -> None:
    put(programs, "java", "echo 'openjdk version \"17.0.1\"' >&2")
    with pytest.raises(JavaMissing, match="`mvn` is not on the path; install"):
        jars.classpath()


def test_a_maven_that_fails_is_quoted_and_asked_again_next_time(programs: Path) -> None:
    put(programs, "java", "echo 'openjdk version \"21\"' >&2")
    put(programs, "mvn", "echo '[INFO] x'; echo '[ERROR] cannot reach it'; exit 1")
    with pytest.raises(JavaMissing, match=r"the jars cannot be fetched: \[ERROR\] cannot reach it"):
        jars.classpath()
    put(programs, "mvn", "exit 0")
    put(programs, "javac", "exit 0")
    told: list[str] = []
    assert jars.classpath(told.append) == f"{programs}/target/classes:{programs}/target/jars/*"
    assert len(told) == 1
    put(programs, "mvn", "exit 1")
    put(programs, "javac", "exit 1")
    assert jars.classpath(told.append) == f"{programs}/target/classes:{programs}/target/jars/*"
    assert len(told) == 1, "what was fetched is not fetched again"


def test_without_a_compiler_it_says_what_to_install(programs: Path) -> None:
    put(programs, "java", "echo 'openjdk version \"17.0.1\"' >&2")
    put(programs, "mvn", "exit 0")
    with pytest.raises(JavaMissing, match="`javac` is not on the path; install a JDK"):
        jars.classpath()


def test_a_compiler_that_fails_is_quoted_and_asked_again_next_time(programs: Path) -> None:
    put(programs, "java", "echo 'openjdk version \"17.0.1\"' >&2")
    put(programs, "mvn", "exit 0")
    put(programs, "javac", "echo 'MongoServer.java:1: error: not Java' >&2; exit 1")
    for _ in range(2):
        with pytest.raises(JavaMissing, match=r"cannot be compiled: MongoServer\.java:1: error: not Java"):
            jars.classpath()
