"""The figures of the project itself: how long, how often, how much of it is said twice."""
