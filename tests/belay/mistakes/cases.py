"""What people type wrongly, by command and input: arguments, the status to end with, and what has to be told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

USAGE, INFRASTRUCTURE = 2, 4
HOME = ("--home", "{home}")
BRIEF = ("--brief", "{brief}")


class Case(NamedTuple):
    """`told` are texts of which each has to stand in the answer; names in braces are filled in from the world."""

    arguments: tuple[str, ...]
    status: int
    told: tuple[str, ...]

    @property
    def name(self) -> str:
        """How the case is called in a report."""
        return " ".join(self.arguments)


def cases() -> list[Case]:
    """All of them."""
    return [
        *_briefs(), *_settings(), *_models(), *_adoption(), *_engines(), *_control(), *_brokers(), *_options(),
        *_rest(), *_projects(),
    ]  # fmt: skip


WRONG_FILES = ("missing", "dir", "binary", "noyaml", "list", "empty", "unknown")


def _briefs() -> Iterator[Case]:
    """Every command that reads a brief, with every kind of file that is none."""
    commands: tuple[tuple[str, ...], ...] = (
        ("baseline", *HOME, "--url", "{bad}/500", "--brief"),
        ("audit", "mine", *HOME, "--url", "{bad}/500", "--brief"),
        ("train", "new", *HOME, "--brief"),
        ("advise", *HOME, "--brief"),
        ("map", "measure", "--brief"),
        ("rollout", "draft", "mine", *HOME, "--brief"),
        ("plan",),
        ("drill",),
        ("brief", "show"),
        ("brief", "check"),
    )
    for command in commands:
        for file in WRONG_FILES:
            yield Case((*command, f"{{{file}}}"), USAGE, (f"{{{file}}}",))


def _settings() -> Iterator[Case]:
    for command in ("router", "forward", "control", "watch"):
        yield Case((command,), USAGE, ("--settings", *(["belay up control"] if command == "control" else [])))
        for file in WRONG_FILES:
            yield Case((command, "--settings", f"{{{file}}}"), USAGE, (f"{{{file}}}",))


def _models() -> Iterator[Case]:
    for command in (("audit", "mien", *BRIEF), ("rollout", "draft", "mien", *BRIEF), ("serve", "mien")):
        yield Case((*command, *HOME), USAGE, ("mien", "did you mean 'mine'"))
    yield Case(
        ("override", "mien", "--by", "me", "--reason", "x", *HOME), USAGE, ("mien", "did you mean 'mine'")
    )
    yield Case(("override", "mine", "--by", "me", "--reason", "x", *HOME), USAGE, ("audit.json",))
    for command in (("audit", "torn", *BRIEF), ("serve", "torn"), ("rollout", "draft", "torn", *BRIEF)):
        yield Case((*command, *HOME), USAGE, ("torn", "manifest"))
    yield Case(("audit", "mine", *HOME, *BRIEF), USAGE, ("no baseline", "belay baseline"))
    yield Case(("train", "new", *HOME, *BRIEF), USAGE, ("no baseline", "belay baseline"))
    yield Case(("rollout", "draft", "mine", *HOME, *BRIEF), USAGE, ("no baseline",))
    yield Case(("audit", "mine", "--home", "{nohome}", *BRIEF), USAGE, ("'mine'", "{nohome}"))
    yield Case(("serve", "{dir}"), USAGE, ("{dir}", "manifest"))
    yield Case(("serve", "{missing}"), USAGE, ("{missing}",))
    yield Case(("serve", "base", "--adapter", "mine", *HOME), USAGE, ("'mine'", "expected an adapter"))
    yield Case(("serve", "base", "--adapter", "nobody", *HOME), USAGE, ("nobody",))
    yield Case(("serve", "base", "--port", "{taken}", *HOME), INFRASTRUCTURE, ("{taken}",))
    yield Case(("serve", "base", "--port", "99999", *HOME), USAGE, ("--port", "65535"))
    yield Case(("baseline", "--base", "bsae", *HOME, *BRIEF), USAGE, ("bsae", "did you mean 'base'"))
    yield Case(("baseline", "--base", "mine", *HOME, *BRIEF), USAGE, ("'mine'", "expected a base"))


def _adoption() -> Iterator[Case]:
    for source, told in (
        ("{missing}", "{missing}"), ("{dir}", "config.json"), ("{binary}", "{binary}"), ("", "folder"),
        ("ftp://x/y", "ftp://x/y"),
    ):  # fmt: skip
        yield Case(("adopt", source, *HOME), USAGE, (told,))
    yield Case(("adopt", "{dir}", "--as", "adapter", *HOME), USAGE, ("adapter_config.json",))
    yield Case(("adopt", "{dir}", "--as", "bse", *HOME), USAGE, ("bse",))
    yield Case(("adopt", "http://127.0.0.1:{closed}", *HOME), USAGE, ("--model",))
    yield Case(("adopt", "http://127.0.0.1:{closed}", "--as", "adapter", *HOME), USAGE, ("--as candidate",))
    closed = ("adopt", "http://127.0.0.1:{closed}", "--model", "m")
    yield Case((*closed, *HOME), INFRASTRUCTURE, ("{closed}",))
    yield Case((*closed, "--as", "candidate", "--base", "nobody", *HOME), USAGE, ("nobody",))
    yield Case((*closed, "--key-env", "NO_SUCH_VARIABLE", *HOME), USAGE, ("NO_SUCH_VARIABLE",))
    for kind in ("500", "401", "garbage", "empty"):
        yield Case(("adopt", f"{{bad}}/{kind}", "--model", "m", *HOME), INFRASTRUCTURE, (f"{{bad}}/{kind}",))
    yield Case(("adopt", "{home}/models/base", "--name", "a/b", *HOME), USAGE, ("a/b",))


def _engines() -> Iterator[Case]:
    where = ("baseline", *HOME, *BRIEF, "--url")
    for url in ("http://127.0.0.1:{closed}", "{bad}/500", "{bad}/401", "{bad}/garbage", "{bad}/empty"):
        yield Case((*where, url), INFRASTRUCTURE, (url,))
    yield Case((*where, "{bad}/500", "--key-env", "NO_SUCH_VARIABLE"), USAGE, ("NO_SUCH_VARIABLE",))
    yield Case((*where, "not a url"), USAGE, ("not a url",))
    lm_eval = ("benchmark", "lm-eval", "arc_easy")
    yield Case(("benchmark", "lm-eval"), USAGE, ("tasks",))
    yield Case(lm_eval, USAGE, ("--folder",))
    yield Case((*lm_eval, "--folder", "{missing}"), USAGE, ("{missing}",))
    mt_bench = ("benchmark", "mt-bench", "--judge-url", "{bad}/500", "--judge-model", "j", "--questions")
    yield Case(mt_bench[:-1], USAGE, ("--questions",))
    for file in ("missing", "dir", "binary", "nojson", "empty"):
        yield Case((*mt_bench, f"{{{file}}}"), USAGE, (f"{{{file}}}",))


def _control() -> Iterator[Case]:
    away = ("--control", "http://127.0.0.1:{closed}")
    by = ("--by", "me", "--reason", "why")
    yield Case(("rollout", "status", *away), INFRASTRUCTURE, ("{closed}", "belay control"))
    for action in ("promote", "pause", "resume", "rollback", "close"):
        yield Case(("rollout", action, "r1", *by, *away), INFRASTRUCTURE, ("{closed}",))
        yield Case(("rollout", action, "r1", *away), USAGE, ("--reason",))
        yield Case(("rollout", action, "r1", "--by", "me", *away), USAGE, ("--reason",))
        yield Case(("rollout", action, *by, *away), USAGE, ("rollout_id",))
    for kind in ("500", "401", "garbage", "empty"):
        status = USAGE if kind == "401" else INFRASTRUCTURE
        yield Case(("rollout", "status", "--control", f"{{bad}}/{kind}"), status, ("control",))
    for file in WRONG_FILES:
        yield Case(("rollout", "start", f"{{{file}}}", *away), USAGE, (f"{{{file}}}",))
    yield Case(("rollout", "start", *away), USAGE, ("spec",))
    for look in (("list",), ("show", "r1"), ("diff", "r1", "r2"), ("watch", "r1")):
        yield Case(("rollout", *look, *away), INFRASTRUCTURE, ("{closed}",))
    yield Case(("control", "token", "new", "a b", "--role", "viewer"), USAGE, ("a b", "name"))
    yield Case(("control", "token", "new", "ada", "--role", "king"), USAGE, ("king",))
    yield Case(("control", "token", "list", "--file", "{missing}"), USAGE, ("{missing}",))
    yield Case(("rollout", "unpin", "r1", *by, *HOME), USAGE, ("r1", "none"))
    yield Case(("rollout", "strat"), USAGE, ("strat",))


def _brokers() -> Iterator[Case]:
    closed = ("--bootstrap-servers", "127.0.0.1:{closed}")
    for command in (
        ("map", "measure", *BRIEF),
        ("replay", "d-1"),
        ("repair", "r1", *BRIEF),
        ("demo", *BRIEF),
    ):
        yield Case((*command, *closed), INFRASTRUCTURE, ("{closed}",))
        yield Case((*command, "--bootstrap-servers", "nonsense"), USAGE, ("nonsense", "host:port"))
    yield Case(("replay", "{nojson}"), USAGE, ("{nojson}",))
    yield Case(("replay", "{binary}"), USAGE, ("{binary}",))
    yield Case(("broker", "--port", "{taken}"), INFRASTRUCTURE, ("{taken}",))
    yield Case(("broker", "--port", "70000"), USAGE, ("--port", "65535"))


def _options() -> Iterator[Case]:
    yield Case(("plan", "{brief}", "--rate", "fast"), USAGE, ("fast",))
    yield Case(("plan", "{brief}", "--rate", "-1"), USAGE, ("-1",))
    for stages in ("x", "5%:many", "50%:10,5%", "0%:10", "200%", ""):
        yield Case(("plan", "{brief}", "--stages", stages), USAGE, ("--stages",))
        yield Case(("drill", "{brief}", "--stages", stages), USAGE, ("--stages",))
    for shadow in ("2", "-0.1", "half"):
        yield Case(("plan", "{brief}", "--shadow", shadow), USAGE, ("--shadow",))
    yield Case(("drill", "{brief}", "--runs", "0"), USAGE, ("--runs",))
    yield Case(("map", "measure", "--since", "yesterdayish"), USAGE, ("yesterdayish",))
    yield Case(("map", "measure", "--max", "0"), USAGE, ("--max",))
    yield Case(("rollout", "draft", "mine", "--advance", "never", *HOME), USAGE, ("never", "evidence"))
    yield Case(("audit", "mine", "--seed", "x", *HOME), USAGE, ("--seed",))
    yield Case(("plan", "{brief}", "--picture", "{under_file}/p.png"), USAGE, ("{under_file}",))


def _rest() -> Iterator[Case]:
    yield Case(("brief", "new", "{brief}"), USAGE, ("{brief}",))
    for file in WRONG_FILES:
        yield Case(("brief", "new", "{dir}/new.yaml", "--from", f"{{{file}}}"), USAGE, (f"{{{file}}}",))
    for file in WRONG_FILES[:-1]:
        yield Case(("train", f"{{{file}}}" if file != "dir" else "{dir}/x.yaml", *HOME), USAGE, ("yaml",))
    yield Case(("advise", *HOME, *BRIEF, "--cot", "{missing}"), USAGE, ("{missing}",))
    yield Case(("advise", *HOME, *BRIEF, "--write", "{under_file}/run.yaml"), USAGE, ("{under_file}",))
    yield Case(("repair", "r1", "--prompts", "0"), USAGE, ("--prompts",))
    yield Case(("adit",), USAGE, ("adit",))
    yield Case(("audit",), USAGE, ("name",))
    yield Case(("audit", "mine", "--hom", "x"), USAGE, ("--hom",))


def _projects() -> Iterator[Case]:
    for command in ("up", "status", "doctor", "traffic"):
        for file in (*WRONG_FILES, "badproject"):
            yield Case((command, "--file", f"{{{file}}}"), USAGE, (f"{{{file}}}",))
    for count in ("0", "many", "100001"):
        yield Case(("traffic", "--count", count), USAGE, ("--count",))
    yield Case(("traffic", "--at-once", "65"), USAGE, ("--at-once",))
    for command in ("up", "status", "doctor"):
        yield Case((command, "--file", "{project}"), USAGE, ("nobody",))
    yield Case(("up", "nonsense", "--file", "{project}"), USAGE, ("nobody",))
    yield Case(("init", "--yes", "--file", "{project}"), USAGE, ("{project}", "there already"))
    yield Case(("init", "--yes", "--file", "{dir}/n.yaml", "--broker", "somewhere"), USAGE, ("somewhere",))
    yield Case(("init", "--yes", "--file", "{under_file}/belay.yaml"), USAGE, ("{under_file}",))
