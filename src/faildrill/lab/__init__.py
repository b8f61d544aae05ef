"""The lab: a payments staging of real parts on this machine, from wheels, without rights.

`starting.up`, `starting.find` and `ending.down` are what others call. `supervisor` is the process that owns
every node; each node is a process tree under a small init of its own (`init`), so that a whole node can be
killed or hung at once.
"""
