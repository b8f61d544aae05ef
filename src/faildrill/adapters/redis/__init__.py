"""Redis under Sentinel: every node and every Sentinel is asked itself, over connections of our own."""
