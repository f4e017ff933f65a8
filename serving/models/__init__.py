"""Model folders: their manifests and attestation, the pins that keep them, the shipped base model.

From outside: `manifest`, `pins`, `staging.staged_folder`, `base_model.prepare_base_model`.
"""
