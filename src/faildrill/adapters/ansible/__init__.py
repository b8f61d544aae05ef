"""Ansible: any playbook as a step or as a probe, in processes of its own, and never imported into ours."""
