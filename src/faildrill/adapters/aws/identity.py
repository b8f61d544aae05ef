"""`aws.identity`: which account asks, by STS, and whose the clusters are, by their ARNs and tags."""

from collections.abc import Mapping

from pydantic import Field

from faildrill.adapters.aws.aurora_cluster import sighted
from faildrill.adapters.aws.call_outcomes import Untold
from faildrill.adapters.aws.caller import WHO, other_than
from faildrill.adapters.aws.client import read
from faildrill.adapters.aws.target import Account
from faildrill.errors import CannotSee
from faildrill.toolkit.identity import DIFFERS, PROVED, SILENT, Answer, EveryNodeProves

_NOT_FOUND = "DBClusterNotFoundFault"


class Identity(EveryNodeProves[str]):
    """Refuses the drill unless STS says that the account is the declared one, and every cluster is there and tagged.

    The ARN of each of the target's `db_clusters` must be of the declared account, Region and partition, and the cluster
    must carry the target's `tag`. It is asked again before each act, and before anything is put back. The login needs
    `rds:DescribeDBClusters` and `rds:DescribeDBInstances`; everybody may ask STS.

        identity:
          - aws.identity: {aws: staging}
    """

    aws: Account = Field(description="the account that is asked")

    def facts(self) -> list[str]:
        """Return the ARNs."""
        return [f"aws {self.aws.arn(cluster)}" for cluster in self.aws.db_clusters]

    def _logins(self) -> Mapping[str, str]:
        clusters = {f"cluster {self.aws.name}/{cluster}": cluster for cluster in self.aws.db_clusters}
        return {f"account {self.aws.name}": "", **clusters}

    async def _one(self, login: str, within: float) -> Answer:
        try:
            differs = await (self._of_cluster(login, within) if login else self._of_account(within))
        except CannotSee as error:
            is_gone = isinstance(error, Untold) and error.words == _NOT_FOUND
            return Answer(DIFFERS if is_gone else SILENT, f"did not say what it is: {error}")
        return Answer(DIFFERS, differs) if differs else Answer(PROVED)

    async def _of_account(self, within: float) -> str:
        return other_than(self.aws, (await read(self.aws, WHO, within)).data)

    async def _of_cluster(self, cluster: str, within: float) -> str:
        return (await sighted(self.aws, cluster, within)).stray(self.aws)
