"""The page: paint, try, run a folder and export in a browser, offline. It calls what the package does."""
