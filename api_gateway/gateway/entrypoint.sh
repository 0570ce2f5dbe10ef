#!/usr/bin/env bash
# Starts the owner's own download of the Client Portal gateway: checks it, makes it a certificate, writes its conf.yaml.
# It never logs in, never downloads, and never starts what it could not check.
set -euo pipefail
umask 077

here=$(dirname "$(readlink -f "$0")")
zip=${GATEWAY_ZIP:-/download/clientportal.gw.zip}
data=${GATEWAY_DATA:-/data}
public=${GATEWAY_PUBLIC:-/public}
run=${GATEWAY_RUN:-/run/gateway}
port=${GATEWAY_PORT:-5000}
names=${GATEWAY_NAMES:-localhost gateway}
allow="127.0.0.1 ${GATEWAY_ALLOW:-}"
# For trials only: a simulator on this machine in the broker's place.
upstream=${GATEWAY_UPSTREAM:-https://api.ibkr.com}
renew_days=30

fail() {
  printf 'gateway: %s\n' "$1" >&2
  exit 2
}

check_settings() {
  local entry
  set -f
  for entry in $allow; do
    # One machine, or the 256 addresses of one network: nothing wider, and no pattern that lets everybody in.
    [[ $entry =~ ^([0-9]{1,3}\.){3}([0-9]{1,3}|\*)$ && $entry != 0.* ]] ||
      fail "GATEWAY_ALLOW: $entry is neither an address nor a pattern like 172.30.77.*"
  done
  for entry in $names; do
    [[ $entry =~ ^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$ ]] || fail "GATEWAY_NAMES: $entry is not a host name"
  done
  set +f
  [[ $port =~ ^[1-9][0-9]{0,4}$ ]] || fail "GATEWAY_PORT: $port is not a port"
  [[ $upstream == https://api.ibkr.com || $upstream =~ ^http://127\.0\.0\.1:[1-9][0-9]{0,4}$ ]] ||
    fail "GATEWAY_UPSTREAM: $upstream is neither the broker nor a simulator like http://127.0.0.1:5055"
}

check_download() {
  [[ -f $zip ]] || fail "there is no $zip: download the gateway from the broker and mount it there"
  local sum
  sum=$(sha256sum <"$zip")
  sum=${sum%% *}
  [[ -n ${GATEWAY_SHA256:-} ]] || fail "set GATEWAY_SHA256; the file that is there has $sum"
  [[ $sum == "${GATEWAY_SHA256,,}" ]] || fail "the download has the checksum $sum, GATEWAY_SHA256 is another: not started"
}

certificate_is_good() {
  [[ -s $data/gateway.jks && -s $data/password && -s $data/gateway-ca.pem ]] &&
    [[ $(cat "$data/names" 2>/dev/null) == "$names" ]] &&
    openssl x509 -in "$data/gateway.pem" -noout -checkend $((renew_days * 86400)) >/dev/null
}

make_certificate() {
  local work alternative=IP:127.0.0.1 name
  work=$(mktemp -d "$data/new.XXXXXX")
  for name in $names; do alternative+=",DNS:$name"; done
  cat >"$work/openssl.cnf" <<EOF
[req]
distinguished_name = subject
prompt = no
[subject]
CN = Client Portal gateway
[authority]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = $alternative
EOF
  openssl rand -hex 24 >"$work/password"
  openssl req -x509 -config "$work/openssl.cnf" -extensions authority -subj "/CN=own authority of this gateway" \
    -newkey rsa:2048 -nodes -days 825 -keyout "$work/authority.key" -out "$work/gateway-ca.pem" 2>/dev/null
  openssl req -config "$work/openssl.cnf" -newkey rsa:2048 -nodes -keyout "$work/gateway.key" \
    -out "$work/gateway.csr" 2>/dev/null
  openssl x509 -req -in "$work/gateway.csr" -CA "$work/gateway-ca.pem" -CAkey "$work/authority.key" -CAcreateserial \
    -days 397 -extfile "$work/openssl.cnf" -extensions server -out "$work/gateway.pem" 2>/dev/null
  openssl pkcs12 -export -in "$work/gateway.pem" -inkey "$work/gateway.key" -certfile "$work/gateway-ca.pem" \
    -name gateway -passout "file:$work/password" -out "$work/gateway.p12"
  keytool -importkeystore -noprompt -srckeystore "$work/gateway.p12" -srcstoretype PKCS12 \
    -srcstorepass:file "$work/password" -destkeystore "$work/gateway.jks" -deststoretype JKS \
    -deststorepass:file "$work/password" >/dev/null 2>&1
  printf '%s' "$names" >"$work/names"
  # Whoever had the authority's key could pass for this gateway: nobody keeps it.
  mv -f "$work"/{password,gateway-ca.pem,gateway.pem,gateway.jks,names} "$data"
  rm -rf "$work"
}

write_configuration() {
  local text entries='' entry
  set -f
  for entry in $allow; do entries+="    - \"$entry\""$'\n'; done
  set +f
  text=$(cat "$here/conf.yaml.template")
  text=${text//@PORT@/$port}
  text=${text//@UPSTREAM@/$upstream}
  text=${text//@UPSTREAM_TLS@/$([[ $upstream == https:* ]] && echo true || echo false)}
  text=${text//@PASSWORD@/$(cat "$data/password")}
  text=${text//@ALLOW@/${entries%$'\n'}}
  printf '%s\n' "$text" >root/conf.yaml
  cp "$data/gateway.jks" root/vertx.jks
}

check_settings
check_download
certificate_is_good || make_certificate
install -m 0644 "$data/gateway-ca.pem" "$public/gateway-ca.pem"
rm -rf "${run:?}/gateway"
unzip -q "$zip" -d "$run/gateway"
cd "$run/gateway"
[[ -f bin/run.sh && -d root ]] || fail "$zip holds no Client Portal gateway"
write_configuration
printf 'gateway: log in at https://localhost:%s in a browser on this machine\n' "$port"

# In a process group of its own, because its start script does not pass signals on.
set -m
bash bin/run.sh root/conf.yaml &
gateway=$!
trap 'kill -TERM -- "-$gateway" 2>/dev/null || true' TERM INT
code=0
wait "$gateway" || code=$?
# A signal ends the wait before the gateway: it has ten seconds to close its session.
for _ in {1..100}; do
  kill -0 -- "-$gateway" 2>/dev/null || break
  sleep 0.1
done
exit "$code"
