"""Online: tagger, judge, sequential test, worker. Offline: brief, baseline, diff, gate, report."""
