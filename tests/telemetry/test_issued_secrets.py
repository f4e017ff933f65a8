import time

from telemetry.issued_secrets import without_issued


def test_a_key_is_found_behind_a_dash_of_a_name_too() -> None:
    assert without_issued("my-model-sk-proj-Q7w8E9r0T1y2U3i4") == "my-model-[secret]"


def test_names_in_lower_case_with_dashes_are_no_keys() -> None:
    for text in (
        "blog/sk-learn-pipelines-and-you",
        "risk-free-and-0123456789abcdef",
        "npm_config_registry_mirrors",
    ):
        assert without_issued(text) == text


def test_the_password_of_an_address_goes_and_the_rest_of_it_stays() -> None:
    assert without_issued("postgres://app:s3cr3tpw@db/app") == "postgres://app:[secret]@db/app"
    assert without_issued("redis://:s3cr3tpw@cache:6379") == "redis://:[secret]@cache:6379"
    assert without_issued("postgres://user:password@localhost/db") == "postgres://user:password@localhost/db"


def test_a_web_token_is_found_inside_of_a_name_and_what_only_begins_like_one_stays() -> None:
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0XX.c2lnbmF0dXJl"
    assert (
        without_issued(f"session_{token} eyJhbGciOiJIUzI1NiJ9-eyJ-{token}.") == "session_[secret] [secret]."
    )
    for text in ("eyJhbGciOiJIUzI1NiJ9 and more", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3"):
        assert without_issued(text) == text


def test_beginnings_of_web_tokens_make_no_text_slow() -> None:
    text = "-eyJ" * 75_000
    began = time.process_time()
    assert without_issued(text) == text
    assert time.process_time() - began < 2.0
