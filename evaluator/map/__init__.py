"""The capability map: what users rely on, how much of it, and what follows for the training.

Rooms: discovering/ (a brief out of traffic), drafting/ (a new brief), mapping/ (shares measured on traffic), advice/
(rules from facts to advice).
"""
