"""What is written of a training: its record, its page, its pictures.

From outside: `record`, `page.write_page`.
"""
