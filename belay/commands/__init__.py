"""What is typed: one file a group of commands, options and help included.

From outside: nothing; `belay.cli` lists them.
"""
