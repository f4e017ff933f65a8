"""People as judges: which answers they are shown, without the arm, and what they said of them.

From outside: `cases` and `grades` (pure), `log` (out of Kafka), `files` (graded elsewhere). What the grades say of the
other judges is `watch.planning.graded`.
"""
