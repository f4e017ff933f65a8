"""The capability map measured on traffic: shares, their intervals, and what no exemplar is like."""
