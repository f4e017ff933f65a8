"""What an answer is worth and what a prompt is about: for audits and for the watch.

Rooms: judges/ (verified, or by a model; and what the judge itself is worth), tagging/ (which capability).
`embedding.Embedder` turns texts into vectors where the package with the weights is installed.
"""
