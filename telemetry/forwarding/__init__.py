"""The forwarder's process: spool to Kafka, and the rollout's state from Kafka to a router's file.

From outside: `forwarder.run(settings, stop)`. The rest is how a raw record becomes an interaction.
"""
