"""Parts of bench/scale.py: the whole path as processes, its stages one by one, workers side by side, and the model.

From outside: `path.whole_path`, `stages.watch_stages`, `workers.efficiency`, `model` and `simulation`.
"""
