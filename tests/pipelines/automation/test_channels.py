"""Alerts go by every way that is configured, and no secret leaves the environment."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from pipelines.automation import channels
from pipelines.automation.channels import LOG, Alert, send, without_secrets
from tests.pipelines.automation.conftest import CANARY

pytestmark = pytest.mark.usefixtures("quick_channels")
ALERT = Alert("run_failed", "everything failed: raw: no such folder", "everything", "r1", "/store")


def test_all_ways_are_taken(hook: Any, mail: Any, tmp_path: Path) -> None:
    assert send(ALERT, tmp_path / LOG) == []
    ((path, told),) = hook.told
    assert path == f"/{CANARY}"
    assert (told["event"], told["text"], told["run_id"]) == ("run_failed", ALERT.text, "r1")
    # in capitals or not, as the version of smtplib has it; SMTP (RFC 5321, 2.4) takes both
    assert "rcpt to:<lab@example.org>" in map(str.lower, mail.told)
    assert f"Subject: unigs: {ALERT.text}" in mail.told
    (line,) = (tmp_path / LOG).read_text().splitlines()
    assert json.loads(line)["text"] == ALERT.text


def test_without_configuration_the_log_has_it(tmp_path: Path) -> None:
    assert send(ALERT, tmp_path / LOG) == []
    assert send(ALERT, tmp_path / LOG) == []
    assert len((tmp_path / LOG).read_text().splitlines()) == 2


def test_a_server_that_refuses_is_tried_twice_and_told_without_its_address(
    hook: Any, mail: Any, tmp_path: Path
) -> None:
    hook.code = 500
    mail.auth = b"535 who is canary-7f3a91\r\n"
    faults = send(ALERT, tmp_path / LOG)
    assert [fault.split(": ")[1] for fault in faults] == [
        "the server answered 500",
        "the server answered 535",
    ]
    assert len(hook.told) == 2
    assert CANARY not in (tmp_path / LOG).read_text() + str(faults)


@pytest.mark.parametrize(
    ("variable", "address"),
    [
        (channels.WEBHOOK, f"http://elsewhere.example/{CANARY}"),
        (channels.WEBHOOK, f"file:///{CANARY}"),
        (channels.WEBHOOK, f"{CANARY}"),
        (channels.WEBHOOK, f"http://127.0.0.1:1/{CANARY}"),
        (channels.WEBHOOK, f"https://[{CANARY}"),
        (channels.WEBHOOK, f"http://127.0.0.1:{CANARY}/"),
        (channels.SMTP, f"http://me:{CANARY}@127.0.0.1"),
        (channels.SMTP, f"smtp://me:{CANARY}@127.0.0.1:1"),
        (channels.SMTP, f"smtp://me:pass@127.0.0.1:{CANARY}"),
    ],
)
def test_wrong_addresses_are_told_without_quoting_them(
    variable: str, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, address)
    monkeypatch.setenv(channels.RECIPIENTS, "lab@example.org")
    (fault,) = send(ALERT, tmp_path / LOG)
    assert fault.startswith(f"{variable}: ")
    assert CANARY not in fault


def test_mail_without_a_recipient_says_so(mail: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.delenv(channels.RECIPIENTS)
    (fault,) = send(ALERT, tmp_path / LOG)
    assert channels.RECIPIENTS in fault


def test_an_alert_does_not_repeat_a_secret_that_an_error_quotes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(channels.SMTP, f"smtp://me:{CANARY}@host")
    assert without_secrets(f"cannot log in with\n{CANARY}") == "cannot log in with ***"


def test_secrets_are_read_by_the_channels_alone() -> None:
    """So that none can get into a run configuration, a parameter or a log."""
    top = Path(channels.__file__).parents[2]
    for folder in ("unigs", "resources", "assets_defs", "pipelines"):
        for file in (top / folder).rglob("*.py"):
            if file != Path(channels.__file__):
                assert "UNIGS_ALERT_WEBHOOK" not in file.read_text("utf-8"), file
    assert "UNIGS_ALERT_WEBHOOK" not in os.environ
