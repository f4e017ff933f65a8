"""Fine-tuning that forgets less and is watched. `pipeline.run` is the whole path on one page.

From outside: `pipeline`, `config`, `repairing`. Rooms: data/ methods/ rehearsing/ loop/ watching/ scoring/
merging/ repairing/ reporting/.
"""
