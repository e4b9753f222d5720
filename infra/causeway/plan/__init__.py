"""What each cluster needs: baselines, rollouts, releases, leases, fingerprints, and the difference of two plans.

Pure functions of the declaration, the catalog and files. Nothing here touches a host or a cluster.
"""
