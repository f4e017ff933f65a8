"""Webhook, Slack and mail, against servers that take them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from router.control.notify.notice import Notice, notice_of
from router.control.notify.senders import NeverSent, NotSent, channels_of, email, slack, webhook
from router.control.notify.settings import Email, NotifySettings, Slack, Webhook
from telemetry.errors import SettingsError
from tests.router.values import rolled_back, started

SECRET = "s3cret"  # not a secret


class Receiver(HTTPServer):
    """Keeps what is posted and answers `status`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 200
        self.got: list[tuple[dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hooks/T0K3N"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as the base names it
        pass


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    monkeypatch.setenv("SLACK_URL", server.url)
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def notice() -> Notice:
    return notice_of(rolled_back(started()), None, "https://belay.example")


def test_a_webhook_is_signed_over_id_time_and_body(receiver: Receiver, notice: Notice) -> None:
    webhook(Webhook(url=receiver.url, secret_env="HOOK_SECRET"), lambda: 1_700_000_000.9)(notice)
    ((headers, body),) = receiver.got
    assert Notice.model_validate_json(body) == notice
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == (notice.id, "1700000000")
    assert headers["idempotency-key"] == notice.id
    signed = hmac.new(SECRET.encode(), f"{notice.id}.1700000000.".encode() + body, hashlib.sha256).digest()
    assert headers["webhook-signature"] == "v1," + base64.b64encode(signed).decode()


def test_slack_gets_a_text_in_which_nothing_is_markup(receiver: Receiver, notice: Notice) -> None:
    slack(Slack(url_env="SLACK_URL"))(notice.model_copy(update={"reason": "a <!channel> & b"}))
    ((_, body),) = receiver.got
    assert json.loads(body) == {
        "text": "Rollout r1 was rolled back, by tester: a &lt;!channel&gt; &amp; b\nhttps://belay.example/#/rollouts/r1"
    }


@pytest.mark.parametrize(
    ("status", "kind"), [(500, NotSent), (429, NotSent), (302, NotSent), (404, NeverSent), (401, NeverSent)]
)
def test_what_may_pass_is_told_from_what_never_will(
    receiver: Receiver, notice: Notice, status: int, kind: type[Exception]
) -> None:
    receiver.status = status
    with pytest.raises(kind, match=f"127.0.0.1 answered {status}") as told:
        slack(Slack(url_env="SLACK_URL"))(notice)
    assert "T0K3N" not in str(told.value)


def test_nobody_there_may_pass(notice: Notice, free_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_URL", f"http://127.0.0.1:{free_port}/")
    with pytest.raises(NotSent, match="ConnectError"):
        slack(Slack(url_env="SLACK_URL"))(notice)
    with pytest.raises(NotSent, match=r"the mail server 127\.0\.0\.1"):
        email(Email(host="127.0.0.1", port=free_port, sender="belay@example.com", to=("ada@example.com",)))(
            notice
        )


class _Mailbox(socketserver.StreamRequestHandler):
    """As much of SMTP as a client needs to hand over one mail."""

    refuses = False
    mails: list[str]

    def handle(self) -> None:
        self._say("220 here")
        while line := self.rfile.readline().decode().strip():
            word = line.upper()
            if word.startswith("RCPT") and self.refuses:
                self._say("550 nobody of that name")
            elif word == "DATA":
                self._say("354 go on")
                self.mails.append("".join(iter(lambda: self.rfile.readline().decode(), ".\r\n")))
                self._say("250 taken")
            else:
                self._say("221 bye" if word == "QUIT" else "250 fine")
                if word == "QUIT":
                    return

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@pytest.mark.parametrize("refuses", [False, True])
def test_a_mail_has_headline_text_and_the_notices_id(notice: Notice, refuses: bool) -> None:
    mails: list[str] = []
    handler = type("Mailbox", (_Mailbox,), {"mails": mails, "refuses": refuses})
    with socketserver.TCPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        settings = Email.model_validate(
            {
                "host": "127.0.0.1", "port": server.server_address[1], "security": "none",
                "from": "belay@example.com", "to": ["ada@example.com"],
            }
        )  # fmt: skip
        if refuses:
            with pytest.raises(NeverSent, match="nobody of that name"):
                email(settings)(notice)
        else:
            email(settings)(notice)
            (mail,) = mails
            assert "Subject: Rollout r1 was rolled back" in mail
            assert f"Message-ID: <{notice.id}@belay.invalid>" in mail
            assert "https://belay.example/#/rollouts/r1" in mail
        thread.join(5)


def test_a_secret_that_is_not_there_is_said_at_the_start() -> None:
    settings = NotifySettings(webhooks=(Webhook(url="https://x.example/y", secret_env="NO_SUCH_SECRET"),))
    with pytest.raises(SettingsError, match="the environment has no NO_SUCH_SECRET"):
        channels_of(settings)


@pytest.mark.usefixtures("receiver")
def test_a_channels_name_holds_no_secret() -> None:
    settings = NotifySettings.model_validate(
        {
            "webhooks": [{"url": "https://x.example/T0K3N", "secret_env": "HOOK_SECRET"}],
            "slack": [{"url_env": "SLACK_URL"}],
        }
    )
    assert [channel.name for channel in channels_of(settings)] == ["webhook x.example", "slack SLACK_URL"]
