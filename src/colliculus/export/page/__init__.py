"""A page: one HTML file that runs the network in a browser, without a server and with nothing from outside."""
