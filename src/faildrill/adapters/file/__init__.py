"""Files on this host, and what programs say, as guards."""
