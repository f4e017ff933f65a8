"""The override of an audit: a person's word, bound into the candidate's manifest and recorded beside the audit."""

from __future__ import annotations

from json import dumps

from belay.home import Home
from evaluator.audit.result import load_audit
from serving.models.manifest import bind_audit
from serving.models.store import ModelStore
from telemetry.errors import UsageError
from telemetry.events import AuditRef, now
from telemetry.files import write_renamed


def override(home: Home, name: str, by: str, reason: str) -> AuditRef:
    """Bind the override of a candidate's audit into its manifest, and record it beside the audit.

    Raises UsageError where the audit passed, where name or reason is empty, or where it was of another candidate.
    """
    model = ModelStore(home.models).get(name)
    result = load_audit(home.audit(name) / "audit.json")
    if result.candidate.sha256 != model.manifest.sha256:
        raise UsageError(
            f"the audit of {name!r} was of a candidate with sha256 {result.candidate.sha256[:12]}, the one in "
            f"{model.folder} has {model.manifest.sha256[:12]}",
            hint=f"Audit the one that is there: `belay audit {name}`.",
        )
    ref = result.to_ref(override_by=by, override_reason=reason)
    record = {
        "at": now().isoformat(),
        "candidate_sha256": model.manifest.sha256,
        **ref.model_dump(mode="json"),
    }
    write_renamed(home.audit(name) / "override.json", (dumps(record, indent=2) + "\n").encode())
    bind_audit(model.folder, ref)
    return ref
