"""`python -m obftnet`."""

from obftnet.cli import main

main()
