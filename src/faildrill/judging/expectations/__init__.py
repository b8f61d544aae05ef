"""What a drill can expect, a file each: from what looks prove to findings."""
