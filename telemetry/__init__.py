"""The words on the wire and how they travel: events, topics, codec, Kafka, spool, forwarder."""
