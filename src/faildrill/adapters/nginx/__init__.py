"""NGINX: its files are read, changed, tested and loaded."""
