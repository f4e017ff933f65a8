import hashlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.privacy import LONGEST_REDACTED, apply, name_without_secrets, redacted, without_secrets

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
PRIVATE = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----"

SECRETS = [
    ("my key is sk-proj-abcDEF1234567890abcd.", "my key is [secret]."),
    ("sk-ant-api03-AbCdEfGhIjKlMnOpQrSt", "[secret]"),
    ("Authorization: Bearer abc.def-123456789", "Authorization: Bearer [secret]"),
    ("authorization: bearer 0123456789abcdef", "authorization: bearer [secret]"),
    ("token ghp_abcdefghijklmnopqrstuvwxyz0123456789", "token [secret]"),
    ("AKIAIOSFODNN7EXAMPLE is mine", "[secret] is mine"),
    ("hf_abcdefghijklmnopqrstuvwxyz", "[secret]"),
    (f"jwt {JWT}!", "jwt [secret]!"),
    (f"a\n{PRIVATE}\nb", "a\n[secret]\nb"),
    (PRIVATE[:50], "[secret]"),
    ("api_key = 'a1b2c3d4e5f6g7h8'", "api_key = '[secret]'"),
    ('{"client_secret": "Zm9vYmFyMTIzNDU2"}', '{"client_secret": "[secret]"}'),
    ("API KEY: a1b2c3d4e5f6g7h8", "API KEY: [secret]"),
    ("BA\u017fIC abc.def-123456789", "BA\u017fIC [secret]"),  # the patterns take a long s for an s
]
PERSONAL = [
    ("write to bob.smith+x@mail.example.co.uk, please", "write to [email], please"),
    ("card 4111 1111 1111 1111, thanks", "card [card], thanks"),
    ("card 4111-1111-1111-1111 123", "card [card] 123"),
    ("order 12 5500005555555559", "order 12 [card]"),
    ("IBAN DE89 3704 0044 0532 0130 00 BIC", "IBAN [iban] BIC"),
    ("GB82WEST12345698765432", "[iban]"),
    ("from 192.168.17.4:8080", "from [ip]:8080"),
    ("at 2001:db8::ff00:42:8329 now", "at [ip] now"),
    ("call +49 30 901820 today", "call [phone] today"),
    ("call (555) 123-4567", "call [phone]"),
    ("call 555-123-4567", "call [phone]"),
    ("cards 4111 1111 1111 1111 5500005555555559 and one", "cards [card] [card] and one"),
    ("AB12 CD34 DE89 3704 0044 0532 0130 00", "AB12 CD34 [iban]"),
    ("DE89370400440532013000 GB82 WEST 1234 5698 7654 32", "[iban] [iban]"),
    ("1.1.1.1", "[ip]"),
    ("+1234567", "[phone]"),
]
HARMLESS = [
    "What is 17 + 25? 1234567 * 3 = 3703701.",
    "In 1999, 12,345,678 people; pi is 3.14159265358979.",
    "Version 1.2.3, 10:45:30, ratio 3:4, section 4.1.2.10.7",
    "def f(key): return token[key] # secret sauce",
    "Order 4111 1111 1111 1112 of 2024-05-17",
    "std::vector<int> a::b; the sky-is-blue-and-wide-open",
    "api key: ask your administrator for it",
    "a basic understanding, the bearer instruments",
]


@pytest.mark.parametrize(("text", "expected"), SECRETS)
def test_tokens_and_keys_leave_under_no_policy(text: str, expected: str) -> None:
    assert apply(text, "full") == expected
    assert apply(text, "redacted") == expected


@pytest.mark.parametrize(("text", "expected"), PERSONAL)
def test_what_identifies_a_person_is_redacted_and_stays_under_full(text: str, expected: str) -> None:
    assert apply(text, "redacted") == expected
    assert apply(text, "full") == text


@pytest.mark.parametrize("text", HARMLESS)
def test_ordinary_text_and_numbers_stay(text: str) -> None:
    assert apply(text, "redacted") == text


def test_hashed_gives_the_digest_of_the_text_and_an_empty_text_stays_empty() -> None:
    assert apply("héllo", "hashed") == hashlib.blake2b("héllo".encode(), digest_size=32).hexdigest()
    assert apply("", "hashed") == ""


@given(st.text())
def test_redacting_twice_is_redacting_once(text: str) -> None:
    once = redacted(without_secrets(text))
    assert redacted(without_secrets(once)) == once


@given(
    st.text(alphabet="0123456789 -+().:@abcdefAB", max_size=60), st.text(max_size=20), st.text(max_size=20)
)
def test_a_key_is_found_whatever_stands_around_it(middle: str, before: str, after: str) -> None:
    text = f"{middle} {before} sk-abcdefghijklmnop1234 {after}"
    assert "abcdefghijklmnop1234" not in apply(text, "redacted")
    assert "abcdefghijklmnop1234" not in apply(text, "full")


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "1",
        "1 ",
        "a.",
        "a@",
        "+1",
        "sk-",
        ":",
        "f:",
        "1.",
        "A1",
        "-----BEGIN ",
        "DE12 ",
        "12 3 ",
        "4 1-",
        "Basic ",
        "key",
        "key=",
        "password: ",
        "token=a1 ",
        "key='a",
        "Authorization: ",
        "://a:",
        " -u a:",
        "123-45-",
        "sk_live_",
    ],
)
def test_no_text_makes_a_pattern_slow(piece: str) -> None:
    text = piece * (100_000 // len(piece))
    began = time.process_time()
    apply(text, "redacted")
    assert time.process_time() - began < 2.0


def test_a_text_too_long_to_redact_leaves_as_its_digest_and_says_so() -> None:
    text = "word " * (LONGEST_REDACTED // 5)
    assert apply(text, "redacted") == text
    longer = apply(text + "x", "redacted")
    assert longer.startswith(f"[{LONGEST_REDACTED + 1} characters, too many to redact, blake2b ")
    assert apply(text + "x", "hashed") in longer
    assert apply(text + "x", "full") == text + "x"
    assert redacted(longer) == longer


@pytest.mark.parametrize(
    "secret", ["sk-abcDEF1234567890abcd", "a1B2c3D4e5F6g7H8i9J0", "0123456789abcdef" * 2]
)
@pytest.mark.parametrize("place", ["{}", "gpt-{}", "ft:base:{}", "shop/model?key={}"])
def test_a_key_leaves_inside_no_name_of_a_model(place: str, secret: str) -> None:
    assert secret not in name_without_secrets(place.format(secret))


@pytest.mark.parametrize(
    "name",
    [
        "HuggingFaceTB/SmolLM2-135M-Instruct",
        "meta-llama/Llama-3.3-70B-Instruct-GPTQ-INT4",
        "models--x--y/snapshots/7ae557604adf67be50417f59c2c2f167def9a775",
        "ft:gpt-4o-mini-2024-07-18:acme:support:9aBcDeFg",
        "max_completion_tokens",
    ],
)
def test_the_name_of_a_model_stays(name: str) -> None:
    assert name_without_secrets(name) == name
