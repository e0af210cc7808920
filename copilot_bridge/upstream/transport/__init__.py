"""HTTP to the outside: connections, proxies, certificates, and the meaning of network errors."""
