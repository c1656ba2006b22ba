"""Where alerts go: a file of the store, and by e-mail and webhook as environment variables say.

What these hold are secrets: they are read here alone, and neither they nor an error that quotes
them go anywhere else.
"""

import json
import os
import smtplib
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from unigs.errors import ConfigError, UnigsError, one_line

WEBHOOK, SMTP = "UNIGS_ALERT_WEBHOOK", "UNIGS_ALERT_SMTP_URL"
SENDER, RECIPIENTS = "UNIGS_ALERT_FROM", "UNIGS_ALERT_TO"
LOG = "alerts.jsonl"
_TRIES, _WAIT_SECONDS = 2, 1.0
_TIMEOUT_SECONDS = 10.0
_HERE = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class Alert:
    """What happened.

    Attributes:
        event: ``run_failed`` or ``check_failed``.
        text: one line for people.
        job, run_id: of Dagster.
        store: folder.
    """

    event: str
    text: str
    job: str
    run_id: str
    store: str


def send(alert: Alert, log: Path) -> list[str]:
    """Send an alert by every channel that is configured; return why some did not work.

    Args:
        log: a file of JSON lines that it is appended to in any case.
    """
    faults = []
    for variable, channel in ((WEBHOOK, _post), (SMTP, _mail)):
        if address := os.environ.get(variable):
            fault = _tried(channel, address, alert)
            faults += [f"{variable}: {fault}"] if fault else []
    now = datetime.now(UTC).isoformat(timespec="seconds")
    line = {"time": now, **asdict(alert), "undelivered": faults}
    with log.open("a", encoding="utf-8") as stream:
        stream.write(f"{json.dumps(line)}\n")
    return faults


def _tried(channel: Callable[[str, Alert], None], address: str, alert: Alert) -> str:
    """Return why a channel did not take an alert, without quoting anything of its address."""
    fault = ""
    for number in range(_TRIES):
        if number:
            time.sleep(_WAIT_SECONDS)
        try:
            channel(address, alert)
            return ""
        except UnigsError as error:
            return str(error)
        except urllib.error.HTTPError as error:
            fault = f"the server answered {error.code}"
        except smtplib.SMTPResponseException as error:
            fault = f"the server answered {error.smtp_code}"
        # Errors of both libraries quote addresses: their kind is all that is told.
        except Exception as error:
            fault = f"not delivered ({type(error).__name__})"
    return fault


def _post(address: str, alert: Alert) -> None:
    parts = _parts(address, "https")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _HERE):
        raise ConfigError("not an address that begins with https://")
    request = urllib.request.Request(
        address,
        data=json.dumps(asdict(alert)).encode(),
        headers={"Content-Type": "application/json", "User-Agent": "unigs"},
        method="POST",
    )
    with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS):
        pass


def _mail(address: str, alert: Alert) -> None:
    parts = _parts(address, "smtp")
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise ConfigError("not an address as smtp://NAME:PASSWORD@HOST:PORT, or smtps://")
    recipients = os.environ.get(RECIPIENTS, "")
    if not recipients:
        raise ConfigError(f"{RECIPIENTS} does not say to whom")
    message = EmailMessage()
    message["Subject"] = f"unigs: {alert.text[:120]}"
    message["From"] = os.environ.get(SENDER) or "unigs@localhost"
    message["To"] = recipients
    message.set_content("\n".join(f"{name}: {value}" for name, value in asdict(alert).items()))
    with _connected(parts.scheme, parts.hostname, parts.port or 0, bool(parts.password)) as server:
        if parts.username and parts.password:
            server.login(unquote(parts.username), unquote(parts.password))
        server.send_message(message)


def _connected(scheme: str, host: str, port: int, password: bool) -> smtplib.SMTP:
    """Connect to a mail server, encrypted where it offers that."""
    trust = ssl.create_default_context()
    if scheme == "smtps":
        return smtplib.SMTP_SSL(host, port, timeout=_TIMEOUT_SECONDS, context=trust)
    server = smtplib.SMTP(host, port, timeout=_TIMEOUT_SECONDS)
    server.ehlo()
    if server.has_extn("starttls"):
        server.starttls(context=trust)
    elif password and host not in _HERE:
        server.close()
        raise ConfigError("the server offers no encryption for the password")
    return server


def _parts(address: str, kind: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        raise ConfigError(f"not an address of {kind}") from None
    return parts


def without_secrets(text: str) -> str:
    """Return a text in one line, with stars for what the variables of the channels hold."""
    for variable in (WEBHOOK, SMTP):
        value = os.environ.get(variable)
        for secret in (value, _password(value)) if value else ():
            text = text.replace(secret, "***") if secret else text
    return one_line(text)


def _password(address: str) -> str:
    try:
        return urlsplit(address).password or ""
    except ValueError:
        return ""
