"""What people declare, as data: a drill, an environment, and what refers from one to the other."""
