"""lm-eval's tasks as measures, item by item."""
