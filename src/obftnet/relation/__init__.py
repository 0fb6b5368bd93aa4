"""How a query relates to its guidance: correlation, transport, and what each reader is given of them."""
