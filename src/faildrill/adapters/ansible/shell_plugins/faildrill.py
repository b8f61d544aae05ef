"""A shell plugin of Ansible: `sh`, with the mark of the play in the environment of every module.

Loaded by Ansible into its own process, whichever Ansible that is; faildrill itself never imports it. Like all plugins
it is found by the folder that it is in.
"""

import os

from ansible.plugins.shell.sh import ShellModule as Sh

DOCUMENTATION = """
name: faildrill
short_description: sh, with the mark of a play
description: Has every module find the mark of the play in its environment.
extends_documentation_fragment:
  - shell_common
"""
_PLAY = "FAILDRILL_PLAY"
_MARK = "FAILDRILL_STEP"


class ShellModule(Sh):  # type: ignore[misc] # Ansible is untyped
    """What starts modules on a host."""

    def env_prefix(self, **kwargs: object) -> str:
        """Return the assignments before a command, the mark of this play among them."""
        assignments: str = super().env_prefix(**{_MARK: os.environ.get(_PLAY, ""), **kwargs})
        return assignments
