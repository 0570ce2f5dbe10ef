"""Says what is wrong between this machine and the brokerage session, and what to do. It looks and changes nothing."""
