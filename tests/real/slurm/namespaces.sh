#!/bin/bash
# Process 1 of the lab's namespaces, or of one node's within them. It makes what is to be seen there, says so by a
# file, and waits: when it is killed, the kernel ends every process and takes back every mount, bridge and address.
#   namespaces.sh FOLDER lab NETWORK NODES    own /run, /etc/hosts, no DNS; a bridge, and a network for each node
#   namespaces.sh FOLDER NODE [CGROUP]        own host name, /dev/shm and /var/tmp; its part of the memory cgroup
set -euo pipefail
folder=$1 name=$2
if [ "$name" = lab ]; then
  network=$3 nodes=$4
  hostname ctl
  mount -t tmpfs tmpfs /run
  mkdir -p /run/netns
  mount --bind "$folder/etc/hosts" /etc/hosts
  # A name that nobody knows must fail at once: with a real server that cannot be reached it takes 10 s.
  resolver=$(readlink -m /etc/resolv.conf)
  if [ -e "$resolver" ]; then
    mount --bind "$folder/etc/resolv.conf" "$resolver"
  else
    mkdir -p "$(dirname "$resolver")" && cp "$folder/etc/resolv.conf" "$resolver"
  fi
  # A small disk that all nodes see, to be filled.
  mount -t tmpfs -o size=32m tmpfs "$folder/small"
  ip link set lo up
  ip link add lab type bridge
  ip addr add "$network.1/24" dev lab
  ip link set lab up
  for ((number = 1; number <= nodes; number++)); do
    node=n$number
    ip netns add "$node"
    ip link add "$node" type veth peer name eth0 netns "$node"
    ip link set "$node" master lab up
    ip -n "$node" addr add "$network.$((10 + number))/24" dev eth0
    ip -n "$node" link set eth0 up
    ip -n "$node" link set lo up
    ip -n "$node" route add default via "$network.1"
  done
else
  hostname "$name"
  mount -t tmpfs tmpfs /dev/shm
  mount -t tmpfs tmpfs /var/tmp
  [ -z "${3:-}" ] || mount --bind "$3" "$folder/cgroup/memory"
fi
touch "$folder/run/$name.ready"
# bash takes up the children of others while it waits; `sleep` by another name is known not to be a job's.
(exec -a lab-idle sleep infinity) &
wait
