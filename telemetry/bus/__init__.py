"""Kafka and what stands in for it, behind three protocols.

From outside: the protocols, `settings.BusSettings`, `catching_up`; `kafka_bus` only where parts are wired.
`kafka_clients` alone imports kafka; `memory_bus` is for tests of our own logic.
"""
