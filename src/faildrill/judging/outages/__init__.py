"""Outages, bounded: what the looks of one probe come to, and the parts of a run that they fall into."""
