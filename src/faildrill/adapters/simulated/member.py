"""A simulated service that plays a member of a target, so that what a drill touches can be limited and told."""

from pydantic import Field

from faildrill.adapters.simulated.place import Fault
from faildrill.ports import Given, Preview


class MemberFault(Fault):
    """Takes a simulated member of a target down, or misbehaves as `simulated.fault` does; for tests.

    simulated.member_fault: {folder: /tmp/place, name: pay1, of: payment-servers}
    """

    of: str = Field(description="the target that it plays a member of")
    others: tuple[str, ...] = Field(default=(), description="the other members of it, which are up or down as well")

    async def preview(self, given: Given) -> Preview:
        """Tell that it takes a member down."""
        others = [other for other in self.others if other != self.name]
        up = [other for other in others if self.model_copy(update={"name": other}).state() == "up"]
        spares = [f"{self.of}/{spare}" for spare in up]
        return Preview([f"{self.of}/{self.name}"], f"takes {self.name} down", f"brings {self.name} up", spares)
