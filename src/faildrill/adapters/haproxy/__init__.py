"""HAProxy: its runtime socket is asked and told, its file is read."""
