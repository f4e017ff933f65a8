import pytest

from telemetry.named_secrets import without_named


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("password: Hunter22", "password: [secret]"),
        ('{"password": "open sesame 7"}', '{"password": "[secret]"}'),
        (
            r'{"arguments": "{\"password\": \"open sesame 7\"}"}',
            r'{"arguments": "{\"password\": \"[secret]\"}"}',
        ),
        ("DB_PASSWORD=opensesame", "DB_PASSWORD=[secret]"),
        ("mysql --password=opensesame", "mysql --password=[secret]"),
        ("password: opensesame", "password: [secret]"),
        ("key=0123456789abcdef0123456789abcdef", "key=[secret]"),
        ("HEROKU_API_KEY=01234567-89ab-cdef-0123-456789abcdef", "HEROKU_API_KEY=[secret]"),
        ("secret: see password: Hunter22", "secret: see password: [secret]"),
        ("key=password=Hunter22", "key=password=[secret]"),
        ("İ password: Hunter22", "İ password: [secret]"),
    ],
)
def test_a_value_that_is_said_to_be_a_secret_goes_and_what_says_so_stays(text: str, expected: str) -> None:
    assert without_named(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "password: str",
        "password = getpass()",
        "login(username=username, password=password)",
        "password == Hunter22",
        "key=01234567-89ab-cdef-0123-456789abcdef",
        "monkey: 0123456789abcdef0123456789abcdef",
        "cache_key=0123456789abcdef0123456789abcdef",
        "api_key=YOUR_API_KEY",
        "token = self.tokens_by_id.next_one",
        "the password is wrong, the token is expired",
        "password: [secret]",
        "password",
    ],
)
def test_code_places_to_fill_in_and_prose_stay(text: str) -> None:
    assert without_named(text) == text


def test_what_is_copied_of_a_text_is_a_small_multiple_of_it() -> None:
    copied = []

    class Watched(str):
        __slots__ = ()

        def __getitem__(self, key):
            found = super().__getitem__(key)
            copied.append(len(found))
            return found

    text = Watched("key=a1 " * 1_000)
    assert without_named(text) == text
    assert sum(copied) < 20 * len(text)
