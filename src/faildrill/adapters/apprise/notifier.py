"""People told through Apprise: chat, mail, pagers and web hooks, each by a URL that is a secret."""

import asyncio
from typing import Final

import apprise

from faildrill.errors import WrongUsage
from faildrill.ports.notice import Notice
from faildrill.secrets import Reference
from faildrill.system import redaction

_WITHIN: Final = 20.0
"""Seconds for one notice; Apprise's own time limits for sockets are 4 s each."""
_SORTS: Final = {
    "alert": apprise.NotifyType.WARNING,
    "recovery": apprise.NotifyType.SUCCESS,
    "news": apprise.NotifyType.INFO,
}


class Way:
    """One Apprise URL."""

    def __init__(self, reference: Reference) -> None:
        """Resolve the reference now; WrongUsage when Apprise knows no such URL, UnresolvedSecret as it comes."""
        self.name = reference.text
        self._apprise = apprise.Apprise()
        if not self._apprise.add(reference.resolve().reveal()):
            raise WrongUsage(f"{reference.text}: not a URL that Apprise knows, e.g. slack://…, mailto://…, json://host")

    async def tell(self, notice: Notice) -> str:
        """Send it from a thread; return what went wrong."""
        title, body = redaction.clean(notice.title), redaction.clean(notice.body)
        sending = asyncio.to_thread(
            self._apprise.notify, body=body, title=title, notify_type=_SORTS[notice.sort], body_format="text"
        )
        try:
            taken = await asyncio.wait_for(sending, _WITHIN)
        except (TimeoutError, TypeError, OSError) as error:
            return f"{self.name}: {redaction.clean(str(error)) or 'timed out'}"
        return "" if taken else f"{self.name}: refused or not reached"
