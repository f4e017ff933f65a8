"""What checkpoints are worth: the capability suite in this process, the front, the record.

From outside: `suite.Suite`, `checkpoints`, `records.Record`.
"""
