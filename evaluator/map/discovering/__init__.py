"""A first brief out of real traffic: prompts read from logs, grouped by how they are worded, drafted for review.

From outside: `log_files.log_exchanges`, `topic.topic_exchanges`, `gathering.gather`, `discovery.discover`.
"""
