"""Processes of this host: found, signalled, and seen to end, each by what proves that it is the one."""
