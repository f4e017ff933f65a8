"""The online path as child processes on one machine, and the demo that drives it.

From outside: `demo.run_demo`, `stack.OnlineStack`, `embedded_broker.EmbeddedBroker`.
"""
