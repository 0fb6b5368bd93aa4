"""Connected regions of a mask: their shape, what is known of each, and files of them."""
