"""The lab of hosts: machines that are reached over SSH only, each with services of its own.

Each host is a node of the lab whose main program is an SSH server (`ssh_server`); what runs on it is started and
stopped by a `systemctl` of the lab's own (`systemctl`), so that a playbook which is right here is right on a host
under systemd.
"""
