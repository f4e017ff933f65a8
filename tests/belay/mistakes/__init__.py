"""Every command with each of its inputs missing, wrong, unreadable or unreachable.

`world` makes the wrong files and the servers that are away, `cases` lists what is typed, `test_mistakes` says what
every answer has to have.
"""
