"""Training: the loop that teaches a reader, and the one that teaches a backbone of our own."""
