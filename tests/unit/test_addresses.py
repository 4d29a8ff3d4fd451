"""No secret may stand in the address of a setting, since people are shown addresses; what is refused is not shown."""

import json
from pathlib import Path

import pytest

from cli.services import OF_NAME
from deploy.backends import Backend, backends
from deploy.local.state import open_folder
from shared.process.settings import PlatformSettings, read

SECRET = "do-not-tell"


def written(setting: str, address: str) -> str:
    return json.dumps({"referral": address}) if setting == "LAHETE_SERVICE_URLS" else address


@pytest.mark.parametrize(
    ("setting", "address", "instead"),
    [
        ("LAHETE_MONGODB", f"mongodb://me:{SECRET}@db:27017/", "LAHETE_MONGODB_PASSWORD_FILE"),
        ("LAHETE_MONGODB", f"mongodb://db/?tlsCertificateKeyFilePassword={SECRET}", "LAHETE_MONGODB_PASSWORD_FILE"),
        (
            "LAHETE_MONGODB",
            f"mongodb://db/?authMechanismProperties=AWS_SESSION_TOKEN:{SECRET}",
            "LAHETE_MONGODB_PASSWORD_FILE",
        ),
        ("LAHETE_KAFKA", f"a:9092,me:{SECRET}@b:9092", "LAHETE_KAFKA_PASSWORD_FILE"),
        ("LAHETE_KAFKA", f"me:{SECRET}@b", "LAHETE_KAFKA_PASSWORD_FILE"),
        ("LAHETE_SERVICE_URLS", f"http://me:{SECRET}@referral:8101", "LAHETE_SERVICE_KEY_FILE"),
        ("LAHETE_PUBLIC_URL", f"https://me:{SECRET}@feedback.example", "the form asks for no login"),
    ],
)
def test_an_address_with_a_secret_in_it_stops_the_start_and_is_not_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], setting: str, address: str, instead: str
) -> None:
    monkeypatch.setenv(setting, written(setting, address))
    of_all = setting.removeprefix("LAHETE_").lower() in PlatformSettings.model_fields
    for service, one in OF_NAME.items():
        if of_all or setting.removeprefix("LAHETE_").lower() in one.settings.model_fields:
            with pytest.raises(SystemExit):
                read(one.settings)
            said = capsys.readouterr().err
            assert said.startswith(f"lahete: {setting}"), service
            assert instead in said
            assert SECRET not in said


def test_what_is_no_json_is_not_printed_where_it_may_hold_a_secret(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAHETE_SERVICE_URLS", f"http://me:{SECRET}@referral:8101")
    with pytest.raises(SystemExit):
        read(OF_NAME["monitor"].settings)
    said = capsys.readouterr().err
    assert said.startswith("lahete: LAHETE_SERVICE_URLS: ")
    assert SECRET not in said


def test_a_run_on_servers_of_others_does_not_begin_with_a_secret_in_an_address(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Its run.json would hold it."""
    monkeypatch.setenv("LAHETE_MONGODB", f"mongodb://me:{SECRET}@db")
    with pytest.raises(SystemExit):
        backends(Backend.ENV, open_folder(tmp_path / "run"), print, lambda: None)
    assert SECRET not in "".join(capsys.readouterr())


def test_options_that_are_no_secret_may_stand_in_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    address = "mongodb://a:27017,b:27017/?replicaSet=rs0&tls=true&tlsCertificateKeyFile=/run/secrets/mongodb.pem"
    monkeypatch.setenv("LAHETE_MONGODB", address)
    assert read(PlatformSettings).mongodb == address
