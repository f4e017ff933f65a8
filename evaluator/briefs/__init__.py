"""The capability brief: what users rely on, at what threshold, and the items that ask for it.

From outside: `brief.load_brief(path) -> LoadedBrief`, every mistake at once. The schema is in `schema`.
"""
