"""Groups of processes or hosts: members die, hang, or are cut off."""
