"""Engines: what runs vLLM, what an arm is, health, and the attestation of model folders."""
