"""Secrets planted in everything that a run is given, and a search for them in everything that it leaves."""
