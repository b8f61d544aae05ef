"""What a drill will need of an account, looked at by `faildrill doctor`."""

import asyncio
from typing import Final

from faildrill.adapters.aws.aurora_cluster import sighted
from faildrill.adapters.aws.caller import WHO
from faildrill.adapters.aws.client import read
from faildrill.adapters.aws.target import Account
from faildrill.errors import CannotSee
from faildrill.ports import Checked, Given, Kind
from faildrill.toolkit.deadlines import SHARE
from faildrill.toolkit.leader_store import whole

_REMEDY: Final = "see that the login is right: `aws sts get-caller-identity` asks the same"


class Reached(Kind):
    """Looks whether the account answers and is the declared one, and whether its clusters could be failed over."""

    target: Account

    async def examine(self, given: Given) -> list[Checked]:
        """Ask who we are, then look at each cluster."""
        within = given.timeout * SHARE
        clusters = (self._cluster(one, within) for one in self.target.db_clusters)
        account, checked = await asyncio.gather(self._account(within), asyncio.gather(*clusters))
        return [account, *(check for checks in checked for check in checks)]

    async def _account(self, within: float) -> Checked:
        name = f"account {self.target.name}"
        try:
            said = (await read(self.target, WHO, within)).data["Account"]
        except CannotSee as error:
            return Checked(name, ok=False, told=str(error), remedy=_REMEDY)
        return Checked(name, said == self.target.account, f"STS says {said}", "correct `account`, or the login")

    async def _cluster(self, cluster: str, within: float) -> list[Checked]:
        name = f"{self.target.name}/{cluster}"
        try:
            sight = await sighted(self.target, cluster, within)
        except CannotSee as error:
            return [
                Checked(name, ok=False, told=str(error), remedy="correct `db_clusters`, or allow the login to look")
            ]
        stray = sight.stray(self.target)
        tagged = Checked(f"{name} may be drilled", not stray, stray or "carries the tag of this environment", stray)
        return [tagged, *whole(name, sight)]
