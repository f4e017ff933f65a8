"""The dashboard: what the topics say, kept small in memory, told to browsers as JSON and as a stream.

From outside: `api.add_board(app, board)` and `app.Board`. Nothing in here changes a rollout, and nothing that goes
wrong in here keeps one from being rolled back.
"""
