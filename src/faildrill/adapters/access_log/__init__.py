"""Access logs: what load balancers write of the requests that they passed on."""
