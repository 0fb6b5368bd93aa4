"""What the page's server and the pack server have in common: who may ask, how much, and where they listen."""
