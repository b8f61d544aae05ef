"""The lab of Kubernetes: a real control plane, and nodes whose pods are processes of this machine."""
