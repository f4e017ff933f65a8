"""The append-only files between the router and the forwarder.

From outside: `writer.Spool` (the router's side), `reader.SpoolReader` (the forwarder's), and
`raw_record`, what a record holds.
"""
