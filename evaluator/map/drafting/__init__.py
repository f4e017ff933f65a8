"""A new brief by asking, and what is weak in one that is there.

From outside: `interview`, `writer.brief_text`, `weaknesses`.
"""
