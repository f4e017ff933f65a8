"""The ways in which a notice goes out: a signed webhook, Slack's form, a mail. Each sends once, or says why it did not.

A webhook is signed as Standard Webhooks has it (https://www.standardwebhooks.com): `webhook-id`, `webhook-timestamp`
and `webhook-signature: v1,` with the base64 of HMAC-SHA256 over `id.timestamp.body`. The id is
the `Idempotency-Key` too.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import smtplib
import ssl
import time
from collections.abc import Callable
from email.message import EmailMessage
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import httpx

from router.control.notify.notice import Notice
from router.control.notify.settings import Email, NotifySettings, Slack, Webhook, secret
from telemetry.errors import BelayError

TIMEOUT_S: Final = 10.0
_MAY_PASS: Final = frozenset({408, 425, 429})


class NotSent(BelayError):
    """A notice that did not go out this time; it may the next."""

    retriable = True


class NeverSent(BelayError):
    """A notice that its receiver refuses, however often it is sent."""


Send = Callable[[Notice], None]
"""Sends one notice. Raises NotSent and NeverSent."""


class Channel(NamedTuple):
    """A way out, by a name that holds no secret and stays the same over restarts."""

    name: str
    send: Send


def channels_of(settings: NotifySettings) -> list[Channel]:
    """Every channel of the settings. Raises SettingsError where a secret is not there."""
    found = [Channel(f"webhook {_named(hook.url)}", webhook(hook)) for hook in settings.webhooks]
    found += [Channel(f"slack {each.url_env}", slack(each)) for each in settings.slack]
    found += [Channel(f"email {', '.join(mail.to)}", email(mail)) for mail in settings.email]
    return found


def webhook(settings: Webhook, clock: Callable[[], float] = time.time) -> Send:
    """Posts the notice as JSON, signed."""
    key = secret(settings.secret_env).encode()

    def send(notice: Notice) -> None:
        body = notice.model_dump_json().encode()
        stamp = str(int(clock()))
        signed = signature(key, notice.id, stamp, body)
        headers = {
            "content-type": "application/json", "webhook-id": notice.id, "webhook-timestamp": stamp,
            "webhook-signature": signed, "idempotency-key": notice.id,
        }  # fmt: skip
        _post(settings.url, body, headers)

    return send


def signature(key: bytes, notice_id: str, stamp: str, body: bytes) -> str:
    """What a receiver computes to know that a webhook is ours, and when it was sent."""
    signed = hmac.digest(key, b".".join((notice_id.encode(), stamp.encode(), body)), hashlib.sha256)
    return f"v1,{base64.b64encode(signed).decode()}"


def slack(settings: Slack) -> Send:
    """Posts the text in the form that Slack's incoming webhooks take."""
    url = secret(settings.url_env)

    def send(notice: Notice) -> None:
        # Slack reads these three as markup, and what is told may hold anything.
        text = notice.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        body = httpx.Request("POST", url, json={"text": text}).content
        _post(url, body, {"content-type": "application/json"})

    return send


def email(settings: Email) -> Send:
    """Sends a mail; its Message-ID is the notice's, so that mailboxes keep one of two."""
    password = secret(settings.password_env) if settings.password_env is not None else None

    def send(notice: Notice) -> None:
        message = EmailMessage()
        message["Subject"] = " ".join(notice.headline.split())
        message["From"], message["To"] = settings.sender, ", ".join(settings.to)
        message["Message-ID"] = f"<{notice.id}@belay.invalid>"
        message["Date"] = notice.time
        message.set_content(notice.text)
        try:
            _mail(settings, password, message)
        except (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused) as error:
            raise NeverSent(f"the mail server refuses it: {error}") from error
        except (OSError, smtplib.SMTPException) as error:
            raise NotSent(f"the mail server {settings.host}: {error}") from error

    return send


def _mail(settings: Email, password: str | None, message: EmailMessage) -> None:
    if settings.security == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            settings.host, settings.port, timeout=TIMEOUT_S, context=ssl.create_default_context()
        )
    else:
        server = smtplib.SMTP(settings.host, settings.port, timeout=TIMEOUT_S)
    with server:
        if settings.security == "starttls":
            server.starttls(context=ssl.create_default_context())
        if settings.user is not None and password is not None:
            server.login(settings.user, password)
        server.send_message(message)


def _post(url: str, body: bytes, headers: dict[str, str]) -> None:
    try:
        answer = httpx.post(url, content=body, headers=headers, timeout=TIMEOUT_S)
    except httpx.HTTPError as error:
        raise NotSent(f"{_named(url)}: {type(error).__name__}") from error
    if answer.is_success:
        return
    told = f"{_named(url)} answered {answer.status_code}"
    if answer.is_client_error and answer.status_code not in _MAY_PASS:
        raise NeverSent(told)
    raise NotSent(told)


def _named(url: str) -> str:
    """The host of an address: the rest may be a secret."""
    return urlsplit(url).hostname or "its address"
