"""What a rollout came to, from Kafka alone: the closing summary, its page and its picture.

From outside: `summary`, `page.write_page`, `plot.draw_summary`.
"""
