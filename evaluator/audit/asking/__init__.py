"""How a model is asked, and what is kept of its answers.

From outside: `answering.CachedModel`, `answer_cache.AnswerCache`, `recorded_chat`, `probe`.
"""
