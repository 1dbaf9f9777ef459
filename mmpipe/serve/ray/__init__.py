"""Ray Serve: which deployments there are (``app``), how many of each run (``scaling`` alone decides), how
they are run on one machine (``run``), and what a cluster's head runs beside them.
"""
