"""What this machine is asked and told: files, threads, processes. Standard library only."""
