"""The words on the wire, and how they travel. Imports nothing of ours.

On the ground floor: events, topics, codec, errors, settings, whole files, privacy, and the files that two
processes share. Rooms: bus/ (Kafka), spool/ (router to forwarder), forwarding/ (the forwarder's process).
"""
