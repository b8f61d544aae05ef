"""The table of kinds: one line each."""

from typing import Final

PROBES: Final = {
    "access_log.spread": "faildrill.adapters.access_log.spread:Spread",
    "ansible.playbook": "faildrill.adapters.ansible.look:Look",
    "aws.redundancy": "faildrill.adapters.aws.probes:Redundancy",
    "aws.writer": "faildrill.adapters.aws.probes:Writer",
    "command.look": "faildrill.adapters.command.program:Look",
    "dns.query": "faildrill.adapters.dns.query:Query",
    "haproxy.backends": "faildrill.adapters.haproxy.backends:Backends",
    "haproxy.drift": "faildrill.adapters.haproxy.drift:Drift",
    "haproxy.spread": "faildrill.adapters.haproxy.spread:Spread",
    "http.ledger": "faildrill.adapters.http.ledger:Ledger",
    "http.request": "faildrill.adapters.http.request:Request",
    "http.spread": "faildrill.adapters.http.spread:Spread",
    "kubernetes.budget": "faildrill.adapters.kubernetes.workload_probes:BudgetProbe",
    "kubernetes.endpoints": "faildrill.adapters.kubernetes.probes:Endpoints",
    "kubernetes.events": "faildrill.adapters.kubernetes.cluster_probes:Events",
    "kubernetes.leader": "faildrill.adapters.kubernetes.cluster_probes:Leader",
    "kubernetes.nodes": "faildrill.adapters.kubernetes.cluster_probes:Nodes",
    "kubernetes.restarts": "faildrill.adapters.kubernetes.workload_probes:Restarts",
    "kubernetes.rollout": "faildrill.adapters.kubernetes.workload_probes:Rollout",
    "mariadb.ledger": "faildrill.adapters.mariadb.ledger:Ledger",
    "mariadb.redundancy": "faildrill.adapters.mariadb.probes:Redundancy",
    "mariadb.writers": "faildrill.adapters.mariadb.probes:Writers",
    "patroni.redundancy": "faildrill.adapters.patroni.probes:Redundancy",
    "patroni.timeline": "faildrill.adapters.patroni.probes:Timeline",
    "patroni.writer": "faildrill.adapters.patroni.probes:Writer",
    "postgres.ledger": "faildrill.adapters.postgres.ledger:Ledger",
    "postgres.timeline": "faildrill.adapters.postgres.timeline:Timeline",
    "postgres.read": "faildrill.adapters.postgres.read:Read",
    "postgres.write": "faildrill.adapters.postgres.write:Write",
    "postgres.writers": "faildrill.adapters.postgres.writers:Writers",
    "process.alive": "faildrill.adapters.process.alive:Alive",
    "redis.ledger": "faildrill.adapters.redis.ledger:Ledger",
    "redis.redundancy": "faildrill.adapters.redis.probes:Redundancy",
    "redis.writers": "faildrill.adapters.redis.probes:Writers",
    "simulated.service": "faildrill.adapters.simulated.place:Service",
    "tcp.connect": "faildrill.adapters.tcp.connect:Connect",
}

ACTIONS: Final = {
    "ansible.playbook": "faildrill.adapters.ansible.playbook:Playbook",
    "aws.aurora_failover": "faildrill.adapters.aws.aurora_failover:AuroraFailover",
    "command.run": "faildrill.adapters.command.program:Run",
    "haproxy.broken_file": "faildrill.adapters.haproxy.broken_file:BrokenFile",
    "haproxy.drain": "faildrill.adapters.haproxy.server_changes:Drain",
    "haproxy.maintenance": "faildrill.adapters.haproxy.server_changes:Maintenance",
    "haproxy.weights": "faildrill.adapters.haproxy.server_changes:Weights",
    "kubernetes.cordon": "faildrill.adapters.kubernetes.node_changes:Cordon",
    "kubernetes.delete_pods": "faildrill.adapters.kubernetes.actions:DeletePods",
    "kubernetes.drain": "faildrill.adapters.kubernetes.node_emptying:Drain",
    "kubernetes.evict": "faildrill.adapters.kubernetes.actions:Evict",
    "kubernetes.restart": "faildrill.adapters.kubernetes.workload_changes:Restart",
    "kubernetes.scale": "faildrill.adapters.kubernetes.workload_changes:Scale",
    "kubernetes.taint": "faildrill.adapters.kubernetes.node_emptying:Taint",
    "mariadb.lose_writer": "faildrill.adapters.mariadb.loss:LoseWriter",
    "mariadb.promote": "faildrill.adapters.mariadb.promote:Promote",
    "member.cut": "faildrill.adapters.member.cut:Cut",
    "member.kill": "faildrill.adapters.member.loss:Kill",
    "member.stop": "faildrill.adapters.member.loss:Stop",
    "nginx.broken_file": "faildrill.adapters.nginx.config_changes:BrokenFile",
    "nginx.upstream": "faildrill.adapters.nginx.config_changes:Upstream",
    "patroni.configure": "faildrill.adapters.patroni.configure:Configure",
    "patroni.cut_replication": "faildrill.adapters.patroni.cut_replication:CutReplication",
    "patroni.failover": "faildrill.adapters.patroni.handover:Failover",
    "patroni.kill_primary": "faildrill.adapters.patroni.loss:KillPrimary",
    "patroni.switchover": "faildrill.adapters.patroni.handover:Switchover",
    "process.kill": "faildrill.adapters.process.signals:Kill",
    "process.stop": "faildrill.adapters.process.signals:Stop",
    "redis.failover": "faildrill.adapters.redis.failover:Failover",
    "redis.lose_master": "faildrill.adapters.redis.loss:LoseMaster",
    "simulated.fault": "faildrill.adapters.simulated.place:Fault",
    "simulated.member_fault": "faildrill.adapters.simulated.member:MemberFault",
}

