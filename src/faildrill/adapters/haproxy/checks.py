"""What a drill will need of HAProxy, looked at by `faildrill doctor`."""

import asyncio

from faildrill.adapters.haproxy.backends import Backends
from faildrill.adapters.haproxy.target import LoadBalancer
from faildrill.errors import reason
from faildrill.ports import Checked, Given, Kind
from faildrill.record.samples import Outcome


class LoadBalancers(Kind):
    """Looks whether HAProxy's runtime socket answers, and knows the declared servers."""

    target: LoadBalancer

    async def examine(self, given: Given) -> list[Checked]:
        """Ask for the state of every declared backend."""
        what = f"load balancer {self.target.name}"
        socket = self.target.haproxy_socket
        if not any(self.target.backends.values()):
            remedy = "list its backends and their servers in the environment file"
            return [Checked(what, ok=False, told="declares no servers, so nothing would be noticed", remedy=remedy)]
        try:
            async with asyncio.timeout(given.timeout):
                look = await Backends(load_balancer=self.target).look(given)
        except OSError as error:
            remedy = f"see that {socket} is there and that this user may write to it"
            return [Checked(what, ok=False, told=f"does not answer ({reason(error)})", remedy=remedy)]
        answers = look.outcome in (Outcome.OK, Outcome.WRONG)
        known = answers and "missing" not in look.detail and "not HAProxy" not in look.detail
        servers = f"UP: {look.who or 'none'}" + (f"; {look.detail}" if look.detail else "")
        remedy = "" if known else f"see that {socket} is HAProxy's runtime socket and that it has the declared servers"
        return [Checked(what, known, servers if answers else look.outcome.in_words(), remedy)]
