"""Shadows: requests that also go to the arm that was not assigned, drawn by the prompt alone.

From outside: `shadows.Shadows` and `table_watch.TableWatch`, which follows the word table.
"""
