#!/bin/bash
# In place of Kafka's program of this name: whether a broker listens at HOST:PORT, `--bootstrap-server` coming first.
exec 3<>"/dev/tcp/${2%:*}/${2#*:}"
