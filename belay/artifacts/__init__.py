"""Artefacts past one machine: a store at a URL, what it says of each artefact, and what of a home may go into it.

From outside: `store.open_store`, `entry.Artifact`, `contents.contents_of`. Nothing else imports fsspec.
"""
