"""What an audit says to people and to machines."""