GUARDS: Final = {
    "alertmanager.quiet": "faildrill.adapters.http.answers:Quiet",
    "aws.identity": "faildrill.adapters.aws.identity:Identity",
    "command.agrees": "faildrill.adapters.file.guards:CommandAgrees",
    "command.younger": "faildrill.adapters.file.guards:CommandYounger",
    "file.absent": "faildrill.adapters.file.guards:Absent",
    "file.identity": "faildrill.adapters.file.guards:Identity",
    "file.younger": "faildrill.adapters.file.guards:Younger",
    "group.capacity": "faildrill.adapters.member.capacity:Capacity",
    "haproxy.identity": "faildrill.adapters.haproxy.identity:Identity",
    "http.answer": "faildrill.adapters.http.answers:Answer",
    "http.identity": "faildrill.adapters.http.identity:Identity",
    "kubernetes.identity": "faildrill.adapters.kubernetes.identity_guard:Identity",
    "kubernetes.marker": "faildrill.adapters.kubernetes.identity_guard:Marker",
    "lab.identity": "faildrill.adapters.lab.reach:Identity",
    "mariadb.identity": "faildrill.adapters.mariadb.identity:Identity",
    "nginx.identity": "faildrill.adapters.nginx.identity:Identity",
    "postgres.identity": "faildrill.adapters.postgres.identity:Identity",
    "postgres.marker": "faildrill.adapters.postgres.identity:Marker",
    "postgres.replication": "faildrill.adapters.postgres.replication:Replication",
    "prometheus.query": "faildrill.adapters.http.answers:Query",
    "process.identity": "faildrill.adapters.process.identity:Identity",
    "redis.identity": "faildrill.adapters.redis.identity:Identity",
    "ssh.identity": "faildrill.adapters.ansible.identity:Identity",
    "ssh.marker": "faildrill.adapters.ssh.marker:Marker",
    "simulated.word": "faildrill.adapters.simulated.place:Word",
    "window.allowed": "faildrill.adapters.calendar.windows:Allowed",
    "window.blocked": "faildrill.adapters.calendar.windows:Blocked",
    "window.calendar": "faildrill.adapters.calendar.events:Calendar",
}

REACHES: Final = {
    "command.reach": "faildrill.adapters.command.member_programs:Programs",
    "lab.supervisor": "faildrill.adapters.lab.reach:Supervisor",
    "local.container": "faildrill.adapters.ssh.container:LocalContainer",
    "local.process": "faildrill.adapters.ssh.pid_file:LocalProcess",
    "local.systemd": "faildrill.adapters.ssh.unit:LocalUnit",
    "ssh.container": "faildrill.adapters.ssh.container:Container",
    "ssh.process": "faildrill.adapters.ssh.pid_file:Process",
    "ssh.systemd": "faildrill.adapters.ssh.unit:Unit",
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
    "simulated.lock": "faildrill.adapters.simulated.place:SharedLock",
}

CHECKS: Final = {
    "aws.account": "faildrill.adapters.aws.checks:Reached",
    "clusters.nodes": "faildrill.adapters.postgres.checks:Nodes",
    "clusters.patroni": "faildrill.adapters.patroni.checks:Patroni",
    "databases.path": "faildrill.adapters.postgres.checks:UsersPath",
    "groups.members": "faildrill.adapters.member.capacity:Members",
    "hosts.ansible": "faildrill.adapters.ansible.checks:Machines",
    "kubernetes.api": "faildrill.adapters.kubernetes.checks:Cluster",
    "load_balancers.haproxy": "faildrill.adapters.haproxy.checks:LoadBalancers",
    "mariadb.servers": "faildrill.adapters.mariadb.checks:Servers",
    "redis.sentinel": "faildrill.adapters.redis.checks:Watched",
    "services.http": "faildrill.adapters.http.checks:Services",
}
"""What `faildrill doctor` looks at: by section of an environment, a dot, and a word."""

SETTINGS: Final = {
    "haproxy.settings": "faildrill.adapters.haproxy.settings:Balancer",
    "nginx.settings": "faildrill.adapters.nginx.settings:Upstreams",
    "patroni.settings": "faildrill.adapters.patroni.settings:Dynamic",
    "simulated.settings": "faildrill.adapters.simulated.board:Board",
}

WITNESSES: Final = {
    "haproxy.testimony": "faildrill.adapters.haproxy.witness:Front",
    "http.testimony": "faildrill.adapters.http.witness:Timing",
    "patroni.testimony": "faildrill.adapters.patroni.witness:View",
    "postgres.testimony": "faildrill.adapters.postgres.witness:Nodes",
}

TARGETS: Final = {
    "services": "faildrill.adapters.http.target:Service",
    "databases": "faildrill.adapters.postgres.target:Database",
    "clusters": "faildrill.adapters.postgres.target:Cluster",
    "load_balancers": "faildrill.adapters.haproxy.target:LoadBalancer",
    "groups": "faildrill.adapters.member.target:Group",
    "hosts": "faildrill.adapters.ansible.target:Hosts",
    "redis": "faildrill.adapters.redis.target:Redis",
    "mariadb": "faildrill.adapters.mariadb.target:MariaDB",
    "kubernetes": "faildrill.adapters.kubernetes.target:Kubernetes",
    "aws": "faildrill.adapters.aws.target:Account",
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
