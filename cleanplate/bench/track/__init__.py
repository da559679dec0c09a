"""How well trackers follow objects on a data set whose masks are known: J, F and J&F as DAVIS defines them."""
