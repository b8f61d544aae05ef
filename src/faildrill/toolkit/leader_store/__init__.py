"""A store with several nodes, one of which leads, written once: PostgreSQL, Redis, MariaDB and whatever comes next.

A world brings its client, its words and its reasons: a `LeaderStore` says what one look saw of each node, in a table of
`Reason`s why a node could not take over. What follows from that is here: who leads and by whose word, who could take
over (`LeaderStore.candidates`) and why another could not (`why_not`), whether all is as it was (`lost`), a probe of the
redundancy and one of the writers, losing the leader, handing over, and what the doctor says. docs/leader-store.md
builds one from nothing.
"""

from faildrill.toolkit.leader_store.checks import misspelled as misspelled
from faildrill.toolkit.leader_store.checks import whole as whole
from faildrill.toolkit.leader_store.handover import Handover as Handover
from faildrill.toolkit.leader_store.kind import OfStore as OfStore
from faildrill.toolkit.leader_store.loss import Loss as Loss
from faildrill.toolkit.leader_store.loss import LossOrHang as LossOrHang
from faildrill.toolkit.leader_store.probes import RedundancyProbe as RedundancyProbe
from faildrill.toolkit.leader_store.probes import WritersProbe as WritersProbe
from faildrill.toolkit.leader_store.probes import tried as tried
from faildrill.toolkit.leader_store.reasons import Lack as Lack
from faildrill.toolkit.leader_store.reasons import Reason as Reason
from faildrill.toolkit.leader_store.reasons import in_full as in_full
from faildrill.toolkit.leader_store.store import LeaderStore as LeaderStore
from faildrill.toolkit.leader_store.store import Node as Node
from faildrill.toolkit.leader_store.store import Words as Words
from faildrill.toolkit.leader_store.store import observed as observed
