"""MT-Bench as a measure, and in pairs."""
