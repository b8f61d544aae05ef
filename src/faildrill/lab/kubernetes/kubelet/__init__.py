"""A kubelet of the lab: a node's identity and no more rights than it, and pods that are processes of this machine.

What it does not know of a pod it refuses in the pod's status; nothing is ignored.
"""
