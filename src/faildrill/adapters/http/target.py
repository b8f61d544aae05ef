"""A service that is called at an address, as an environment file declares it."""

from typing import ClassVar

from pydantic import Field

from faildrill.ports.addresses import Url, of_url
from faildrill.ports.target import Target


class Service(Target):
    """Something that users call at an address; `${services.payments}` in a file is its URL.

    services:
      payments: http://payments.staging.example:8080
    """

    section: ClassVar[str] = "services"
    stands_for: ClassVar[str] = "url"

    url: Url = Field(description="the URL that users call")

    def __str__(self) -> str:
        return self.url

    @property
    def addresses(self) -> list[str]:
        """Where it answers."""
        return [of_url(self.url)]
