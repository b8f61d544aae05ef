"""What every lab is made of: nodes under a supervisor, each with an init, and their processes, ports and folders."""
