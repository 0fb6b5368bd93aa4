"""Methods that the same harness evaluates. A new method is one file here."""
