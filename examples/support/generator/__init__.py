"""Writes the tasks of the shipped capability brief; `../generate.py` is the command."""
