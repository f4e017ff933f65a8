"""Fine-tuning that is watched: data, LoRA, merging, and the manifest of what came out."""
