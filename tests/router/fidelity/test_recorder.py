"""The recorder sees every difference that is one, and none where only names and times were drawn anew."""

from __future__ import annotations

import dataclasses
import itertools
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.router.fidelity.forms import Form, all_forms
from tests.router.fidelity.forms.form import CHAT, chat, head, post
from tests.router.fidelity.masks import ADDED, masked, without_drawn
from tests.router.fidelity.recorder import compare
from tests.router.fidelity.wire import Answer, ask

FORM = Form("one", (post(CHAT, chat("m")),))
BODY = b'{"id":"chatcmpl-%d","created":%d,"text":"a \\"id\\" and chatcmpl"}'


@contextmanager
def saying(*answers: bytes) -> Iterator[str]:
    """A server whose every connection is told these bytes, one each, the last one again and again; its URL."""
    told = itertools.chain(answers, itertools.repeat(answers[-1]))
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                with client:
                    client.settimeout(10)
                    client.recv(1 << 20)
                    client.sendall(next(told))
                    client.shutdown(socket.SHUT_WR)
                    while client.recv(1 << 16):  # else what is unread would reset the connection
                        pass

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


def whole(body: bytes, *headers: bytes, status: bytes = b"200 OK") -> bytes:
    lines = [b"HTTP/1.1 " + status, b"content-length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def test_times_are_masked_also_where_an_answer_is_quoted_in_a_string() -> None:
    first, second = (json.dumps({"value": f'{{"created":{at},"n":{at % 10}}}'}).encode() for at in (15, 25))
    assert first != second
    assert without_drawn(first) == without_drawn(second)


def test_names_and_times_that_are_drawn_anew_are_no_difference() -> None:
    with (
        saying(whole(BODY % (1, 2))) as engine,
        saying(whole(BODY % (33333, 1234), b"x-request-id: r")) as router,
    ):
        assert compare(FORM, engine, router).differences == {}


@pytest.mark.parametrize(
    ("answer", "parts"),
    [
        (whole(BODY % (1, 2), status=b"201 OK"), {"status"}),
        (whole(BODY % (1, 2), status=b"200 Fine"), {"reason"}),
        (whole(BODY % (1, 2), b"vary: Origin"), {"headers"}),
        (whole(BODY % (1, 2) + b" "), {"body"}),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + whole(BODY % (1, 2)), {"interim"}),
        (whole(BODY % (1, 2)).replace(b"1.1", b"1.0", 1), {"version"}),
        (b"HTTP/1.1 200 OK\r\n\r\n" + BODY % (1, 2), {"framing", "headers"}),
        (whole(BODY % (1, 2)) * 2, {"kept"}),
        (b"", {"answers"}),
        (b"hello\r\n", {"answers", "failure"}),
        (whole(BODY % (1, 2))[:-1], {"answers", "failure"}),
    ],
)
def test_every_other_difference_is_told(answer: bytes, parts: set[str]) -> None:
    with saying(whole(BODY % (1, 2))) as engine, saying(answer) as router:
        assert set(compare(FORM, engine, router).differences) == parts


def test_what_the_engine_itself_says_in_two_ways_may_be_said_in_either() -> None:
    with saying(whole(b"a"), whole(b"b")) as engine, saying(whole(b"c"), whole(b"a")) as router:
        assert compare(FORM, engine, router).differences == {}


def test_a_difference_that_is_explained_is_told_and_hides_no_other() -> None:
    form = dataclasses.replace(FORM, differs=frozenset({"status"}))
    with saying(whole(b"a")) as engine, saying(whole(b"b", status=b"404 OK")) as router:
        found = compare(form, engine, router)
    assert set(found.differences) == {"status", "body"}
    assert set(found.unexplained) == {"body"}


def of(body: bytes, *headers: tuple[str, str]) -> Answer:
    return Answer((), "HTTP/1.1", 200, "OK", headers, body, "chunked")


def test_who_is_who_stays_among_names_that_are_masked() -> None:
    one, other = (
        masked(of(b'data: {"id":"chatcmpl-%b"}\n\ndata: {"id":"chatcmpl-%b"}\n\n' % names), ours=False)
        for names in ((b"a1", b"a1"), (b"a1", b"b2"))
    )
    assert one.body != other.body
    assert b"a1" not in one.body


def test_only_what_the_router_adds_and_what_is_of_the_connection_is_left_out_of_headers() -> None:
    added = tuple((name, "x") for name in ADDED)
    assert masked(of(b"", *added, ("connection", "close")), ours=True).headers == ()
    assert masked(of(b"", *added, ("server", "x")), ours=False).headers == (*added, ("server", "x"))


def test_chunks_are_put_together_and_an_answer_to_head_has_no_body() -> None:
    told = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\na\r\n0123456789\r\n0\r\n\r\n"
    with saying(told, whole(b"abc")[:-3]) as url:
        port = int(url.rpartition(":")[2])
        (answer,) = ask("127.0.0.1", port, (b"POST / HTTP/1.1\r\n\r\n",), ("POST",)).answers
        assert (answer.body, answer.framing) == (b"abc0123456789", "chunked")
        (answer,) = ask("127.0.0.1", port, (head("HEAD", "/"),), ("HEAD",)).answers
        assert (answer.body, answer.framing) == (b"", "none")


def test_no_two_forms_have_one_name_and_each_that_may_differ_says_why() -> None:
    forms = all_forms("m")
    assert len({form.name for form in forms}) == len(forms)
    assert all(bool(form.differs) == bool(form.why) for form in forms)
    plain = json.dumps(chat("m")).encode()
    assert sum(plain in b"".join(form.parts) for form in forms) > 20
