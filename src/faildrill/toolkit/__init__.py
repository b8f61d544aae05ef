"""What authors of kinds build on: the parts that several worlds share, none of which knows a world."""
