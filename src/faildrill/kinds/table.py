"""The table of kinds: one line each."""

from typing import Final

PROBES: Final = {
    "access_log.spread": "faildrill.adapters.access_log.spread:Spread",
    "ansible.playbook": "faildrill.adapters.ansible.look:Look",
    "command.look": "faildrill.adapters.command:Look",
    "dns.query": "faildrill.adapters.dns:Query",
    "haproxy.backends": "faildrill.adapters.haproxy.backends:Backends",
    "haproxy.drift": "faildrill.adapters.haproxy.drift:Drift",
    "haproxy.spread": "faildrill.adapters.haproxy.spread:Spread",
    "http.ledger": "faildrill.adapters.http.ledger:Ledger",
    "http.request": "faildrill.adapters.http.request:Request",
    "http.spread": "faildrill.adapters.http.spread:Spread",
    "mariadb.ledger": "faildrill.adapters.mariadb.ledger:Ledger",
    "mariadb.redundancy": "faildrill.adapters.mariadb.probes:Redundancy",
    "mariadb.writers": "faildrill.adapters.mariadb.probes:Writers",
    "patroni.redundancy": "faildrill.adapters.patroni.probes:Redundancy",
    "patroni.timeline": "faildrill.adapters.patroni.probes:Timeline",
    "patroni.writer": "faildrill.adapters.patroni.probes:Writer",
    "postgres.ledger": "faildrill.adapters.postgres.ledger:Ledger",
    "postgres.timeline": "faildrill.adapters.postgres.timelines:Timeline",
    "postgres.read": "faildrill.adapters.postgres.read:Read",
    "postgres.write": "faildrill.adapters.postgres.write:Write",
    "postgres.writers": "faildrill.adapters.postgres.writers:Writers",
    "process.alive": "faildrill.adapters.processes.alive:Alive",
    "redis.ledger": "faildrill.adapters.redis.ledger:Ledger",
    "redis.redundancy": "faildrill.adapters.redis.probes:Redundancy",
    "redis.writers": "faildrill.adapters.redis.probes:Writers",
    "simulated.service": "faildrill.adapters.simulated:Service",
    "tcp.connect": "faildrill.adapters.tcp:Connect",
}

ACTIONS: Final = {
    "ansible.playbook": "faildrill.adapters.ansible.playbook:Playbook",
    "command.run": "faildrill.adapters.command:Run",
    "haproxy.broken_file": "faildrill.adapters.haproxy.breaking:BrokenFile",
    "haproxy.drain": "faildrill.adapters.haproxy.changing:Drain",
    "haproxy.maintenance": "faildrill.adapters.haproxy.changing:Maintenance",
    "haproxy.weights": "faildrill.adapters.haproxy.changing:Weights",
    "mariadb.lose_writer": "faildrill.adapters.mariadb.losing:LoseWriter",
    "mariadb.promote": "faildrill.adapters.mariadb.promote:Promote",
    "member.cut": "faildrill.adapters.member_cutting:Cut",
    "member.kill": "faildrill.adapters.member:Kill",
    "member.stop": "faildrill.adapters.member:Stop",
    "nginx.broken_file": "faildrill.adapters.nginx.changing:BrokenFile",
    "nginx.upstream": "faildrill.adapters.nginx.changing:Upstream",
    "patroni.configure": "faildrill.adapters.patroni.configuring:Configure",
    "patroni.cut_replication": "faildrill.adapters.patroni.cutting:CutReplication",
    "patroni.failover": "faildrill.adapters.patroni.handover:Failover",
    "patroni.kill_primary": "faildrill.adapters.patroni.kill:KillPrimary",
    "patroni.switchover": "faildrill.adapters.patroni.handover:Switchover",
    "process.kill": "faildrill.adapters.processes.acting:Kill",
    "process.stop": "faildrill.adapters.processes.acting:Stop",
    "redis.failover": "faildrill.adapters.redis.failover:Failover",
    "redis.lose_master": "faildrill.adapters.redis.losing:LoseMaster",
    "simulated.fault": "faildrill.adapters.simulated:Fault",
    "simulated.member_fault": "faildrill.adapters.simulated_members:MemberFault",
}

GUARDS: Final = {
    "alertmanager.quiet": "faildrill.adapters.http.answers:Quiet",
    "command.younger": "faildrill.adapters.files:CommandYounger",
    "file.identity": "faildrill.adapters.files:Identity",
    "file.younger": "faildrill.adapters.files:Younger",
    "group.capacity": "faildrill.adapters.capacity:Capacity",
    "haproxy.identity": "faildrill.adapters.haproxy.identity:Identity",
    "http.answer": "faildrill.adapters.http.answers:Answer",
    "http.identity": "faildrill.adapters.http.identity:Identity",
    "lab.identity": "faildrill.adapters.lab:Identity",
    "mariadb.identity": "faildrill.adapters.mariadb.identity:Identity",
    "nginx.identity": "faildrill.adapters.nginx.identity:Identity",
    "postgres.identity": "faildrill.adapters.postgres.identity:Identity",
    "postgres.marker": "faildrill.adapters.postgres.identity:Marker",
    "postgres.replication": "faildrill.adapters.postgres.replication:Replication",
    "prometheus.query": "faildrill.adapters.http.answers:Query",
    "process.identity": "faildrill.adapters.processes.identity:Identity",
    "redis.identity": "faildrill.adapters.redis.identity:Identity",
    "ssh.identity": "faildrill.adapters.ansible.identity:Identity",
    "simulated.word": "faildrill.adapters.simulated:Word",
    "window.allowed": "faildrill.adapters.windows:Allowed",
    "window.blocked": "faildrill.adapters.windows:Blocked",
}

