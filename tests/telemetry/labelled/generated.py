"""Texts with a secret in them, made by a seed: how issuers write their tokens, and where people paste them."""

from __future__ import annotations

import base64
import random
import string
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

LETTERS: Final = string.ascii_letters
DIGITS: Final = string.digits
BASE62: Final = LETTERS + DIGITS
BASE64URL: Final = BASE62 + "_-"
HEX: Final = "0123456789abcdef"
UPPER: Final = string.ascii_uppercase + DIGITS


class Labelled(NamedTuple):
    """A text, the secret in it, and what kind of secret that is."""

    kind: str
    text: str
    secret: str


def _of(alphabet: str, count: int) -> Callable[[random.Random], str]:
    return lambda chance: "".join(chance.choices(alphabet, k=count))


def _begun(prefix: str, alphabet: str, count: int) -> Callable[[random.Random], str]:
    return lambda chance: prefix + "".join(chance.choices(alphabet, k=count))


def _parts(*parts: str | tuple[str, int]) -> Callable[[random.Random], str]:
    """Fixed text and drawn text one after the other."""
    return lambda chance: "".join(
        part if isinstance(part, str) else "".join(chance.choices(part[0], k=part[1])) for part in parts
    )


def _jwt(chance: random.Random) -> str:
    header = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode().rstrip("=")
    claims = base64.urlsafe_b64encode(b'{"sub":"%d"}' % chance.randrange(10**9)).decode().rstrip("=")
    return f"{header}.{claims}.{_of(BASE64URL, 43)(chance)}"


def _base64(count: int) -> Callable[[random.Random], str]:
    return lambda chance: base64.b64encode(chance.randbytes(count)).decode()


def _pem(chance: random.Random) -> str:
    lines = "\n".join(_of(BASE62 + "+/", 64)(chance) for _ in range(3))
    return f"-----BEGIN PRIVATE KEY-----\n{lines}\n-----END PRIVATE KEY-----"


def _password(chance: random.Random) -> str:
    """Eight to fourteen letters and digits with a mark among them, as a manager of passwords makes them."""
    drawn = chance.choices(BASE62, k=chance.randrange(7, 13))
    return "".join([chance.choice(LETTERS), *drawn, chance.choice("!#%*?")])


def _uuid(chance: random.Random) -> str:
    return "-".join(_of(HEX, count)(chance) for count in (8, 4, 4, 4, 12))


def _ssn(chance: random.Random) -> str:
    return f"{chance.randrange(1, 665):03}-{chance.randrange(1, 100):02}-{chance.randrange(1, 10_000):04}"


_BARE: Final = (
    "{}",
    "why does {} not work any more?",
    "I pasted {}, is that bad?",
    '{{"value": "{}"}}',
    "- `{}`",
    "curl https://api.example.com -H 'X: {}'",
)
"""Where a token stands that says of itself that it is one."""

ISSUED: Final[dict[str, Callable[[random.Random], str]]] = {
    "openai": _begun("sk-proj-", BASE62, 48),
    "anthropic": _begun("sk-ant-api03-", BASE64URL, 60),
    "aws id": _begun("AKIA", UPPER, 16),
    "github": _begun("ghp_", BASE62, 36),
    "github fine-grained": _begun("github_pat_", BASE62, 60),
    "gitlab": _begun("glpat-", BASE62, 20),
    "slack bot": _parts("xoxb-", (DIGITS, 12), "-", (DIGITS, 12), "-", (BASE62, 24)),
    "slack webhook": _parts(
        "https://hooks.slack.com/services/T", (UPPER, 8), "/B", (UPPER, 8), "/", (BASE62, 24)
    ),
    "google api": _begun("AIza", BASE64URL, 35),
    "google oauth": _begun("ya29.", BASE64URL, 60),
    "google client": _begun("GOCSPX-", BASE64URL, 28),
    "stripe": _begun("sk_live_", BASE62, 24),
    "stripe webhook": _begun("whsec_", BASE62, 32),
    "sendgrid": _parts("SG.", (BASE62, 22), ".", (BASE62, 43)),
    "twilio": _begun("SK", HEX, 32),
    "hugging face": _begun("hf_", LETTERS, 34),
    "npm": _begun("npm_", BASE62, 36),
    "pypi": _begun("pypi-AgEIcHlwaS5vcmc", BASE64URL, 60),
    "jwt": _jwt,
    "pem": _pem,
    "telegram": _parts((DIGITS[1:], 10), ":AA", (BASE62, 33)),
    "discord": _parts("M", (BASE62, 23), ".", (BASE62, 6), ".", (BASE62, 27)),
    "databricks": _begun("dapi", HEX, 32),
    "digitalocean": _begun("dop_v1_", HEX, 64),
    "shopify": _begun("shpat_", HEX, 32),
    "mailgun": _begun("key-", HEX, 32),
    "mailchimp": _parts((HEX, 32), "-us12"),
    "vault": _begun("hvs.", BASE62, 90),
    "groq": _begun("gsk_", BASE62, 52),
    "nvidia": _begun("nvapi-", BASE64URL, 64),
    "atlassian": _begun("ATATT3xFfGF0", BASE64URL, 60),
    "grafana": _parts("glsa_", (BASE62, 32), "_", (HEX, 8)),
    "docker": _begun("dckr_pat_", BASE64URL, 27),
    "linear": _begun("lin_api_", BASE62, 40),
    "ours": _begun("belay_", BASE64URL, 43),
    "postgres url": _parts("postgresql://shop:", (BASE62, 14), "@db.example.com:5432/shop"),
}

