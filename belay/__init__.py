"""The command line and the one-machine launcher: it wires the rest, and no rule lives here.

commands/ (what is typed), launcher/ (processes on one machine, the demo), steps/ (what commands do, in order);
`wiring` knows which class stands behind which word, `home` where everything lies.
"""
