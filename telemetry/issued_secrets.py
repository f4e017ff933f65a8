"""Secrets that can be told by how their issuers write them: by a prefix, or by a form that nothing else has.

A pattern is tried where one of its words is in the text: to look for a word costs a hundredth of looking for a
pattern. All of them are long, so that a text without a long word is not looked at at all.
"""

from __future__ import annotations

import re
from typing import Final

HIDDEN: Final = "[secret]"
_SHORTEST: Final = 19  # of all that is looked for here
_Guarded = tuple[tuple[str, ...], re.Pattern[str]]

# A prefix is one where no letter or digit stands before it; what follows is as long as what issuers draw.
_AFTER_PREFIX: Final[dict[str, tuple[str, ...]]] = {
    r"[A-Za-z0-9_-]{16,}": (
        "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "glrt-", "gldt-", "hf_", "npm_", "pypi-",
        "xoxa-", "xoxb-", "xoxe-", "xoxo-", "xoxp-", "xoxr-", "xoxs-", "xapp-", "whsec_", "ya29.", "GOCSPX-", "gsk_",
        "xai-", "nvapi-", "pplx-", "r8_", "dckr_pat_", "lin_api_", "glsa_", "hvs.", "hvb.", "dop_v1_", "doo_v1_",
        "sbp_", "ntn_", "figd_", "tskey-", "rubygems_", "EAAC", "ATATT3x", "ATCTT3x", "sq0atp-", "sq0csp-", "AIzaSy",
        "SG.", "PMAK-", "phc_", "phx_", "shpat_", "shpca_", "shppa_", "shpss_", "dp.st.", "dp.pt.", "belay_",
    ),
    r"[0-9a-f]{32}": ("dapi", "key-", "SK"),
}  # fmt: skip


def _prefixed(following: str, prefixes: tuple[str, ...]) -> _Guarded:
    some = "|".join(map(re.escape, prefixes))
    # Words in lower case with dashes are a name in an address, such as `hf_transformers_pipelines`.
    drawn = rf"(?=[a-z_.-]{{0,80}}(?:[A-Z0-9]|[a-z]{{20}}))(?:{some}){following}"
    return prefixes, re.compile(rf"(?<![A-Za-z0-9]){drawn}(?:\.[A-Za-z0-9_-]{{16,}})?")


_ISSUED: Final[tuple[_Guarded, ...]] = (
    (
        ("sk-", "pk-", "rk-"),
        re.compile(r"(?<![A-Za-z0-9])(?:sk|pk|rk)-(?=[a-z_-]{0,80}[A-Z0-9])[A-Za-z0-9_-]{16,}"),
    ),
    (
        ("sk_", "pk_", "rk_"),
        re.compile(
            r"(?<![A-Za-z0-9])(?:sk|pk|rk)_(?:(?:live|test|prod)_[A-Za-z0-9_-]{10,}|[A-Za-z0-9]{16,}[A-Za-z0-9_-]*)"
        ),
    ),
    *(_prefixed(following, prefixes) for following, prefixes in _AFTER_PREFIX.items()),
    (("AKIA", "ASIA"), re.compile(r"(?<![A-Za-z0-9])(?:AKIA|ASIA)[0-9A-Z]{16}(?![0-9A-Z])")),
    (("AIza",), re.compile(r"(?<![A-Za-z0-9])AIza[0-9A-Za-z_-]{35}")),
    ((":AA",), re.compile(r"(?<![0-9])[0-9]{8,10}:AA[A-Za-z0-9_-]{30,40}")),  # a bot of Telegram
    (("-us",), re.compile(r"(?<![0-9a-f])[0-9a-f]{32}-us[0-9]{1,2}(?![0-9])")),  # Mailchimp
    (
        ("hooks.slack.com/", "/api/webhooks/"),
        re.compile(r"(?:(?<=hooks\.slack\.com/)|(?<=/api/webhooks/))[A-Za-z0-9_/-]{16,200}"),
    ),
    (
        (".",),
        re.compile(r"(?<![A-Za-z0-9_.-])[MNO][A-Za-z0-9_-]{22,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,45}"),
    ),
)
# What begins like one and ends without a dot is taken in too, and stays: to look into it again from each of its parts
# would take the square of its length.
_JWT: Final = re.compile(
    r"(?<![A-Za-z0-9])eyJ[A-Za-z0-9_-]{8,}(?P<rest>\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*)?"
)
_PRIVATE_KEY: Final = re.compile(
    r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|\Z)", re.DOTALL
)
_USERINFO: Final = re.compile(r"(?<=://)([^\s/:@\"'<>]{0,64}:)([^\s/@\"'<>]{1,200})(?=@)")
_EXAMPLES: Final = frozenset({"password", "pass", "passwd", "pw", "pwd", "secret", "xxx", "****"})


def without_issued(text: str) -> str:
    """The text with tokens and keys of known forms replaced by `[secret]`, passwords in addresses included."""
    if "://" in text:
        text = _USERINFO.sub(_without_password, text)
    if "PRIVATE KEY-----" in text:
        text = _PRIVATE_KEY.sub(HIDDEN, text)
    if len(text) < _SHORTEST or max(map(len, text.split()), default=0) < _SHORTEST:
        return text
    if "eyJ" in text:
        text = _JWT.sub(_without_whole, text)
    for words, pattern in _ISSUED:
        for word in words:
            if word in text:
                text = pattern.sub(HIDDEN, text)
                break
    return text


def _without_whole(match: re.Match[str]) -> str:
    return match[0] if match["rest"] is None else HIDDEN


def _without_password(match: re.Match[str]) -> str:
    if match[2].lower() in _EXAMPLES or match[2][0] in "[${":
        return match[0]
    return match[1] + HIDDEN
