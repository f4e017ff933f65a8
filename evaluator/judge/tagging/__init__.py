"""Which capability a prompt is about, or that none is. Looks at what the user said only.

From outside: `choosing.tagger_for`, `conversations.tag_interactions`, and `word_tagger.fit_table` for the table that
routers draw shadows by.
"""
