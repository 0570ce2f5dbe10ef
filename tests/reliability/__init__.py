"""What is promised of orders, put to the test: by crashes, freezes, rivals, and the removal of one safeguard after the
other.
"""
