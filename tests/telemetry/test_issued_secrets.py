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
