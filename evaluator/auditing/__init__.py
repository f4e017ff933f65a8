"""The audit at work: baseline, probe, asking, gate."""
