#!/bin/bash
# A small CNI, since the image of kind's own is not in any package registry. Runs in the node's file
# system: writes the CNI config, a route to the pods of each other node, and masquerading.
# env: SA (folder of the service account), EP (host:port of the API server), NODE_NAME, POD_SUBNET
set -u
CONFIG=/etc/cni/net.d/10-ptp.conflist
MINE=199 # protocol number of our routes
nodes() {
  curl -sS --fail --max-time 5 --cacert "$SA/ca.crt" -H "Authorization: Bearer $(cat "$SA/token")" \
    "https://$EP/api/v1/nodes" | jq -r '.items[] | select(.spec.podCIDR) | [.metadata.name,
    .spec.podCIDR, (.status.addresses[] | select(.type=="InternalIP").address)] | @tsv'
}
mine() { # CIDR: whose pods are on this node
  jq -nc --arg subnet "$1" '{cniVersion: "0.3.1", name: "ptp", plugins: [
    {type: "ptp", ipMasq: false, mtu: 1500, ipam: {type: "host-local", dataDir: "/run/cni-ipam-state",
     routes: [{dst: "0.0.0.0/0"}], ranges: [[{subnet: $subnet}]]}},
    {type: "portmap", capabilities: {portMappings: true}}]}' > $CONFIG.new
  cmp -s $CONFIG $CONFIG.new && return
  nft -f - <<N && mv $CONFIG.new $CONFIG && echo "pods of this node: $1"
table ip cni
delete table ip cni
table ip cni {
  chain postrouting {
    type nat hook postrouting priority 100
    ip saddr $1 ip daddr != $POD_SUBNET masquerade
  }
}
N
}
while :; do
  if list=$(nodes) && [ -n "$list" ]; then
    wanted=
    while read -r name cidr address; do
      if [ "$name" = "$NODE_NAME" ]; then
        mine "$cidr"
      else
        wanted="$wanted $cidr"
        [ -n "$(ip -4 route show "$cidr" via "$address" proto $MINE)" ] ||
          ip route replace "$cidr" via "$address" proto $MINE
      fi
    done <<<"$list"
    ip -4 route show proto $MINE | while read -r cidr _; do
      [[ " $wanted " == *" $cidr "* ]] || ip route del "$cidr" proto $MINE
    done
  fi
  [ -s $CONFIG ] && sleep 5 || sleep 0.5
done
