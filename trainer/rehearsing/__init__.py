"""What base itself says, so that it is not forgotten: prompts, base's answers, the rehearsal made of them.

From outside: `rehearsal.rehearse_for`, `lazy_base.LazyBase`, `base_answers`, `generate`.
"""
