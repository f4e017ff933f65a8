"""The data plane. A request's way: gateway, assign, relay, engines, wire/, capture, spool.

From outside: `app.run(settings)` and `settings.RouterSettings`. Starts with neither torch nor kafka.
Rooms: wire/ (HTTP on both sides), shadowing/ (who is also sent to the other arm).
"""
