"""What runs models, what model folders are, and how our servers listen.

Rooms: engines/ (vLLM, the OpenAI API), models/ (manifests, pins, the shipped base). `server` listens and ends
for router and control; `processes` starts and ends children; `progress` is how long work tells how far it is.
"""
