import pytest

from telemetry.authorizing import without_authorization


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Authorization: Bearer short1", "Authorization: Bearer [secret]"),
        ("authorization: bearer onlylowercase", "authorization: bearer [secret]"),
        (r"{\"Authorization\": \"Token onlyLetters\"}", r"{\"Authorization\": \"Token [secret]\"}"),
        ("Bearer oneTokenWithoutAnyDigits", "Bearer [secret]"),
        ("curl -u admin:hunter22 https://x.example", "curl -u admin:[secret] https://x.example"),
    ],
)
def test_what_lets_somebody_in_goes(text: str, expected: str) -> None:
    assert without_authorization(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer <token>",
        "Authorization: Bearer ${TOKEN}",
        "Authorization: Bearer YOUR_ACCESS_TOKEN",
        "a basic understanding of bearer instruments",
        "curl -u user:password https://x.example",
    ],
)
def test_places_to_fill_in_and_prose_stay(text: str) -> None:
    assert without_authorization(text) == text