NAMED: Final[dict[str, tuple[Callable[[random.Random], str], tuple[str, ...]]]] = {
    "aws secret": (
        _of(BASE62 + "+/", 40),
        ("AWS_SECRET_ACCESS_KEY={}", "aws_secret_access_key = {}", 'secretAccessKey: "{}"'),
    ),
    "password": (
        _password,
        ("password: {}", "DB_PASSWORD={}", '"password": "{}"', "my password is {} and it fails", "pwd={}"),
    ),
    "hex key": (_of(HEX, 32), ("key={}", "?key={}&units=metric", "apikey: {}", "APP_KEY={}", "appid={}")),
    "bearer": (
        _of(LETTERS, 32),
        (
            "Authorization: Bearer {}",
            "'authorization': 'bearer {}'",
            "Bearer {}",
            "-H 'Authorization: Token {}'",
        ),
    ),
    "basic": (_base64(18), ("Authorization: Basic {}", "authorization=Basic {}")),
    "api key header": (_of(BASE62, 32), ("X-Api-Key: {}", "api-key: {}", '"x-api-key": "{}"')),
    "client secret": (_of(BASE64URL, 40), ("client_secret={}", '"clientSecret": "{}"', "CLIENT_SECRET: {}")),
    "azure": (_base64(64), ("AccountKey={};EndpointSuffix=core.windows.net", "SharedAccessKey={}")),
    "token": (
        _of(BASE62, 40),
        ("token={}", "access_token: {}", 'ACCESS_TOKEN="{}"', "?token={}", "auth_token = '{}'"),
    ),
    "key as uuid": (_uuid, ("HEROKU_API_KEY={}", "api_key: {}", "api-key = '{}'")),
    "django": (_of(LETTERS + DIGITS + "!@#%^*-_=+", 50), ("SECRET_KEY = '{}'", 'SECRET_KEY="{}"')),
    "social security": (_ssn, ("my SSN is {}", "social security number {}", "{}, born in Ohio", "ssn: {}")),
    "session": (
        _of(BASE62, 32),
        ("Cookie: sessionid={}", "Set-Cookie: session={}; HttpOnly", "session_token={}"),
    ),
    "command line": (
        _password,
        ("mysql -u root --password={}", "curl -u admin:{} https://x.example", "--password {}"),
    ),
}

_EACH: Final = 8


def positives(seed: int = 17) -> Iterator[Labelled]:
    """`_EACH` texts of each kind, the same ones for the same seed."""
    chance = random.Random(seed)
    for kind, make in ISSUED.items():
        for at in range(_EACH):
            secret = make(chance)
            yield Labelled(kind, _BARE[at % len(_BARE)].format(secret), _inner(kind, secret))
    for kind, (make, places) in NAMED.items():
        for at in range(_EACH):
            secret = make(chance)
            yield Labelled(kind, places[at % len(places)].format(secret), secret)


def _inner(kind: str, secret: str) -> str:
    """The part that must not stay, of what also says where it belongs."""
    if kind == "postgres url":
        return secret[secret.index("shop:") + 5 : secret.index("@")]
    return secret.rsplit("/", 1)[1] if kind == "slack webhook" else secret
