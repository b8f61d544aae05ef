"""MariaDB with GTID replication and no manager: every server is asked itself, through a blocking client in threads."""
