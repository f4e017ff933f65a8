"""The data plane. A request's way: gateway, keys/, routes, assign, relay, engines, replicas/, wire/, capture, spool.

From outside: `app.run(settings)` and `settings.RouterSettings`. Starts with neither torch nor kafka.
Rooms: wire/ (HTTP on both sides), shadowing/ (who is also sent to the other arm), keys/ (who may come in), replicas/
(which engine of an arm), workers/ (several processes on one port).
"""
