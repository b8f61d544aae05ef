"""Labs of other stores, each of real programs of this machine: Redis under Sentinel, MariaDB with a replica."""
