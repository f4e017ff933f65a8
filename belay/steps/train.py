"""Training as a step of the command line and the demo."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from pydantic import ValidationError
from rich.console import Console

from belay.engines import Engines
from belay.home import Home
from belay.progress import bar
from belay.project import FILE, Project
from belay.steps.asking import Asking
from belay.steps.brief_loading import read_brief
from evaluator.audit.baseline import Baseline, load_baseline
from evaluator.audit.result import AuditResult, load_audit
from evaluator.briefs.brief import LoadedBrief
from serving.models.manifest import attest, bind_audit, read_manifest
from serving.models.store import StoredModel
from telemetry.errors import BelayError, SettingsError
from telemetry.events import AuditRef
from telemetry.mistakes import explain
from trainer.config import TrainSettings, beside
from trainer.loop.processes import is_main


def train(home: Home, loaded: LoadedBrief, base: Path, name: str, console: Console) -> Path:
    """A candidate fine-tuned on the brief's target alone; the one on disk where settings and data are the same."""
    from trainer.pipeline import run  # noqa: PLC0415 - torch takes seconds to import; other commands need none

    settings = TrainSettings(name=name, base=base, data=loaded.training_file, output=home.model(name))
    if _same_candidate(settings):
        console.print(f"   {settings.output} was trained with these settings on this data already")
        return settings.output
    with bar(console, f"   LoRA, {settings.steps} steps") as report:
        run(settings, report, notice=lambda text: console.print(f"   {text}"))
    return settings.output


def project_run(project: Project, name: str, folder: Path) -> TrainSettings:
    """The run that a project's `training` asks for, of a candidate called `name`. Raises SettingsError.

    `folder` is where belay.yaml lies: relative paths in `training` start there, as all in that file do.
    """
    loaded, home = read_brief(project.brief, project.judges), Home(project.home, project.base)
    paths = {
        "base": home.base_model,
        "data": loaded.training_file,
        "output": home.model(name),
        "brief": project.brief,
    }
    try:
        asked = TrainSettings.model_validate(
            {**project.training, "judges": project.judges, "name": name, **paths}
        )
    except ValidationError as error:
        told = "\n".join(explain(error, TrainSettings))
        raise SettingsError(f"{FILE}: training, or the name {name!r}:\n{told}") from error
    return beside(asked, folder)


def train_run(
    home: Home, settings: TrainSettings, model: str, console: Console, *, audited: bool = True
) -> AuditResult | None:
    """The offline path of a run's settings, end to end; its audit, None where that was left out.

    Raises BaselineError without a baseline of the run's base, before anything is read or trained. Started by
    `accelerate launch`, every process trains, and the main one shows and audits.
    """
    if settings.brief is None:
        raise SettingsError(
            f"{settings.name}: no 'brief', so nobody knows what must survive this training",
            hint="Give the capability brief.",
        )
    loaded = read_brief(settings.brief, settings.judges)
    baseline = load_baseline(home.baselines, read_manifest(settings.base).sha256)
    run = _Run(home, settings, loaded, baseline, model, console if is_main() else Console(quiet=True))
    return run.go(audited=audited)


class _Run:
    """One run of the pipeline with its bar, and the audit that ends it."""

    def __init__(
        self,
        home: Home,
        settings: TrainSettings,
        loaded: LoadedBrief,
        baseline: Baseline,
        model: str,
        console: Console,
    ) -> None:
        self._home, self._settings, self._baseline = home, settings, baseline
        self._asking = Asking(home, loaded, console)
        self._model, self._console = model, console
        self._result: AuditResult | None = None

    def go(self, *, audited: bool) -> AuditResult | None:
        """Train unless the very same candidate is there, audit, and show what came of both."""
        from trainer.pipeline import Auditing, run  # noqa: PLC0415 - as above

        settings, console = self._settings, self._console
        if _same_candidate(settings):
            console.print(f"   {settings.output} was trained with these settings on this data already")
            if audited and is_main() and not self._known():
                bind_audit(settings.output, self.audit(settings.output))
            return self._shown()
        with ExitStack() as showing:
            report = showing.enter_context(bar(console, f"   training {settings.name}"))

            def audit(folder: Path) -> AuditRef:
                showing.close()  # the audit has bars of its own
                return self.audit(folder)

            bound = Auditing(self._baseline, audit if audited else None)
            run(settings, report, auditing=bound, notice=lambda text: console.print(f"   {text}"))
        return self._shown()

    def audit(self, folder: Path) -> AuditRef:
        """Audit the candidate in `folder` on an engine started for it, and on one for base where that has to answer."""
        from belay.steps import audit as auditing  # noqa: PLC0415 - vLLM's side is heavy

        self._console.print(f"   {folder}; its report: {folder}/training.html")
        contest = auditing.Contest(
            self._baseline, StoredModel.at(self._settings.base), StoredModel.at(folder)
        )
        with Engines(self._asking.models, self._model, self._home.logs, self._console) as engines:
            self._result = auditing.audit(self._asking, contest, engines)
        return self._result.to_ref()

    def _known(self) -> bool:
        """Whether the candidate's audit is there; a training that was killed during its audit has none."""
        bound = read_manifest(self._settings.output).audit
        file = self._home.audit(self._settings.output.name) / "audit.json"
        if bound is not None and file.is_file() and load_audit(file).sha256 == bound.sha256:
            self._result = load_audit(file)
        return self._result is not None

    def _shown(self) -> AuditResult | None:
        result, console = self._result, self._console
        if result is not None:
            from belay.steps import audit as auditing  # noqa: PLC0415 - as above

            page = self._home.audit(self._settings.output.name) / "report.html"
            auditing.show(result, page, console)
        return result


def _same_candidate(settings: TrainSettings) -> bool:
    from trainer.pipeline import recipe  # noqa: PLC0415 - as above

    try:
        manifest = attest(settings.output)
    except BelayError:
        return False
    wanted = recipe(settings)
    return (manifest.base_sha256, manifest.data_sha256, manifest.settings) == wanted
