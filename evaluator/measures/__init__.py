"""What an audit asks: the shape of a measure, and those that need no benchmark."""
