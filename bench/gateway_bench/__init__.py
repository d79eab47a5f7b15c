"""CPU per request, throughput, latency and memory of HTTP proxies on one machine; the command is `bench/gateway`."""
