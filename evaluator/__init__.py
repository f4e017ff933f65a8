"""Online: tagger, judge, sequential test, worker. Offline: brief, measures, baseline, audit, gate, report."""
