"""The training's page and its pictures.

From outside: `page.write_page`.
"""
