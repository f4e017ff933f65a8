"""Which capability a prompt is about. Looks at the prompt only.

From outside: `tagger.Tagger`, `word_tagger.fit_table` for the table that routers draw shadows by.
"""