REACHES: Final = {
    "lab.supervisor": "faildrill.adapters.lab:Supervisor",
}

EXPECTATIONS: Final = {
    "brown_out": "faildrill.judging.expectations.outage:BrownOut",
    "detected": "faildrill.judging.expectations.detected:Detected",
    "error_budget": "faildrill.judging.expectations.error_budget:ErrorBudget",
    "errors": "faildrill.judging.expectations.error_share:Errors",
    "flaps": "faildrill.judging.expectations.flaps:Flaps",
    "latency": "faildrill.judging.expectations.latency:Latency",
    "lost_writes": "faildrill.judging.expectations.lost_writes:LostWrites",
    "never": "faildrill.judging.expectations.never:Never",
    "outage": "faildrill.judging.expectations.outage:OutageAtMost",
    "spread": "faildrill.judging.expectations.spread:SpreadEvenly",
    "steady_again": "faildrill.judging.expectations.steady:SteadyAgain",
    "writers": "faildrill.judging.expectations.writers:Writers",
}

ABORTS: Final = {
    "alertmanager.quiet": "faildrill.adapters.http.answers:Quiet",
    "canaries": "faildrill.judging.aborts.canaries:Canaries",
    "errors": "faildrill.judging.aborts.abort_conditions:ErrorsAbove",
    "http.answer": "faildrill.adapters.http.answers:Answer",
    "outage": "faildrill.judging.aborts.abort_conditions:OutageLonger",
    "prometheus.query": "faildrill.adapters.http.answers:Query",
}

LOCKS: Final = {
    "kubernetes.lease": "faildrill.adapters.kubernetes.lease:Lease",
    "postgres.advisory": "faildrill.adapters.postgres.advisory:Advisory",
    "simulated.lock": "faildrill.adapters.simulated:SharedLock",
}

CHECKS: Final = {
    "clusters.nodes": "faildrill.adapters.postgres.examining:Nodes",
    "clusters.patroni": "faildrill.adapters.patroni.examining:Patroni",
    "databases.path": "faildrill.adapters.postgres.examining:UsersPath",
    "groups.members": "faildrill.adapters.capacity:Members",
    "hosts.ansible": "faildrill.adapters.ansible.examining:Machines",
    "load_balancers.haproxy": "faildrill.adapters.haproxy.examining:LoadBalancers",
    "mariadb.servers": "faildrill.adapters.mariadb.examining:Servers",
    "redis.sentinel": "faildrill.adapters.redis.examining:Watched",
    "services.http": "faildrill.adapters.http.examining:Services",
}
"""What `faildrill doctor` looks at: by section of an environment, a dot, and a word."""

SETTINGS: Final = {
    "haproxy.settings": "faildrill.adapters.haproxy.settings:Balancer",
    "nginx.settings": "faildrill.adapters.nginx.settings:Upstreams",
    "patroni.settings": "faildrill.adapters.patroni.settings:Dynamic",
}

WITNESSES: Final = {
    "haproxy.testimony": "faildrill.adapters.haproxy.testifying:Front",
    "http.testimony": "faildrill.adapters.http.testifying:Timing",
    "patroni.testimony": "faildrill.adapters.patroni.testifying:View",
    "postgres.testimony": "faildrill.adapters.postgres.testifying:Nodes",
}

TARGETS: Final = {
    "services": "faildrill.adapters.http.target:Service",
    "databases": "faildrill.adapters.postgres.target:Database",
    "clusters": "faildrill.adapters.postgres.target:Cluster",
    "load_balancers": "faildrill.adapters.haproxy.target:LoadBalancer",
    "groups": "faildrill.adapters.groups:Group",
    "hosts": "faildrill.adapters.ansible.target:Hosts",
    "redis": "faildrill.adapters.redis.target:Redis",
    "mariadb": "faildrill.adapters.mariadb.target:MariaDB",
}
"""By section of an environment, in the order in which they are told, the class of the targets in it."""

TABLES: Final = {
    "probe": PROBES,
    "action": ACTIONS,
    "guard": GUARDS,
    "reach": REACHES,
    "expectation": EXPECTATIONS,
    "abort": ABORTS,
    "check": CHECKS,
    "lock": LOCKS,
    "settings": SETTINGS,
    "witness": WITNESSES,
    "target": TARGETS,
}
